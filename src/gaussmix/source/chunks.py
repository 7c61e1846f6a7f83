"""Rows that are stored in chunks, each of which is decoded or computed as a whole.

Logical blocks seldom end where chunks end. The chunks decoded last are therefore kept, so that a pass in the order of
the rows decodes each of them once, from however many threads.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from threading import Lock
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from gaussmix.errors import DataError
from gaussmix.source.array import ArrayPartition
from gaussmix.source.base import Partition, Source, row_runs
from gaussmix.source.check import check_sample_weight, has_missing, require_finite
from gaussmix.source.limit import exceeds, too_large_to_fill_in
from gaussmix.types import Float64Array, FloatArray, IntArray

KEPT_BYTES: Final = 64 << 20  # of decoded chunks: several blocks of every thread of a small machine


class Chunks(ABC):
    """Hold a matrix in chunks of whole rows, that any thread can read.

    Attributes
    ----------
    bounds : ndarray of shape (n_chunks + 1,) of int64
        Number of the first row of each chunk, and one past the last row.
    n_features : int
    dtype : numpy.dtype
        float32 or float64: what rows are returned as.
    """

    bounds: IntArray
    n_features: int
    dtype: np.dtype[Any]

    def __init__(self, bounds: IntArray, n_features: int, dtype: np.dtype[Any], kept_bytes: int) -> None:
        self.bounds, self.n_features, self.dtype = bounds, n_features, dtype
        self._recent = _Recent(kept_bytes)

    @abstractmethod
    def read(self, index: int) -> NDArray[Any]:
        """Return the rows of one chunk, of any numeric type; not necessarily the same array each time."""

    @abstractmethod
    def take(self, rows: IntArray) -> FloatArray:
        """Return a copy of some rows, given in ascending order, as ``Source.take`` does."""

    @abstractmethod
    def portable(self, start: int, stop: int) -> Chunks:
        """Return chunks that hold at least these rows, under the same numbers, and pickle to no more than them."""

    def require_same(self) -> None:  # noqa: B027 (what is in memory has nothing to compare)
        """Raise DataError if the storage has changed since it was opened; chunks that were kept would not tell."""

    def rows(self, start: int, stop: int) -> FloatArray:
        """Return a run of rows: a view of one chunk, or a copy of parts of several."""
        self.require_same()
        parts = [self._chunk(index)[run] for index, run in self.parts(start, stop)]
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def parts(self, start: int, stop: int) -> Iterator[tuple[int, slice]]:
        """Yield the chunks that hold a run of rows, with the rows to use of each."""
        index = int(np.searchsorted(self.bounds, start, side="right")) - 1
        while start < stop:
            first, end = int(self.bounds[index]), int(self.bounds[index + 1])
            if end > start:  # not an empty chunk
                yield index, slice(start - first, min(stop, end) - first)
                start = end
            index += 1

    def _chunk(self, index: int) -> FloatArray:
        return self._recent.get(index, self)

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_recent": self._recent.limit}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state, _recent=_Recent(state["_recent"]))


class HeldChunks(Chunks):
    """Hold rows in memory under the numbers that they have elsewhere."""

    def __init__(self, X: FloatArray, start: int) -> None:
        super().__init__(np.array([start, start + len(X)]), X.shape[1], X.dtype, kept_bytes=0)
        self.X = X

    def read(self, index: int) -> FloatArray:
        """Return all of the rows."""
        return self.X

    def take(self, rows: IntArray) -> FloatArray:
        """Return a copy of some rows."""
        taken: FloatArray = self.X[rows - self.bounds[0]]
        return taken

    def portable(self, start: int, stop: int) -> HeldChunks:
        """Return these rows only."""
        first = int(self.bounds[0])
        return HeldChunks(self.X[start - first : stop - first], start)


class _Recent:
    """Keep the chunks that were read last, and let each be read by one thread while others wait for it."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._lock = Lock()
        self._chunks: OrderedDict[int, Future[FloatArray]] = OrderedDict()
        self._sizes: dict[int, int] = {}  # bytes of those that were read
        self._size = 0

    def get(self, index: int, chunks: Chunks) -> FloatArray:
        with self._lock:
            found = self._chunks.get(index)
            future: Future[FloatArray] = Future() if found is None else found
            self._chunks[index] = future
            self._chunks.move_to_end(index)
        if found is None:
            try:
                future.set_result(converted(chunks.read(index), chunks.dtype))
            except BaseException as error:
                with self._lock:
                    self._chunks.pop(index, None)
                future.set_exception(error)
                raise
            with self._lock:
                self._sizes[index] = future.result().nbytes
                self._size += self._sizes[index]
                self._shrink()
        return future.result()

    def _shrink(self) -> None:
        """Forget the chunks that were not used for longest; never the last one used."""
        while self._size > self.limit and len(self._sizes) > 1:
            oldest = next(index for index in self._chunks if index in self._sizes)  # few are being read
            del self._chunks[oldest]
            self._size -= self._sizes.pop(oldest)


@dataclass(frozen=True, slots=True, eq=False)
class ChunkedPartition(Partition):
    """Address a run of rows of a matrix in chunks; pickles to the address, without rows kept in memory."""

    chunks: Chunks
    start: int
    stop: int
    weight: Float64Array | None

    def load(self) -> tuple[FloatArray, Float64Array | None]:
        """Return the rows and their weights."""
        return self.chunks.rows(self.start, self.stop), self.weight

    def resident(self) -> Partition:
        """Return a partition that holds a copy of the rows."""
        return ArrayPartition(self.chunks.rows(self.start, self.stop).copy(), self.weight, self.chunks.dtype)

    def __reduce__(self) -> tuple[Any, ...]:
        chunks = self.chunks.portable(self.start, self.stop)
        return ChunkedPartition, (chunks, self.start, self.stop, self.weight)


@dataclass(frozen=True, eq=False)
class ChunkedSource(Source):
    """Serve the rows of a matrix in chunks.

    Parameters
    ----------
    chunks : Chunks
        Where the rows are. Values are not checked to be finite.
    sample_weight : array-like of shape (N,), optional
        Finite weights, none negative and not all zero.
    feature_names : tuple of D str, optional
        Names of the columns.
    incomplete : bool, default=False
        Whether NaN stands for a missing value.
    exceeds_memory : bool, default=False
        Whether the rows take more memory than they may.
    """

    chunks: Chunks = field(repr=False)
    sample_weight: Float64Array | None = field(default=None, repr=False)
    feature_names: tuple[str, ...] | None = None
    incomplete: bool = False
    exceeds_memory: bool = False
    n_rows: int = field(init=False)
    n_features: int = field(init=False)
    dtype: np.dtype[Any] = field(init=False)

    def __post_init__(self) -> None:
        n_rows = int(self.chunks.bounds[-1])
        weight = None if self.sample_weight is None else check_sample_weight(self.sample_weight, n_rows)
        object.__setattr__(self, "sample_weight", weight)
        object.__setattr__(self, "n_rows", n_rows)
        object.__setattr__(self, "n_features", self.chunks.n_features)
        object.__setattr__(self, "dtype", self.chunks.dtype)

    def partitions(self, block_rows: int) -> Sequence[ChunkedPartition]:
        """Return addresses of consecutive runs of ``block_rows`` rows."""
        weight = self.sample_weight
        return [
            ChunkedPartition(self.chunks, run.start, run.stop, None if weight is None else weight[run])
            for run in row_runs(self.n_rows, block_rows)
        ]

    def take(self, rows: IntArray) -> FloatArray:
        """Return a copy of some rows."""
        return self.chunks.take(rows)

    def with_weight(self, sample_weight: object) -> ChunkedSource:
        """Return a source of the same rows with other weights."""
        weight: Any = sample_weight
        return replace(self, sample_weight=weight)


def converted(rows: NDArray[Any], dtype: np.dtype[Any]) -> FloatArray:
    """Return rows in native byte order and C order; without a copy where they are."""
    with np.errstate(over="ignore"):  # a longdouble beyond float64 becomes inf; the finite check finds it
        return np.require(rows, dtype, ["C", "A"])


def checked_chunks(source: ChunkedSource, *, missing: bool, limit: int) -> ChunkedSource:
    """Return a source whose values were found to be finite, or with ``missing`` NaN.

    Parameters
    ----------
    source : ChunkedSource
        All of whose rows are read.
    missing : bool
        Whether NaN is taken as a missing value.
    limit : int
        Bytes that the rows may take in memory.

    Raises
    ------
    DataError
        Naming the first row and column whose value is not, or the row of which nothing is known.
    """
    incomplete = False
    if missing:
        incomplete = has_missing(source)
    else:
        require_finite(source)
    return within(source, limit, incomplete=incomplete)


def within(source: ChunkedSource, limit: int, *, incomplete: bool) -> ChunkedSource:
    """Return a source that knows whether its rows exceed a limit, and refuse those with missing values that do.

    Raises
    ------
    DataError
        If they do.
    """
    too_large = exceeds(source.n_rows, source.n_features, limit)
    if incomplete and too_large:
        raise DataError(too_large_to_fill_in("values", limit))
    return replace(source, incomplete=incomplete, exceeds_memory=too_large)
