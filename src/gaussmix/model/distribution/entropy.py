"""The entropy of a mixture: it has no closed form, so draws estimate it and pairs of components bound it.

References
----------
Huber, Bailey, Durrant-Whyte & Hanebeck (2008), On entropy approximation for Gaussian mixture random vectors,
IEEE International Conference on Multisensor Fusion and Integration (the lower bound).
Kolchinsky & Tracey (2017), Estimating mixture entropy with pairwise distances, Entropy 19 (the bounds by
Bhattacharyya distances and by divergences).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import logsumexp

from gaussmix.model.distribution import pairwise
from gaussmix.model.distribution.components import Components, common_units
from gaussmix.model.distribution.draws import mean_and_error, over_draws
from gaussmix.types import Float64Array

if TYPE_CHECKING:
    from gaussmix.model.mixture import Mixture


@dataclass(frozen=True, slots=True)
class Estimate:
    """Hold a number estimated by draws, in nats.

    Attributes
    ----------
    value : float
        The mean over the draws; exact where ``standard_error`` is 0.
    standard_error : float
        Of the mean.
    lower, upper : float
        Bounds that hold for the true number, whatever the draws.
    """

    value: float
    standard_error: float
    lower: float
    upper: float


def entropy(mixture: Mixture, n_draws: int, random_state: np.random.Generator | int | None) -> Estimate:
    """Return −∫ p log p with its bounds; see ``Mixture.entropy``."""
    components = common_units(mixture)[0]
    if len(components) == 1:
        exact = float(pairwise.gaussian_entropies(components)[0])
        return Estimate(exact, 0.0, exact, exact)
    values = over_draws(mixture, mixture.log_prob, n_draws, random_state)
    mean, error = mean_and_error(values)
    return Estimate(-mean, error, lower_bound(components), upper_bound(components))


def lower_bound(components: Components) -> float:
    """Return the higher of two lower bounds, in nats.

    Σ_i π_i H_i − Σ_i π_i log Σ_j π_j exp(−B_ij) with Bhattacharyya distances B (Kolchinsky & Tracey 2017), and
    −Σ_i π_i log Σ_j π_j ∫ N_i N_j (Huber et al. 2008).
    """
    mean_entropy = expected(components, pairwise.gaussian_entropies(components))
    distances = pairwise.bhattacharyya_distances(components, components)
    products = pairwise.log_products(components, components)
    return max(
        mean_entropy - expected_log_sum(components, components, -distances),
        -expected_log_sum(components, components, products),
    )


def upper_bound(components: Components) -> float:
    """Return the lower of two upper bounds, in nats.

    Σ_i π_i H_i − Σ_i π_i log Σ_j π_j exp(−KL_ij) (Kolchinsky & Tracey 2017), and the entropy of the Gaussian with
    the mixture's covariance, the largest of any distribution with that covariance.
    """
    mean_entropy = expected(components, pairwise.gaussian_entropies(components))
    divergences = pairwise.kl_divergences(components, components)
    weights = np.exp(components.log_weights)
    spread = components.means - weights @ components.means
    covariance = np.tensordot(weights, components.covariances, 1) + (weights[:, None] * spread).T @ spread
    log_det = float(np.linalg.slogdet(covariance)[1])
    gaussian = 0.5 * (len(covariance) * (pairwise.LOG_2PI + 1) + log_det) + components.log_volume
    return min(mean_entropy - expected_log_sum(components, components, -divergences), gaussian)


def expected(components: Components, values: Float64Array) -> float:
    """Return Σ_i π_i values_i."""
    return float(np.exp(components.log_weights) @ values)


def expected_log_sum(one: Components, other: Components, exponents: Float64Array) -> float:
    """Return Σ_i π_i log Σ_j π'_j exp(exponents_ij)."""
    return expected(one, np.asarray(logsumexp(other.log_weights + exponents, axis=1)))
