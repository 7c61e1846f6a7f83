"""Diagonal covariances: σ²_kd = W_kdd / n_k, no correlations within a component (VVI in mclust's code)."""

from __future__ import annotations

import numpy as np

from gaussmix.covariance.base import CovarianceFamily, Covariances, per_row_mean
from gaussmix.covariance.checks import check_positive, check_shape
from gaussmix.covariance.representations import Diagonal
from gaussmix.moments import DIAGONAL
from gaussmix.types import Float64Array


class Diag(CovarianceFamily):
    """Each component has its own variance of each feature, and no correlations."""

    name = "diag"
    scatter = DIAGONAL
    invariance = "diagonal"
    unconstrained = True

    def estimate(
        self,
        scatter: Float64Array,
        count: Float64Array,
        n_features: int,
        previous: Covariances | None = None,
    ) -> Covariances:
        variances = per_row_mean(scatter, count)
        if previous is not None and not count.all():
            variances = np.where(count[:, None] > 0, variances, previous.parameters())
        return Diagonal.from_variances(variances)

    def from_parameters(self, covariances: Float64Array, n_components: int, n_features: int) -> Covariances:
        check_shape("diag", covariances, (n_components, n_features))
        check_positive("diag", covariances)
        return Diagonal.from_variances(covariances)

    def n_parameters(self, n_components: int, n_features: int) -> int:
        return n_components * n_features
