"""One set of variances along axes of each component's own: Σ_k = λ_k D_k A D_kᵀ, with D_k orthogonal, |A| = 1.

D_k are the eigenvectors of W_k = D_k Ω_k D_kᵀ in order of the eigenvalues; along them the families are diagonal:

========  ====================  ==================================
EEV       λ D_k A D_kᵀ          λ A = Σ_k Ω_k / n
VEV       λ_k D_k A D_kᵀ        by ``volume.one_shape`` of Ω_k
========  ====================  ==================================

References
----------
Celeux & Govaert (1995), Gaussian parsimonious clustering models, Pattern Recognition 28, §3.3.
"""

from __future__ import annotations

import numpy as np

from gaussmix.covariance import volume
from gaussmix.covariance.base import Covariances
from gaussmix.covariance.representations import Dense
from gaussmix.covariance.represented import DenseFamily
from gaussmix.types import Float64Array


class EEV(DenseFamily):
    """Components are one ellipsoid, each turned in its own way."""

    name = "EEV"
    code = "EEV"
    invariance = "orthogonal"

    def estimate(
        self,
        scatter: Float64Array,
        count: Float64Array,
        n_features: int,
        previous: Covariances | None = None,
    ) -> Covariances:
        eigenvalues, axes = _eigen(scatter, count, previous)
        variances = eigenvalues.sum(axis=0) / count.sum()
        return Dense.from_covariances(along_axes(axes, variances))

    def n_parameters(self, n_components: int, n_features: int) -> int:
        return n_features + n_components * n_features * (n_features - 1) // 2


class VEV(DenseFamily):
    """Components are one ellipsoid, each scaled and turned in its own way."""

    name = "VEV"
    code = "VEV"
    invariance = "orthogonal"

    def estimate(
        self,
        scatter: Float64Array,
        count: Float64Array,
        n_features: int,
        previous: Covariances | None = None,
    ) -> Covariances:
        eigenvalues, axes = _eigen(scatter, count, previous)
        variances = volume.one_shape(eigenvalues, count, previous)
        return Dense.from_covariances(along_axes(axes, variances[:, None]))

    def n_parameters(self, n_components: int, n_features: int) -> int:
        return n_components + n_features - 1 + n_components * n_features * (n_features - 1) // 2


def _eigen(
    scatter: Float64Array, count: Float64Array, previous: Covariances | None
) -> tuple[Float64Array, Float64Array]:
    """Return the scatter's eigenvalues (K, D), rising and not negative, and the axes (K, D, D) in columns.

    A component without rows keeps its axes.
    """
    if not count.all():
        kept = scatter.sum(axis=0) if previous is None else previous.to_dense()
        eigenvalues, axes = np.linalg.eigh(np.where(count[:, None, None] > 0, scatter, kept))
        return np.where(count[:, None] > 0, np.maximum(eigenvalues, 0.0), 0.0), axes
    eigenvalues, axes = np.linalg.eigh(scatter)
    return np.maximum(eigenvalues, 0.0), axes


def along_axes(axes: Float64Array, variances: Float64Array) -> Float64Array:
    """Return the symmetric matrices U diag(variances) Uᵀ, (K, D, D); the arguments broadcast."""
    half = axes * np.sqrt(variances)
    matrices = half @ half.swapaxes(-1, -2)
    symmetric: Float64Array = 0.5 * (matrices + matrices.swapaxes(-1, -2))
    return symmetric
