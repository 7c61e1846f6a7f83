"""Parameters that a fit does not move: a prior that is certain of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gaussmix.moments import Moments
from gaussmix.prior.base import Posterior, Prior
from gaussmix.types import BoolArray, Float64Array, IntArray


@dataclass(frozen=True, slots=True, eq=False)
class Given:
    """Values for all components, and which of them are fixed.

    Attributes
    ----------
    values : ndarray of shape (K, ...)
        Or of one value that all components share.
    fixed : ndarray of shape (K,)
    shared : bool
        Whether they share it.
    """

    values: Float64Array
    fixed: BoolArray
    shared: bool = False

    def select(self, components: IntArray) -> Given:
        """Return the listed components only."""
        values = self.values if self.shared else self.values[components]
        return Given(values, self.fixed[components], self.shared)


@dataclass(frozen=True, slots=True, eq=False)
class Frozen(Prior):
    """Hold weights, means or covariances of some components fixed; another prior rules the rest.

    The fixed weights keep their values and the others share what is left of 1. The covariance of a component whose
    mean is fixed is taken about that mean.

    Parameters
    ----------
    free : Prior
        Of all that is not fixed.
    weights : Given, optional
    means : Given, optional
    covariances : Given, optional
        Values as the scatter of a single row: of the shape of the family's scatter for K components. Only for
        families whose covariance is scatter / count; where components share one matrix, all or none are fixed.
    """

    free: Prior
    weights: Given | None = None
    means: Given | None = None
    covariances: Given | None = None

    @property
    def floor(self) -> Float64Array:  # type: ignore[override]
        """The variance given to a component whose own collapsed."""
        return self.free.floor

    @property
    def added_variance(self) -> Float64Array | None:  # type: ignore[override]
        """Added to the diagonals of the covariances that are not fixed."""
        return self.free.added_variance

    def n_weight_parameters(self, n_components: int) -> int:
        if self.weights is None:
            return self.free.n_weight_parameters(n_components)
        return max(self.free.n_weight_parameters(n_components - int(self.weights.fixed.sum())), 0)

    def n_parameters(self, n_covariance: int, n_components: int, n_features: int) -> int:
        free = self.n_weight_parameters(n_components)
        free += n_features * (n_components - (0 if self.means is None else int(self.means.fixed.sum())))
        part = 1.0 if self.covariances is None else 1.0 - float(self.covariances.fixed.mean())
        return free + round(part * n_covariance)

    def fixed(self, n_components: int) -> tuple[BoolArray, BoolArray, BoolArray]:
        none = np.zeros(n_components, bool)
        weights, means, covariances = (
            none if given is None else given.fixed for given in (self.weights, self.means, self.covariances)
        )
        return weights, means, covariances

    def mixing_weights(self, count: Float64Array) -> Float64Array:
        weights = self.free.mixing_weights(count)
        if self.weights is None:
            return weights
        fixed = self.weights.fixed
        mixed = np.where(fixed, self.weights.values, weights)
        rest = max(1.0 - float(mixed[fixed].sum()), 0.0)
        total = weights[~fixed].sum()
        mixed[~fixed] = rest * weights[~fixed] / total if total > 0 else rest / max((~fixed).sum(), 1)
        return mixed

    def update(self, moments: Moments) -> Posterior:
        found = self.free.update(moments)
        count, means, scatter = found.count, found.means, found.scatter
        if self.means is not None:
            means = np.where(self.means.fixed[:, None], self.means.values, means)
            moved_by = moments.scatter.about_mean(np.zeros_like(scatter), count, found.means - means)
            scatter = scatter - moved_by
        if self.covariances is not None:
            scatter, count = self._with_covariances(scatter, count)
        return Posterior(self.mixing_weights(found.count), means, scatter, count)

    def select(self, components: IntArray) -> Frozen:
        parts = (self.weights, self.means, self.covariances)
        return Frozen(self.free, *(None if part is None else part.select(components) for part in parts))

    def _with_covariances(
        self, scatter: Float64Array, count: Float64Array
    ) -> tuple[Float64Array, Float64Array]:
        """Return scatter and count of which scatter / count is the fixed covariance, exactly so for one row."""
        given = self.covariances
        assert given is not None
        if given.shared:
            return len(count) * given.values, np.ones(len(count))
        scatter, count = scatter.copy(), np.where(given.fixed, 1.0, count)
        scatter[given.fixed] = given.values[given.fixed]
        return scatter, count
