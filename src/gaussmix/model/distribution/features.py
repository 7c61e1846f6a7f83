"""The features that an argument names, as numbers."""

from __future__ import annotations

import numpy as np

from gaussmix.errors import ParameterError
from gaussmix.types import IntArray


def feature_numbers(features: object, n_features: int) -> IntArray:
    """Return the numbers of the named features in their order, shape (d,), at least one.

    Parameters
    ----------
    features : int, array-like of int, or array-like of bool of shape (D,)
        Numbers from 0 to D − 1, each at most once, or a mask that is True where a feature is meant.
    n_features : int
        D.

    Raises
    ------
    ParameterError
        If they are none of these.
    """
    given = np.asarray(features)
    if given.dtype.kind == "b":
        if given.shape != (n_features,):
            raise ParameterError(
                f"features as a mask should have shape ({n_features},), a value for each feature, "
                f"got {given.shape}"
            )
        given = np.flatnonzero(given)
    given = np.atleast_1d(given)
    if given.ndim != 1 or not given.size:
        raise ParameterError("features should name at least one feature, as numbers or as a mask")
    if given.dtype.kind not in "iu":
        raise ParameterError(f"features should be whole numbers or a mask, got {features!r}")
    outside = given[(given < 0) | (given >= n_features)]
    if outside.size:
        raise ParameterError(f"features should be from 0 to {n_features - 1}, got {outside[0]}")
    numbers, times = np.unique(given, return_counts=True)
    if (times > 1).any():
        raise ParameterError(
            f"features should name each feature once, but {numbers[times > 1][0]} is repeated"
        )
    return np.asarray(given, dtype=np.intp)
