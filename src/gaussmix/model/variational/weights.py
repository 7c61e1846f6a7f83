"""Posteriors of the mixing weights: a finite Dirichlet, or the sticks of a Dirichlet process.

A stick-breaking prior writes π_k = v_k Π_{j<k} (1 − v_j) with v_k ~ Beta(1, γ); the variational posterior knows the
first K sticks (Blei & Jordan 2006). What lies beyond them, Π_k (1 − v_k), belongs to components without rows.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import Final, Self

import numpy as np
from scipy.special import betaln, digamma, gammaln, polygamma

from gaussmix.types import Float64Array, IntArray

_NEWTON_STEPS: Final = 20
_LONGEST_STEP: Final = 2.0  # of log α_0
_SHORTEST_STEP: Final = 1e-10


class WeightPosterior(ABC):
    """A posterior of the mixing weights. Implementations are frozen.

    Attributes
    ----------
    ordered : bool
        Whether components are to stand in the order of their counts.
    """

    ordered: bool

    @property
    @abstractmethod
    def concentration(self) -> float:
        """The concentration of the prior; its posterior mean where it is learnt."""

    @property
    @abstractmethod
    def parameters(self) -> Float64Array | tuple[Float64Array, Float64Array]:
        """The parameters of the posterior, each (K,)."""

    @property
    @abstractmethod
    def mean(self) -> Float64Array:
        """E[π_k], shape (K,)."""

    @property
    @abstractmethod
    def rest(self) -> float:
        """The expected weight of what is none of the K components."""

    @property
    @abstractmethod
    def expected_log(self) -> Float64Array:
        """E[log π_k], shape (K,)."""

    @abstractmethod
    def updated(self, count: Float64Array) -> Self:
        """Return the posterior given the rows that each component has, shape (K,)."""

    @abstractmethod
    def divergence(self) -> float:
        """Return the Kullback-Leibler divergence of the posterior from the prior, in nats."""

    @abstractmethod
    def log_evidence(self, count: Float64Array) -> Float64Array:
        """Return log p(z) of assignments with these counts, (..., K), but for a constant, in nats."""

    @abstractmethod
    def select(self, components: IntArray) -> Self:
        """Return the posterior of the listed components, in the order listed."""

    def normalized(self) -> Float64Array:
        """Return the expected weights, rescaled to sum to 1, shape (K,)."""
        weights: Float64Array = self.mean / self.mean.sum()
        return weights


@dataclass(frozen=True, slots=True, eq=False)
class Dirichlet(WeightPosterior):
    """π ~ Dirichlet(α_0, …, α_0) before the data, Dirichlet(α) after (Bishop 2006, eq. 10.57 and 10.58).

    Parameters
    ----------
    prior : float
        α_0.
    alpha : ndarray of shape (K,)
    ordered : bool
        No order is better than another here: False.
    hyper_prior : (float, float), optional
        Shape and rate of a Gamma prior of α_0, which is then set to its most probable value.
    """

    prior: float
    alpha: Float64Array
    ordered: bool = False
    hyper_prior: tuple[float, float] | None = None

    @classmethod
    def before(
        cls, concentration: float, n_components: int, hyper_prior: tuple[float, float] | None = None
    ) -> Dirichlet:
        """Return the prior."""
        return cls(concentration, np.full(n_components, float(concentration)), hyper_prior=hyper_prior)

    @property
    def concentration(self) -> float:
        return self.prior

    @property
    def parameters(self) -> Float64Array:
        return self.alpha

    @property
    def mean(self) -> Float64Array:
        mean: Float64Array = self.alpha / self.alpha.sum()
        return mean

    @property
    def rest(self) -> float:
        return 0.0

    @property
    def expected_log(self) -> Float64Array:
        expected: Float64Array = digamma(self.alpha) - digamma(self.alpha.sum())
        return expected

    def updated(self, count: Float64Array) -> Dirichlet:
        updated = replace(self, alpha=self.prior + count)
        return updated if self.hyper_prior is None else replace(updated, prior=updated._most_probable_prior())

    def divergence(self) -> float:
        K, prior = len(self.alpha), self.prior
        normalizer = gammaln(self.alpha.sum()) - gammaln(self.alpha).sum()
        normalizer -= gammaln(K * prior) - K * gammaln(prior)
        divergence = float(normalizer + ((self.alpha - prior) * self.expected_log).sum())
        return divergence if self.hyper_prior is None else divergence - self._log_hyper_density(prior)

    def log_evidence(self, count: Float64Array) -> Float64Array:
        evidence: Float64Array = gammaln(self.prior + count).sum(axis=-1)
        return evidence

    def select(self, components: IntArray) -> Dirichlet:
        return replace(self, alpha=self.alpha[components])

    def _log_hyper_density(self, prior: float) -> float:
        """Return the log-density of log α_0."""
        assert self.hyper_prior is not None
        shape, rate = self.hyper_prior
        return float(shape * np.log(rate * prior) - gammaln(shape) - rate * prior)

    def _most_probable_prior(self) -> float:
        """Return the α_0 of highest E[log p(π | α_0)] + log p(α_0): Newton's steps in log α_0, halved if they fall.

        The density is that of log α_0, which has one mode for every shape above 0.
        """
        assert self.hyper_prior is not None
        K, total = len(self.alpha), float(self.expected_log.sum())
        shape, rate = self.hyper_prior

        def objective(log_prior: float) -> float:
            prior = np.exp(log_prior)
            gamma_terms = gammaln(K * prior) - K * gammaln(prior) + prior * (total - rate)
            return float(gamma_terms + shape * log_prior)

        at = float(np.log(self.prior))
        for _ in range(_NEWTON_STEPS):
            prior = np.exp(at)
            slope = prior * (K * (digamma(K * prior) - digamma(prior)) + total - rate) + shape
            curvature = prior**2 * K * (K * polygamma(1, K * prior) - polygamma(1, prior))
            curvature += slope - shape
            step = -slope / curvature if curvature < 0 else np.sign(slope)
            step = float(np.clip(step, -_LONGEST_STEP, _LONGEST_STEP))
            while objective(at + step) < objective(at) and abs(step) > _SHORTEST_STEP:
                step /= 2
            if abs(step) <= _SHORTEST_STEP:
                break
            at += step
        return float(np.exp(at))


@dataclass(frozen=True, slots=True, eq=False)
class StickBreaking(WeightPosterior):
    """v_k ~ Beta(1, γ) before the data, Beta(first_k, second_k) after (Blei & Jordan 2006, eq. 18 and 19).

    Parameters
    ----------
    gamma : float
        The concentration γ, or its posterior mean.
    first, second : ndarray of shape (K,)
    ordered : bool
        Order components by count, heaviest first: of all orders the one of highest lower bound (Kurihara, Welling &
        Teh 2007).
    hyper_prior : (float, float), optional
        Shape and rate of a Gamma prior of γ (Blei & Jordan 2006, appendix), which is then learnt.
    rate : float
        Of γ's Gamma posterior.
    """

    gamma: float
    first: Float64Array
    second: Float64Array
    ordered: bool = True
    hyper_prior: tuple[float, float] | None = None
    rate: float = 1.0

    @classmethod
    def before(
        cls,
        concentration: float,
        n_components: int,
        *,
        ordered: bool = True,
        hyper_prior: tuple[float, float] | None = None,
    ) -> StickBreaking:
        """Return the prior."""
        K = n_components
        rate = 1.0 if hyper_prior is None else (hyper_prior[0] + K) / concentration
        return cls(concentration, np.ones(K), np.full(K, float(concentration)), ordered, hyper_prior, rate)

    @property
    def concentration(self) -> float:
        return self.gamma

    @property
    def parameters(self) -> tuple[Float64Array, Float64Array]:
        return self.first, self.second

    @property
    def mean(self) -> Float64Array:
        left = self.second / (self.first + self.second)
        mean: Float64Array = (
            self.first / (self.first + self.second) * np.concatenate([[1.0], np.cumprod(left[:-1])])
        )
        return mean

    @property
    def rest(self) -> float:
        return float(np.prod(self.second / (self.first + self.second)))

    @property
    def expected_log(self) -> Float64Array:
        taken, left = self._expected_logs()
        expected: Float64Array = taken + np.concatenate([[0.0], np.cumsum(left[:-1])])
        return expected

    def updated(self, count: Float64Array) -> StickBreaking:
        updated = replace(self, first=1.0 + count, second=self.gamma + _beyond(count))
        if self.hyper_prior is None:
            return updated
        shape, rate = self.hyper_prior
        posterior_rate = rate - float(updated._expected_logs()[1].sum())
        return replace(updated, gamma=(shape + len(count)) / posterior_rate, rate=posterior_rate)

    def divergence(self) -> float:
        taken, left = self._expected_logs()
        K, gamma = len(self.first), self.gamma
        posterior = -betaln(self.first, self.second) + (self.first - 1) * taken + (self.second - 1) * left
        expected_log_gamma, divergence_of_gamma = np.log(gamma), 0.0
        if self.hyper_prior is not None:
            (shape, rate), posterior_shape = self.hyper_prior, self.hyper_prior[0] + K
            expected_log_gamma = digamma(posterior_shape) - np.log(self.rate)
            divergence_of_gamma = (
                K * digamma(posterior_shape) - gammaln(posterior_shape) + gammaln(shape)
                + shape * np.log(self.rate / rate) + posterior_shape * (rate / self.rate - 1)
            )  # fmt: skip
        prior = K * expected_log_gamma + (gamma - 1) * left.sum()
        return float(posterior.sum() - prior + divergence_of_gamma)

    def log_evidence(self, count: Float64Array) -> Float64Array:
        if self.ordered:
            count = -np.sort(-count, axis=-1)
        evidence: Float64Array = betaln(1.0 + count, self.gamma + _beyond(count)).sum(axis=-1)
        return evidence

    def select(self, components: IntArray) -> StickBreaking:
        return replace(self, first=self.first[components], second=self.second[components])

    def _expected_logs(self) -> tuple[Float64Array, Float64Array]:
        """Return E[log v_k] and E[log(1 − v_k)], each (K,)."""
        both = digamma(self.first + self.second)
        return digamma(self.first) - both, digamma(self.second) - both


def _beyond(count: Float64Array) -> Float64Array:
    """Return for each component the count of those after it, shape (..., K)."""
    after: Float64Array = np.cumsum(count[..., :0:-1], axis=-1)[..., ::-1]
    return np.concatenate([after, np.zeros_like(count[..., :1])], axis=-1)
