"""Spherical covariances: Σ_k = σ²_k I with σ²_k = tr(W_k) / (n_k D) (VII in mclust's code)."""

from __future__ import annotations

import numpy as np

from gaussmix.covariance.base import CovarianceFamily, Covariances, per_row_mean
from gaussmix.covariance.checks import check_positive, check_shape
from gaussmix.covariance.representations import Spherical as SphericalCovariances
from gaussmix.moments import TRACE
from gaussmix.types import Float64Array


class Spherical(CovarianceFamily):
    """Each component has one variance, the same in all directions."""

    name = "spherical"
    scatter = TRACE
    invariance = "orthogonal"
    unconstrained = True

    def estimate(
        self,
        scatter: Float64Array,
        count: Float64Array,
        n_features: int,
        previous: Covariances | None = None,
    ) -> Covariances:
        variances = per_row_mean(scatter, count) / n_features
        if previous is not None and not count.all():
            variances = np.where(count > 0, variances, previous.parameters())
        return SphericalCovariances.from_variances(variances, n_features)

    def from_parameters(self, covariances: Float64Array, n_components: int, n_features: int) -> Covariances:
        check_shape("spherical", covariances, (n_components,))
        check_positive("spherical", covariances)
        return SphericalCovariances.from_variances(covariances, n_features)

    def n_parameters(self, n_components: int, n_features: int) -> int:
        return n_components
