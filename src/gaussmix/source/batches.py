"""Rows that come in batches from something that can be gone through again and again.

They are gone through once: in memory where they fit, else in a temporary file, since the passes of a fit need runs of
rows of one length in any order, and batches may take long to make.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import replace
from typing import Any

import numpy as np

from gaussmix.errors import DataError, DataTypeError, GaussmixError
from gaussmix.source.array import ArraySource, converted
from gaussmix.source.base import Source
from gaussmix.source.check import listed
from gaussmix.source.finite import check_block
from gaussmix.source.request import Request
from gaussmix.source.table import is_table, read_table, split_weight
from gaussmix.types import FloatArray

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


def read_batches(data: object, request: Request) -> Source:
    """Return a source of the rows of all batches, one batch after the other.

    Parameters
    ----------
    data : iterable of batches, or callable that returns one
        Two-dimensional arrays or tables of any numbers of rows, of the same columns; gone through once.
    request : Request
        Rows beyond its limit go to a temporary file.

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
    from gaussmix.source.contents import Contents  # here: other rows need not wait for them
    from gaussmix.source.gather import Gathered

    gathered, first, start = None, None, 0
    weights = []
    for number, batch in enumerate(_begun(data)):
        source, weight = _batch(batch, request, number)
        if source is None:
            continue
        weights.append(weight)
        if first is None or gathered is None:
            first = source
            about = (source.n_features, source.feature_names, (str(source.dtype),), source.dtype)
            gathered = Gathered(Contents(*about, None, lambda: iter(())), None, request.limit)
        _require_same(source, first, number)
        rows = _rows(source)
        gathered.incomplete |= check_block(rows, start, first.feature_names, missing=request.missing)
        gathered.append(rows)
        start += len(rows)
    if gathered is None:
        raise DataError("there are no rows in the batches: at least one is needed")
    if request.weight_column is not None:
        request = replace(request, sample_weight=np.concatenate(weights))
    return gathered.source(request)


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


def _batch(batch: Any, request: Request, number: int) -> tuple[ArraySource | None, Any]:
    """Return the rows of a batch, None if it has none, and the column of weights; name it if it cannot be used."""
    try:
        batch, request = split_weight(batch, request)
        if is_table(batch):
            X, names = read_table(batch, request.columns)
            return ArraySource(X, None, names) if len(X) else None, request.sample_weight
        request.require_no_columns("an array's columns have no names: choose them in each batch")
        if getattr(batch, "ndim", 2) == 2 and len(batch) == 0:
            return None, None
        return ArraySource(batch), None
    except TypeError as error:
        raise DataTypeError(f"batch {number} (counted from 0): {error}") from error
    except GaussmixError as error:
        raise type(error)(f"batch {number} (counted from 0): {error}") from error


def _rows(source: ArraySource) -> FloatArray:
    return converted(source.X, source.dtype)


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
