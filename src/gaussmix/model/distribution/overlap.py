"""How much the components of a mixture overlap.

ω_{j|i} is the probability that a row of component i is more probable in component j (Maitra & Melnykov 2010)::

    ω_{j|i} = P(π_j φ_j(x) > π_i φ_i(x)),   x ~ N(μ_i, Σ_i)

It is the relative frequency among rows drawn from component i, always the same ones for the same mixture.

References
----------
Maitra & Melnykov (2010), Simulating data to study performance of finite mixture modeling and clustering
algorithms, Journal of Computational and Graphical Statistics 19.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from gaussmix.types import Float64Array

if TYPE_CHECKING:
    from gaussmix.model.mixture import Mixture

_MOST_DRAWS, _LEAST_DRAWS = 4_000, 64  # of each component
_WORK: Final = 4e8  # flops, about


def n_draws(n_components: int, n_features: int) -> int:
    """Return how many rows are drawn from each component."""
    flops = n_components * n_components * n_features * (n_features + 10.0)
    return int(min(_MOST_DRAWS, max(_LEAST_DRAWS, _WORK / flops)))


def overlap(mixture: Mixture) -> Float64Array:
    """Return ω_{j|i} in row i and column j, shape (K, K), with zeros on the diagonal.

    The standard error is √(ω (1 − ω) / n), at most 0.008 for n = 4,000 draws; see ``n_draws``.
    """
    K, D = mixture.n_components, mixture.n_features
    omega = np.zeros((K, K))
    if K == 1:
        return omega
    half = np.random.default_rng(0).standard_normal((n_draws(K, D) // 2, D))
    Z = np.concatenate([half, -half])  # so that the draws have their component's mean
    for i in range(K):
        joint = mixture.log_joint(mixture.means[i] + mixture.covariances.colorize(Z, i))
        own = joint[:, i : i + 1]
        omega[i] = ((joint > own) + 0.5 * (joint == own)).mean(axis=0)  # equal components share their rows
    np.fill_diagonal(omega, 0.0)
    return omega
