"""Rows that Spark stores, packed as they came, and their logical blocks in files beside the workers."""

from __future__ import annotations

import math
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Any, Final, overload
from uuid import uuid4

import numpy as np

from gaussmix.errors import DataError, MissingDependencyError, ParameterError, ResourceLimitError
from gaussmix.source.array import ArrayPartition
from gaussmix.source.base import Partition, Source, row_runs
from gaussmix.source.check import check_sample_weight
from gaussmix.source.spark_kept import KEPT, WHOLE, Files, Forget, Keep, ReadKept, WhereKept, Whole
from gaussmix.source.spark_rows import CUT, TAKEN, Cut, Layout, ReadBlocks, Take
from gaussmix.types import Float64Array, FloatArray, IntArray

_GROUP_BYTES: Final = 1 << 26  # of the blocks of one file, which Spark hands over in one piece
_TASKS: Final = 1  # for each core, at least: a task takes some 0.2 s beside its work


class Stored:
    """Hold a DataFrame that Spark stores, and let Spark forget it when nothing holds this any more.

    That is done by a thread of its own: a finaliser may run in the middle of another message to Spark.

    Parameters
    ----------
    frame : pyspark.sql.DataFrame
    above : Stored, optional
        What it was made from, and is made from again where a worker is lost.
    files : Files, optional
        Of the groups whose numbers it has: removed with it.

    Attributes
    ----------
    made : threading.Event
        Set when Spark is first asked for the rows.
    """

    def __init__(self, frame: Any, above: Stored | None = None, files: Files | None = None) -> None:
        self.frame = frame
        self.above = above
        self.made = threading.Event()
        weakref.finalize(self, _start, frame, files, self.made).atexit = False


def _start(*stored: Any) -> None:
    with suppress(RuntimeError):  # this process ends
        threading.Thread(target=_forget, args=stored, daemon=True).start()


def _forget(frame: Any, files: Files | None, made: threading.Event) -> None:
    with suppress(Exception):  # the session may have ended
        if files is not None and made.is_set():
            frame.mapInArrow(Forget(files), KEPT).collect()
        frame.unpersist()


@dataclass(frozen=True, slots=True)
class SparkPartition(Partition):
    """Address one logical block of rows in the cluster, for the driver to load."""

    blocks: SparkPartitions
    block: int

    def load(self) -> tuple[FloatArray, Float64Array | None]:
        """Return the rows and their weights, by a Spark job of their own."""
        return self.resident().load()

    def resident(self) -> ArrayPartition:
        """Return a partition that holds the rows."""
        one = self.blocks.between(self.block, self.block + 1)
        ((_, content),) = one.collect(Whole(one.read), WHOLE)
        layout = one.files.blocks.layout
        weights = len(content) // layout.record.itemsize if layout.weighted else 0
        X = np.frombuffer(content, layout.dtype, (len(content) - 8 * weights) // layout.dtype.itemsize)
        weight = np.frombuffer(content, np.float64, weights, len(content) - 8 * weights)
        rows = X.reshape(-1, layout.n_features)
        return ArrayPartition(rows, weight if layout.weighted else None, layout.dtype)


@dataclass(frozen=True, eq=False)
class SparkPartitions(Sequence[SparkPartition]):
    """Hold consecutive logical blocks that lie in files beside the workers.

    Attributes
    ----------
    kept : Stored
        Numbers of the files' groups of blocks, where Spark stores them.
    pieces : pyspark.sql.DataFrame
        Pieces of all blocks (number of the block, first row in it, records), made when asked for.
    files : Files
    group : int
        Blocks that are summed at a time: a power of 2.
    begin, end : int
    """

    kept: Stored
    pieces: Any
    files: Files
    group: int
    begin: int
    end: int

    @property
    def read(self) -> ReadKept:
        """What finds the blocks on the workers."""
        return ReadKept(self.files, self.begin, self.end)

    def collect(self, function: Callable[[Iterable[Any]], Iterator[Any]], schema: str) -> list[Any]:
        """Return the rows that a function makes of the blocks on each worker.

        ``schema`` has two columns; the first holds numbers of at least 0.
        """
        self.kept.made.set()
        with worker_errors():
            rows = self._groups(self.kept.frame, "group").mapInArrow(
                WhereKept(function, self.files, schema), schema
            )
            found = rows.collect()
            elsewhere = [-1 - row[0] for row in found if row[0] < 0]
            if elsewhere:
                pieces = self._groups(self.pieces, f"block DIV {self.files.group}", elsewhere)
                found += pieces.mapInArrow(function, schema).collect()
        return [row for row in found if row[0] >= 0]

    def _groups(self, frame: Any, number: str, chosen: Sequence[int] | None = None) -> Any:
        """Return the rows of a DataFrame of those groups that are chosen, or that these blocks lie in."""
        from pyspark.sql import functions

        of_row = functions.expr(number)
        if chosen is not None:
            return frame.filter(of_row.isin(list(chosen)))
        first, last = self.begin // self.files.group, (self.end - 1) // self.files.group
        whole = (first, last) == (0, (self.files.n_blocks - 1) // self.files.group)
        return frame if whole else frame.filter(of_row.between(first, last))

    def __len__(self) -> int:
        return self.end - self.begin

    @overload
    def __getitem__(self, index: int) -> SparkPartition: ...
    @overload
    def __getitem__(self, index: slice) -> SparkPartitions: ...
    def __getitem__(self, index: int | slice) -> SparkPartition | SparkPartitions:
        if not isinstance(index, slice):
            return SparkPartition(self, range(self.begin, self.end)[index])
        start, stop, step = index.indices(len(self))
        if step != 1:
            raise ParameterError(f"a step of {step}: blocks in a cluster are passed over in runs")
        return self.between(self.begin + start, self.begin + max(start, stop))

    def between(self, begin: int, end: int) -> SparkPartitions:
        """Return these blocks."""
        return replace(self, begin=begin, end=end)

    def spread(self) -> SparkPartitions:
        """Return these blocks as ``SparkExecutor`` reads them: numbered from 0."""
        group = min(self.group, self.begin & -self.begin or self.group)  # 2^m that divides the begin
        return replace(self, group=group)


def spread(items: Sequence[object]) -> SparkPartitions | None:
    """Return blocks as ``SparkExecutor`` reads them; None for all other items."""
    return items.spread() if isinstance(items, SparkPartitions) else None


@dataclass(frozen=True, eq=False)
class SparkSource(Source):
    """Serve the rows of a Spark DataFrame; made by :func:`read`.

    Attributes
    ----------
    packed : Stored
        The rows as bytes.
    layout : Layout
        Of the bytes.
    starts : mapping of int to int
        The number of the first row of each Spark partition.
    parallel : int
        Tasks that Spark runs at a time.
    weighed : bool
        Whether ``sample_weight`` differs from what lies behind the rows.
    exceeds_memory : bool
        Whether the rows take more memory than they may in the driver.
    """

    engine = "pyspark"

    packed: Stored = field(repr=False)
    layout: Layout
    starts: Mapping[int, int] = field(repr=False)
    parallel: int
    n_rows: int
    feature_names: tuple[str, ...] | None = None
    sample_weight: Float64Array | None = field(default=None, repr=False)
    weighed: bool = False
    exceeds_memory: bool = False
    _cuts: dict[int, SparkPartitions] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "n_features", self.layout.n_features)
        object.__setattr__(self, "dtype", self.layout.dtype)

    def partitions(self, block_rows: int) -> SparkPartitions:
        """Return logical blocks in the cluster, cut when they are first asked for."""
        if block_rows not in self._cuts:
            self._cuts[block_rows] = self._cut(block_rows, len(list(row_runs(self.n_rows, block_rows))))
        return self._cuts[block_rows]

    def take(self, rows: IntArray) -> FloatArray:
        """Return a copy of some rows, found by the workers."""
        X = np.empty((len(rows), self.n_features), self.dtype)
        collect(self.packed.frame, Take(self.layout, self.starts, "X", np.asarray(rows)), X)
        return X

    def with_weight(self, sample_weight: object) -> SparkSource:
        """Return a source of the same rows with other weights, which go to the workers from here."""
        weight = None if sample_weight is None else check_sample_weight(sample_weight, self.n_rows)
        return replace(self, sample_weight=weight, weighed=True, _cuts={})

    def _cut(self, block_rows: int, n_blocks: int) -> SparkPartitions:
        from pyspark import StorageLevel

        layout = replace(self.layout, weighted=self.sample_weight is not None)
        most = min(n_blocks / (_TASKS * self.parallel), _GROUP_BYTES / (block_rows * layout.record.itemsize))
        group = 1 << max(0, math.floor(math.log2(most)))
        n_groups = -(-n_blocks // group)
        packed = self.packed.frame
        keys = _keys(packed.sparkSession, n_groups)
        weight = self.sample_weight if self.weighed else None
        cut = Cut(self.layout, layout, self.starts, block_rows, group, keys, weight)
        pieces = packed.mapInArrow(cut, CUT).repartition(n_groups, "place")
        pieces = pieces.sortWithinPartitions("block", "first").select("block", "first", "records")
        files = Files(uuid4().hex, ReadBlocks(layout, block_rows, self.n_rows), group)
        kept = pieces.mapInArrow(Keep(files), KEPT).persist(StorageLevel.MEMORY_AND_DISK)
        return SparkPartitions(Stored(kept, self.packed, files), pieces, files, group, 0, n_blocks)


def collect(packed: Any, take: Take, out: Any) -> None:
    """Fill an array with what is taken of packed rows."""
    for row in packed.mapInArrow(take, TAKEN).collect():
        values = np.frombuffer(row.records, out.dtype).reshape(-1, *out.shape[1:])
        out[row.first : row.first + len(values)] = values


def _keys(session: Any, n_groups: int) -> IntArray:
    """Return a key for each group, so that Spark's hash puts each group into a partition of its own."""
    from pyspark.sql import functions

    tried = session.range(
        n_groups * (8 + n_groups.bit_length())
    )  # more than the ln n tries that a partition takes
    slots = tried.select("id", functions.expr(f"pmod(hash(id), {n_groups})").alias("slot")).collect()
    found = {row.slot: row.id for row in slots}
    return np.array([found.get(group, group) for group in range(n_groups)])


@contextmanager
def worker_errors() -> Iterator[None]:
    """Raise what our own code raised on a worker as it was, and say what to do where a worker lacks our code."""
    from pyspark.errors import PythonException

    try:
        yield
    except PythonException as error:
        text = str(error)
        if "No module named 'gaussmix" in text:
            raise MissingDependencyError(
                "the Python of Spark's workers has no gaussmix: install it there, or ship an environment that has it "
                "by spark.archives, and set PYSPARK_PYTHON to its interpreter"
            ) from None
        _, said, message = text.partition("gaussmix.errors.DataError: ")
        if not said:
            raise
        raise DataError(message.partition("\n")[0]) from None
    except Exception as error:
        if "spark.driver.maxResultSize" not in str(error):
            raise
        raise ResourceLimitError(
            "the rows to collect are larger than spark.driver.maxResultSize: raise it, or set it to 0"
        ) from None
