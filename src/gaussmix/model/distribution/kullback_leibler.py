"""The Kullback-Leibler divergence of two mixtures: estimated by draws, bounded through pairs of components.

References
----------
Hershey & Olsen (2007), Approximating the Kullback Leibler divergence between Gaussian mixture models, IEEE
International Conference on Acoustics, Speech and Signal Processing (the variational upper bound).
Durrieu, Thiran & Kelly (2012), Lower and upper bounds for approximation of the Kullback-Leibler divergence between
Gaussian mixture models, IEEE International Conference on Acoustics, Speech and Signal Processing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.special import logsumexp

from gaussmix.model.distribution import entropy, pairwise
from gaussmix.model.distribution.components import Components, common_units
from gaussmix.model.distribution.draws import mean_and_error, over_draws
from gaussmix.model.distribution.entropy import Estimate, expected, expected_log_sum
from gaussmix.types import Float64Array

if TYPE_CHECKING:
    from gaussmix.model.mixture import Mixture

_SWEEPS: Final = 100  # of the variational bound; every one of them is a bound


def kl_divergence(
    mixture: Mixture, other: Mixture, n_draws: int, random_state: np.random.Generator | int | None
) -> Estimate:
    """Return ∫ p log(p / q) with its bounds; see ``Mixture.kl_divergence``."""
    p, q = common_units(mixture, other)
    divergences = pairwise.kl_divergences(p, q)
    if len(p) == 1 and len(q) == 1:
        exact = float(divergences[0, 0])
        return Estimate(exact, 0.0, exact, exact)
    values = over_draws(mixture, lambda X: mixture.log_prob(X) - other.log_prob(X), n_draws, random_state)
    value, error = mean_and_error(values)
    return Estimate(value, error, *_bounds(p, q, divergences))


def _bounds(p: Components, q: Components, divergences: Float64Array) -> tuple[float, float]:
    """Return a lower and an upper bound of the divergence.

    The divergence is E log p − E log q over p. The first term is bounded by the bounds of the entropy, the second
    as Durrieu et al. (2012) do: above by Jensen's inequality, Σ_i π_i log Σ_j π'_j ∫ N_i N_j, below by
    Σ_i π_i [log Σ_j π'_j exp(−KL_ij) − H_i]. That upper bound stays positive for p = q, the variational one does not.
    """
    highest = expected_log_sum(p, q, pairwise.log_products(p, q))
    lowest = expected_log_sum(p, q, -divergences) - expected(p, pairwise.gaussian_entropies(p))
    lower = -entropy.upper_bound(p) - highest
    upper = -entropy.lower_bound(p) - lowest
    return max(lower, 0.0), min(upper, _variational_bound(p, q, divergences))


def _variational_bound(p: Components, q: Components, divergences: Float64Array) -> float:
    """Return min Σ_ij φ_ij [log(φ_ij / ψ_ij) + KL_ij] with Σ_j φ_ij = π_i and Σ_i ψ_ij = π'_j.

    Jensen's inequality gives the bound for every φ and ψ (Hershey & Olsen 2007); either is optimal in
    closed form given the other.
    """
    phi = p.log_weights[:, None] + q.log_weights
    for _ in range(_SWEEPS):
        psi = q.log_weights + phi - logsumexp(phi, axis=0)
        phi = psi - divergences
        phi += (p.log_weights - logsumexp(phi, axis=1))[:, None]
    return max(float((np.exp(phi) * (phi - psi + divergences)).sum()), 0.0)
