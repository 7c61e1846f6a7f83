"""A Gaussian mixture whose weights, means and precisions are posterior distributions (Bishop 2006, section 10.2)."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Final

import numpy as np

from gaussmix.covariance.base import Covariances
from gaussmix.errors import DataError
from gaussmix.model.mixture import Mixture
from gaussmix.model.variational.belief import Belief
from gaussmix.model.variational.precisions import CONVENTIONS, squared_distances
from gaussmix.model.variational.predictive import PredictiveMixture, StudentComponents
from gaussmix.model.variational.weights import WeightPosterior
from gaussmix.moments import POOLED, Moments, Scatter
from gaussmix.prior import Flat
from gaussmix.source import Known
from gaussmix.types import BoolArray, Float64Array, FloatArray, IntArray

_LEAST_COUNT: Final = 0.5  # rows; what has fewer explains none of them


@dataclass(frozen=True, eq=False)
class VariationalMixture:
    """Describe the posterior q(π) Π_k q(μ_k, Λ_k) of a mixture's parameters.

    Its E-step is that of a mixture, with expected precisions ν_k S_k⁻¹ and with log-weights that carry the rest of
    what is expected of log π_k N(x | μ_k, Λ_k⁻¹) (Bishop 2006, eq. 10.46 and 10.64 to 10.66). Build it with
    ``before`` and one M-step.

    Attributes
    ----------
    belief : Belief
        Before the data.
    weight_posterior : WeightPosterior
    means : ndarray of shape (K, D)
        m_k.
    mean_precision : ndarray of shape (K,)
        β_k, in rows: that of μ_k is β_k Λ_k.
    degrees_of_freedom : ndarray of shape (K,)
        ν_k, in rows; all equal where components share their precision.
    covariances : Covariances
        S_k / ν_k, the inverses of the expected precisions.
    convention : {"exact", "scikit-learn"}
        What responsibilities take for E[log|Λ_k|]; the second is not the expectation but for ``"full"``.
    order : ndarray of shape (K,), or None
        Which components of the model before the last M-step these are, if it changed their order.
    """

    belief: Belief
    weight_posterior: WeightPosterior
    means: Float64Array
    mean_precision: Float64Array
    degrees_of_freedom: Float64Array
    covariances: Covariances
    convention: str = "exact"
    order: IntArray | None = field(default=None, repr=False)

    @classmethod
    def before(
        cls, belief: Belief, weight_posterior: WeightPosterior, convention: str = "exact"
    ) -> VariationalMixture:
        """Return what is believed before the data: every component the same."""
        K, D = len(weight_posterior.mean), belief.n_features
        nothing = np.zeros(belief.family.scatter.shape(K, D))
        scale = belief.precisions.scale(belief.scale, nothing, K, D)
        return cls(
            belief,
            weight_posterior,
            np.repeat(belief.mean[None], K, axis=0),
            np.full(K, belief.mean_precision),
            np.full(K, belief.degrees_of_freedom),
            belief.represented(scale / belief.degrees_of_freedom, K),
            convention,
        )

    @property
    def n_components(self) -> int:
        """K, with those that have no rows."""
        return len(self.means)

    @property
    def n_classes(self) -> int:
        """K: every row belongs to a component."""
        return len(self.means)

    @property
    def n_features(self) -> int:
        """D."""
        return self.belief.n_features

    @property
    def collapsed(self) -> BoolArray:
        """Never: a component without rows is as the prior, and the prior keeps covariances positive."""
        return np.zeros(self.n_components, bool)

    @property
    def count(self) -> Float64Array:
        """Expected rows of each component, shape (K,)."""
        return self.mean_precision - self.belief.mean_precision

    @cached_property
    def weights(self) -> Float64Array:
        """Expected weights, rescaled to sum to 1, shape (K,)."""
        return self.weight_posterior.normalized()

    @cached_property
    def log_weights(self) -> Float64Array:
        """E[log π_k] + ½ (E[log|Λ_k|] − log|ν_k S_k⁻¹|) − D / (2 β_k), shape (K,), in nats."""
        D = self.n_features
        excess = CONVENTIONS[self.convention](self.belief.precisions, self.degrees_of_freedom, D)
        return self.weight_posterior.expected_log + 0.5 * (excess - D / self.mean_precision)

    @cached_property
    def precise_covariances(self) -> Covariances:
        """``covariances`` for what is asked for once, of which ill-conditioned matrices cost no digits."""
        return self.covariances.refined()

    def e_step(
        self,
        X: FloatArray,
        weight: Float64Array | None = None,
        *,
        hard: bool = False,
        known: Known | None = None,
    ) -> Moments:
        """Return the moments of one C-contiguous block of rows under the variational responsibilities."""
        if known is not None:
            raise DataError("a variational mixture takes complete rows only: fill in what is missing first")
        return self.covariances.moments(X, weight, self.log_weights, self.means, hard=hard)

    def m_step(self, moments: Moments) -> VariationalMixture:
        """Return the posterior given the moments of the rows (Bishop 2006, eq. 10.57 to 10.63)."""
        belief, (count, means, scatter) = self.belief, moments.about_means()
        if belief.added_variance is not None:
            scatter = moments.scatter.add_diagonal(scatter, count, belief.added_variance)
        beta = belief.mean_precision + count
        shift = means - belief.mean  # S grows by N β_0 / β_k times its square
        scatter = moments.scatter.about_mean(scatter, -count * belief.mean_precision / beta, shift)
        means = belief.mean + (count / beta)[:, None] * shift
        order = _heaviest_first(count) if self.weight_posterior.ordered else None
        if order is not None:
            count, means, beta = count[order], means[order], beta[order]
            scatter = scatter if moments.scatter is POOLED else scatter[order]
        K, D = means.shape
        shared = belief.precisions.shared
        degrees = np.full(K, belief.degrees_of_freedom) + (count.sum() if shared else count)
        scale = belief.precisions.scale(belief.scale, scatter, K, D)
        return VariationalMixture(
            belief,
            self.weight_posterior.updated(count),
            means,
            beta,
            degrees,
            belief.represented(_per_degree(scale, degrees, moments.scatter), K),
            self.convention,
            order,
        )

    def em_steps(
        self, X: FloatArray, weight: Float64Array | None, n_steps: int
    ) -> tuple[VariationalMixture, list[float], list[float]]:
        """Return this posterior and no iterations: the kernel's own M-step is that of maximum likelihood."""
        return self, [], []

    def lower_bound(self, moments: Moments) -> float:
        """Return the evidence lower bound per unit of weight, in nats; of all rows, if the moments are.

        With responsibilities r_ik = ρ_ik / Σ_j ρ_ij it is Σ_i log Σ_k ρ_ik − KL(q(π)) − KL(q(μ, Λ)), the
        divergences from the prior: all terms of Bishop (2006, eq. 10.70), constants included.
        """
        total = moments.log_likelihood - self.divergence()
        if self.convention != "exact":  # ρ is not exp of the expectation then: add what it lacks
            D, precisions = self.n_features, self.belief.precisions
            used = CONVENTIONS[self.convention](precisions, self.degrees_of_freedom, D)
            total += 0.5 * float(moments.count @ (precisions.excess(self.degrees_of_freedom, D) - used))
        return total / moments.weight

    def divergence(self) -> float:
        """Return the Kullback-Leibler divergence of the posterior from the prior, in nats."""
        belief, beta, beta_0 = self.belief, self.mean_precision, self.belief.mean_precision
        ratio = beta_0 / beta
        distance = beta_0 * squared_distances(self.covariances, belief.mean, self.means)
        of_means = 0.5 * (self.n_features * (ratio - 1 - np.log(ratio)) + distance)
        of_precisions = belief.precisions.divergence(
            self.degrees_of_freedom, self.covariances, belief.scale_prior
        )
        return self.weight_posterior.divergence() + float(of_means.sum() + of_precisions.sum())

    def movement(self, previous: VariationalMixture) -> float:
        """Return the relative distance of the plug-in parameters from ``previous``, as ``Mixture.movement``."""
        if self.order is not None:
            previous = previous.select(self.order)
        weights, before = self.weights, previous.weights
        change_of_means = (self.means - previous.means) / self.covariances.standard_deviations()
        change_of_weights = np.square(weights - before) / np.maximum(weights, before)
        square = float(np.square(change_of_means).sum() + change_of_weights.sum())
        return float(np.sqrt(square + self.covariances.movement(previous.covariances)))

    def select(self, components: IntArray) -> VariationalMixture:
        """Return the posterior of the listed components, in the order listed."""
        return replace(
            self,
            weight_posterior=self.weight_posterior.select(components),
            means=self.means[components],
            mean_precision=self.mean_precision[components],
            degrees_of_freedom=self.degrees_of_freedom[components],
            covariances=self.covariances.select(components),
            order=None,
        )

    def used(self) -> IntArray:
        """Return the components that are expected to hold more than half a row."""
        return np.flatnonzero(self.count > _LEAST_COUNT)

    def pruned(self) -> VariationalMixture:
        """Return the posterior without the components that hold no rows, at least the heaviest one left."""
        kept = self.used()
        kept = kept if len(kept) else np.array([self.count.argmax()])
        chosen = self.select(kept)
        return replace(chosen, weight_posterior=chosen.weight_posterior.updated(chosen.count))

    def plug_in(self) -> Mixture:
        """Return the mixture of expected weights, expected means and inverse expected precisions."""
        prior = Flat(None, self.belief.floor)
        return Mixture(self.weights, self.means, self.covariances, self.belief.family, prior, self.collapsed)

    def predictive(self) -> PredictiveMixture:
        """Return the posterior predictive distribution of a row."""
        posterior = self.weight_posterior
        prior = VariationalMixture.before(self.belief, posterior.select(np.array([0])))
        parts = [each.predictive_components() for each in (self, prior)]
        return PredictiveMixture(posterior.mean, parts[0], posterior.rest, parts[1])

    def predictive_components(self) -> StudentComponents:
        """Return the posterior predictive distribution of the rows of each component."""
        return StudentComponents(
            self.belief.family.name,
            self.means,
            self.mean_precision,
            self.degrees_of_freedom,
            self.precise_covariances,
        )

    def log_prob(self, X: FloatArray) -> FloatArray:
        """Return log Σ_k exp E[log π_k N(x | μ_k, Λ_k⁻¹)], shape (n,), in nats: below the predictive density."""
        return self.precise_covariances.log_prob(X, self.log_weights, self.means)

    def posterior(self, X: FloatArray) -> FloatArray:
        """Return the variational responsibilities, shape (n, K)."""
        return self.precise_covariances.posterior(X, self.log_weights, self.means)

    def predict(self, X: FloatArray) -> IntArray:
        """Return the component of highest responsibility of each row, shape (n,)."""
        return self.precise_covariances.labels(X, self.log_weights, self.means)


def _heaviest_first(count: Float64Array) -> IntArray | None:
    """Return the order of falling counts, or None if that is the order they have."""
    if (count[:-1] >= count[1:]).all():
        return None
    return np.argsort(-count, kind="stable")


def _per_degree(scale: Float64Array, degrees: Float64Array, kind: Scatter) -> Float64Array:
    """Return S_k / ν_k in the shape of the scale."""
    if kind is POOLED:
        return scale / float(degrees[0])
    divided: Float64Array = scale / degrees.reshape(-1, *[1] * (scale.ndim - 1))
    return divided
