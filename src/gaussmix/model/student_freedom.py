"""How the degrees of freedom of a mixture of t distributions are estimated: each component's own, shared, or fixed.

With responsibilities r held, the log-likelihood Σ r log t has the derivatives (means over the component's rows)::

    g = ½ n [ψ((ν+D)/2) − ψ(ν/2) − log((ν+D)/ν) + 1 + mean(log u) − mean(u)]
    h = ½ n [½ψ′((ν+D)/2) − ½ψ′(ν/2) + 1/ν − 1/(ν+D) + mean((1−u)²) / (ν+D)]

by ν. EM's own step, the root of log(ν/2) − ψ(ν/2) = c (Peel & McLachlan 2000, eq. 30), knows g but takes the scales
of the rows for known, and so creeps where tails are light: thousands of steps. Here one step of Newton's method in
1/ν is taken at the same sums. As ECME does (Liu & Rubin 1995, Statistica Sinica 5), it looks at the likelihood
itself. It never goes less far than EM, and not further than twice or half of ν.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from scipy.special import digamma, polygamma

from gaussmix.model.student_moments import StudentMoments
from gaussmix.types import BoolArray, Float64Array

FREEDOMS: Final = ("component", "shared", "fixed")
LEAST, MOST = 0.5, 1000.0  # heavier tails than Cauchy's, and tails that few data can tell from a Gaussian's
_FACTOR: Final = 2.0  # by which ν grows or shrinks in one step at most
_STEPS: Final = 50
_STILL: Final = 1e-13  # relative change of ν at which Newton's method ends


def estimate(rule: str, degrees: Float64Array, n_features: int, moments: StudentMoments) -> Float64Array:
    """Return degrees of freedom of higher likelihood, shape (K,).

    Parameters
    ----------
    rule : {"component", "shared", "fixed"}
    degrees : ndarray of shape (K,)
        Those of the E-step.
    n_features : int
    moments : StudentMoments
    """
    n = moments.count
    live = n > 0
    if rule == "fixed" or not live.any():
        return degrees
    slope, curvature = _derivatives(degrees, n_features, moments)
    excess = _left_side(degrees) - 2.0 * slope / np.where(live, n, 1.0)  # EM's c
    if rule == "shared":
        slope, curvature = np.full_like(slope, slope[live].sum()), np.full_like(slope, curvature[live].sum())
        excess = np.full_like(slope, n[live] @ excess[live] / n[live].sum())
    return np.where(live, _step(degrees, slope, curvature, solve(excess, degrees)), degrees)


def _derivatives(
    degrees: Float64Array, n_features: int, moments: StudentMoments
) -> tuple[Float64Array, Float64Array]:
    """Return g and h of the module's docstring, each (K,)."""
    ν, D, n = degrees, n_features, moments.count
    slope = digamma(0.5 * (ν + D)) - digamma(0.5 * ν) - np.log1p(D / ν)
    curvature = 0.5 * (polygamma(1, 0.5 * (ν + D)) - polygamma(1, 0.5 * ν)) + D / (ν * (ν + D))
    scale = moments.scaled.count
    squares = n - 2.0 * scale + moments.square_scale  # Σ w r (1 − u)²
    return 0.5 * (n * slope + (n + moments.log_scale - scale)), 0.5 * (n * curvature + squares / (ν + D))


def _step(
    degrees: Float64Array, slope: Float64Array, curvature: Float64Array, expected: Float64Array
) -> Float64Array:
    """Return ν after a step of Newton's method in 1/ν; where the likelihood is not concave, EM's ``expected``."""
    ν = degrees
    by_inverse, concave = -np.square(ν) * slope, ν**3 * (ν * curvature + 2.0 * slope)
    with np.errstate(divide="ignore", invalid="ignore"):
        inverse = 1.0 / ν - by_inverse / concave
        newton = np.where(inverse > 0, 1.0 / inverse, np.inf)
    newton = np.clip(newton, ν / _FACTOR, ν * _FACTOR)
    further = np.where(slope > 0, np.maximum(newton, expected), np.minimum(newton, expected))
    return np.clip(np.where(concave < 0, further, expected), LEAST, MOST)


def solve(excess: Float64Array, start: Float64Array) -> Float64Array:
    """Return ν with log(ν/2) − ψ(ν/2) = ``excess``, shape (K,), within the bounds; excess ≤ 0 asks for the upper one.

    The left side falls from infinity to zero about as 1/ν does, so that its inverse is nearly a straight line, on which
    Newton's method ends after a few steps.
    """
    most, least = _left_side(np.array([LEAST, MOST]))
    target = np.clip(excess, least, most)
    degrees = np.clip(start, LEAST, MOST)
    for _ in range(_STEPS):
        left = _left_side(degrees)
        slope = 0.5 * polygamma(1, 0.5 * degrees) - 1.0 / degrees  # of minus the left side
        moved = np.clip(degrees + (left / target - 1.0) * left / slope, LEAST, MOST)
        still = np.abs(moved - degrees) <= _STILL * degrees
        degrees = moved
        if still.all():
            break
    return np.where(excess >= most, LEAST, np.where(excess <= least, MOST, degrees))


def at_bound(degrees: Float64Array) -> BoolArray:
    """Return which degrees of freedom stopped at a bound, shape (K,)."""
    bounded: BoolArray = (degrees <= LEAST) | (degrees >= MOST)
    return bounded


def information(degrees: Float64Array, n_features: int) -> Float64Array:
    """Return Fisher's information of one row about ν, shape (K,) (Lange, Little & Taylor 1989, JASA 84, appendix B)."""
    ν, D = degrees, float(n_features)
    gammas = 0.25 * (polygamma(1, 0.5 * ν) - polygamma(1, 0.5 * (ν + D)))
    return np.maximum(gammas - D * (ν + D + 4.0) / (2.0 * ν * (ν + D) * (ν + D + 2.0)), 0.0)


def _left_side(degrees: Float64Array) -> Float64Array:
    left: Float64Array = np.log(0.5 * degrees) - digamma(0.5 * degrees)
    return left
