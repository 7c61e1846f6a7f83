"""Rows that Spark stores, in pieces and in files beside the workers."""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any, Final
from uuid import uuid4

import numpy as np

from gaussmix.errors import DataError, ExecutorError, MissingDependencyError, ResourceLimitError
from gaussmix.source.blocks import block_rows as rows_of_block
from gaussmix.source.finite import Unusable
from gaussmix.source.spark_files import KEPT, Files, Forget, Keep, first_unusable
from gaussmix.source.spark_kept import TAKEN, OfNumbers, Take, WhereKept
from gaussmix.source.spark_rows import CHANGED, PIECES, Batches, Cut, Layout, Ranges
from gaussmix.types import Float64Array, IntArray

_FILE_BYTES: Final = 1 << 29  # a file is made anew in one task
_ENDING: Final = 5.0  # seconds: Spark ends the tasks of a failed job after 2 (spark.python.task.killTimeout)


class Stored:
    """Hold a DataFrame that Spark stores, and let Spark forget it when nothing holds this any more.

    That is done by a thread of its own: a finaliser may run in the middle of another message to Spark.

    Parameters
    ----------
    frame : pyspark.sql.DataFrame
    above : Stored, optional
        What it was made from, and is made from again where a worker is lost.
    files : Files, optional
        Whose numbers it has: removed with it.

    Attributes
    ----------
    made : threading.Event
        Set when Spark has stored the rows.
    forget : callable
        Let Spark forget them now.
    """

    def __init__(self, frame: Any, above: Stored | None = None, files: Files | None = None) -> None:
        self.frame = frame
        self.above = above
        self.made = threading.Event()
        self._numbers: Any = None
        self.forget = weakref.finalize(self, _start, frame, files, self.made)
        self.forget.atexit = False

    def mapped(self, function: Callable[[Batches], Iterator[Any]], schema: str) -> list[Any]:
        """Return what ``DataFrame.mapInArrow`` gives for each Spark partition of the numbers of files.

        By an RDD where there is one: to plan a query takes as long as the rest of a short job.
        """
        if getattr(self.frame.sparkSession, "sparkContext", None) is None:  # Spark Connect
            return list(self.frame.mapInArrow(function, schema).collect())
        if self._numbers is None:
            self._numbers = self.frame.select("file").rdd
        return list(self._numbers.mapPartitions(OfNumbers(function)).collect())


def _start(*stored: Any) -> None:
    with suppress(RuntimeError):  # this process ends
        threading.Thread(target=_forget, args=stored, daemon=True).start()


def _forget(frame: Any, files: Files | None, made: threading.Event) -> None:
    with suppress(Exception):  # the session may have ended
        if files is not None and made.is_set():
            frame.mapInArrow(Forget(files), KEPT).collect()
        frame.unpersist()
        if files is not None and not made.is_set():  # files of tasks that ended lie on any machine
            time.sleep(_ENDING)
            tasks = frame.sparkSession.range(0, files.ranges.n_files, 1, files.ranges.n_files)
            tasks.mapInArrow(Forget(files), KEPT).collect()


@dataclass(frozen=True, eq=False)
class KeptRows:
    """Hold all rows in files beside the workers.

    Attributes
    ----------
    kept : Stored
        The numbers of the files, where Spark stores them.
    pieces : Stored
        The rows of each file, in pieces, from which it is made again.
    files : Files
    unusable : Unusable or None
        The first value that is not finite.
    """

    kept: Stored
    pieces: Stored
    files: Files
    unusable: Unusable | None

    def collect(
        self, function: Callable[[Batches], Iterator[Any]], schema: str, wanted: range | None = None
    ) -> list[Any]:
        """Return the rows that a function makes of files on each worker, or of their pieces where there is no file.

        The first column of ``schema`` holds numbers of at least 0.
        """
        wanted = range(self.files.ranges.n_files) if wanted is None else wanted
        with worker_errors():
            found = self.kept.mapped(WhereKept(function, self.files, schema, wanted), schema)
            elsewhere = [-1 - row[0] for row in found if row[0] < 0]
            if elsewhere:
                pieces = self.pieces.frame
                pieces = pieces.filter(pieces["file"].isin(elsewhere)).sortWithinPartitions("first")
                found += pieces.mapInArrow(function, schema).collect()
        return [row for row in found if row[0] >= 0]

    def take(self, name: str, rows: IntArray | slice) -> Any:
        """Return X or the weight of some rows, by their numbers, ascending."""
        span = (rows.start, rows.stop) if isinstance(rows, slice) else (int(rows[0]), int(rows[-1]) + 1)
        n_taken = span[1] - span[0] if isinstance(rows, slice) else len(rows)
        layout, ranges = self.files.layout, self.files.ranges
        tail, dtype = ((), np.dtype(np.float64)) if name == "weight" else ((layout.n_features,), layout.dtype)
        values = np.empty((n_taken, *tail), dtype)
        wanted = range(span[0] // ranges.size, (span[1] - 1) // ranges.size + 1)
        n_found = 0
        for row in self.collect(Take(self.files, name, rows), TAKEN, wanted):
            some = np.frombuffer(row[1], dtype).reshape(-1, *tail)
            values[row[0] : row[0] + len(some)] = some
            n_found += len(some)
        if n_found != n_taken:
            raise ExecutorError("Spark returned some rows twice or not at all: fit again")
        return values

    def cut(self, layout: Layout, reach: int, weight: Float64Array | None) -> KeptRows:
        """Return the same rows in other files: for larger blocks, or with other weights."""
        ranges = replace(self.files.ranges, size=max(self.files.ranges.size, reach), reach=reach)
        files = Files(uuid4().hex, layout, ranges)
        cut = Cut(files.name, self.files.layout, self.files.ranges, layout, ranges, weight)
        return keep(self.pieces.frame.mapInArrow(cut, PIECES), files, self.pieces)


def keep(pieces: Any, files: Files, above: Stored | None = None) -> KeptRows:
    """Return rows in files, which are written in one job: one shuffle brings the pieces of each together.

    If the job fails, what it left on the workers is removed.

    Parameters
    ----------
    pieces : pyspark.sql.DataFrame
        Of all files, in any order.
    files : Files
    above : Stored, optional
        What the pieces are made from.

    Raises
    ------
    DataError
        If rows are missing, or there are others.
    """
    from pyspark import StorageLevel

    together = pieces.repartitionById(files.ranges.n_files, "file")
    stored = Stored(together.persist(StorageLevel.DISK_ONLY), above)
    frame = stored.frame.mapInArrow(Keep(files), KEPT).persist(StorageLevel.MEMORY_AND_DISK)
    kept = Stored(frame, stored, files)
    try:
        with worker_errors():
            told = frame.collect()
        kept.made.set()
        if sorted(row.file for row in told) != list(range(files.ranges.n_files)):
            raise DataError(CHANGED)
    except BaseException:  # now: who sees the error may hold it, and all that stands here, for long
        kept.forget()
        stored.forget()
        raise
    return KeptRows(kept, stored, files, first_unusable(told, files.layout.dtype))


def ranges_of(layout: Layout, n_rows: int, parallel: int) -> Ranges:
    """Return what each file holds: as many files for each of the tasks that run at a time, of at most 512 MiB.

    All blocks of a fit can be read from them, however many components it has: the fewer, the larger the blocks.
    """
    reach = rows_of_block(n_rows, layout.n_features, 1) - 1
    n_bytes = n_rows * layout.record.itemsize
    n_files = parallel * -(-n_bytes // (parallel * _FILE_BYTES))
    return Ranges(n_rows, max(-(-n_rows // n_files), reach, 1), min(reach, n_rows))


@contextmanager
def worker_errors() -> Iterator[None]:
    """Raise what our own code raised on a worker as it was, and say what to do where a worker lacks our code."""
    try:
        yield
    except Exception as error:  # of queries a PythonException, of RDDs one of Java with the same text
        text = str(error)
        if "No module named 'gaussmix" in text:
            raise MissingDependencyError(
                "the Python of Spark's workers has no gaussmix: install it there, or ship an environment that has it "
                "by spark.archives, and set PYSPARK_PYTHON to its interpreter"
            ) from None
        _, said, message = text.partition("gaussmix.errors.DataError: ")
        if said:
            raise DataError(message.partition("\n")[0]) from None
        if "spark.driver.maxResultSize" in text:
            raise ResourceLimitError(
                "the rows to collect are larger than spark.driver.maxResultSize: raise it, or set it to 0"
            ) from None
        raise
