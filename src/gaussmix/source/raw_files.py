"""Rows of raw numbers in files, one file after the other, that are read by position and ahead."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Any, Final

import numpy as np

from gaussmix.source.raw import RawRows
from gaussmix.source.runs import neighbours
from gaussmix.source.stored import Storage
from gaussmix.types import FloatArray, IntArray

_BLOCKS_AHEAD: Final = 3  # announced to the system while one is computed with
_NEAR: Final = 4  # blocks by which threads that pass over the rows in order may be apart
_GAP_BYTES: Final = 16 << 10  # between two rows: reading on takes no longer than another call
_RUN_BYTES: Final = 4 << 20  # read at once where single rows are taken
_RUNS_AHEAD: Final = 64  # such reads that the system knows of before the first is made


class RawFiles(Storage):
    """Read rows of raw numbers, each run of them into an array of its own.

    Parameters
    ----------
    files : sequence of RawRows
        At least one, all of the same number of features.
    dtype : numpy.dtype
        float32 or float64: what the rows are returned as.
    first : int, default=0
        Number of the first row.
    origin : Storage, optional
        What the rows were converted from, for processes that cannot read the files.
    """

    def __init__(
        self, files: Sequence[RawRows], dtype: np.dtype[Any], first: int = 0, origin: Storage | None = None
    ) -> None:
        self.files, self.origin = tuple(files), origin
        self.bounds = first + np.cumsum([0, *(file.n_rows for file in files)], dtype=np.int64)
        self.n_features, self.dtype = files[0].n_features, dtype
        self._ahead = ReadAhead()

    def rows(self, start: int, stop: int) -> FloatArray:
        """Return a run of rows, which may go from one file into the next."""
        self._announce(*self._ahead.after(start, stop))
        X = np.empty((stop - start, self.n_features), self.dtype)
        done = 0
        for index, run in self.parts(start, stop):
            file, begin = self.files[index], done
            done += run.stop - run.start
            with file.home.descriptor() as descriptor:
                file.read_into(X[begin:done], run.start, descriptor)
        return X

    def take(self, rows: IntArray) -> FloatArray:
        """Return some rows, reading these and what lies in small gaps between them."""
        out = np.empty((len(rows), self.n_features), self.dtype)
        edges = np.searchsorted(rows, self.bounds).tolist()
        for file, first, start, stop in zip(self.files, self.bounds, edges, edges[1:], strict=False):
            if start < stop:
                _take(file, np.asarray(rows[start:stop]) - first, out[start:stop])
        return out

    def portable(self, start: int, stop: int) -> Storage:
        """Return the files of these rows, by their paths, or what the rows were converted from."""
        if self.origin is not None:
            return self.origin.portable(start, stop)
        used = self.pieces(start, stop)
        return RawFiles(self.files[used], self.dtype, int(self.bounds[used.start]))

    def located(self, row: int) -> tuple[str, int]:
        index, run = next(self.parts(row, row + 1))
        return self.files[index].home.name, run.start

    def _announce(self, start: int, stop: int) -> None:
        """Have the system read rows in the background, as far as there are so many."""
        for index, run in self.parts(start, min(stop, int(self.bounds[-1]))):
            file = self.files[index]
            with file.home.descriptor() as descriptor:
                file.announce(run.start, run.stop, descriptor)


class ReadAhead:
    """Tells which rows to announce to the system where blocks are read in order.

    The system then reads from the disk while this process computes; there is no thread of ours. It holds no more than
    two numbers, which may be wrong when several threads set them at once: then a hint is given twice, or not at all.
    """

    def __init__(self) -> None:
        self._last = 0
        self._announced = 0

    def after(self, start: int, stop: int) -> tuple[int, int]:
        """Return the run of rows to announce where those from ``start`` to ``stop`` are about to be read."""
        n_rows = stop - start
        in_order = abs(start - self._last) <= _NEAR * n_rows
        if start < self._last and not in_order:
            self._announced = 0  # a new pass
            in_order = start <= _NEAR * n_rows
        self._last = start
        if not in_order:
            return stop, stop
        first, end = max(stop, self._announced), stop + _BLOCKS_AHEAD * n_rows
        self._announced = max(end, self._announced)
        return first, end


def _take(file: RawRows, rows: IntArray, out: FloatArray) -> None:
    """Fill ``out`` with rows of one file, ascending."""
    row_bytes = file.n_features * file.stored.itemsize
    step = file.stored.itemsize if file.by_columns else row_bytes  # from row to row
    runs = neighbours(rows, 1 + _GAP_BYTES // step, max(1, _RUN_BYTES // row_bytes))
    with file.home.descriptor() as descriptor:
        while some := list(islice(runs, _RUNS_AHEAD)):
            for _, _, first, last in some:  # a disk serves many requests at once faster than one by one
                file.announce(first, last + 1, descriptor)
            for start, stop, first, last in some:
                if last - first == stop - start - 1 and (stop - start < 2 or _are_distinct(rows[start:stop])):
                    file.read_into(out[start:stop], first, descriptor)
                    continue
                run = np.empty((last - first + 1, file.n_features), out.dtype)
                file.read_into(run, first, descriptor)
                out[start:stop] = run[rows[start:stop] - first]


def _are_distinct(rows: IntArray) -> bool:
    return bool((np.diff(rows) > 0).all())
