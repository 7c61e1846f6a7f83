"""Rows of numbers one after the other in a file, read by position: any worker can read any run of them.

They are read into buffers of their own, not through a memory map: pages of a map that were read would count as memory
of the process until the system takes them back.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from threading import Lock
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from gaussmix.errors import DataError
from gaussmix.types import FloatArray

_HINT_BYTES: Final = 128 << 10  # Linux takes a hint for no more than a device's read-ahead at once
_seeking = Lock()  # where the system cannot read by position


class Home(ABC):
    """Open the file that holds rows.

    Attributes
    ----------
    name : str
        As the user gave it; empty where the file has none.
    """

    name: str

    @abstractmethod
    def descriptor(self) -> AbstractContextManager[int]:
        """Return a context with a descriptor to read from, by position only: others may use it at the same time."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """Hold what shows that a file has changed: its size in bytes, and when it was last written to in nanoseconds."""

    size: int
    mtime_ns: int

    @classmethod
    def of(cls, status: os.stat_result) -> Stamp:
        """Return the stamp of a file as the system describes it."""
        return cls(status.st_size, status.st_mtime_ns)

    def require_same(self, status: os.stat_result, name: str) -> None:
        """Raise DataError if the file has changed.

        Parameters
        ----------
        status : os.stat_result
            The file as it is now.
        name : str
            Its path, for the message.
        """
        if Stamp.of(status) != self:
            raise DataError(
                f"{name}: the file has changed since it was opened: wait until it is written, and start again"
            )


@dataclass(frozen=True, slots=True)
class NamedFile(Home):
    """Open a file by its path, and refuse it once it has changed.

    Attributes
    ----------
    path : str
        Absolute, so that a worker in another folder finds it.
    name : str
        As the user gave it.
    stamp : Stamp
        Of the file when it was first opened.
    """

    path: str
    name: str
    stamp: Stamp

    @contextmanager
    def descriptor(self) -> Iterator[int]:
        """Return a context with a descriptor of its own."""
        descriptor = os.open(self.path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
        try:
            self.stamp.require_same(os.fstat(descriptor), self.name)
            yield descriptor
            self.stamp.require_same(os.fstat(descriptor), self.name)
        finally:
            os.close(descriptor)


@dataclass(frozen=True, slots=True)
class RawRows:
    """Describe the rows of one file.

    Attributes
    ----------
    home : Home
    offset : int
        Bytes before the first value.
    n_rows : int
    n_features : int
    stored : numpy.dtype
        As which the values are stored, of either byte order.
    by_columns : bool
        Whether the values of a column, not of a row, stand together.
    """

    home: Home
    offset: int
    n_rows: int
    n_features: int
    stored: np.dtype[Any]
    by_columns: bool = False

    def read_into(self, out: FloatArray, start: int, descriptor: int) -> None:
        """Fill ``out``, C-ordered float32 or float64 of shape (n, D), with the rows from ``start``."""
        if not self.by_columns and self.stored == out.dtype:
            self._fill(out, start * self.n_features, descriptor)
            return
        n = len(out)
        with np.errstate(
            over="ignore"
        ):  # a longdouble beyond float64 becomes inf, which the check of values finds
            if self.by_columns:
                column = np.empty(n, self.stored)
                for index in range(self.n_features):
                    self._fill(column, index * self.n_rows + start, descriptor)
                    out[:, index] = column
            else:
                rows = np.empty(out.shape, self.stored)
                self._fill(rows, start * self.n_features, descriptor)
                out[:] = rows

    def announce(self, start: int, stop: int, descriptor: int) -> None:
        """Have the system read rows into its cache in the background; nothing happens where it cannot."""
        advise = getattr(os, "posix_fadvise", None)
        if advise is None:
            return
        for first, n_values in self._extents(start, stop):
            begin = self.offset + first * self.stored.itemsize
            end = begin + n_values * self.stored.itemsize
            for at in range(begin, end, _HINT_BYTES):
                advise(descriptor, at, min(_HINT_BYTES, end - at), os.POSIX_FADV_WILLNEED)

    def _extents(self, start: int, stop: int) -> Iterator[tuple[int, int]]:
        """Yield the first value and the number of values of each stretch of the file that holds these rows."""
        if not self.by_columns:
            yield start * self.n_features, (stop - start) * self.n_features
            return
        for column in range(self.n_features):
            yield column * self.n_rows + start, stop - start

    def _fill(self, out: NDArray[Any], first: int, descriptor: int) -> None:
        """Fill a contiguous array with the values from number ``first`` on."""
        buffer = bytes_of(out)
        at = self.offset + first * self.stored.itemsize
        while buffer:
            n = _read_at(descriptor, buffer, at)
            if n == 0:
                raise DataError("the file became shorter while it was read: write it again")
            buffer, at = buffer[n:], at + n


def bytes_of(values: NDArray[Any]) -> memoryview:
    """Return the bytes of a contiguous array of numbers, not a copy."""
    raw: Any = values.view(np.uint8).reshape(-1)
    return memoryview(raw)


def _read_at(descriptor: int, buffer: memoryview, at: int) -> int:
    """Read into a buffer from a position of a file, and return how many bytes there were; 0 at its end."""
    if hasattr(os, "preadv"):
        return os.preadv(descriptor, [buffer], at)
    with _seeking:
        os.lseek(descriptor, at, os.SEEK_SET)
        content = os.read(descriptor, len(buffer))
    buffer[: len(content)] = content
    return len(content)
