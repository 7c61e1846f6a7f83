"""Rows that come in batches from something that can be gone through again and again.

They are gone through once: in memory where they fit, else in a temporary file, since the passes of a fit need runs of
rows of one length in any order, and batches may take long to make.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from typing import Any

import numpy as np

from gaussmix.errors import DataError, DataTypeError, GaussmixError
from gaussmix.source.array import ArraySource, converted
from gaussmix.source.base import Source
from gaussmix.source.check import listed
from gaussmix.source.contents import Contents
from gaussmix.source.finite import check_block
from gaussmix.source.gather import Gathered
from gaussmix.source.table import is_table, read_table, split_weight
from gaussmix.types import Float64Array, FloatArray

_ARRAYS = ("__array__", "__array_interface__", "__cuda_array_interface__", "__dlpack__", "nnz", "dtype")


def is_batches(data: object) -> bool:
    """Return whether ``data`` gives batches of rows, and can do so again and again.

    Parameters
    ----------
    data : object
        Anything but a table.

    Returns
    -------
    bool
        True for callables without parameters, and iterables other than iterators, arrays, sequences of numbers or of
        rows, sets, mappings and text. A sequence of two-dimensional arrays or tables is one of batches.
    """
    if any(hasattr(data, name) for name in _ARRAYS):
        return False
    if isinstance(data, Sequence):
        return len(data) > 0 and not isinstance(data, str | bytes) and _is_batch(data[0])
    if isinstance(data, type | Mapping | Set | memoryview):
        return False
    return callable(data) or (isinstance(data, Iterable) and not isinstance(data, Iterator))


def _is_batch(item: object) -> bool:
    return getattr(item, "ndim", None) == 2 or (hasattr(item, "columns") and is_table(item))


def read_batches(
    data: Iterable[object] | Callable[[], Iterable[object]],
    columns: Sequence[str] | None,
    sample_weight: object | None,
    *,
    missing: bool,
    limit: int,
) -> Source:
    """Return a source of the rows of all batches, one batch after the other.

    Parameters
    ----------
    data : iterable of batches, or callable that returns one
        Two-dimensional arrays or tables of any numbers of rows, of the same columns; gone through once.
    columns : sequence of str, or None
        Columns of tables to use; None for all.
    sample_weight : array-like of shape (N,), str or None
        Weights of the rows of all batches, or the column of tables that holds them.
    missing : bool
        Whether NaN is taken as a missing value.
    limit : int
        Bytes that the rows may take in memory; more go to a temporary file.

    Returns
    -------
    Source

    Raises
    ------
    DataError
        If there are no rows, batches differ in their columns, or a value cannot be used; rows are counted over all
        batches.
    DataTypeError
        If a batch is no array or table.
    """
    gathered, first, start = None, None, 0
    column = sample_weight if isinstance(sample_weight, str) else None
    weights = []
    for number, batch in enumerate(_begun(data)):
        source, weight = _batch(batch, columns, column, number)
        if source is None:
            continue
        weights.append(weight)
        if first is None or gathered is None:
            first = source
            gathered = Gathered(_contents(source), None, limit)
        _require_same(source, first, number)
        rows = _rows(source)
        gathered.incomplete |= check_block(rows, start, first.feature_names, missing=missing)
        gathered.append(rows)
        start += len(rows)
    if gathered is None:
        raise DataError("there are no rows in the batches: at least one is needed")
    return gathered.source(sample_weight if column is None else np.concatenate(weights))  # type: ignore[arg-type]


def _begun(data: Any) -> Iterator[object]:
    if isinstance(data, Iterable):
        return iter(data)
    try:
        batches = data()
    except TypeError as error:
        raise DataTypeError(
            f"X is callable, and could not be called without arguments ({error}): it is to return batches of rows"
        ) from error
    if (
        not isinstance(batches, Iterable)
        or is_table(batches)
        or any(hasattr(batches, name) for name in _ARRAYS)
    ):
        raise DataTypeError(
            f"X() returned a {type(batches).__name__}: it is to return an iterator of batches of rows and columns"
        )
    return iter(batches)


def _batch(
    batch: object, columns: Sequence[str] | None, weight: str | None, number: int
) -> tuple[ArraySource | None, Float64Array | None]:
    """Return the rows of a batch, None if it has none, and the column of weights; name it if it cannot be used."""
    try:
        weights = None
        if weight is not None:
            batch, columns, weights = split_weight(batch, columns, weight)
        if is_table(batch):
            X, names = read_table(batch, columns)
            return ArraySource(X, None, names) if len(X) else None, weights
        if columns is not None:
            raise DataError(
                f"columns={columns!r}: an array's columns have no names: choose them in each batch"
            )
        if getattr(batch, "ndim", 2) == 2 and len(batch) == 0:  # type: ignore[arg-type]
            return None, None
        return ArraySource(batch), None  # type: ignore[arg-type]
    except TypeError as error:
        raise DataTypeError(f"batch {number} (counted from 0): {error}") from error
    except GaussmixError as error:
        raise type(error)(f"batch {number} (counted from 0): {error}") from error


def _rows(source: ArraySource) -> FloatArray:
    return converted(source.X, source.dtype)


def _contents(source: ArraySource) -> Contents:
    """Return what is known of all batches from the first of them."""
    kinds = (str(source.dtype),)
    return Contents(source.n_features, source.feature_names, kinds, source.dtype, None, lambda: iter(()))


def _require_same(source: ArraySource, first: ArraySource, number: int) -> None:
    """Raise if the columns of a batch differ from those of the first one with rows."""
    ours, theirs = (
        f"{one.n_features} columns of {one.dtype}"
        + (f", {listed(one.feature_names)}" if one.feature_names else "")
        for one in (first, source)
    )
    if ours != theirs:
        raise DataError(
            f"batch {number} (counted from 0) has {theirs}, but those before have {ours}: give all the same columns"
        )
