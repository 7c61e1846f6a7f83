"""Posteriors of the precision matrices: Wishart, or Gamma where a covariance has no correlations.

Every one of them has degrees of freedom ν and a scale S, and the expected precision ν S⁻¹ = Σ̄⁻¹, so that one update
serves all: ν = ν_0 + N, S = S_0 + scatter (Bishop 2006, eq. 10.60 to 10.63, where W = S⁻¹). They differ in the
multivariate gamma function of their normaliser alone:

==========  ===========================  ==============================
covariance  posterior                    log of its function
==========  ===========================  ==============================
full, tied  Wishart(ν, S⁻¹)              log Γ_D(ν / 2)
diag        Gamma(ν / 2, S_d / 2)        D log Γ(ν / 2)
spherical   Gamma(D ν / 2, D S / 2)      log Γ(D ν / 2) − (D ν / 2) log D
==========  ===========================  ==============================
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.special import digamma, gammaln

from gaussmix.covariance.base import Covariances
from gaussmix.covariance.representations import Dense, Diagonal, Shared, Spherical
from gaussmix.types import Float64Array

_LOG_2: Final = float(np.log(2.0))
_LOG_2PI: Final = float(np.log(2 * np.pi))


@dataclass(frozen=True, slots=True, eq=False)
class ScalePrior:
    """Hold what a divergence needs to know of the prior of one precision.

    Attributes
    ----------
    degrees : float
        ν_0.
    log_det : float
        log|S_0|.
    log_gamma : float
        The log of its gamma function.
    root : ndarray of shape (D, D)
        R with RᵀR = S_0.
    """

    degrees: float
    log_det: float
    log_gamma: float
    root: Float64Array


@dataclass(frozen=True, slots=True, eq=False)
class Precisions:
    """Say how the posterior of one kind of covariance is made of a scale and degrees of freedom.

    Attributes
    ----------
    shared : bool
        Whether all components have one precision.
    least_degrees : callable
        ``D -> ν`` that degrees of freedom must exceed.
    scale : callable
        ``(S_0, scatter, K, D) -> S`` in the shape of the representation's parameters, from the components' scatter.
    represented : callable
        ``(matrices, K, D) -> Covariances``.
    log_gamma : callable
        ``(ν, D) ->`` the log of the posterior's gamma function.
    digamma_sum : callable
        ``(ν, D) -> E[log|Λ|] + log|S| − D log 2``.
    """

    shared: bool
    least_degrees: Callable[[int], float]
    scale: Callable[[Float64Array, Float64Array, int, int], Float64Array]
    represented: Callable[[Float64Array, int, int], Covariances]
    log_gamma: Callable[[Float64Array, int], Float64Array]
    digamma_sum: Callable[[Float64Array, int], Float64Array]

    def excess(self, degrees: Float64Array, n_features: int) -> Float64Array:
        """Return E[log|Λ_k|] − log|Σ̄_k⁻¹|, shape (K,): what the uncertainty of the precision takes away."""
        D = n_features
        excess: Float64Array = self.digamma_sum(degrees, D) + D * _LOG_2 - D * np.log(degrees)
        return excess

    def divergence(self, degrees: Float64Array, covariances: Covariances, prior: ScalePrior) -> Float64Array:
        """Return the divergence of each component's posterior from the prior, (K,); one number if it is shared.

        Parameters
        ----------
        degrees : ndarray of shape (K,)
        covariances : Covariances
            Σ̄ = S / ν.
        prior : ScalePrior
        """
        nu, D, nu_0 = degrees, covariances.n_features, prior.degrees
        log_ratio = covariances.log_det + D * np.log(nu) - prior.log_det  # log |S| / |S_0|
        gammas = self.log_gamma(nu, D) - prior.log_gamma
        digammas = 0.5 * (nu - nu_0) * self.digamma_sum(nu, D)
        trace = _traces(covariances, prior.root)
        divergence: Float64Array = 0.5 * (nu_0 * log_ratio - nu * D + trace) + digammas - gammas
        return divergence[:1] if self.shared else divergence

    def prior(self, degrees: float, scale: Covariances) -> ScalePrior:
        """Return the prior of ν_0 degrees of freedom and scale S_0, given as the covariance of one component."""
        D = scale.n_features
        log_gamma = float(self.log_gamma(np.array([degrees]), D)[0])
        root = np.ascontiguousarray(scale.colorize(np.eye(D), 0))
        return ScalePrior(degrees, float(scale.log_det[0]), log_gamma, root)

    def log_evidence(self, degrees: Float64Array, covariances: Covariances) -> Float64Array:
        """Return log p(rows of the component), but for constants and the part of the mean, shape (K,)."""
        D = covariances.n_features
        log_scale = covariances.log_det + D * np.log(degrees)
        evidence: Float64Array = self.log_gamma(degrees, D) - 0.5 * degrees * log_scale
        return evidence


def squared_distances(covariances: Covariances, point: Float64Array, means: Float64Array) -> Float64Array:
    """Return (x − m_k)ᵀ Σ_k⁻¹ (x − m_k) of one point (D,) from each of K means, shape (K,)."""
    constant = 0.5 * (covariances.log_det + covariances.n_features * _LOG_2PI)
    distances: Float64Array = -2.0 * covariances.log_joint(point[None], constant, means)[0]
    return distances


def _traces(covariances: Covariances, root: Float64Array) -> Float64Array:
    """Return tr(Rᵀ R Σ_k⁻¹), (K,), as the squared distances of the rows of R from zero."""
    D = covariances.n_features
    constant = 0.5 * (covariances.log_det + D * _LOG_2PI)
    centre = np.zeros((covariances.n_components, D))
    traces: Float64Array = -2.0 * covariances.log_joint(root, constant, centre).sum(axis=0)
    return traces


def _log_multigamma(degrees: Float64Array, n_features: int) -> Float64Array:
    """Return log Γ_D(ν / 2) but for the power of π, which all posteriors share."""
    gammas: Float64Array = gammaln(0.5 * (degrees - np.arange(n_features)[:, None])).sum(axis=0)
    return gammas


def _wishart_digammas(degrees: Float64Array, n_features: int) -> Float64Array:
    digammas: Float64Array = digamma(0.5 * (degrees - np.arange(n_features)[:, None])).sum(axis=0)
    return digammas


_WISHART: Final = (_log_multigamma, _wishart_digammas)
_GAMMAS: Final = (
    lambda degrees, D: D * gammaln(0.5 * degrees),
    lambda degrees, D: D * digamma(0.5 * degrees),
)
_ONE_GAMMA: Final = (
    lambda degrees, D: gammaln(0.5 * D * degrees) - 0.5 * D * degrees * np.log(D),
    lambda degrees, D: D * (digamma(0.5 * D * degrees) - np.log(D)),
)


def _above_features(n_features: int) -> float:
    return n_features - 1.0


def _above_zero(n_features: int) -> float:
    return 0.0


def _repeat(matrix: Float64Array, n_components: int) -> Float64Array:
    """Return the same parameters for each component."""
    return np.repeat(matrix[None], n_components, axis=0)


def _spherical(variances: Float64Array, n_components: int, n_features: int) -> Covariances:
    return Spherical.from_variances(variances, n_features)


# By the name of the covariance family. Scatter comes in the shape of the family's ``Scatter``.
PRECISIONS: Final[dict[str, Precisions]] = {
    "full": Precisions(
        False, _above_features,
        lambda S, W, K, D: S + W,
        lambda C, K, D: Dense.from_covariances(C),
        *_WISHART,
    ),
    "tied": Precisions(
        True, _above_features,
        lambda S, W, K, D: S + W,
        lambda C, K, D: Shared.from_covariance(C, K),
        *_WISHART,
    ),
    "diag": Precisions(
        False, _above_zero,
        lambda S, W, K, D: S + W,
        lambda C, K, D: Diagonal.from_variances(C),
        *_GAMMAS,
    ),
    "spherical": Precisions(
        False, _above_zero,
        lambda S, W, K, D: S + W / D,
        _spherical,
        *_ONE_GAMMA,
    ),
    "EEI": Precisions(
        True, _above_zero,
        lambda S, W, K, D: _repeat(S + W.sum(axis=0), K),
        lambda C, K, D: Diagonal.from_variances(C),
        *_GAMMAS,
    ),
    "EII": Precisions(
        True, _above_zero,
        lambda S, W, K, D: _repeat(S + W.sum() / D, K),
        _spherical,
        *_ONE_GAMMA,
    ),
}  # fmt: skip


def _exact(precisions: Precisions, degrees: Float64Array, n_features: int) -> Float64Array:
    return precisions.excess(degrees, n_features)


def _of_scikit_learn(precisions: Precisions, degrees: Float64Array, n_features: int) -> Float64Array:
    """Return the excess of a Wishart posterior, with an equal part of the degrees for each if it is shared."""
    D = n_features
    part = degrees / len(degrees) if precisions.shared else degrees
    excess: Float64Array = _wishart_digammas(part, D) + D * _LOG_2 - D * np.log(part)
    return excess


# What responsibilities take for E[log|Λ|] − log|Σ̄⁻¹|.
CONVENTIONS: Final[dict[str, Callable[[Precisions, Float64Array, int], Float64Array]]] = {
    "exact": _exact,
    "scikit-learn": _of_scikit_learn,
}
