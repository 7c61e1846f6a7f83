"""The prior's contract, and the flat prior of maximum likelihood.

Given the means, the likelihood and every conjugate prior are −½ Σ_k [n_k log|Σ_k| + tr(Σ_k⁻¹ W_k)]: a prior
only adds to W_k and n_k, so a covariance family never needs to know which prior was used.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np

from gaussmix.moments import Moments, Scatter
from gaussmix.types import BoolArray, Float64Array, IntArray

FLOOR: Final = 1e-8  # variance given to a component that collapses, in units of the feature's variance
_EPS: Final = float(np.finfo(np.float64).eps)


@dataclass(frozen=True, slots=True, eq=False)
class Posterior:
    """What the M-step needs to know about the data and the prior.

    Attributes
    ----------
    weights : ndarray of shape (K,)
    means : ndarray of shape (K, D)
    scatter : ndarray
        About ``means``, of the shape that the covariance family asked for.
    count : ndarray of shape (K,)
        Covariance = scatter / count. Zero for a component that is left without rows.
    mean_count : ndarray of shape (K,), optional
        How firmly the means are held: about other points p the scatter is larger by mean_count (p − mean)(p − mean)ᵀ.
        Without it, this is ``count``.
    """

    weights: Float64Array
    means: Float64Array
    scatter: Float64Array
    count: Float64Array
    mean_count: Float64Array | None = None


class Matrices(Protocol):
    """What a prior asks of covariances."""

    @property
    def scatter(self) -> Scatter:
        """The part of the second moments that they are estimated from."""

    @property
    def log_det(self) -> Float64Array:
        """log|Σ_k|, shape (K,)."""

    def parameters(self) -> Float64Array:
        """Return the covariances, in the shape of the scatter."""

    def precisions(self) -> Float64Array:
        """Return the inverse covariances, in the shape of the scatter."""

    def to_dense(self) -> Float64Array:
        """Return the covariance matrices, shape (K, D, D)."""


class Parameters(Protocol):
    """What a prior asks of a mixture."""

    @property
    def weights(self) -> Float64Array:
        """Mixing weights, shape (K,)."""

    @property
    def means(self) -> Float64Array:
        """Means, shape (K, D)."""

    @property
    def covariances(self) -> Matrices:
        """Covariance matrices."""


class Prior(ABC):
    """A belief about weights, means and covariances. Implementations are frozen.

    Attributes
    ----------
    floor : ndarray of shape (D,)
        The variance given to a component whose own collapsed, in squared units of the features.
    added_variance : ndarray of shape (D,), or None
        Added to the diagonal of every covariance, in squared units of the features.
    """

    floor: Float64Array
    added_variance: Float64Array | None

    @property
    def flat(self) -> bool:
        """Whether ``update`` is maximum likelihood with ``added_variance``, nothing else."""
        return False

    @property
    def maximises(self) -> bool:
        """Whether ``update`` maximises likelihood and ``log_density``, so that their sum never falls."""
        return True

    def log_density(self, mixture: Parameters) -> float:
        """Return the logarithm of the prior density of a mixture's parameters, up to a constant."""
        return 0.0

    def n_weight_parameters(self, n_components: int) -> int:
        """Return the number of free mixing weights."""
        return n_components - 1

    def n_parameters(self, n_covariance: int, n_components: int, n_features: int) -> int:
        """Return the number of free parameters of a mixture whose covariances have ``n_covariance``."""
        return n_covariance + n_components * n_features + self.n_weight_parameters(n_components)

    def fixed(self, n_components: int) -> tuple[BoolArray, BoolArray, BoolArray]:
        """Return of which components weight, mean and covariance are not estimated, each (K,)."""
        none = np.zeros(n_components, bool)
        return none, none, none

    def mixing_weights(self, count: Float64Array) -> Float64Array:
        """Return the most probable mixing weights given counts, shape (K,)."""
        weights: Float64Array = count / count.sum()
        return weights

    def kept(self, covariances: Float64Array) -> Float64Array:
        """Return covariances, in the shape of their parameters, with those put back that are not estimated.

        The argument itself where nothing changes.
        """
        return covariances

    def select(self, components: IntArray) -> Prior:
        """Return the prior of the listed components only."""
        return self

    @abstractmethod
    def update(self, moments: Moments) -> Posterior:
        """Return the most probable weights and means, and the statistics of the covariances."""


@dataclass(frozen=True, slots=True, eq=False)
class Flat(Prior):
    """Maximum likelihood, with every covariance's diagonal raised by ``added_variance``.

    Parameters
    ----------
    added_variance : ndarray of shape (D,), optional
        Σ_k = W_k / n_k + diag(added_variance), in squared units of the features.
    floor : ndarray of shape (D,)
        See ``Prior``.
    equal_weights : bool
        Keep all mixing weights at 1 / K.
    """

    added_variance: Float64Array | None
    floor: Float64Array
    equal_weights: bool = False

    @property
    def flat(self) -> bool:
        return not self.equal_weights

    def n_weight_parameters(self, n_components: int) -> int:
        return 0 if self.equal_weights else n_components - 1

    def mixing_weights(self, count: Float64Array) -> Float64Array:
        return np.full(len(count), 1.0 / len(count)) if self.equal_weights else count / count.sum()

    def update(self, moments: Moments) -> Posterior:
        count, means, scatter = rows_about_means(moments)
        if self.added_variance is not None:
            scatter = moments.scatter.add_diagonal(scatter, count, self.added_variance)
        return Posterior(self.mixing_weights(count), means, scatter, count)


def rows_about_means(moments: Moments) -> tuple[Float64Array, Float64Array, Float64Array]:
    """Return count, means and scatter, with the count of a component that has no more than rounding errors at 0."""
    count, means, scatter = moments.about_means()
    total = count.sum()
    if count.min() < _EPS * total:
        count = np.where(count < _EPS * total, 0.0, count)
    return count, means, scatter
