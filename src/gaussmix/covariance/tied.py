"""One covariance matrix for all components: Σ = Σ_k W_k / n (EEE in mclust's code)."""

from __future__ import annotations

from gaussmix.covariance.base import CovarianceFamily, Covariances
from gaussmix.covariance.checks import check_positive_definite, check_shape
from gaussmix.covariance.representations import Shared
from gaussmix.moments import POOLED
from gaussmix.types import Float64Array


class Tied(CovarianceFamily):
    """All components share one covariance matrix."""

    name = "tied"
    code = "EEE"
    scatter = POOLED
    invariance = "linear"
    unconstrained = True

    def estimate(
        self,
        scatter: Float64Array,
        count: Float64Array,
        n_features: int,
        previous: Covariances | None = None,
    ) -> Covariances:
        return Shared.from_covariance(scatter / count.sum(), len(count))

    def from_parameters(self, covariances: Float64Array, n_components: int, n_features: int) -> Covariances:
        check_shape("tied", covariances, (n_features, n_features))
        stored = Shared.from_covariance(covariances, n_components)
        check_positive_definite("tied", covariances[None], stored.singular[:1])
        return stored

    def n_parameters(self, n_components: int, n_features: int) -> int:
        return n_features * (n_features + 1) // 2
