"""How the degrees of freedom of a mixture of t distributions are estimated: each component's own, shared, or fixed.

With responsibilities r held, the log-likelihood Σ r log t has the derivatives (means over the component's rows)::

    g = ½ n [ψ((ν+D)/2) − ψ(ν/2) − log((ν+D)/ν) + 1 + mean(log u) − mean(u)]
    h = ½ n [½ψ′((ν+D)/2) − ½ψ′(ν/2) + 1/ν − 1/(ν+D) + mean((1−u)²) / (ν+D)]

by ν. EM's own step, the root of log(ν/2) − ψ(ν/2) = c (Peel & McLachlan 2000, eq. 30), knows g but takes the scales
of the rows for known, and so creeps where tails are light: thousands of steps. Here one step of Newton's method in
1/ν is taken at the same sums. As ECME does (Liu & Rubin 1995, Statistica Sinica 5), it looks at the likelihood
itself. It goes no further than to twice or half of ν; where the likelihood is not concave, EM's step is taken.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from scipy.special import digamma, zeta

from gaussmix.model.student_moments import StudentMoments
from gaussmix.types import BoolArray, Float64Array

FREEDOMS: Final = ("component", "shared", "fixed")
# Far heavier tails than Cauchy's, for a tenth of gross outliers asks for 0.3; and tails that few data can tell from a
# Gaussian's. The lower the bound, the fewer equal rows make the likelihood infinite (Fernández & Steel 1999).
LEAST, MOST = 0.2, 1000.0
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
    n = moments.count / moments.weight
    live = n > 0
    if rule == "fixed" or not live.any():
        return degrees
    slope, curvature = _derivatives(degrees, n_features, moments)
    if rule == "shared":
        slope, curvature, n = (np.full(len(n), part[live].sum()) for part in (slope, curvature, n))
    moved, concave = _newton(degrees, slope, curvature)
    if not concave[live].all():
        excess = _left_side(degrees) - 2.0 * slope / np.where(n > 0, n, 1.0)  # EM's c
        moved = np.where(concave, moved, solve(excess, degrees))
    return np.where(live, moved, degrees)


def _derivatives(
    degrees: Float64Array, n_features: int, moments: StudentMoments
) -> tuple[Float64Array, Float64Array]:
    """Return g and h of the module's docstring per unit of weight, each (K,)."""
    ν, D, n = degrees, n_features, moments.count / moments.weight
    slope = digamma(0.5 * (ν + D)) - digamma(0.5 * ν) - np.log1p(D / ν)
    curvature = 0.5 * (_trigamma(0.5 * (ν + D)) - _trigamma(0.5 * ν)) + D / (ν * (ν + D))
    log_scale, scale, square = (
        part / moments.weight for part in (moments.log_scale, moments.scaled.count, moments.square_scale)
    )
    squares = n - 2.0 * scale + square  # of (1 − u)
    return 0.5 * (n * slope + (n + log_scale - scale)), 0.5 * (n * curvature + squares / (ν + D))


def _newton(
    degrees: Float64Array, slope: Float64Array, curvature: Float64Array
) -> tuple[Float64Array, BoolArray]:
    """Return ν after a step of Newton's method in 1/ν, and where the likelihood is concave in it, each (K,)."""
    ν = degrees
    by_inverse, bend = -np.square(ν) * slope, ν**3 * (ν * curvature + 2.0 * slope)
    concave = bend < 0
    inverse = 1.0 / ν - by_inverse / np.where(concave, bend, -1.0)
    nearest = 1.0 / np.maximum(inverse, 1.0 / (_FACTOR * ν))  # an inverse below zero asks for a Gaussian
    return np.clip(np.maximum(nearest, ν / _FACTOR), LEAST, MOST), concave


def solve(excess: Float64Array, start: Float64Array) -> Float64Array:
    """Return ν with log(ν/2) − ψ(ν/2) = ``excess``, shape (K,), within the bounds; 0 asks for the upper one.

    The left side falls from infinity to zero about as 1/ν does, so that its inverse is nearly a straight line, on
    which Newton's method ends after a few steps.
    """
    most, least = _left_side(np.array([LEAST, MOST]))
    target = np.clip(excess, least, most)
    degrees = np.clip(start, LEAST, MOST)
    for _ in range(_STEPS):
        left = _left_side(degrees)
        slope = 0.5 * _trigamma(0.5 * degrees) - 1.0 / degrees  # of minus the left side
        moved = np.clip(degrees + (left / target - 1.0) * left / slope, LEAST, MOST)
        still = np.abs(moved - degrees) <= _STILL * degrees
        degrees = moved
        if still.all():
            break
    return np.where(excess >= most, LEAST, np.where(excess <= least, MOST, degrees))


def bounded(degrees: Float64Array) -> Float64Array:
    """Return degrees of freedom within the bounds of an estimate, shape (K,)."""
    return np.clip(degrees, LEAST, MOST)


def at_bound(degrees: Float64Array) -> BoolArray:
    """Return which degrees of freedom stopped at a bound, shape (K,)."""
    bounded: BoolArray = (degrees <= LEAST) | (degrees >= MOST)
    return bounded


def information(degrees: Float64Array, n_features: int) -> Float64Array:
    """Return Fisher's information of one row about ν, (K,) (Lange, Little & Taylor 1989, JASA 84, appendix B)."""
    ν, D = degrees, float(n_features)
    gammas = 0.25 * (_trigamma(0.5 * ν) - _trigamma(0.5 * (ν + D)))
    return np.maximum(gammas - D * (ν + D + 4.0) / (2.0 * ν * (ν + D) * (ν + D + 2.0)), 0.0)


def _trigamma(x: Float64Array) -> Float64Array:
    """Return ψ′(x), which SciPy's ``polygamma`` takes twice as long for."""
    trigamma: Float64Array = zeta(2.0, x)
    return trigamma


def _left_side(degrees: Float64Array) -> Float64Array:
    left: Float64Array = np.log(0.5 * degrees) - digamma(0.5 * degrees)
    return left
