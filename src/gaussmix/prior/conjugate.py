"""The conjugate prior of means and covariances as pseudo-rows, and the most probable parameters under it.

Component k has the prior density, up to a constant,

    −½ [c_k log|Σ_k| + tr(Σ_k⁻¹ (Λ_k + κ_k (μ_k − m_k)(μ_k − m_k)ᵀ))],

so that with N_k rows of mean x̄_k and scatter W_k about it the highest posterior density is at
μ_k = (N_k x̄_k + κ_k m_k) / (N_k + κ_k), and Σ_k is the family's estimate from the scatter

    W_k + Λ_k + κ_k N_k / (κ_k + N_k) · (x̄_k − m_k)(x̄_k − m_k)ᵀ

and the count N_k + c_k.

References
----------
Gauvain & Lee (1994), Maximum a posteriori estimation for multivariate Gaussian mixture observations of Markov
chains, IEEE Transactions on Speech and Audio Processing 2. Fraley & Raftery (2007), Bayesian regularization for
normal mixture estimation and model-based clustering, Journal of Classification 24, §3.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from gaussmix.moments import POOLED, Moments, Scatter
from gaussmix.prior.base import Parameters, Posterior, Prior, rows_about_means
from gaussmix.prior.layered import Layered
from gaussmix.types import Float64Array, IntArray


@dataclass(frozen=True, slots=True, eq=False)
class Conjugate(Layered):
    """Believe of means and covariances what pseudo-rows of theirs would say.

    Parameters
    ----------
    base : Prior
        Of the weights.
    means : ndarray of shape (K, D)
        m_k.
    mean_count : ndarray of shape (K,)
        κ_k, in rows.
    kind : Scatter
        The family's.
    scatter : ndarray of shape ``kind.shape(K, D)``
        Λ_k.
    count : ndarray of shape (K,)
        c_k, in rows.
    shared : bool
        Whether Λ and c, but for 1 of it for each mean, are those of one matrix that components share.
    """

    base: Prior
    means: Float64Array
    mean_count: Float64Array
    kind: Scatter
    scatter: Float64Array
    count: Float64Array
    shared: bool = False

    def log_density(self, mixture: Parameters) -> float:
        covariances = mixture.covariances
        scatter = self.kind.about_mean(self.scatter, -self.mean_count, mixture.means - self.means)
        volume = self.count @ covariances.log_det
        return self.base.log_density(mixture) - 0.5 * float(
            volume + np.vdot(covariances.precisions(), scatter)
        )

    def update(self, moments: Moments) -> Posterior:
        count, means, scatter = rows_about_means(moments)
        firm = count + self.mean_count
        shift = means - self.means
        scatter = self.kind.about_mean(scatter + self.scatter, -(count * self.mean_count / firm), shift)
        means = self.means + (count / firm)[:, None] * shift
        total = count + self.count
        if self.added_variance is not None:
            scatter = self.kind.add_diagonal(scatter, total, self.added_variance)
        return Posterior(self.base.mixing_weights(count), means, scatter, total, firm)

    def select(self, components: IntArray) -> Conjugate:
        scatter, count, K = self.scatter, self.count, len(components)
        if self.shared:  # one matrix and its belief, however many components share it
            count = np.full(K, 1.0 + (count - 1.0).sum() / K)
            if self.kind is not POOLED:
                scatter = np.repeat(scatter.sum(axis=0)[None] / K, K, axis=0)
        else:
            scatter, count = scatter[components], count[components]
        return replace(
            self,
            base=self.base.select(components),
            means=self.means[components],
            mean_count=self.mean_count[components],
            scatter=scatter,
            count=count,
        )
