"""The distribution function of a Gaussian in several dimensions.

For two features it is exact, by Owen's function T (Owen 1956). With standardised h and k and correlation ρ::

    Φ₂(h, k; ρ) = ½ Φ(h) + ½ Φ(k) − T(h, (k − ρh) / (h √(1 − ρ²))) − T(k, (h − ρk) / (k √(1 − ρ²))) − [½ if hk < 0]

For more it is a numerical integral, by SciPy's randomised quasi-Monte Carlo (Genz & Bretz 2009), always with the
same random numbers.

References
----------
Owen (1956), Tables for computing bivariate normal probabilities, Annals of Mathematical Statistics 27.

Genz & Bretz (2009), Computation of Multivariate Normal and t Probabilities, Lecture Notes in Statistics 195.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, Final

import numpy as np
from scipy.special import ndtr, owens_t

from gaussmix.types import Float64Array

ACCURACY: Final = 1e-5  # that the numerical integral aims at; the error of each value is of this order
_LEAST: Final = 1e-300  # stands for zero, of which a ratio has no value


def normal_cdf(Z: Float64Array, correlation: Float64Array) -> Float64Array:
    """Return P(z ≤ Z_i) of standard normal features with these correlations, shape (n,).

    Parameters
    ----------
    Z : ndarray of shape (n, D)
    correlation : ndarray of shape (D, D)
    """
    if len(correlation) == 1:
        return np.asarray(ndtr(Z[:, 0]))
    if len(correlation) == 2:
        return _bivariate(Z[:, 0], Z[:, 1], float(correlation[0, 1]))
    from scipy.stats import multivariate_normal  # takes most of a second, which few need

    cdf = multivariate_normal.cdf
    values = [cdf(z, cov=correlation, abseps=ACCURACY, **_seeded(cdf)) for z in Z]
    return np.asarray(np.clip(values, 0.0, 1.0))


def _seeded(cdf: Callable[..., Any]) -> dict[str, Any]:
    """Return what makes SciPy's integral the same for the same row; older versions have a seed of their own."""
    return {"rng": np.random.default_rng(0)} if "rng" in inspect.signature(cdf).parameters else {}


def _bivariate(h: Float64Array, k: Float64Array, correlation: float) -> Float64Array:
    h, k = np.where(h == 0, _LEAST, h), np.where(k == 0, _LEAST, k)
    root = np.sqrt((1 - correlation) * (1 + correlation))
    with np.errstate(over="ignore"):
        about_h = owens_t(h, (k - correlation * h) / (h * root))
        about_k = owens_t(k, (h - correlation * k) / (k * root))
    value = 0.5 * (ndtr(h) + ndtr(k)) - about_h - about_k - 0.5 * ((h < 0) != (k < 0))
    return np.asarray(np.clip(value, 0.0, 1.0))
