"""From whatever a user passes as X to a checked source of rows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from numbers import Real
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import validate_data

from gaussmix.errors import DataError, DataTypeError
from gaussmix.estimator.sparse import sparse_refused, sparse_source, takes_sparse
from gaussmix.linalg import is_sparse
from gaussmix.source import (
    ArraySource,
    Source,
    as_source,
    checked,
    column_names,
    is_collection,
    is_path,
    is_table,
)
from gaussmix.source.array import none_to_nan
from gaussmix.source.check import listed
from gaussmix.source.limit import limit_in_bytes


def training_source(
    estimator: BaseEstimator, X: Any, sample_weight: Any, *, missing: bool = False, sparse: bool = False
) -> Source:
    """Return a source of the finite rows to fit, and set the estimator's number and names of features.

    With ``missing``, NaN is a missing value; with ``sparse``, rows may be sparse if the estimator takes them.

    Raises
    ------
    DataError, DataTypeError, ValueError
        If rows or weights cannot be used; the message names the row or column.
    """
    return _source(estimator, X, sample_weight, reset=True, missing=missing, sparse=sparse)


def component_source(
    estimator: BaseEstimator, X: Any, sample_weight: Any, *, missing: bool = False, sparse: bool = False
) -> Source:
    """Return ``training_source`` of at least as many rows as the estimator's ``n_components``."""
    if sample_weight is not None and isinstance(sample_weight, Real):
        raise DataError("sample_weight should have one value for each row")
    source = training_source(estimator, X, sample_weight, missing=missing, sparse=sparse)
    if source.n_rows < estimator.n_components:
        raise DataError(
            f"Expected n_samples >= n_components but got n_components = {estimator.n_components}, "
            f"n_samples = {source.n_rows}"
        )
    return source


def prediction_source(
    estimator: BaseEstimator,
    X: Any,
    sample_weight: Any = None,
    *,
    missing: bool = False,
    sparse: bool = False,
) -> Source:
    """Return a source of finite rows with the features that the estimator was fitted on.

    With ``missing``, NaN is a missing value; with ``sparse``, rows may be sparse if the estimator takes them.
    """
    return _source(estimator, X, sample_weight, reset=False, missing=missing, sparse=sparse)


def stream_source(estimator: BaseEstimator, X: Any, sample_weight: Any) -> Source:
    """Return a source of the finite rows of a batch, one at least; the first one sets the features."""
    first = not hasattr(estimator, "n_features_in_")
    return _source(estimator, X, sample_weight, reset=first, missing=False, sparse=False, min_rows=1)


def _source(
    estimator: BaseEstimator,
    X: Any,
    sample_weight: Any,
    *,
    reset: bool,
    missing: bool,
    sparse: bool,
    min_rows: int | None = None,
) -> Source:
    if (is_sparse(X) or getattr(X, "sparse", False) is True) and not (sparse and takes_sparse(estimator)):
        raise sparse_refused()
    if is_sparse(X):
        return sparse_source(estimator, X, sample_weight, reset=reset)
    min_rows = min_rows or (2 if reset else 1)
    if isinstance(X, np.ma.MaskedArray):
        raise DataTypeError(
            "X is a masked array, whose mask would be ignored: fill or drop the masked values"
        )
    limit = _memory_limit(estimator)
    collection = is_collection(X)
    table = not collection and is_table(X)
    if _is_array_like(X) and not (collection or table or is_path(X) or isinstance(X, Source)):
        if isinstance(X, np.ndarray) and X.dtype == object:
            X = none_to_nan(X)
        rows = validate_data(  # as scikit-learn does, except that a non-finite value is named below
            estimator,
            X,
            dtype=[np.float64, np.float32],
            ensure_all_finite=False,
            ensure_min_samples=min_rows,
            reset=reset,
        )
        return checked(ArraySource(rows, sample_weight), missing=missing)
    columns = None if reset else _columns_in_files(estimator, X)
    source = as_source(X, columns=columns, sample_weight=sample_weight, missing=missing, memory_limit=limit)
    if (table or _is_matrix(X)) and hasattr(X, "shape") and not isinstance(sample_weight, str):
        validate_data(estimator, X, reset=reset, skip_check_array=True)
    else:
        _check_features(estimator, source, reset=reset)
    if source.n_rows < min_rows:
        raise DataError(
            f"Found {source.n_rows} sample(s), while a minimum of {min_rows} is required: give more rows"
        )
    return source


def _memory_limit(estimator: BaseEstimator) -> int | None:
    """Return the estimator's limit in bytes; refuse what is no limit, even where rows come in an array."""
    limit = getattr(estimator, "memory_limit", None)  # not all estimators have one
    return None if limit is None else limit_in_bytes(limit)


def _is_matrix(X: Any) -> bool:
    """Return whether a source serves ``X`` without a copy, where scikit-learn might copy it, or refuses its dates."""
    return isinstance(X, np.ndarray) and X.ndim == 2 and X.size > 0 and X.dtype.kind in "fiubMm"


def _is_array_like(X: Any) -> bool:
    """Return whether scikit-learn is the one to convert ``X``, or to say why it is no matrix."""
    return not _is_matrix(X) and (hasattr(X, "__len__") or hasattr(X, "__array__"))


@contextmanager
def features_kept_on_error(estimator: BaseEstimator) -> Iterator[None]:
    """Give an estimator its number and names of features back if its fit fails."""
    names = ("n_features_in_", "feature_names_in_")
    before = {name: vars(estimator)[name] for name in names if name in vars(estimator)}
    try:
        yield
    except BaseException:
        for name in names:
            vars(estimator).pop(name, None)
        vars(estimator).update(before)
        raise


def _columns_in_files(estimator: BaseEstimator, X: Any) -> list[str] | None:
    """Return the features of a fit if they are to be found in files by their names, where other columns may be."""
    fitted = getattr(estimator, "feature_names_in_", None)
    if fitted is None or not is_path(X):
        return None
    names = column_names(X)
    return list(fitted) if names is not None and set(fitted) <= set(names) else None


def _check_features(estimator: BaseEstimator, source: Source, *, reset: bool) -> None:
    """Set or compare the number and names of features of a file or source."""
    names = source.feature_names
    if reset:
        estimator.n_features_in_ = source.n_features
        if names is not None:
            estimator.feature_names_in_ = np.array(names, dtype=object)
        elif hasattr(estimator, "feature_names_in_"):
            del estimator.feature_names_in_
        return
    fitted = getattr(estimator, "feature_names_in_", None)
    if names is not None and fitted is not None and set(names) > set(fitted):
        others = listed([name for name in names if name not in set(fitted)])
        raise DataError(
            f"X has columns that are no features of the fit, {others}: choose its features, as"
            " X[list(model.feature_names_in_)]"
        )
    if source.n_features != estimator.n_features_in_:
        raise DataError(
            f"X has {source.n_features} features, but {type(estimator).__name__} is expecting "
            f"{estimator.n_features_in_} features as input"
        )
    if names is not None and fitted is not None and list(names) != list(fitted):
        raise DataError(
            "The feature names should match those that were passed during fit, in the same order: "
            f"expected {list(fitted)}, got {list(names)}"
        )
