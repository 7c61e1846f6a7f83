"""What all sources check: weights, and which columns were asked for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from gaussmix.errors import DataError, DataTypeError, ParameterError
from gaussmix.source.base import Source
from gaussmix.types import Float64Array

_NAMES_SHOWN = 12  # names listed in a message before it says how many more there are


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
    ParameterError
        If ``weight`` is the name of a column: whoever reads columns with names has put its values in the place.
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


def weights_of(source: Source) -> Float64Array:
    """Return the only column of a source, shape (N,)."""
    return source.take(np.arange(source.n_rows))[:, 0].astype(np.float64)


def features_beside(weight: str, names: Sequence[str] | None, columns: Sequence[str] | None) -> list[str]:
    """Return the columns of features where another column holds the weights.

    Parameters
    ----------
    weight : str
        The column of the weights; it is a feature only where ``columns`` say so.
    names : sequence of str, or None
        The columns that exist; None where they have no names.
    columns : sequence of str, or None
        The columns asked for; None for all but the weights.

    Raises
    ------
    DataError
        If a column does not exist.
    ParameterError
        If columns have no names, or there is no other column.
    """
    if names is None:
        raise _without_names(weight)
    choose_columns(names, [weight])
    chosen = [name for name in choose_columns(names, columns) if columns is not None or name != weight]
    if not chosen:
        raise ParameterError(f"{weight!r} is the only column: there are no features beside the weights")
    return chosen


def _without_names(weight: str) -> ParameterError:
    return ParameterError(
        f"sample_weight={weight!r} names a column, and these rows have none with a name beside their features: "
        "pass one weight for each row"
    )


def _as_weights(weight: object) -> Float64Array:
    if isinstance(weight, str):
        raise _without_names(weight)
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
