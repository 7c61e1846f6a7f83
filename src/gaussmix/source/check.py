"""What all sources check: finite values, weights, and which columns were asked for.

Rows are numbered from 0 in every message, as NumPy numbers them; the header of a file is not a row.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from gaussmix.errors import DataError, DataTypeError, ParameterError
from gaussmix.source.base import Source
from gaussmix.types import Float64Array, FloatArray

_BLOCK_VALUES = (
    1 << 17
)  # 1 MiB of float64: stays in the second-level cache, and bounds what the check allocates
_NAMES_SHOWN = 12  # names listed in a message before it says how many more there are


def first_non_finite(source: Source) -> tuple[int, int, float] | None:
    """Return the place of the first value that is NaN or infinite, or None if all are finite.

    Reads block by block; what it allocates does not grow with the number of rows.

    Parameters
    ----------
    source : Source
        Where to look.

    Returns
    -------
    row : int
        Row number, from 0.
    column : int
        Column number, from 0; the first such column of the first such row.
    value : float
        NaN, inf or -inf.
    """
    start = 0
    for partition in source.partitions(max(1, _BLOCK_VALUES // source.n_features)):
        X, _ = partition.load()
        if _sum_is_finite(X):
            start += len(X)
            continue
        finite = np.isfinite(X)
        if not finite.all():
            row, column = divmod(int(finite.argmin()), source.n_features)
            return start + row, column, float(X[row, column])
        start += len(X)
    return None


def _sum_is_finite(X: FloatArray) -> bool:
    """Return True only if all values are finite: a NaN or an infinity never leaves a sum, and adding is fast."""
    with np.errstate(over="ignore", invalid="ignore"):
        return bool(np.isfinite(X.sum()))


def require_finite(source: Source) -> None:
    """Raise if any value of the source is NaN or infinite.

    Parameters
    ----------
    source : Source
        What to check.

    Raises
    ------
    DataError
        Naming the first such row and column.
    """
    found = first_non_finite(source)
    if found is not None:
        row, column, value = found
        raise DataError(_complaint(row, column, value, source.feature_names, source.dtype))


def _complaint(row: int, column: int, value: float, names: Sequence[str] | None, dtype: np.dtype[Any]) -> str:
    what = "NaN (a missing value)" if np.isnan(value) else f"{value} (infinite, or too large for {dtype})"
    return (
        f"{place(row, column, names)} is {what}: drop the row or fill in a finite value (rows count from 0)"
    )


def has_missing(source: Source) -> bool:
    """Return whether any value of the source is missing: NaN.

    Reads block by block; what it allocates does not grow with the number of rows.

    Parameters
    ----------
    source : Source
        Where to look.

    Raises
    ------
    DataError
        Naming the first value that is infinite, or the first row of which all values are missing.
    """
    start, missing = 0, False
    for partition in source.partitions(max(1, _BLOCK_VALUES // source.n_features)):
        X, _ = partition.load()
        missing |= check_block(X, start, source.feature_names, missing=True)
        start += len(X)
    return missing


def check_block(X: FloatArray, start: int, names: Sequence[str] | None, *, missing: bool) -> bool:
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
    if _sum_is_finite(X):
        return False
    absent = np.isnan(X)
    wrong = np.isinf(X) if missing else ~np.isfinite(X)
    if wrong.any():
        row, column = divmod(int(wrong.argmax()), X.shape[1])
        raise DataError(_complaint(start + row, column, float(X[row, column]), names, X.dtype))
    empty = absent.all(axis=1)
    if empty.any():
        raise DataError(
            f"row {start + int(empty.argmax())} (rows count from 0) has missing values only: drop it"
        )
    return bool(absent.any())


def check_sample_weight(weight: object, n_rows: int) -> Float64Array:
    """Return the weights of the rows as a contiguous float64 array.

    Parameters
    ----------
    weight : array-like of shape (n_rows,)
        Finite weights, none negative and not all zero.
    n_rows : int
        Rows to be weighted.

    Returns
    -------
    ndarray of shape (n_rows,) of float64
        Without a copy where ``weight`` is such an array already.

    Raises
    ------
    DataError
        If the shape is wrong, a weight is NaN, infinite or negative, or the weights sum to zero or to more
        than float64 holds.
    DataTypeError
        If ``weight`` is a masked array.
    """
    array = _as_weights(weight)
    if array.shape != (n_rows,):
        raise DataError(
            f"sample_weight has shape {array.shape}: expected one weight for each row, ({n_rows},)"
        )
    if n_rows and not (array.min() >= 0 and array.max() < np.inf):  # either is NaN if any weight is
        row = int(np.argmin(np.isfinite(array) & (array >= 0)))
        raise DataError(
            f"sample_weight of row {row} (rows count from 0) is {array[row]}: make it finite and not negative"
        )
    with np.errstate(over="ignore"):
        total = array.sum()
    if total == 0:
        raise DataError("sample_weight sums to zero: at least one row needs a positive weight")
    if np.isinf(total):
        raise DataError("sample_weight sums to more than float64 can hold: divide it by its largest value")
    return array


def _as_weights(weight: object) -> Float64Array:
    if isinstance(weight, np.ma.MaskedArray):
        raise DataTypeError(
            "sample_weight is a masked array, whose mask would be ignored: pass weight.filled(0)"
        )
    try:
        array = np.asarray(weight)
        if array.dtype.kind not in "biufO":
            raise TypeError(f"its type is {array.dtype}")
        with np.errstate(over="ignore"):  # a longdouble beyond float64 becomes inf and is reported as such
            return np.require(array, np.float64, ["C", "A"])
    except (TypeError, ValueError, OverflowError) as error:
        raise DataError(
            f"sample_weight cannot be read as numbers ({error}): pass one number for each row"
        ) from None


def place(row: int, column: int, names: Sequence[str] | None) -> str:
    """Return ``row 17, column 'x2'``, or the column's number where columns have no names.

    Parameters
    ----------
    row, column : int
        Numbers from 0.
    names : sequence of str, or None
        Names of the columns.

    Returns
    -------
    str
    """
    return f"row {row}, column {column if names is None else repr(names[column])}"


def listed(names: Sequence[object]) -> str:
    """Return the names quoted and joined by commas, shortened if there are many.

    Parameters
    ----------
    names : sequence
        What to list.

    Returns
    -------
    str
    """
    text = ", ".join(repr(name) for name in names[:_NAMES_SHOWN])
    return text if len(names) <= _NAMES_SHOWN else f"{text} and {len(names) - _NAMES_SHOWN} more"


def choose_columns(names: Sequence[str], columns: Sequence[str] | None) -> list[str]:
    """Return the names of the columns to read, in the order in which they were asked for.

    Parameters
    ----------
    names : sequence of str
        The columns that exist.
    columns : sequence of str, or None
        The columns asked for (one name may stand alone); None for all.

    Returns
    -------
    list of str

    Raises
    ------
    DataError
        If two columns share a name, or a column asked for does not exist.
    ParameterError
        If ``columns`` is empty or names a column twice.
    """
    repeated = _repeated(names)
    if repeated:
        raise DataError(f"two columns are both named {listed(repeated)}: give each column a name of its own")
    if columns is None:
        return list(names)
    chosen = [columns] if isinstance(columns, str) else list(columns)
    if not chosen or _repeated(chosen):
        raise ParameterError(f"columns={chosen!r}: name at least one column, and each only once")
    known = set(names)
    unknown = [name for name in chosen if name not in known]
    if unknown:
        raise DataError(f"there is no column {listed(unknown)}: the columns are {listed(names)}")
    return chosen


def _repeated(names: Sequence[str]) -> list[str]:
    return [name for name, times in Counter(names).items() if times > 1]


def refuse_columns(kinds: dict[str, str]) -> None:
    """Raise if any column is not numeric.

    Parameters
    ----------
    kinds : dict of str to str
        The type of each column that is not numeric, by its name; empty if all are.

    Raises
    ------
    DataError
        Naming these columns.
    """
    if kinds:
        first = next(iter(kinds))
        raise DataError(
            f"columns that are not numeric: {listed(list(kinds))} ({first!r} is of type {kinds[first]}):"
            " convert them to numbers, or choose the columns to use with columns=[...]"
        )
