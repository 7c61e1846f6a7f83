"""Full covariances: Σ_k = W_k / n_k, free for each component (VVV in mclust's code)."""

from __future__ import annotations

import numpy as np

from gaussmix.covariance.base import Covariances, per_row_mean
from gaussmix.covariance.representations import Dense
from gaussmix.covariance.represented import DenseFamily
from gaussmix.types import Float64Array


class Full(DenseFamily):
    """Each component has its own covariance matrix."""

    name = "full"
    code = "VVV"
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

    def n_parameters(self, n_components: int, n_features: int) -> int:
        return n_components * n_features * (n_features + 1) // 2
