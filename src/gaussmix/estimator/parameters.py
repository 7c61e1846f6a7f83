"""Checks of start parameters, in scikit-learn's words, and the units in which a fit measures."""

from __future__ import annotations

import math
import os
from typing import Any, Final

import numpy as np
from sklearn.utils import check_array

from gaussmix.covariance import CovarianceFamily
from gaussmix.errors import ParameterError, ResourceLimitError
from gaussmix.model import Mixture
from gaussmix.moments import FULL, POOLED
from gaussmix.types import BoolArray, Float64Array

_COPIES: Final = (
    6  # of the covariances that a fit holds at a time: parameters, factors, moments of each thread
)

_LEAST_SQUARE: Final = 1e-280  # its floor's inverse is still a number


def check_weights(weights: Any, n_components: int) -> Float64Array:
    """Return ``weights_init`` as an array of shape (K,) that sums to 1."""
    weights = _check("weights", weights, (n_components,))
    if (weights < 0).any() or (weights > 1).any():
        raise ParameterError(
            f"The parameter 'weights' should be in the range [0, 1], but got max value {weights.min():.5f}, "
            f"min value {weights.max():.5f}"
        )
    if abs(weights.sum() - 1) > 1e-6:
        raise ParameterError(
            f"The parameter 'weights' should be normalized, but got sum(weights) = {weights.sum():.5f}"
        )
    normalized: Float64Array = weights / weights.sum()
    return normalized


def check_means(means: Any, n_components: int, n_features: int) -> Float64Array:
    """Return ``means_init`` as an array of shape (K, D)."""
    return _check("means", means, (n_components, n_features))


def covariances_from_precisions(
    precisions: Any, family: CovarianceFamily, n_components: int, n_features: int
) -> Float64Array:
    """Return the covariances of ``precisions_init``, in the same shape.

    Raises
    ------
    ParameterError
        If the shape is wrong or a precision is not positive definite.
    """
    name = f"{family.name} precision"
    precisions = _check(name, precisions, family.scatter.shape(n_components, n_features))
    if family.scatter not in (FULL, POOLED):
        if (precisions <= 0).any():
            raise ParameterError(f"'{name}' should be positive")
        variances: Float64Array = 1.0 / precisions
        return variances
    symmetric = np.allclose(precisions, np.swapaxes(precisions, -1, -2))
    if not symmetric or (np.linalg.eigvalsh(precisions) <= 0).any():
        raise ParameterError(f"'{name}' should be symmetric, positive-definite")
    covariances: Float64Array = np.linalg.inv(precisions)
    return covariances


def check_memory(n_components: int, n_features: int, family: CovarianceFamily) -> None:
    """Raise ResourceLimitError before allocating parameters that cannot fit into memory."""
    numbers = n_components * n_features + math.prod(family.scatter.shape(n_components, n_features))
    needed = _COPIES * 8 * numbers
    available = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if needed > available:
        raise ResourceLimitError(
            f"{n_components} '{family.name}' components of {n_features} features would need about "
            f"{needed / 2**30:,.1f} GiB, but this machine has {available / 2**30:,.1f} GiB: use fewer components "
            "or features, or covariance_type='diag' or 'mfa' (with few n_factors)"
        )


def check_warm_start(mixture: Mixture, n_components: int, n_features: int, family: CovarianceFamily) -> None:
    """Raise ParameterError unless a fit of this kind can go on from ``mixture``, which may have lost components."""
    same_kind = mixture.n_features == n_features and mixture.covariance_type == family.name
    if same_kind and mixture.covariances.n_factors:
        n_parameters = (one.n_parameters(n_components, n_features) for one in (mixture.family, family))
        if len(set(n_parameters)) > 1:
            raise ParameterError(
                f"warm_start=True goes on from components of {mixture.covariances.n_factors} factors: set n_factors "
                "to that, or warm_start=False"
            )
    if not same_kind or mixture.n_components > n_components:
        raise ParameterError(
            f"warm_start=True goes on from {mixture.n_components} '{mixture.covariance_type}' components of "
            f"{mixture.n_features} features, which are no start for {n_components} '{family.name}' components of "
            f"{n_features}: set warm_start=False, or fit a clone"
        )


def feature_units(mean: Float64Array, variance: Float64Array) -> tuple[Float64Array, BoolArray]:
    """Return the squared unit of each feature, and which features are constant.

    It is the variance; for a feature that is constant up to rounding, the square of a thousandth of its value,
    and where that is zero or nearly so, of 1.

    Parameters
    ----------
    mean, variance : ndarray of shape (D,)
        Of all rows.
    """
    with np.errstate(over="ignore"):  # the caller refuses units that are not finite
        constant = variance <= np.square(4 * np.finfo(float).eps * np.abs(mean))
        substitute = np.square(1e-3 * mean)
        substitute = np.where(substitute > _LEAST_SQUARE, substitute, 1.0)
    return np.where(constant, substitute, variance), constant


def _check(name: str, values: Any, shape: tuple[int, ...]) -> Float64Array:
    array: Float64Array = check_array(
        values, dtype=np.float64, order="C", ensure_2d=False, allow_nd=True, input_name=f"{name}_init"
    )
    if array.shape != shape:
        raise ParameterError(
            f"The parameter '{name}' should have the shape of {shape}, but got {array.shape}"
        )
    return array
