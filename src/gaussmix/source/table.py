"""Dataframes of any library that narwhals knows, and tables that speak the Arrow C stream protocol."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gaussmix.errors import DataError, DataTypeError
from gaussmix.source.array import objects_to_float
from gaussmix.source.arrow import Columns, read_all, read_stream
from gaussmix.source.check import choose_columns, features_beside, refuse_columns
from gaussmix.source.request import Request

if TYPE_CHECKING:
    import narwhals.stable.v2 as nw


def is_table(data: object) -> bool:
    """Return whether :func:`read_table` is the one to read ``data``, or to say why it cannot be read.

    Parameters
    ----------
    data : object
        Anything.

    Returns
    -------
    bool
        True for dataframes and their columns, lazy or not, and for anything with ``__arrow_c_stream__``.
    """
    if isinstance(data, np.ndarray | list | tuple):
        return False  # without importing narwhals
    if hasattr(data, "__arrow_c_stream__"):
        return True
    import narwhals.stable.v2 as nw
    from narwhals.exceptions import DuplicateError

    try:
        frame = nw.from_native(data, pass_through=True, allow_series=True)
    except DuplicateError:
        return True
    return isinstance(frame, nw.DataFrame | nw.LazyFrame | nw.Series)


def read_table(data: object, columns: Sequence[str] | None = None) -> Columns:
    """Return the numeric columns of a table as one C-ordered matrix.

    Parameters
    ----------
    data : object
        A dataframe (pandas, polars, pyarrow, ...) or anything with ``__arrow_c_stream__``; a record batch
        reader is read to its end.
    columns : sequence of str, or None
        Columns to use, in this order; None for all.

    Returns
    -------
    X : ndarray of shape (N, D)
        float32 if all these columns are float32, else float64; empty cells are NaN.
    names : tuple of str, or None
        None where the columns are numbered rather than named.

    Raises
    ------
    DataError
        If a column is repeated, unknown or not numeric, or ``data`` is a single column.
    DataTypeError
        If the table is lazy, or names and numbers are mixed as names of its columns.
    """
    import narwhals.stable.v2 as nw
    from narwhals.exceptions import DuplicateError

    try:
        frame = nw.from_native(data, pass_through=True, allow_series=True)
    except DuplicateError as error:
        reason = " ".join(str(error).split())
        raise DataError(f"two columns have the same name ({reason}): give each a name of its own") from None
    if isinstance(frame, nw.DataFrame):
        return _read_frame(frame, columns)
    if isinstance(frame, nw.Series):
        raise DataError("X is a single column: pass a table, as of X.to_frame()")
    if hasattr(data, "__arrow_c_stream__"):
        return read_stream(data, columns)
    raise DataTypeError(
        f"X is a lazy table ({type(data).__module__.partition('.')[0]} {type(data).__name__}), which has no"
        " rows yet: call .collect() on it (.compute() in Dask)"
    )


def split_weight(data: object, request: Request) -> tuple[Any, Request]:
    """Return a table, and what is asked of it with the weights themselves in the place of the column that holds them.

    Parameters
    ----------
    data : object
        What :func:`read_table` reads; of a stream, which can be read once only, another table is returned.
    request : Request
        Returned as it is where its weights are no column.

    Raises
    ------
    DataError
        If there is no such column, or one of them is not numeric.
    """
    weight, columns = request.weight_column, request.columns
    if weight is None:
        return data, request
    if not is_table(data):
        features_beside(weight, None, columns)  # raises: arrays have no names
    import narwhals.stable.v2 as nw

    if (
        hasattr(data, "__arrow_c_stream__")
        and nw.from_native(data, pass_through=True, allow_series=True) is data
    ):
        data = read_all(data)
    values, _ = read_table(data, [weight])
    features = features_beside(weight, nw.from_native(data).columns, columns)  # type: ignore[call-overload]
    return data, replace(request, columns=features, sample_weight=values[:, 0])


def _read_frame(frame: nw.DataFrame[Any], columns: Sequence[str] | None) -> Columns:
    import narwhals.stable.v2 as nw

    chosen = choose_columns(frame.columns, columns)
    names = _feature_names(chosen)
    schema = frame.schema
    kinds = {name: schema[name] for name in chosen}
    usable = (nw.Boolean, nw.Object)  # Object: a pandas column of Python numbers, looked at cell by cell
    refuse_columns(
        {
            name: str(kind)
            for name, kind in kinds.items()
            if not (kind.is_numeric() or isinstance(kind, usable))
        }
    )
    all_float32 = all(isinstance(kind, nw.Float32) for kind in kinds.values())
    X = np.empty((len(frame), len(chosen)), np.float32 if all_float32 else np.float64)
    for column, name in enumerate(chosen):
        X[:, column] = _values(frame.get_column(name), str(name))
    return X, names


def _values(series: nw.Series[Any], name: str) -> NDArray[Any]:
    import narwhals.stable.v2 as nw

    if isinstance(series.dtype, nw.Boolean | nw.Decimal | nw.Int128 | nw.UInt128):
        series = series.cast(nw.Float64)  # to_numpy would make objects of these, or fail
    values = series.to_numpy()
    return objects_to_float(values[:, None], [name])[:, 0] if values.dtype.kind == "O" else values


def _feature_names(names: Sequence[object]) -> tuple[str, ...] | None:
    text = tuple(name for name in names if isinstance(name, str))
    if not text:
        return None
    if len(text) < len(names):
        other = next(name for name in names if not isinstance(name, str))
        raise DataTypeError(
            f"column names mix text and {type(other).__name__} ({other!r}): make all of them text"
        )
    return text
