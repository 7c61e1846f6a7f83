"""The mixture of A x + b: means A μ_k + b and covariances A Σ_k Aᵀ."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from gaussmix.covariance import Covariances, Dense, Diagonal
from gaussmix.covariance.representations import Spherical
from gaussmix.errors import ParameterError
from gaussmix.model.distribution.derived import derived, stored_like
from gaussmix.moments import FULL, POOLED, TRACE
from gaussmix.types import Float64Array

if TYPE_CHECKING:
    from gaussmix.model.mixture import Mixture

_ORTHOGONAL: Final = 8 * float(np.finfo(np.float64).eps)  # times D: how exact the rows of a rotation are


def affine(mixture: Mixture, A: object, b: object) -> Mixture:
    """Return the mixture of A x + b, covariances as structured as the map leaves them."""
    D = mixture.n_features
    matrix = _finite("A", A)
    if matrix.ndim != 2 or matrix.shape[1] != D or not 1 <= len(matrix) <= D:
        raise ParameterError(f"A should have shape (R, {D}) with R from 1 to {D}, got {matrix.shape}")
    offset = np.zeros(len(matrix)) if b is None else _finite("b", b)
    if offset.shape != (len(matrix),):
        raise ParameterError(
            f"b should have shape ({len(matrix)},), a value for each row of A, got {offset.shape}"
        )
    covariances = _mapped(mixture.covariances, matrix)
    if (covariances.singular & ~mixture.covariances.singular).any():
        raise ParameterError(
            "the rows of A should be linearly independent, but A x + b has a singular covariance"
        )
    return derived(mixture.weights, mixture.means @ matrix.T + offset, covariances)


def _mapped(covariances: Covariances, A: Float64Array) -> Covariances:
    """Return A Σ_k Aᵀ in the poorest form that holds it."""
    if covariances.n_factors:
        return Dense.from_covariances(A @ covariances.to_dense() @ A.T)
    if covariances.scatter in (FULL, POOLED):
        D = covariances.n_features
        return stored_like(covariances, A @ covariances.parameters().reshape(-1, D, D) @ A.T)
    variances = np.square(covariances.standard_deviations())
    gram = A @ A.T
    scale = np.diagonal(gram).mean()
    error = np.abs(gram - scale * np.eye(len(A))).max()
    if covariances.scatter is TRACE and 0 <= error <= _ORTHOGONAL * A.shape[1] * scale and scale > 0:
        return Spherical.from_variances(scale * covariances.parameters(), len(A))
    if (np.count_nonzero(A, axis=0) <= 1).all():  # no feature goes into two of the new ones
        return Diagonal.from_variances(variances @ np.square(A).T)
    return Dense.from_covariances((A * variances[:, None, :]) @ A.T)


def _finite(name: str, values: object) -> Float64Array:
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise ParameterError(f"{name} should be an array of real numbers") from None
    if not np.isfinite(array).all():
        raise ParameterError(f"{name} should be finite numbers")
    return array
