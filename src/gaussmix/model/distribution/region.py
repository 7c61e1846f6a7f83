"""Highest-density regions: the smallest sets that hold a given probability, {x : p(x) ≥ level}.

log level is the 1 − α quantile of log p(x) over draws of x (Hyndman 1996). It is known for one component, by the
chi-square distribution, and for one feature, where the region is a union of intervals between roots of p(x) = level.

References
----------
Hyndman (1996), Computing and graphing highest density regions, The American Statistician 50.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.special import gammaincinv, ndtr

from gaussmix.errors import ParameterError
from gaussmix.model.distribution.draws import over_draws
from gaussmix.types import BoolArray, Float64Array

if TYPE_CHECKING:
    from gaussmix.model.mixture import Mixture

_LEAST_BEYOND: Final = 10  # draws in the smaller tail of log p, below which its quantile is a guess
_WHOLE: Final = 1e-6  # draws: so that 10 / (1 − 0.9) is 100, not 101
_BISECTIONS: Final = 60  # of a bracket that is at most some standard deviations wide
# Nodes about each mean, in standard deviations: dense where a density can turn, far enough for any level.
_NODES: Final = np.concatenate([np.linspace(0, 8, 161), np.geomspace(8.25, 40, 40)])


@dataclass(frozen=True, slots=True, eq=False)
class HighestDensityRegion:
    """Hold the region {x : log p(x) ≥ level} of a mixture.

    Attributes
    ----------
    alpha : float
        The probability inside.
    level : float
        The log-density on the border, in nats.
    standard_error : float
        Of the level; 0 where it is exact.
    mixture : Mixture
    """

    alpha: float
    level: float
    standard_error: float
    mixture: Mixture = field(repr=False)

    def contains(self, X: object) -> BoolArray:
        """Return whether each row of ``X`` (n, D) lies in the region, shape (n,)."""
        return np.asarray(self.mixture.log_prob(self.mixture._rows(X)) >= self.level)

    def intervals(self) -> Float64Array:
        """Return the intervals that the region of a single feature consists of, in ascending order, shape (M, 2).

        Raises
        ------
        ParameterError
            If the mixture has several features.
        """
        if self.mixture.n_features != 1:
            raise ParameterError(
                f"intervals are of one feature, but the mixture has {self.mixture.n_features}: "
                "take its marginal first, or ask contains"
            )
        return _intervals(self.mixture, self.level, _nodes(self.mixture))


def highest_density_region(
    mixture: Mixture, alpha: float, n_draws: int, random_state: np.random.Generator | int | None
) -> HighestDensityRegion:
    """Return the region; see ``Mixture.hdr``."""
    if not 0 < alpha < 1:
        raise ParameterError(f"alpha, the probability inside, should lie between 0 and 1, got {alpha!r}")
    active = np.flatnonzero(mixture.weights > 0)
    if len(active) == 1:
        D = mixture.n_features
        log_det = mixture.covariances.log_det[active[0]]
        chi_square = 2 * gammaincinv(D / 2, alpha)  # its quantile
        exact = -0.5 * (chi_square + log_det + D * np.log(2 * np.pi))
        return HighestDensityRegion(alpha, float(exact), 0.0, mixture)
    if mixture.n_features == 1:
        return HighestDensityRegion(alpha, _exact_level(mixture, alpha), 0.0, mixture)
    return HighestDensityRegion(alpha, *_drawn_level(mixture, alpha, n_draws, random_state), mixture)


def _drawn_level(
    mixture: Mixture, alpha: float, n_draws: int, random_state: np.random.Generator | int | None
) -> tuple[float, float]:
    """Return the 1 − α quantile of log p over draws, and its standard error, half the spacing of quantiles around."""
    needed = int(np.ceil(_LEAST_BEYOND / min(alpha, 1 - alpha) - _WHOLE))
    if n_draws < needed:
        raise ParameterError(f"alpha={alpha:g} needs n_draws of at least {needed}, got {n_draws}")
    values = over_draws(mixture, mixture.log_prob, n_draws, random_state)
    error = np.sqrt(alpha * (1 - alpha) / n_draws)
    lower, level, upper = np.quantile(values, 1 - alpha + error * np.array([-1, 0, 1]))
    return float(level), float(upper - lower) / 2


def _exact_level(mixture: Mixture, alpha: float) -> float:
    """Return the level at which the intervals hold probability ``alpha``."""
    from scipy.optimize import brentq  # takes a fifth of a second, which few need

    nodes = _nodes(mixture)
    heights = _log_density(mixture, nodes)

    def excess(level: float) -> float:
        return _probability(mixture, _intervals(mixture, level, nodes)) - alpha

    return float(brentq(excess, heights.min(), heights.max(), xtol=1e-13, rtol=1e-15))


def _nodes(mixture: Mixture) -> Float64Array:
    """Return ascending points, with every turning point of the density among them: it is monotone in between."""
    sd = mixture.covariances.standard_deviations()
    nodes = np.unique(mixture.means + sd * np.concatenate([-_NODES, _NODES]))
    rising = _slope(mixture, nodes) > 0
    turns = np.flatnonzero(rising[:-1] != rising[1:])
    left, right = nodes[turns], nodes[turns + 1]
    for _ in range(_BISECTIONS):
        middle = left + (right - left) / 2
        like_left = (_slope(mixture, middle) > 0) == rising[turns]
        left, right = np.where(like_left, middle, left), np.where(like_left, right, middle)
    return np.unique(np.concatenate([nodes, left, right]))


def _slope(mixture: Mixture, x: Float64Array) -> Float64Array:
    """Return the derivative of log p times the variance of the first component."""
    variances = np.square(mixture.covariances.standard_deviations()[:, 0])
    pull = (mixture.means[:, 0] - x[:, None]) * (variances[0] / variances)
    return np.asarray((mixture.posterior(x[:, None]) * pull).sum(axis=1))


def _intervals(mixture: Mixture, level: float, nodes: Float64Array) -> Float64Array:
    """Return the intervals in which log p is at least ``level``, shape (M, 2)."""
    inside = _log_density(mixture, nodes) >= level
    inside[[0, -1]] = False  # 40 standard deviations from every mean
    edges = np.flatnonzero(inside[:-1] != inside[1:])
    left, right = nodes[edges], nodes[edges + 1]
    for _ in range(_BISECTIONS):
        middle = left + (right - left) / 2
        like_left = (_log_density(mixture, middle) >= level) == inside[edges]
        left, right = np.where(like_left, middle, left), np.where(like_left, right, middle)
    return (left + (right - left) / 2).reshape(-1, 2)


def _log_density(mixture: Mixture, x: Float64Array) -> Float64Array:
    return np.asarray(mixture.covariances.log_prob(x[:, None], mixture.log_weights, mixture.means))


def _probability(mixture: Mixture, intervals: Float64Array) -> float:
    """Return the probability of a union of intervals, without cancellation in the upper tails."""
    sd = mixture.covariances.standard_deviations()
    z = (intervals[:, None] - mixture.means.T[:, :, None]) / sd.T[:, :, None]  # (M, K, 2)
    z = np.where(z[..., :1] > 0, -z[..., ::-1], z)
    return float(((ndtr(z[..., 1]) - ndtr(z[..., 0])) @ mixture.weights).sum())
