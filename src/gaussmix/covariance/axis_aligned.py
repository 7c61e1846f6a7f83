"""Diagonal covariances with a common shape, a common volume, or both: Σ_k = λ_k A_k, with |A_k| = 1 diagonal.

========  ================  =============================================
EEI       λ A               λ A = Σ_k diag(W_k) / n
VEI       λ_k A             by ``volume.one_shape``
EVI       λ A_k             by ``volume.one_volume``
========  ================  =============================================

References
----------
Celeux & Govaert (1995), Gaussian parsimonious clustering models, Pattern Recognition 28, §3.2.
"""

from __future__ import annotations

import numpy as np

from gaussmix.covariance import volume
from gaussmix.covariance.base import Covariances
from gaussmix.covariance.representations import Diagonal
from gaussmix.covariance.represented import DiagonalFamily
from gaussmix.types import Float64Array


class EEI(DiagonalFamily):
    """All components share the variance of each feature, without correlations."""

    name = "EEI"
    code = "EEI"
    invariance = "diagonal"

    def estimate(
        self,
        scatter: Float64Array,
        count: Float64Array,
        n_features: int,
        previous: Covariances | None = None,
    ) -> Covariances:
        variances = scatter.sum(axis=0) / count.sum()
        return Diagonal.from_variances(np.repeat(variances[None], len(count), axis=0))

    def n_parameters(self, n_components: int, n_features: int) -> int:
        return n_features


class VEI(DiagonalFamily):
    """Components differ by the factor of one profile of variances, without correlations."""

    name = "VEI"
    code = "VEI"
    invariance = "diagonal"

    def estimate(
        self,
        scatter: Float64Array,
        count: Float64Array,
        n_features: int,
        previous: Covariances | None = None,
    ) -> Covariances:
        return Diagonal.from_variances(volume.one_shape(np.maximum(scatter, 0.0), count, previous))

    def n_parameters(self, n_components: int, n_features: int) -> int:
        return n_components + n_features - 1


class EVI(DiagonalFamily):
    """Each component has its own profile of variances, of the same product for all, without correlations."""

    name = "EVI"
    code = "EVI"
    invariance = "diagonal"

    def estimate(
        self,
        scatter: Float64Array,
        count: Float64Array,
        n_features: int,
        previous: Covariances | None = None,
    ) -> Covariances:
        kept = None if previous is None else previous.parameters()
        return Diagonal.from_variances(volume.one_volume(np.maximum(scatter, 0.0), count, kept))

    def n_parameters(self, n_components: int, n_features: int) -> int:
        return 1 + n_components * (n_features - 1)
