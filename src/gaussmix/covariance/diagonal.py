"""Diagonal covariances: σ²_kd = W_kdd / n_k, no correlations within a component (VVI in mclust's code)."""

from __future__ import annotations

import numpy as np

from gaussmix.covariance.base import Covariances, per_row_mean
from gaussmix.covariance.representations import Diagonal
from gaussmix.covariance.represented import DiagonalFamily
from gaussmix.types import Float64Array


class Diag(DiagonalFamily):
    """Each component has its own variance of each feature, and no correlations."""

    name = "diag"
    code = "VVI"
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

    def n_parameters(self, n_components: int, n_features: int) -> int:
        return n_components * n_features
