"""Which estimators take sparse rows, and how the others refuse them."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import validate_data

from gaussmix.covariance import SPARSE_TYPES, resolve_family
from gaussmix.errors import DataError, DataTypeError, ParameterError
from gaussmix.source import Source, as_source


def takes_sparse(estimator: Any) -> bool:
    """Return whether an estimator, with the parameters that it has, takes sparse rows."""
    if not getattr(estimator, "_takes_sparse", False):
        return False
    if any(getattr(estimator, name) is not None for name in ("prior", "background", "truncation")):
        return False
    try:
        return resolve_family(estimator.covariance_type, n_factors=estimator.n_factors).takes_sparse
    except (ParameterError, TypeError):  # parameters that no fit takes
        return False


def sparse_refused() -> DataTypeError:
    """Return the error that says who takes sparse rows."""
    types = ", ".join(map(repr, SPARSE_TYPES))
    return DataTypeError(
        f"X is sparse, and this needs dense rows: use GaussianMixture with a covariance_type of {types}, without "
        "prior, background, truncation, noise and partial labels, or pass X.toarray()"
    )


def sparse_source(estimator: BaseEstimator, X: Any, sample_weight: Any, *, reset: bool) -> Source:
    """Return a source of sparse rows, checked as scikit-learn does; non-finite values are named.

    Raises
    ------
    DataError, ValueError
        If rows or weights cannot be used.
    """
    if X.ndim != 2:
        raise DataError(f"Expected 2D array, got a sparse array of shape {X.shape}: reshape your data")
    rows = validate_data(
        estimator,
        X,
        accept_sparse="csr",
        dtype=[np.float64, np.float32],
        ensure_all_finite=False,
        ensure_min_samples=2 if reset else 1,
        reset=reset,
    )
    return as_source(rows, sample_weight=sample_weight)
