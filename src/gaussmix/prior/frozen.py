"""Parameters that a fit does not move: a prior that is certain of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gaussmix.moments import TRACE, Moments
from gaussmix.prior.base import Posterior, Prior
from gaussmix.prior.layered import Layered
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
class Frozen(Layered):
    """Hold weights, means or covariances of some components fixed; another prior rules the rest.

    The fixed weights keep their values and the others share what is left of 1. The covariance of a component whose
    mean is fixed is taken about that mean.

    Parameters
    ----------
    base : Prior
        Of all that is not fixed.
    weights : Given, optional
    means : Given, optional
    covariances : Given, optional
        In the shape of the family's parameters. Only for families whose covariance is scatter / count; where
        components share one matrix, all or none are fixed.
    """

    base: Prior
    weights: Given | None = None
    means: Given | None = None
    covariances: Given | None = None

    def n_weight_parameters(self, n_components: int) -> int:
        if self.weights is None:
            return self.base.n_weight_parameters(n_components)
        return max(self.base.n_weight_parameters(n_components - int(self.weights.fixed.sum())), 0)

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
        return self._with_weights(self.base.mixing_weights(count))

    def _with_weights(self, weights: Float64Array) -> Float64Array:
        """Return the weights with the fixed ones at their values, and the others sharing the rest."""
        if self.weights is None:
            return weights
        fixed = self.weights.fixed
        mixed = np.where(fixed, self.weights.values, weights)
        rest = max(1.0 - float(mixed[fixed].sum()), 0.0)
        total = weights[~fixed].sum()
        mixed[~fixed] = rest * weights[~fixed] / total if total > 0 else rest / max((~fixed).sum(), 1)
        return mixed

    def update(self, moments: Moments) -> Posterior:
        found = self.base.update(moments)
        count, means, scatter = found.count, found.means, found.scatter
        if self.means is not None:
            means = np.where(self.means.fixed[:, None], self.means.values, means)
            held = count if found.mean_count is None else found.mean_count
            scatter = moments.scatter.about_mean(scatter, -held, found.means - means)
        if self.covariances is not None:
            scatter, count = self._with_covariances(moments, scatter, count)
        return Posterior(self._with_weights(found.weights), means, scatter, count, found.mean_count)

    def kept(self, covariances: Float64Array) -> Float64Array:
        given = self.covariances
        if given is None:
            return covariances
        fixed = (
            given.fixed.reshape(-1, *[1] * (covariances.ndim - 1)) if not given.shared else given.fixed.all()
        )
        kept = np.where(fixed, given.values, covariances)
        return covariances if np.array_equal(kept, covariances) else kept

    def select(self, components: IntArray) -> Frozen:
        given = (self.weights, self.means, self.covariances)
        parts = [None if part is None else part.select(components) for part in given]
        return Frozen(self.base.select(components), *parts)

    def _with_covariances(
        self, moments: Moments, scatter: Float64Array, count: Float64Array
    ) -> tuple[Float64Array, Float64Array]:
        """Return scatter and count of which scatter / count is the fixed covariance, up to rounding."""
        given = self.covariances
        assert given is not None
        if given.shared:
            return len(count) * given.values, np.ones(len(count))
        n_terms = moments.reference.shape[1] if moments.scatter is TRACE else 1
        scatter, count = scatter.copy(), np.where(given.fixed, 1.0, count)
        scatter[given.fixed] = n_terms * given.values[given.fixed]
        return scatter, count
