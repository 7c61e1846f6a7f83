"""Equal volumes, free otherwise: Σ_k = λ C_k with |C_k| = 1 (EVV in mclust's code).

C_k = W_k / |W_k|^{1/D} and λ = Σ_k |W_k|^{1/D} / n (Celeux & Govaert 1995, Pattern Recognition 28, §3.3).
"""

from __future__ import annotations

import numpy as np

from gaussmix.covariance.base import Covariances, per_row_mean
from gaussmix.covariance.factor import factorize
from gaussmix.covariance.representations import Dense
from gaussmix.covariance.represented import DenseFamily
from gaussmix.covariance.volume import common_log_volume
from gaussmix.types import Float64Array


class EVV(DenseFamily):
    """Each component has its own covariance matrix, of the same determinant for all.

    A component whose scatter is singular has no such matrix: it keeps W_k / n_k, and the others share their volume.
    """

    name = "EVV"
    code = "EVV"
    invariance = "linear"

    def estimate(
        self,
        scatter: Float64Array,
        count: Float64Array,
        n_features: int,
        previous: Covariances | None = None,
    ) -> Covariances:
        matrices = per_row_mean(scatter, count)
        if not count.all():
            kept = scatter.sum(axis=0) / count.sum() if previous is None else previous.to_dense()
            matrices = np.where(count[:, None, None] > 0, matrices, kept)
        _, log_det, singular = factorize(matrices)
        sound = ~singular & (count > 0)
        if not sound.any():
            return Dense.from_covariances(matrices)
        log_mean = log_det[sound] / n_features + np.log(count[sound])
        log_volume = common_log_volume(log_mean, count[sound])
        factors = np.where(singular, 1.0, np.exp(log_volume - log_det / n_features))
        return Dense.from_covariances(factors[:, None, None] * matrices)

    def n_parameters(self, n_components: int, n_features: int) -> int:
        return 1 + n_components * (n_features * (n_features + 1) // 2 - 1)
