"""Matrices on disk that are read by runs of rows, and what they declare checked before any of it is allocated."""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from gaussmix.errors import DataError, ResourceLimitError
from gaussmix.source.array import served_dtype
from gaussmix.source.chunks import KEPT_BYTES, Chunks
from gaussmix.source.limit import in_units
from gaussmix.source.runs import taken_by_runs
from gaussmix.types import FloatArray, IntArray

_BAND_BYTES: Final = 4 << 20  # read at once: the cost of a call is small beside it
_APART: Final = 64 << 10  # bytes between two rows from which reading both apart is faster
_LARGE: Final = 1 << 30  # bytes that are taken at their word: they fit in memory
_SMALL: Final = 64 << 20  # bytes that may be decoded at once, whatever the limit
_RATIO: Final = 1000  # to which codecs for numbers compress at best


class Bands(Chunks):
    """Serve a stored matrix in bands of whole stored chunks.

    Parameters
    ----------
    shape : tuple of int
        N and D.
    stored : numpy.dtype
        The type of the values in storage.
    chunk_rows : int
        Rows that are decoded together; 1 where rows are not encoded.
    """

    def __init__(self, shape: tuple[int, int], stored: np.dtype[Any], chunk_rows: int) -> None:
        n_rows, n_features = shape
        self._n_rows = n_rows
        self._row_bytes = n_features * stored.itemsize
        self._chunk_rows = chunk_rows
        self._band_rows = chunk_rows * max(1, _BAND_BYTES // (chunk_rows * self._row_bytes))
        super().__init__(self._cut(), n_features, served_dtype(stored), KEPT_BYTES)

    def _cut(self) -> IntArray:
        return np.append(np.arange(0, self._n_rows, self._band_rows, dtype=np.int64), self._n_rows)

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "bounds": None}  # one for each band: made again instead

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self.bounds = self._cut()

    @abstractmethod
    def between(self, start: int, stop: int) -> NDArray[Any]:
        """Return the rows from ``start`` to before ``stop``, of any numeric type.

        Raises
        ------
        DataError
            If they cannot be read, or the storage changed since it was opened.
        """

    def read(self, index: int) -> NDArray[Any]:
        """Return the rows of one band."""
        return self.between(int(self.bounds[index]), int(self.bounds[index + 1]))

    def take(self, rows: IntArray) -> FloatArray:
        """Return a copy of some rows; of storage without codecs, little more than these is read."""
        taken = np.empty((len(rows), self.n_features), self.dtype)
        apart = max(self._chunk_rows, _APART // self._row_bytes)
        most = max(apart, _BAND_BYTES // self._row_bytes)
        taken_by_runs(rows, self.between, taken, gap=apart, length=most)
        return taken


def check_shape(shape: tuple[int, ...], stored: np.dtype[Any]) -> tuple[int, int]:
    """Return N and D of a stored array, or refuse it.

    Raises
    ------
    DataError
        If it is no matrix with rows and columns, or holds no numbers.
    """
    served_dtype(stored)
    if len(shape) != 2:
        raise DataError(f"the array has {len(shape)} dimensions, shape {shape}: expected rows and columns")
    if 0 in shape:
        raise DataError(
            f"the array has {shape[0]} rows and {shape[1]} columns: at least one of each is needed"
        )
    return int(shape[0]), int(shape[1])


def check_declared(shape: tuple[int, ...], itemsize: int, stored_bytes: int) -> None:
    """Raise if a stored array declares far more than is there.

    Parameters
    ----------
    shape : tuple of int
        N and D; of a part of a virtual dataset, any shape.
    itemsize : int
        Bytes of a value.
    stored_bytes : int
        What the values take in storage.

    Raises
    ------
    ResourceLimitError
        Nothing has been allocated then.
    """
    declared = math.prod(shape) * itemsize
    if declared > max(_LARGE, _RATIO * stored_bytes):
        raise ResourceLimitError(
            f"the array declares {_in_words(shape)}, {in_units(declared)}, of which only "
            f"{in_units(stored_bytes)} are stored: nearly all of it was never written; write the rows that exist"
        )


def check_chunk(
    chunk: tuple[int, ...], itemsize: int, limit: int, shape: tuple[int, int] | None = None
) -> None:
    """Raise if chunks are too large to decode.

    Parameters
    ----------
    chunk : tuple of int
        Rows and columns, or more dimensions, that are decoded together.
    itemsize : int
        Bytes of a value.
    limit : int
        Bytes that rows may take in memory.
    shape : tuple of int, optional
        N and D, where rows are read whole: all chunks that a row is in are then decoded together.

    Raises
    ------
    ResourceLimitError
        Nothing has been allocated then.
    """
    most = min(_LARGE, max(limit, _SMALL))
    across = 0 if shape is None else min(chunk[0], shape[0]) * shape[1]
    decoded = max(math.prod(chunk), across) * itemsize
    if decoded > most:
        raise ResourceLimitError(
            f"the array is encoded in chunks of {_in_words(chunk)}, {in_units(decoded)} at once: write it again in "
            f"smaller chunks{', or raise memory_limit' if decoded <= _LARGE else ''}"
        )


def _in_words(shape: tuple[int, ...]) -> str:
    return f"{shape[0]} rows and {shape[1]} columns" if len(shape) == 2 else f"the shape {shape}"
