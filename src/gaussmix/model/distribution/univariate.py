"""Distribution function and quantiles of many one-dimensional mixtures at once.

The quantile y of F(y) = Σ_k π_k Φ(z_k) = q, with z_k = (y − μ_k) / σ_k, is where two sums are equal::

    Σ_{z_k ≤ 0} π_k Φ(z_k) + c  =  Σ_{z_k > 0} π_k Φ(−z_k),     c = Σ_{z_k > 0} π_k − q

Every term is a tail, which is known to full relative precision however small it is, so that neither a far quantile
nor one in the gap between two modes is lost in rounding. The logarithms of both sides (c belongs to the side where
it is positive) are equated by Newton's method, which is kept within a shrinking bracket: at the start, the least and
the largest of the components' own quantiles.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.special import log_ndtr, ndtr, ndtri

from gaussmix.errors import ParameterError
from gaussmix.types import BoolArray, Float64Array, IntArray

_EPS: Final = float(np.finfo(np.float64).eps)
_LOG_ROOT_2PI: Final = float(0.5 * np.log(2 * np.pi))
_LEAST: Final = 1e-290  # smaller sums have lost digits
_FARTHEST: Final = 1e6  # standard deviations; farther out the slope has lost its digits, and halving goes on
_MOST_STEPS: Final = 4400  # twice what halving takes from the largest number to the least
_BLOCK: Final = 1 << 18  # values of (row, component) that are worked on at a time


def cdf(y: Float64Array, weights: Float64Array, means: Float64Array, sd: Float64Array) -> Float64Array:
    """Return P(Y ≤ y) of n mixtures on the line, shape (n,).

    Parameters
    ----------
    y : ndarray of shape (n,)
    weights, means, sd : ndarray of shape (n, K), or what broadcasts to it
    """
    total = (weights * ndtr((y[:, None] - means) / sd)).sum(axis=1)
    return np.asarray(np.minimum(total, 1.0))  # the weights may sum to one rounding error more


def quantile(q: Float64Array, weights: Float64Array, means: Float64Array, sd: Float64Array) -> Float64Array:
    """Return the value below which each of n mixtures on the line has probability q, shape (n,).

    It is good to a few rounding errors of itself and of the standard deviations about it; −∞ for 0 and ∞ for 1.

    Parameters
    ----------
    q : ndarray of shape (n,)
        Probabilities, checked by ``probabilities``.
    weights, means, sd : ndarray of shape (n, K), or what broadcasts to it
    """
    shape = (len(q), max(array.shape[-1] for array in (weights, means, sd)))
    weights, means, sd = (np.broadcast_to(array, shape) for array in (weights, means, sd))
    out = np.where(q > 0, np.inf, -np.inf)
    inner = np.flatnonzero((q > 0) & (q < 1))
    step = max(1, _BLOCK // shape[1])
    for start in range(0, len(inner), step):
        rows = inner[start : start + step]
        out[rows] = _solve(_Lines(q[rows], weights[rows], means[rows], sd[rows]))
    return out


def probabilities(q: object) -> Float64Array:
    """Return q as an array, or raise ParameterError unless all are from 0 to 1."""
    try:
        values = np.asarray(q, dtype=np.float64)
    except (TypeError, ValueError):
        raise ParameterError(f"q should be probabilities, got {q!r}") from None
    outside = values[~((values >= 0) & (values <= 1))]
    if outside.size:
        raise ParameterError(f"q should be probabilities from 0 to 1, got {outside[0]:g}")
    return values


@dataclass(frozen=True, slots=True, eq=False)
class _Lines:
    """Hold n mixtures on the line and the probability that is sought of each, 0 < q < 1."""

    q: Float64Array  # (n,)
    weights: Float64Array  # (n, K)
    means: Float64Array  # (n, K)
    sd: Float64Array  # (n, K)

    def take(self, rows: IntArray | BoolArray) -> _Lines:
        return _Lines(self.q[rows], self.weights[rows], self.means[rows], self.sd[rows])

    def bracket(self) -> tuple[Float64Array, Float64Array]:
        """Return the least and the largest quantile of the components that have weight."""
        z = np.where(self.q > 0.5, -ndtri(1 - self.q), ndtri(self.q))
        own = self.means + self.sd * z[:, None]
        has_weight = self.weights > 0
        return np.where(has_weight, own, np.inf).min(axis=1), np.where(has_weight, own, -np.inf).max(axis=1)

    def sides(self, y: Float64Array) -> tuple[Float64Array, Float64Array, Float64Array]:
        """Return the logarithms of both sides at y, and the derivative of their difference, each (n,).

        The left side is the larger one where F(y) > q.
        """
        z = (y[:, None] - self.means) / self.sd
        above = z > 0  # most of the component lies below y
        tail = self.weights * ndtr(-np.abs(z))
        density = self.weights * np.exp(-0.5 * z * z - _LOG_ROOT_2PI) / self.sd
        rest = self._rest(above)
        left = np.where(above, 0.0, tail).sum(axis=1) + np.maximum(rest, 0.0)
        right = np.where(above, tail, 0.0).sum(axis=1) + np.maximum(-rest, 0.0)
        slope = (
            np.where(above, 0.0, density).sum(axis=1) / left
            + np.where(above, density, 0.0).sum(axis=1) / right
        )
        left, right, tiny = np.log(left), np.log(right), np.minimum(left, right) < _LEAST
        if tiny.any():
            left[tiny], right[tiny], slope[tiny] = self.take(tiny)._far_sides(z[tiny], rest[tiny])
        return left, right, slope

    def _far_sides(
        self, z: Float64Array, rest: Float64Array
    ) -> tuple[Float64Array, Float64Array, Float64Array]:
        """Return the same by way of logarithms, for tails that are too small for a number."""
        above, log_weights = z > 0, np.log(self.weights)
        log_tail = log_weights + log_ndtr(-np.abs(z))
        log_density = log_weights - 0.5 * z * z - _LOG_ROOT_2PI - np.log(self.sd)
        left = np.logaddexp(_log_sum(log_tail, ~above), np.log(np.maximum(rest, 0.0)))
        right = np.logaddexp(_log_sum(log_tail, above), np.log(np.maximum(-rest, 0.0)))
        slope = np.exp(_log_sum(log_density, ~above) - left) + np.exp(_log_sum(log_density, above) - right)
        return left, right, np.where(np.abs(z).min(axis=1) < _FARTHEST, slope, np.nan)

    def _rest(self, above: BoolArray) -> Float64Array:
        """Return c, from whichever end of the line q is nearer to, so that it is exact in the far tails."""
        below_y = np.where(above, self.weights, 0.0).sum(axis=1) - self.q
        above_y = (1 - self.q) - np.where(above, 0.0, self.weights).sum(axis=1)
        return np.asarray(np.where(self.q <= 0.5, below_y, above_y))


def _log_sum(logs: Float64Array, where: BoolArray) -> Float64Array:
    """Return the logarithm of the sum of the chosen exponentials, −∞ if there are none; shape (n,)."""
    chosen = np.where(where, logs, -np.inf)
    top = chosen.max(axis=1)
    finite = np.where(np.isfinite(top), top, 0.0)
    return np.asarray(finite + np.log(np.exp(chosen - finite[:, None]).sum(axis=1)))


@np.errstate(divide="ignore", invalid="ignore", over="ignore", under="ignore")
def _solve(lines: _Lines) -> Float64Array:
    """Return the quantiles by Newton's method, and by halving where its steps leave the bracket or do not shrink."""
    low, high = lines.bracket()
    y = low + 0.5 * (high - low)
    out = y.copy()
    rows, last = np.arange(len(y)), high - low
    for _ in range(_MOST_STEPS):
        left, right, slope = lines.sides(y)
        value = np.where(left == right, 0.0, left - right)  # both are −∞ in a gap wider than numbers can tell
        low, high = np.where(value <= 0, y, low), np.where(value >= 0, y, high)
        step = -value / slope
        poor = ~((y + step >= low) & (y + step <= high) & (np.abs(step) <= 0.5 * last))
        accurate = np.abs(value) <= 4 * _EPS * (1 + np.abs(left) + np.abs(y) * slope)
        step = np.where(poor, np.where(accurate, 0.0, low + 0.5 * (high - low) - y), step)
        moved = y + step
        out[rows] = moved
        going = ~(accurate | (moved == y))
        if not going.any():
            break
        rows, y, low, high, last = (array[going] for array in (rows, moved, low, high, np.abs(step)))
        lines = lines.take(going)
    return out
