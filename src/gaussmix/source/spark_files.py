"""Files of rows beside Spark's workers: written once, read in each pass, removed at the end.

Spark hands rows to the workers' Python through a socket, at some hundred megabytes a second and core; a pass over
most mixtures is faster than that. A file that was just written is read at the speed of memory.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from secrets import token_hex
from typing import Any, Final

import numpy as np

from gaussmix.errors import DataError
from gaussmix.source.array import ArrayPartition
from gaussmix.source.finite import Unusable, examine
from gaussmix.source.spark_rows import CHANGED, Batches, Layout, Ranges, Records, one_row, pieces_of
from gaussmix.types import FloatArray, IntArray

KEPT: Final = "file int, bad_row long, bad_column int, bad double"


@dataclass(frozen=True, slots=True)
class Files:
    """Name the files of one source on the machines of workers.

    They lie in folders that Spark makes for its workers, and removes when the application ends. A worker that has
    none, or cannot write there, keeps nothing: its rows are handed over in each pass. In a file, the weights of all
    rows come first.

    Attributes
    ----------
    name : str
        No other source's.
    layout : Layout
    ranges : Ranges
        Which rows each file holds.
    """

    name: str
    layout: Layout
    ranges: Ranges

    def path(self, file: int) -> Path | None:
        """Return where a file is on this machine."""
        folders = _folders()
        return folders[file % len(folders)] / f"gaussmix-{self.name}-{file}" if folders else None

    def has(self, file: int) -> bool:
        """Return whether a file is on this machine, whole."""
        path = self.path(file)
        first, stop = self.ranges.of(file)
        with suppress(OSError):
            return path is not None and path.stat().st_size == (stop - first) * self.layout.record.itemsize
        return False

    def write(self, file: int, pieces: Iterable[tuple[int, Records]]) -> None:
        """Write pieces, each with the number of its first row, to a file for this user only.

        Where it cannot be written, a disk being full, there is none. The pieces come to their end all the same: they
        are checked as they come.
        """
        path = self.path(file)
        temporary = None if path is None else path.with_name(f"{path.name}.{token_hex(8)}")
        try:
            for first, records in pieces:
                if temporary is not None and not self._add(temporary, file, first, records):
                    _remove(temporary)
                    temporary = None
            if path is not None and temporary is not None:
                temporary.replace(path)
        except BaseException:
            if temporary is not None:
                _remove(temporary)
            raise

    def _add(self, path: Path, file: int, first: int, records: Records) -> bool:
        """Return whether records could be written where they belong in a file."""
        with suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "wb") as opened:
                for name in records.dtype.names or ():
                    opened.seek(self._start(file, name, first))
                    opened.write(np.ascontiguousarray(records[name]).data)
            return True
        return False

    def remove(self) -> None:
        """Remove all files of this name on this machine, those that a task began and did not end among them."""
        for folder in _folders():
            for path in folder.glob(f"gaussmix-{self.name}-*"):
                _remove(path)

    def _start(self, file: int, name: str, row: int) -> int:
        """Return the byte of a file where X or the weight of a row starts."""
        first, stop = self.ranges.of(file)
        if name == "weight":
            return (row - first) * 8
        size = self.layout.dtype.itemsize * self.layout.n_features
        return (stop - first) * 8 * self.layout.weighted + (row - first) * size

    def read(self, file: int, name: str, rows: slice | IntArray) -> FloatArray:
        """Return a copy of X or the weight of some rows of a file, by their numbers, ascending."""
        path = self.path(file)
        assert path is not None  # has(file)
        start, stop = (
            (rows.start, rows.stop) if isinstance(rows, slice) else (int(rows[0]), int(rows[-1]) + 1)
        )
        dtype, tail = (np.float64, ()) if name == "weight" else (self.layout.dtype, (self.layout.n_features,))
        begin, shape = self._start(file, name, start), (stop - start, *tail)
        if isinstance(rows, slice):
            values = np.fromfile(path, dtype, int(np.prod(shape)), offset=begin)
            return values.reshape(shape)
        mapped = np.memmap(path, dtype, "r", begin, shape)  # only what holds these rows is read
        return np.asarray(mapped[rows - start])

    def block(self, file: int, first: int, stop: int) -> ArrayPartition:
        """Return some rows of a file, by their numbers."""
        rows = slice(first, stop)
        weight = self.read(file, "weight", rows) if self.layout.weighted else None
        return ArrayPartition(self.read(file, "X", rows), weight, self.layout.dtype)  # type: ignore[arg-type]


def _folders() -> list[Path]:
    """Return the folders that Spark made for this worker."""
    return [Path(folder) for folder in os.environ.get("SPARK_LOCAL_DIRS", "").split(",") if folder]


def _remove(path: Path) -> None:
    with suppress(OSError):
        path.unlink()


@dataclass(frozen=True)
class Keep:
    """Write the rows of a Spark partition to files of this machine; yield their numbers and what is not finite."""

    files: Files

    def __call__(self, batches: Batches) -> Iterator[Any]:
        pieces = pieces_of(batches, self.files.layout)
        for file, some in groupby(pieces, key=itemgetter(0)):
            unusable: list[tuple[int, Unusable]] = []
            self.files.write(file, self._checked(file, some, unusable))
            row, bad = min(unusable, key=itemgetter(0), default=(None, None))
            yield one_row(KEPT, [file, row, bad and bad.column, bad and bad.value])

    def _checked(
        self, file: int, pieces: Iterable[Any], unusable: list[tuple[int, Unusable]]
    ) -> Iterator[tuple[int, Records]]:
        """Yield pieces as they come, in any order, and see to it that they are all rows of the file."""
        runs = []
        for _, first, records in pieces:
            bad = examine(records["X"], missing=False)[1]
            if bad is not None:
                unusable.append((first + bad.row, bad))
            runs.append((first, first + len(records)))
            yield first, records
        begin, stop = self.files.ranges.of(file)
        firsts, stops = zip(*sorted(runs), strict=True)
        if (*firsts, stop) != (begin, *stops):
            raise DataError(CHANGED)


def first_unusable(rows: Iterable[Any], dtype: np.dtype[Any]) -> Unusable | None:
    """Return the first value that is not finite of all that ``Keep`` tells, its row counted from the first of all."""
    found = [row for row in rows if row.bad_row is not None]
    if not found:
        return None
    row = min(found, key=lambda row: row.bad_row)
    return Unusable(row.bad_row, row.bad_column, row.bad, dtype)


@dataclass(frozen=True)
class Forget:
    """Remove the files of the machines where Spark runs the tasks of a DataFrame, whatever its rows."""

    files: Files

    def __call__(self, batches: Batches) -> Iterator[Any]:
        for _ in batches:
            self.files.remove()
        yield from ()


def numbers_of(batches: Batches) -> Iterator[int]:
    """Yield the numbers of files."""
    for batch in batches:
        yield from batch["file"].to_pylist()
