"""Spherical covariances Σ_k = σ²_k I: a variance for each component, or one for all.

========  =====================================
VII       σ²_k = tr(W_k) / (n_k D)
EII       σ² = Σ_k tr(W_k) / (n D)
========  =====================================

References
----------
Celeux & Govaert (1995), Gaussian parsimonious clustering models, Pattern Recognition 28, §2.
"""

from __future__ import annotations

import numpy as np

from gaussmix.covariance.base import Covariances, per_row_mean
from gaussmix.covariance.representations import Spherical as SphericalCovariances
from gaussmix.covariance.represented import SphericalFamily
from gaussmix.types import Float64Array


class Spherical(SphericalFamily):
    """Each component has one variance, the same in all directions."""

    name = "spherical"
    code = "VII"
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

    def n_parameters(self, n_components: int, n_features: int) -> int:
        return n_components


class EII(SphericalFamily):
    """All components share one variance, the same in all directions."""

    name = "EII"
    code = "EII"
    invariance = "orthogonal"

    def estimate(
        self,
        scatter: Float64Array,
        count: Float64Array,
        n_features: int,
        previous: Covariances | None = None,
    ) -> Covariances:
        variance = scatter.sum() / count.sum() / n_features
        return SphericalCovariances.from_variances(np.full(len(count), variance), n_features)

    def n_parameters(self, n_components: int, n_features: int) -> int:
        return 1
