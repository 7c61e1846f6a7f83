"""Spurious maxima: a component that sits on a few rows, almost flat in some direction, at a likelihood without limit.

The likelihood of a mixture with free covariances has no maximum: a component that shrinks onto a few rows raises it
as far as one likes (Day 1969). What a user wants is the best of the other maxima. The sign of a spurious one is
a variance that is tiny beside those of the other components *in the same direction*: the least eigenvalue of Σ_k in
the metric of W = Σ π_k Σ_k. It does not depend on units or rotation. True components stay above 0.008 in all problems
that were simulated, even nested ones, so a thousandth divides the two (Ingrassia & Rocci 2007 bound a like ratio).
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from gaussmix.covariance.factor import factorize
from gaussmix.model import Mixture, StudentMixture
from gaussmix.moments import DIAGONAL, TRACE
from gaussmix.types import Float64Array

LEAST_RATIO: Final = 1e-3


def is_spurious(mixture: Mixture | StudentMixture) -> bool:
    """Return whether a component is thinner than ``LEAST_RATIO`` of the pooled covariance in some direction."""
    if mixture.covariances.scatter in (DIAGONAL, TRACE):
        return bool((least_eigenvalue_ratios(mixture) < LEAST_RATIO).any())
    if mixture.covariances.scatter.n_factors:
        return bool((_noise_ratios(mixture) < LEAST_RATIO).any())
    dense = mixture.covariances.to_dense()  # Σ_k − c W is positive definite where the ratio exceeds c
    pooled = np.einsum("k,kij->ij", mixture.weights, dense)
    scale = np.sqrt(np.diagonal(pooled))
    correlation = (dense - LEAST_RATIO * pooled) / scale[:, None] / scale
    return bool(factorize(correlation)[2].any())


def least_eigenvalue_ratios(mixture: Mixture | StudentMixture) -> Float64Array:
    """Return the least eigenvalue of each Σ_k in the metric of W = Σ π_k Σ_k, shape (K,)."""
    if mixture.covariances.scatter in (DIAGONAL, TRACE):
        variances = np.square(mixture.covariances.standard_deviations())
        return np.asarray((variances / (mixture.weights @ variances)).min(axis=1))
    if mixture.covariances.scatter.n_factors:
        return _noise_ratios(mixture)
    dense = mixture.covariances.to_dense()
    pooled = np.einsum("k,kij->ij", mixture.weights, dense)
    scale = np.sqrt(np.diagonal(pooled))
    precision, _, singular = factorize((pooled / scale[:, None] / scale)[None])
    if singular[0]:
        return np.zeros(mixture.n_components)
    relative = precision[0] @ (dense / scale[:, None] / scale) @ precision[0].T
    return np.asarray(np.linalg.eigvalsh(relative)[:, 0])


def _noise_ratios(mixture: Mixture | StudentMixture) -> Float64Array:
    """Return each component's noise over the pooled noise, the geometric mean over the features, shape (K,).

    It stands for the least eigenvalue where features are so many that matrices are not made.
    """
    stored: Any = mixture.covariances
    pooled = mixture.weights @ stored.noise
    return np.asarray(np.exp(np.log(stored.noise / pooled).mean(axis=1)))
