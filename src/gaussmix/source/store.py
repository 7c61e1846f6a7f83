"""What stores of arrays, HDF5 and Zarr, have in common: how they are read, and what is said of damage."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from gaussmix.errors import DataError, GaussmixError
from gaussmix.source.bands import Bands
from gaussmix.source.base import Source
from gaussmix.source.check import listed
from gaussmix.source.request import Request
from gaussmix.source.stored import served_unread


class Store(ABC):
    """Reads matrices in one format of stores, block by block."""

    def read(self, data: Any, request: Request) -> Source:
        """Return a source of an open array, or of the only matrix in an open group.

        Raises
        ------
        DataError
            If it cannot be used, or leads out of its folder.
        DataTypeError
            If it is no array or group, or not stored on this machine.
        """
        return self._source(self.matrix_of(data), request)

    def open_store(self, path: Path, name: str | None, request: Request) -> Source:
        """Return a source of an array on this machine.

        Parameters
        ----------
        path : Path
            The file or folder.
        name : str, or None
            The array in it, ``"/group/data"``; None for the only matrix.
        request : Request
            Without columns: those of an array have no names to choose by.
        """
        with self.opened(path, name) as matrix:
            return self._source(matrix, request)

    @abstractmethod
    def matrix_of(self, data: Any) -> Any:
        """Return the array that an open object of the format's library is or holds, or refuse it."""

    @abstractmethod
    def opened(self, path: Path, name: str | None) -> AbstractContextManager[Any]:
        """Return a context with an array of the format's library, found in a file or folder."""

    @abstractmethod
    def rows_of(self, matrix: Any, limit: int) -> Bands:
        """Return the rows of an array, checked to be a matrix that is decoded in bounded memory."""

    def _source(self, matrix: Any, request: Request) -> Source:
        request.require_no_columns("the columns of HDF5 and Zarr arrays have no names: leave columns out")
        return served_unread(self.rows_of(matrix, request.limit), request)


@contextmanager
def store_errors(what: str) -> Iterator[None]:
    """Turn the exceptions of a library and its codecs into ours.

    Parameters
    ----------
    what : str
        What is wrong if there is one, as the beginning of a sentence.
    """
    try:
        yield
    except (GaussmixError, MemoryError):
        raise
    except BlockingIOError as error:
        raise DataError("another process has the file open for writing: close it there first") from error
    except Exception as error:  # codecs have exceptions of their own
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise DataError(f"{what} ({reason}): write it again") from error


def only_one(names: Sequence[str], example: str) -> str:
    """Return the name of the only matrix in a store.

    Parameters
    ----------
    names : sequence of str
        All that are there, from the top of the store: "/group/data".
    example : str
        The name of a store of its kind, for the message.

    Raises
    ------
    DataError
        If there is none, or more than one.
    """
    if not names:
        raise DataError("there is no numeric array of two dimensions in it: write rows and columns to one")
    if len(names) > 1:
        names = sorted(names)
        raise DataError(
            f"there are {len(names)} matrices in it, {listed(names)}: say which, as '{example}::{names[0]}'"
        )
    return names[0]
