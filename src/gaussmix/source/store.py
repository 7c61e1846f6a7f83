"""What stores of arrays, HDF5 and Zarr, have in common: which array is meant, and what is said of damage."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from gaussmix.errors import DataError, GaussmixError, ParameterError
from gaussmix.source.check import listed


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


def refuse_names(columns: Sequence[str] | None) -> None:
    """Raise ParameterError if columns of an array are asked for by names, which it has not."""
    if columns is not None:
        raise ParameterError(
            f"columns={columns!r}: the columns of HDF5 and Zarr arrays have no names: leave columns out"
        )
