"""Rows that stay where they are stored, and are read anew in each pass: one mechanism for whatever stores them.

A :class:`Storage` reads runs of rows, and says how they get to other processes. There are three kinds: raw numbers,
of which any row stands at a known place (``raw_files``); chunks, which are decoded or computed as a whole
(``chunks``); and Parquet's row groups, for workers that cannot read what they were converted to (``parquet``).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from gaussmix.errors import DataError
from gaussmix.source.array import ArrayPartition
from gaussmix.source.base import Partition, Source, row_runs
from gaussmix.source.check import check_sample_weight, place
from gaussmix.source.finite import check_values, examine
from gaussmix.source.limit import exceeds, too_large_to_fill_in
from gaussmix.source.request import Request
from gaussmix.types import Float64Array, FloatArray, IntArray


class Storage(ABC):
    """Hold a matrix in pieces of whole rows; any thread can read any run of them.

    Attributes
    ----------
    bounds : ndarray of shape (n_pieces + 1,) of int64
        Number of the first row of each piece, and one past the last row.
    n_features : int
    dtype : numpy.dtype
        float32 or float64: what rows are returned as.
    """

    bounds: IntArray
    n_features: int
    dtype: np.dtype[Any]

    @abstractmethod
    def rows(self, start: int, stop: int) -> FloatArray:
        """Return a run of rows, which may be a view of what is kept: it must not be written to.

        Raises
        ------
        DataError
            If they cannot be read, or the storage has changed since it was opened.
        """

    @abstractmethod
    def take(self, rows: IntArray) -> FloatArray:
        """Return a copy of some rows, given in ascending order, as ``Source.take`` does."""

    @abstractmethod
    def portable(self, start: int, stop: int) -> Storage:
        """Return a storage of at least these rows, under the same numbers, that pickles to no more than them."""

    def located(self, row: int) -> tuple[str, int]:
        """Return the file of a row, empty where it has no name, and the number of the row in it."""
        return "", row

    def parts(self, start: int, stop: int) -> Iterator[tuple[int, slice]]:
        """Yield the pieces that hold a run of rows, with the rows to use of each."""
        index = int(np.searchsorted(self.bounds, start, side="right")) - 1
        while start < stop:
            first, end = int(self.bounds[index]), int(self.bounds[index + 1])
            if end > start:  # not an empty piece
                yield index, slice(start - first, min(stop, end) - first)
                start = end
            index += 1

    def pieces(self, start: int, stop: int) -> slice:
        """Return the range of pieces that hold a run of rows."""
        used = [index for index, _ in self.parts(start, stop)]
        return slice(used[0], used[-1] + 1)


class HeldRows(Storage):
    """Hold rows in memory under the numbers that they have elsewhere."""

    def __init__(self, X: FloatArray, start: int) -> None:
        self.bounds = np.array([start, start + len(X)])
        self.n_features, self.dtype = X.shape[1], X.dtype
        self.X = X

    def rows(self, start: int, stop: int) -> FloatArray:
        first = int(self.bounds[0])
        return self.X[start - first : stop - first]

    def take(self, rows: IntArray) -> FloatArray:
        taken: FloatArray = self.X[rows - self.bounds[0]]
        return taken

    def portable(self, start: int, stop: int) -> HeldRows:
        return HeldRows(self.rows(start, stop), start)


class FirstReading:
    """Checks runs of rows when they are first loaded, so that no pass is needed for that alone.

    Parameters
    ----------
    limit : int, optional
        Bytes that rows may take in memory, where NaN would be taken if they took no more.
    """

    def __init__(self, limit: int | None = None) -> None:
        self.limit = limit
        self._finite: set[tuple[int, int]] = set()  # runs; two threads may check one twice

    def load(self, storage: Storage, start: int, stop: int) -> FloatArray:
        """Return a run of rows, all of them finite.

        Raises
        ------
        DataError
            Naming the file, and row and column of the first value that is not.
        """
        X = storage.rows(start, stop)
        if (start, stop) not in self._finite:
            self.check(storage, X, range(start, stop))
            self._finite.add((start, stop))
        return X

    def check(self, storage: Storage, X: FloatArray, rows: Sequence[int] | IntArray) -> None:
        """Raise DataError if a value of the rows, of which these are the numbers, is not finite."""
        absent, unusable = examine(X, missing=self.limit is not None)
        if unusable is not None:
            name, row = storage.located(int(rows[unusable.row]))
            error = replace(unusable, row=row).error()
        elif absent and self.limit is not None:
            first, column = divmod(int(np.isnan(X).argmax()), X.shape[1])
            name, row = storage.located(int(rows[first]))
            error = DataError(too_large_to_fill_in(self.limit, place(row, column, None)))
        else:
            return
        raise DataError(f"{name}: {error}") if name else error

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_finite": set()}


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class StoredPartition(Partition):
    """Address a run of stored rows; it pickles to the address where other processes can read them."""

    storage: Storage
    start: int
    stop: int
    weight: Float64Array | None
    reading: FirstReading | None = None

    def load(self) -> tuple[FloatArray, Float64Array | None]:
        """Return the rows and their weights."""
        if self.reading is not None:
            return self.reading.load(self.storage, self.start, self.stop), self.weight
        return self.storage.rows(self.start, self.stop), self.weight

    def resident(self) -> ArrayPartition:
        """Return a partition that holds the rows, and no more of what is kept."""
        X, weight = self.load()
        return ArrayPartition(X if X.flags.owndata else X.copy(), weight, X.dtype)

    def __repr__(self) -> str:
        where = self.storage.located(self.start)[0] or type(self.storage).__name__
        return f"StoredPartition({where}, rows {self.start} to {self.stop})"

    def __reduce__(self) -> tuple[Any, ...]:
        storage = self.storage.portable(self.start, self.stop)
        return StoredPartition, (storage, self.start, self.stop, self.weight, self.reading)


@dataclass(frozen=True, eq=False)
class StoredSource(Source):
    """Serve stored rows; made by :func:`served` or :func:`served_unread`.

    Parameters
    ----------
    storage : Storage
        Where the rows are.
    sample_weight : array-like of shape (N,), optional
        Finite weights, none negative and not all zero.
    feature_names : tuple of D str, optional
        Names of the columns.
    incomplete : bool, default=False
        Whether NaN stands for a missing value.
    exceeds_memory : bool, default=False
        Whether the rows take more memory than they may.
    reading : FirstReading, optional
        What checks rows when they are read, if they were not checked before.
    """

    storage: Storage = field(repr=False)
    sample_weight: Float64Array | None = field(default=None, repr=False)
    feature_names: tuple[str, ...] | None = None
    incomplete: bool = False
    exceeds_memory: bool = False
    reading: FirstReading | None = field(default=None, repr=False)
    n_rows: int = field(init=False)
    n_features: int = field(init=False)
    dtype: np.dtype[Any] = field(init=False)

    def __post_init__(self) -> None:
        n_rows = int(self.storage.bounds[-1])
        weight = None if self.sample_weight is None else check_sample_weight(self.sample_weight, n_rows)
        object.__setattr__(self, "sample_weight", weight)
        object.__setattr__(self, "n_rows", n_rows)
        object.__setattr__(self, "n_features", self.storage.n_features)
        object.__setattr__(self, "dtype", self.storage.dtype)

    def partitions(self, block_rows: int) -> Sequence[StoredPartition]:
        """Return addresses of consecutive runs of ``block_rows`` rows."""
        storage, weight, reading = self.storage, self.sample_weight, self.reading
        return [
            StoredPartition(storage, run.start, run.stop, None if weight is None else weight[run], reading)
            for run in row_runs(self.n_rows, block_rows)
        ]

    def take(self, rows: IntArray) -> FloatArray:
        """Return a copy of some rows."""
        X = self.storage.take(rows)
        if self.reading is not None:
            self.reading.check(self.storage, X, rows)
        return X

    def with_weight(self, sample_weight: object) -> StoredSource:
        """Return a source of the same rows with other weights."""
        weight: Any = sample_weight
        return replace(self, sample_weight=weight)


def served(
    storage: Storage, request: Request, names: tuple[str, ...] | None = None, *, incomplete: bool = False
) -> StoredSource:
    """Return a source of stored rows whose values were checked.

    Parameters
    ----------
    storage : Storage
    request : Request
        Of which the weights and the limit are used.
    names : tuple of D str, optional
    incomplete : bool
        Whether values are missing.

    Raises
    ------
    DataError
        If values are missing and the rows do not fit into memory, or weights cannot be used.
    """
    too_large = exceeds(int(storage.bounds[-1]), storage.n_features, request.limit)
    if incomplete and too_large:
        raise DataError(too_large_to_fill_in(request.limit))
    return StoredSource(storage, request.sample_weight, names, incomplete, too_large)


def served_unread(storage: Storage, request: Request) -> StoredSource:
    """Return a source of stored rows of which nothing was read yet.

    Those that fit into memory are read and checked now: how a fit treats them depends on whether values are missing.
    Of more rows, none is read for the check alone: they are checked when they are first loaded.

    Raises
    ------
    DataError
        Naming the first row and column whose value cannot be used, or if weights cannot be used.
    """
    source = served(storage, request)
    if source.exceeds_memory:
        return replace(source, reading=FirstReading(request.limit if request.missing else None))
    return replace(source, incomplete=check_values(source, missing=request.missing))
