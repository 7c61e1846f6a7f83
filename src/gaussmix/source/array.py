"""Rows of a NumPy array or memory map, converted block by block as they are loaded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gaussmix.errors import DataError, DataTypeError
from gaussmix.source.base import Partition, Source, row_runs
from gaussmix.source.check import check_sample_weight, place
from gaussmix.types import Float64Array, FloatArray, IntArray

_FLOAT32, _FLOAT64 = np.dtype(np.float32), np.dtype(np.float64)
_NUMBERS = (Real, Decimal, np.bool_)  # Decimal does not register as Real, nor does NumPy's bool
_MISSING = ("NoneType", "NAType")  # types of None and pandas.NA
_REFUSED_KINDS = {
    "c": "complex data not supported: pass real and imaginary parts as columns of their own",
    "M": "dates are not numbers: subtract a reference date and divide by a time unit",
    "m": "time spans are not numbers: divide them by a time unit, e.g. numpy.timedelta64(1, 's')",
    "U": "text is not numbers: convert with X.astype(float)",
    "S": "bytes are not numbers: convert with X.astype(float)",
    "T": "text is not numbers: convert with X.astype(float)",
    "V": "a structured array is not a matrix: convert with numpy.lib.recfunctions.structured_to_unstructured",
}


@dataclass(frozen=True, slots=True, eq=False)
class ArrayPartition(Partition):
    """Address a run of rows of an array, as a view that pickles to these rows only."""

    rows: NDArray[Any]
    weight: Float64Array | None
    dtype: np.dtype[Any]

    def load(self) -> tuple[FloatArray, Float64Array | None]:
        """Return the rows and their weights: a view where the array is native, C-contiguous and aligned."""
        return converted(self.rows, self.dtype), self.weight


@dataclass(frozen=True, eq=False)
class ArraySource(Source):
    """Serve the rows of a two-dimensional array, without copying it and without ever writing to it.

    Parameters
    ----------
    X : array-like of shape (N, D)
        Numbers of any type, order, stride, byte order and alignment; read-only arrays and memory maps too.
        float32 is served as float32; everything else as float64, converted as blocks are loaded. Only Python
        objects and nested lists are converted at once. Values are not checked to be finite.
    sample_weight : array-like of shape (N,), optional
        Finite weights, none negative and not all zero.
    feature_names : sequence of D str, optional
        Names of the columns.
    incomplete : bool, default=False
        Whether NaN stands for a missing value.

    Raises
    ------
    DataError
        If the array is not two-dimensional, has no rows or no columns, holds no numbers, or if weights or
        names do not fit.
    DataTypeError
        If X is sparse, masked, or no array at all.

    Examples
    --------
    >>> import numpy as np
    >>> source = ArraySource(np.arange(6, dtype=np.int8).reshape(3, 2))
    >>> source.n_rows, source.n_features, str(source.dtype)
    (3, 2, 'float64')
    >>> [partition.load()[0].shape for partition in source.partitions(2)]
    [(2, 2), (1, 2)]
    """

    X: NDArray[Any] = field(repr=False)
    sample_weight: Float64Array | None = field(default=None, repr=False)
    feature_names: tuple[str, ...] | None = None
    incomplete: bool = False
    n_rows: int = field(init=False)
    n_features: int = field(init=False)
    dtype: np.dtype[Any] = field(init=False)

    def __post_init__(self) -> None:
        X = _as_matrix(self.X)
        n_rows, n_features = X.shape
        names = None if self.feature_names is None else tuple(self.feature_names)
        if names is not None and len(names) != n_features:
            raise DataError(
                f"{len(names)} feature names for {n_features} columns: give one name for each column"
            )
        if X.dtype.kind == "O":
            X = objects_to_float(X, names)
        weight = None if self.sample_weight is None else check_sample_weight(self.sample_weight, n_rows)
        values = (X, weight, names, self.incomplete, n_rows, n_features, served_dtype(X.dtype))
        for name, value in zip(self.__dataclass_fields__, values, strict=True):
            object.__setattr__(self, name, value)

    def partitions(self, block_rows: int) -> Sequence[ArrayPartition]:
        """Return views of consecutive runs of ``block_rows`` rows."""
        X, weight, dtype = self.X, self.sample_weight, self.dtype
        return [
            ArrayPartition(X[run], None if weight is None else weight[run], dtype)
            for run in row_runs(self.n_rows, block_rows)
        ]

    def take(self, rows: IntArray) -> FloatArray:
        """Return a copy of some rows; of a memory map, only these are read."""
        return converted(self.X[rows], self.dtype)

    def with_weight(self, sample_weight: object) -> ArraySource:
        """Return a source of the same array with other weights."""
        weight = None if sample_weight is None else check_sample_weight(sample_weight, self.n_rows)
        return ArraySource(self.X, weight, self.feature_names, self.incomplete)


def converted(rows: NDArray[Any], dtype: np.dtype[Any]) -> FloatArray:
    """Return rows in native byte order and C order; without a copy where they are."""
    if rows.dtype == dtype and rows.flags.c_contiguous and rows.flags.aligned:
        return rows
    with np.errstate(over="ignore"):  # a longdouble beyond float64 becomes inf; the check of values finds it
        return np.require(rows, dtype, ["C", "A"])


def _as_matrix(data: object) -> NDArray[Any]:
    """Return ``data`` as an array with rows and columns of a type that holds numbers, or refuse it."""
    if isinstance(data, np.ma.MaskedArray):
        raise DataTypeError(
            "X is a masked array, whose mask would be ignored: drop the masked rows or fill them in"
        )
    if hasattr(data, "nnz"):  # SciPy's sparse matrices and arrays, and those of pydata/sparse
        raise DataTypeError("X is sparse, and a mixture needs dense rows: pass X.toarray()")
    try:
        array = np.asarray(data)
    except (ValueError, TypeError, RuntimeError) as error:  # ragged lists; what __array__ of others raises
        raise DataError(f"X is not a matrix ({error}): give each row the same number of values") from error
    if array.ndim == 0 and not isinstance(data, np.ndarray):
        raise DataTypeError(
            f"X is a {type(data).__name__}: expected an array, a dataframe, the path of a file or a Source"
        )
    if array.ndim == 0:
        raise DataError("X is a single value: expected rows and columns")
    if array.ndim == 1:
        raise DataError(
            f"X is one-dimensional, of shape {array.shape}: reshape your data with X.reshape(-1, 1) if it has"
            " one feature, or X.reshape(1, -1) if it is one row"
        )
    if array.ndim > 2:
        raise DataError(
            f"X has {array.ndim} dimensions, shape {array.shape}: expected rows and columns, as of"
            " X.reshape(len(X), -1)"
        )
    if 0 in array.shape:
        raise DataError(
            f"X has {array.shape[0]} rows and {array.shape[1]} columns: at least one of each is needed"
        )
    if array.dtype.kind != "O":
        served_dtype(array.dtype)
    return array


def served_dtype(stored: np.dtype[Any]) -> np.dtype[Any]:
    """Return the type that rows are served as: float32 where they are stored so, else float64.

    Raises
    ------
    DataError
        If the stored type holds no numbers.
    """
    if stored.kind not in "fiub":
        reason = _REFUSED_KINDS.get(stored.kind, "convert it to numbers first, with astype(float)")
        raise DataError(f"X is of type {stored}: {reason}")
    is_float32 = stored.kind == "f" and stored.itemsize == _FLOAT32.itemsize  # of either byte order
    return _FLOAT32 if is_float32 else _FLOAT64


def objects_to_float(values: NDArray[Any], names: Sequence[str] | None) -> Float64Array:
    """Return an array of Python numbers as float64.

    Parameters
    ----------
    values : ndarray of shape (N, D) of object
        Numbers; text is refused even where it reads as a number. None and pandas.NA become NaN.
    names : sequence of str, or None
        Names of the columns, for the message.

    Returns
    -------
    ndarray of shape (N, D) of float64

    Raises
    ------
    DataError
        Naming the first cell that is not a number.
    """
    values = none_to_nan(values)
    if all(issubclass(kind, _NUMBERS) for kind in set(map(type, values.flat))):
        try:
            return values.astype(np.float64, order="C")
        except (ValueError, OverflowError):  # an integer beyond float64, a signalling NaN: found below
            pass
    for (row, column), value in np.ndenumerate(values):
        if not _converts(value):
            raise DataError(
                f"{place(row, column, names)} is {repr(value)[:40]}, not a number that float64 can hold:"
                " convert it, or drop the row (rows count from 0)"
            )
    raise DataError("X holds objects that do not convert to numbers: pass an array of floats")


def none_to_nan(values: NDArray[Any]) -> NDArray[Any]:
    """Return an array of objects with NaN for None and pandas.NA."""
    if not any(kind.__name__ in _MISSING for kind in set(map(type, values.flat))):
        return values
    kinds = np.frompyfunc(lambda value: type(value).__name__ in _MISSING, 1, 1)(values)
    return np.where(kinds.astype(bool), np.nan, values)


def _converts(value: object) -> bool:
    if not isinstance(value, _NUMBERS):
        return False
    try:
        float(value)
    except (ValueError, OverflowError):
        return False
    return True
