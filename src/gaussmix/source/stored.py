"""Rows of files larger than memory: each pass reads them again, block by block."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate, islice
from typing import Any, Final

import numpy as np

from gaussmix.source.array import ArrayPartition
from gaussmix.source.base import Partition, Source, row_runs
from gaussmix.source.check import check_sample_weight
from gaussmix.source.raw import RawRows
from gaussmix.types import Float64Array, FloatArray, IntArray

_BLOCKS_AHEAD: Final = 3  # announced to the system while one is computed with
_NEAR: Final = 4  # blocks by which threads that pass over the rows in order may be apart
_GAP_BYTES: Final = 16 << 10  # between two rows: reading on takes no longer than another call
_RUN_BYTES: Final = 4 << 20  # read at once where single rows are taken
_RUNS_AHEAD: Final = 64  # such reads that the system knows of before the first is made


@dataclass(frozen=True, slots=True)
class Piece:
    """Address a run of rows of one file."""

    file: RawRows
    start: int
    stop: int

    def read_into(self, out: FloatArray) -> None:
        """Fill an array of shape (stop − start, D) with the rows."""
        with self.file.home.descriptor() as descriptor:
            self.file.read_into(out, self.start, descriptor)

    def announce(self) -> None:
        """Have the system read the rows in the background."""
        with self.file.home.descriptor() as descriptor:
            self.file.announce(self.start, self.stop, descriptor)


class ReadAhead:
    """Announces the next blocks to the system where blocks are read in order.

    The system then reads from the disk while this process computes; there is no thread of ours. It holds no more than
    two numbers, which may be wrong when several threads set them at once: then a hint is given twice, or not at all.
    """

    def __init__(self, blocks: Sequence[tuple[Piece, ...]]) -> None:
        self._blocks = blocks
        self._last = -1
        self._announced = 0

    def at(self, index: int) -> None:
        """Announce what follows block ``index``, which is about to be read."""
        in_order = abs(index - self._last) <= _NEAR
        if index < self._last and not in_order:
            self._announced = 0  # a new pass
            in_order = index <= _NEAR
        self._last = index
        if not in_order:
            return
        start, stop = max(index + 1, self._announced), index + 1 + _BLOCKS_AHEAD
        self._announced = max(stop, self._announced)
        for block in self._blocks[start:stop]:
            for piece in block:
                piece.announce()


@dataclass(frozen=True, slots=True, eq=False)
class StoredPartition(Partition):
    """Address a run of rows in one or more files; it pickles to paths and offsets of what the user named."""

    pieces: tuple[Piece, ...]
    weight: Float64Array | None = field(repr=False)
    dtype: np.dtype[Any]
    index: int = field(default=0, repr=False)
    ahead: ReadAhead | None = field(default=None, repr=False)

    def load(self) -> tuple[FloatArray, Float64Array | None]:
        """Return the rows, read into an array of their own, and their weights."""
        if self.ahead is not None:
            self.ahead.at(self.index)
        stops = list(accumulate(piece.stop - piece.start for piece in self.pieces))
        X = np.empty((stops[-1], self.pieces[0].file.n_features), self.dtype)
        for piece, stop in zip(self.pieces, stops, strict=True):
            piece.read_into(X[stop - (piece.stop - piece.start) : stop])
        return X, self.weight

    def resident(self) -> ArrayPartition:
        """Return a partition of the same rows, read now."""
        X, weight = self.load()
        return ArrayPartition(X, weight, self.dtype)

    def __reduce__(self) -> tuple[Any, ...]:
        piece = self.pieces[0]
        origin = piece.file.home.origin
        if origin is None:
            return StoredPartition, (self.pieces, self.weight, self.dtype)
        return _itself, (origin.partition(piece.start, piece.stop, self.weight, self.dtype),)


def _itself(partition: Partition) -> Partition:
    return partition


@dataclass(frozen=True, eq=False)
class StoredSource(Source):
    """Serve the rows of files, one file after the other, reading them anew in each pass.

    Parameters
    ----------
    files : sequence of RawRows
        At least one, all of the same number of features; values are not checked to be finite.
    dtype : numpy.dtype
        float32 or float64: what the rows are served as.
    feature_names : sequence of D str, optional
    sample_weight : array-like of shape (N,), optional
        Finite weights, none negative and not all zero.

    Raises
    ------
    DataError
        If the weights cannot be used. When rows are read: if a file has changed.
    """

    files: tuple[RawRows, ...]
    dtype: np.dtype[Any]
    feature_names: tuple[str, ...] | None = None
    sample_weight: Float64Array | None = field(default=None, repr=False)
    exceeds_memory: bool = field(default=True, init=False, repr=False)
    n_rows: int = field(init=False)
    n_features: int = field(init=False)
    _starts: tuple[int, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        starts = tuple(accumulate((file.n_rows for file in self.files), initial=0))
        weight = self.sample_weight
        values = {
            "n_rows": starts[-1],
            "n_features": self.files[0].n_features,
            "sample_weight": None if weight is None else check_sample_weight(weight, starts[-1]),
            "_starts": starts,
        }
        for name, value in values.items():
            object.__setattr__(self, name, value)

    def partitions(self, block_rows: int) -> Sequence[StoredPartition]:
        """Return addresses of consecutive runs of ``block_rows`` rows, which may go from one file into the next."""
        runs = list(row_runs(self.n_rows, block_rows))
        blocks = [tuple(self._pieces(run.start, run.stop)) for run in runs]
        ahead, weight = ReadAhead(blocks), self.sample_weight
        return [
            StoredPartition(block, None if weight is None else weight[run], self.dtype, index, ahead)
            for index, (block, run) in enumerate(zip(blocks, runs, strict=True))
        ]

    def take(self, rows: IntArray) -> FloatArray:
        """Return some rows, reading these and what lies in small gaps between them."""
        out = np.empty((len(rows), self.n_features), self.dtype)
        edges = np.searchsorted(rows, self._starts).tolist()
        for file, first, start, stop in zip(self.files, self._starts, edges, edges[1:], strict=False):
            if start < stop:
                _take(file, np.asarray(rows[start:stop]) - first, out[start:stop])
        return out

    def with_weight(self, sample_weight: object) -> StoredSource:
        """Return a source of the same files with other weights."""
        weight: Any = sample_weight
        return replace(self, sample_weight=weight)

    def _pieces(self, start: int, stop: int) -> Iterator[Piece]:
        """Yield where the rows ``start`` to ``stop`` stand."""
        index = bisect_right(self._starts, start) - 1
        while start < stop:
            first, end = self._starts[index], min(stop, self._starts[index + 1])
            if start < end:
                yield Piece(self.files[index], start - first, end - first)
            start, index = end, index + 1


def _take(file: RawRows, rows: IntArray, out: FloatArray) -> None:
    """Fill ``out`` with rows of one file, ascending."""
    row_bytes = file.n_features * file.stored.itemsize
    step = file.stored.itemsize if file.by_columns else row_bytes  # from row to row
    runs = _runs(rows, 1 + _GAP_BYTES // step, max(1, _RUN_BYTES // row_bytes))
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


def _runs(rows: IntArray, gap: int, length: int) -> Iterator[tuple[int, int, int, int]]:
    """Yield stretches of ``rows`` to read at once: neighbours at most ``gap`` apart, ``length`` rows at most.

    Yields
    ------
    start, stop : int
        The stretch ``rows[start:stop]``.
    first, last : int
        Its first and last row.
    """
    breaks = np.flatnonzero(np.diff(rows) > gap) + 1
    starts, stops = np.concatenate([[0], breaks]), np.concatenate([breaks, [len(rows)]])
    bounds = (starts.tolist(), stops.tolist(), rows[starts].tolist(), rows[stops - 1].tolist())
    for start, stop, first, last in zip(*bounds, strict=True):
        while last - first >= length:
            end = start + int(np.searchsorted(rows[start:stop], first + length))
            yield start, end, first, int(rows[end - 1])
            start, first = end, int(rows[end])
        yield start, stop, first, last
