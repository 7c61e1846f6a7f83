"""Full covariances: Σ_k = W_k / n_k, free for each component (VVV in mclust's code)."""

from __future__ import annotations

import numpy as np

from gaussmix.covariance.base import CovarianceFamily, Covariances, per_row_mean
from gaussmix.covariance.checks import check_positive_definite, check_shape
from gaussmix.covariance.representations import Dense
from gaussmix.moments import FULL
from gaussmix.types import Float64Array


class Full(CovarianceFamily):
    """Each component has its own covariance matrix."""

    name = "full"
    scatter = FULL
    invariance = "linear"
    unconstrained = True

    def estimate(
        self,
        scatter: Float64Array,
        count: Float64Array,
        n_features: int,
        previous: Covariances | None = None,
    ) -> Covariances:
        covariances = per_row_mean(scatter, count)
        if previous is not None and not count.all():
            covariances = np.where(count[:, None, None] > 0, covariances, previous.to_dense())
        return Dense.from_covariances(covariances)

    def from_parameters(self, covariances: Float64Array, n_components: int, n_features: int) -> Covariances:
        check_shape("full", covariances, (n_components, n_features, n_features))
        stored = Dense.from_covariances(covariances)
        check_positive_definite("full", covariances, stored.singular)
        return stored

    def n_parameters(self, n_components: int, n_features: int) -> int:
        return n_components * n_features * (n_features + 1) // 2
