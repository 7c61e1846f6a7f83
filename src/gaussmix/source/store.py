"""What stores of arrays, HDF5 and Zarr, have in common: how they are read, and what is said of damage."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from gaussmix.errors import DataError, GaussmixError, ParameterError
from gaussmix.source.bands import Bands
from gaussmix.source.base import Source
from gaussmix.source.check import listed
from gaussmix.source.limit import limit_in_bytes
from gaussmix.source.stored import served_unread


class Store(ABC):
    """Reads matrices in one format of stores, block by block."""

    def read(
        self,
        data: Any,
        columns: Sequence[str] | None,
        sample_weight: object | None,
        *,
        missing: bool,
        memory_limit: int | str | None = None,
    ) -> Source:
        """Return a source of an open array, or of the only matrix in an open group; parameters as in ``as_source``.

        Raises
        ------
        DataError
            If it cannot be used, or leads out of its folder.
        DataTypeError
            If it is no array or group, or not stored on this machine.
        """
        limit = limit_in_bytes(memory_limit)
        return self._source(self.matrix_of(data), columns, sample_weight, missing=missing, limit=limit)

    def open_store(
        self,
        path: Path,
        name: str | None,
        columns: Sequence[str] | None,
        sample_weight: object | None,
        *,
        missing: bool,
        limit: int,
    ) -> Source:
        """Return a source of an array on this machine.

        Parameters
        ----------
        path : Path
            The file or folder.
        name : str, or None
            The array in it, ``"/group/data"``; None for the only matrix.
        columns : None
            The columns of an array have no names to choose by.
        sample_weight : array-like of shape (N,), or None
            Weights of the rows.
        missing : bool
            Whether NaN is taken as a missing value.
        limit : int
            Bytes that rows may take in memory.
        """
        with self.opened(path, name) as matrix:
            return self._source(matrix, columns, sample_weight, missing=missing, limit=limit)

    @abstractmethod
    def matrix_of(self, data: Any) -> Any:
        """Return the array that an open object of the format's library is or holds, or refuse it."""

    @abstractmethod
    def opened(self, path: Path, name: str | None) -> AbstractContextManager[Any]:
        """Return a context with an array of the format's library, found in a file or folder."""

    @abstractmethod
    def rows_of(self, matrix: Any, limit: int) -> Bands:
        """Return the rows of an array, checked to be a matrix that is decoded in bounded memory."""

    def _source(
        self,
        matrix: Any,
        columns: Sequence[str] | None,
        sample_weight: object | None,
        *,
        missing: bool,
        limit: int,
    ) -> Source:
        if columns is not None:
            raise ParameterError(
                f"columns={columns!r}: the columns of HDF5 and Zarr arrays have no names: leave columns out"
            )
        return served_unread(self.rows_of(matrix, limit), sample_weight, missing=missing, limit=limit)


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
