"""Values that cannot be used, NaN and infinities, and what is said of the first one.

Rows are numbered from 0 in every message, as NumPy numbers them; the header of a file is not a row.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from gaussmix.errors import DataError
from gaussmix.source.base import Source
from gaussmix.source.check import place
from gaussmix.types import FloatArray

_BLOCK_VALUES: Final = (
    1 << 17
)  # 1 MiB of float64: stays in the second-level cache, and bounds what is allocated


@dataclass(frozen=True, slots=True)
class Unusable:
    """Hold where in a block of rows the first value stands that cannot be used.

    Attributes
    ----------
    row : int
        Counted from the first row of the block.
    column : int or None
        None where all values of the row are missing.
    value : float
        NaN, inf or -inf.
    dtype : numpy.dtype
        Of the block.
    """

    row: int
    column: int | None
    value: float
    dtype: np.dtype[Any]

    def error(self, start: int = 0, names: Sequence[str] | None = None) -> DataError:
        """Return the error that names the value.

        Parameters
        ----------
        start : int
            Number of the first row of the block.
        names : sequence of str, or None
            Names of the columns.
        """
        row = start + self.row
        if self.column is None:
            return DataError(f"row {row} (rows count from 0) has missing values only: drop it")
        what = f"{self.value} (infinite, or too large for {self.dtype})"
        if np.isnan(self.value):
            what = "NaN (a missing value)"
        at = place(row, self.column, names)
        return DataError(f"{at} is {what}: drop the row or fill in a finite value (rows count from 0)")


def examine(X: NDArray[Any], *, missing: bool) -> tuple[bool, Unusable | None]:
    """Return whether values of a block are missing, and the first that cannot be used, if there is one.

    Parameters
    ----------
    X : ndarray of shape (n, D)
        The rows.
    missing : bool
        Whether NaN is taken as a missing value, but not in all columns of a row.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        if np.isfinite(X.sum()):  # a NaN or an infinity never leaves a sum, and adding is fast
            return False, None
    absent = np.isnan(X)
    wrong = np.isinf(X) if missing else ~np.isfinite(X)
    if wrong.any():
        row, column = divmod(int(wrong.argmax()), X.shape[1])
        return bool(absent.any()), Unusable(row, column, float(X[row, column]), X.dtype)
    empty = absent.all(axis=1)
    if empty.any():
        return True, Unusable(int(empty.argmax()), None, np.nan, X.dtype)
    return bool(absent.any()), None


def check_block(X: NDArray[Any], start: int, names: Sequence[str] | None, *, missing: bool) -> bool:
    """Return whether any value of a block of rows is missing, after a check that all others are finite.

    Parameters
    ----------
    X : ndarray of shape (n, D)
        The rows.
    start : int
        Number of the first one, for the message.
    names : sequence of str, or None
        Names of the columns, for the message.
    missing : bool
        Whether NaN is taken as a missing value; refused otherwise.

    Raises
    ------
    DataError
        Naming the first value that is not finite, or the first row of which all values are missing.
    """
    absent, unusable = examine(X, missing=missing)
    if unusable is not None:
        raise unusable.error(start, names)
    return absent


def checked_blocks(
    blocks: Iterable[FloatArray], names: Sequence[str] | None, *, missing: bool
) -> Iterator[tuple[FloatArray, bool]]:
    """Yield consecutive blocks of rows, from the first row on, and whether any value of each is missing.

    Parameters
    ----------
    blocks : iterable of ndarray of shape (n, D)
    names, missing
        As for :func:`check_block`, which raises.
    """
    start = 0
    for X in blocks:
        yield X, check_block(X, start, names, missing=missing)
        start += len(X)


def check_values(source: Source, *, missing: bool) -> bool:
    """Return whether any value of a source is missing, after a check that all others are finite.

    Reads block by block; what it allocates does not grow with the number of rows.

    Parameters
    ----------
    source : Source
        What to check.
    missing : bool
        Whether NaN is taken as a missing value; refused otherwise.

    Raises
    ------
    DataError
        Naming the first value that is not finite, or the first row of which all values are missing.
    """
    partitions = source.partitions(max(1, _BLOCK_VALUES // source.n_features))
    blocks = (partition.load()[0] for partition in partitions)
    found = [absent for _, absent in checked_blocks(blocks, source.feature_names, missing=missing)]
    return any(found)
