"""The posterior predictive distribution of a row: a mixture of Student distributions (Bishop 2006, eq. 10.81)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.special import gammaln, logsumexp

from gaussmix.covariance.base import Covariances
from gaussmix.types import Float64Array, FloatArray

_LOG_PI: Final = float(np.log(np.pi))
_LOG_2PI: Final = float(np.log(2 * np.pi))


@dataclass(frozen=True, eq=False)
class StudentComponents:
    """Hold the predictive distribution of each component's rows, its mean and precision integrated out.

    Attributes
    ----------
    family : str
        The name of the covariance family.
    means : ndarray of shape (K, D)
    mean_precision, degrees_of_freedom : ndarray of shape (K,)
        β_k and ν_k of the posterior.
    covariances : Covariances
        S_k / ν_k.
    """

    family: str
    means: Float64Array
    mean_precision: Float64Array
    degrees_of_freedom: Float64Array
    covariances: Covariances

    def log_prob(self, X: FloatArray) -> Float64Array:
        """Return the log-density of each row under each component, shape (n, K), in nats."""
        return _DENSITIES[self.family](self, X)

    @property
    def spread(self) -> Float64Array:
        """ν_k (1 + 1 / β_k), shape (K,): times S_k / ν_k, the scale of the Student distribution."""
        spread: Float64Array = self.degrees_of_freedom * (1 + 1 / self.mean_precision)
        return spread

    def squared_distances(self, X: FloatArray) -> Float64Array:
        """Return (x − m_k)ᵀ Σ̄_k⁻¹ (x − m_k), shape (n, K)."""
        constant = 0.5 * (self.covariances.log_det + self.covariances.n_features * _LOG_2PI)
        return -2.0 * self.covariances.log_joint(X, constant, self.means).astype(np.float64)


@dataclass(frozen=True, eq=False)
class PredictiveMixture:
    """Describe p(x | data) of the variational posterior.

    Attributes
    ----------
    weights : ndarray of shape (K,)
        Expected mixing weights.
    components : StudentComponents
    rest : float
        The weight of what a stick-breaking prior leaves for components without rows; 0 for a Dirichlet.
    prior : StudentComponents
        Their distribution, one component.
    """

    weights: Float64Array
    components: StudentComponents
    rest: float
    prior: StudentComponents

    @property
    def n_components(self) -> int:
        """K."""
        return len(self.weights)

    def log_prob(self, X: FloatArray) -> Float64Array:
        """Return log p(x), shape (n,), in nats, for rows ``X`` of shape (n, D)."""
        with np.errstate(divide="ignore"):
            parts = self.components.log_prob(X) + np.log(self.weights)
            if self.rest > 0:
                parts = np.column_stack([parts, self.prior.log_prob(X) + np.log(self.rest)])
        log_prob: Float64Array = logsumexp(parts, axis=1)
        return log_prob


def _of_wishart(components: StudentComponents, X: FloatArray) -> Float64Array:
    """Return Student densities of ν + 1 − D degrees of freedom."""
    nu, D, spread = components.degrees_of_freedom, X.shape[1], components.spread
    log_scale = components.covariances.log_det + D * (np.log(spread) + _LOG_PI)
    constant = gammaln(0.5 * (nu + 1)) - gammaln(0.5 * (nu + 1 - D)) - 0.5 * log_scale
    density: Float64Array = constant - 0.5 * (nu + 1) * np.log1p(components.squared_distances(X) / spread)
    return density


def _of_one_gamma(components: StudentComponents, X: FloatArray) -> Float64Array:
    """Return Student densities of D ν degrees of freedom."""
    nu, D, spread = components.degrees_of_freedom, X.shape[1], X.shape[1] * components.spread
    log_scale = components.covariances.log_det + D * (np.log(spread) + _LOG_PI)
    constant = gammaln(0.5 * D * (nu + 1)) - gammaln(0.5 * D * nu) - 0.5 * log_scale
    density: Float64Array = constant - 0.5 * D * (nu + 1) * np.log1p(components.squared_distances(X) / spread)
    return density


def _of_gammas(components: StudentComponents, X: FloatArray) -> Float64Array:
    """Return products of univariate Student densities of ν degrees of freedom."""
    nu, D, spread = components.degrees_of_freedom, X.shape[1], components.spread
    log_scale = components.covariances.log_det + D * (np.log(spread) + _LOG_PI)
    density = np.tile(D * (gammaln(0.5 * (nu + 1)) - gammaln(0.5 * nu)) - 0.5 * log_scale, (len(X), 1))
    sd = components.covariances.standard_deviations()
    for k, mean in enumerate(components.means):
        squares = np.square((X - mean) / sd[k]) / spread[k]
        density[:, k] -= 0.5 * (nu[k] + 1) * np.log1p(squares).sum(axis=1)
    return density


_DENSITIES: Final[dict[str, Callable[[StudentComponents, FloatArray], Float64Array]]] = {
    "full": _of_wishart,
    "tied": _of_wishart,
    "diag": _of_gammas,
    "spherical": _of_one_gamma,
    "EEI": _of_gammas,
    "EII": _of_one_gamma,
}
