"""Where the EM of t distributions starts: units that outliers do not stretch, and starts that leave them out.

A search for the best Gaussian mixture gives outliers components of their own, from which t distributions do not come
back. So trimmed k-means (Cuesta-Albertos, Gordaliza & Matrán 1997, Annals of Statistics 25) starts beside it, and the
likelihood decides.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from gaussmix.estimator.problem import Problem
from gaussmix.estimator.starter import Starter
from gaussmix.executor import Executor
from gaussmix.fit import fit_em, is_spurious, rank, sample_rows, start_from_responsibilities
from gaussmix.fit.em import FitResult
from gaussmix.fit.k_means import squared_distances
from gaussmix.model import Mixture, StudentMixture
from gaussmix.prior import FLOOR, Flat
from gaussmix.source import Source
from gaussmix.source.blocks import block_rows
from gaussmix.types import Float64Array, IntArray

_ROWS: Final = 20_000  # that units and trimmed k-means look at
_ROWS_PER_VALUE: Final = 20  # of the means
_QUARTILE: Final = 0.6744897501960817  # of the normal distribution, in standard deviations
_DEGREES: Final = 8.0  # with which an estimate starts
_TRIMMED: Final = {"low": 4, "default": 12, "high": 40}  # starts by trimmed k-means
_KEPT: Final = (0.95, 0.8)  # parts of the rows that they keep, in turn
_LLOYD: Final = 30  # iterations of trimmed k-means, at most
_CUTS: Final = ((15, 3), (60, 1))  # after so many more iterations, so many starts go on


def robust(problem: Problem, reg_covar: float) -> Problem:
    """Return the problem in units of the features' quartiles, where these differ, instead of their variances."""
    sample, weight = _sample(problem.source, np.random.default_rng(0), _ROWS)
    unit = problem.variance.copy()
    if problem.family.invariance == "orthogonal":  # they were averaged
        unit = np.full_like(unit, np.inf)
    spread = np.array([_quartile_range(column, weight) for column in sample.T])
    variance = np.square(spread / (2 * _QUARTILE))
    unit = np.where(variance > 0, np.minimum(variance, unit), problem.variance)
    if problem.family.invariance == "orthogonal":
        unit = np.full_like(unit, unit.mean())
    prior = Flat(reg_covar * unit if reg_covar > 0 else None, FLOOR * unit)
    return replace(problem, variance=unit, prior=prior)


def _quartile_range(values: Float64Array, weight: Float64Array) -> float:
    """Return the distance between the weighted quartiles."""
    order = np.argsort(values, kind="stable")
    cumulative = np.cumsum(weight[order])
    low, high = np.searchsorted(cumulative, np.array([0.25, 0.75]) * cumulative[-1])
    return float(values[order[min(high, len(values) - 1)]] - values[order[low]])


@dataclass(frozen=True, eq=False)
class StudentStarts:
    """Make starts for the EM of t distributions.

    Attributes
    ----------
    problem : Problem
    starter : Starter
        Of Gaussian mixtures.
    rule : {"component", "shared", "fixed"}
    degrees : float or None
        The degrees of freedom, where they are fixed.
    effort : {"low", "default", "high"}
    """

    problem: Problem
    starter: Starter
    rule: str
    degrees: float | None
    effort: str

    def __call__(self, rng: np.random.Generator) -> StudentMixture:
        """Return a start for a fit of all rows."""
        problem = self.problem
        if not self.starter.searches:
            return self.of(self.starter(problem.source, rng))
        sample = sample_rows(problem.source, self._sample_rows(), rng)
        gaussian, _ = self.starter.search(self.effort, rng)
        starts = [self.of(gaussian), *self._trimmed(sample, rng)]
        return self._best(starts, sample)

    def of(self, mixture: Mixture) -> StudentMixture:
        """Return the start that has a Gaussian mixture's weights, means and covariances."""
        degrees = np.full(mixture.n_components, self.degrees or _DEGREES)
        model = replace(mixture, prior=self.problem.prior)
        return StudentMixture.from_mixture(model, degrees, self.rule)

    def _sample_rows(self) -> int:
        K, D = self.problem.n_components, self.problem.source.n_features
        return max(_ROWS, _ROWS_PER_VALUE * K * (D + 1))

    def _trimmed(self, sample: Source, rng: np.random.Generator) -> list[StudentMixture]:
        """Return the starts by trimmed k-means."""
        problem, K = self.problem, self.problem.n_components
        X, weight = _rows(sample)
        Z = (X - np.median(X, axis=0)) / np.sqrt(problem.variance)
        blocks = sample.partitions(block_rows(len(X), X.shape[1], K))
        table = np.vstack([np.eye(K), np.zeros(K)])  # the last row is that of rows left out
        starts = []
        for i in range(_TRIMMED[self.effort]):
            labels = trimmed_k_means(Z, weight, K, _KEPT[i % len(_KEPT)], rng)
            mixture = start_from_responsibilities(blocks, labels, K, problem.family, problem.prior, table)
            starts.append(self.of(mixture))
        return starts

    def _best(self, starts: Sequence[StudentMixture], sample: Source) -> StudentMixture:
        """Return the start that leads furthest on the sample; spurious ends count only where there are no others."""
        rows = block_rows(sample.n_rows, sample.n_features, self.problem.n_components)
        partitions: Any = sample.partitions(rows)
        for n_iter, n_kept in _CUTS:
            ends = [_run(start, partitions, self.problem.executor, n_iter) for start in starts]
            ends.sort(key=lambda end: (not _is_spurious(end.model), *rank(end)), reverse=True)
            starts = [end.model for end in ends[:n_kept]]
        return starts[0]


def trimmed_k_means(
    Z: Float64Array, weight: Float64Array, n_clusters: int, kept: float, rng: np.random.Generator
) -> IntArray:
    """Return the cluster of each row, or ``n_clusters`` for the rows farthest from all centres, which are left out.

    Parameters
    ----------
    Z : ndarray of shape (n, D)
        Rows in robust units.
    weight : ndarray of shape (n,)
    n_clusters : int
    kept : float
        The part of the weight that is not left out.
    rng : numpy.random.Generator
    """
    possible = np.flatnonzero(weight > 0)
    centres = Z[rng.choice(possible, n_clusters, replace=len(possible) < n_clusters)]
    labels = np.full(len(Z), n_clusters)
    for _ in range(_LLOYD):
        distances = squared_distances(Z, centres)
        nearest = distances.argmin(axis=1)
        own = distances[np.arange(len(Z)), nearest]
        order = np.argsort(own, kind="stable")
        cumulative = np.cumsum(weight[order])
        limit = own[order[np.searchsorted(cumulative, kept * cumulative[-1])]]
        before, labels = labels, np.where(own <= limit, nearest, n_clusters)
        if np.array_equal(before, labels):
            break
        count = np.bincount(labels, weight, n_clusters + 1)[:n_clusters]
        sums = np.stack([np.bincount(labels, weight * z, n_clusters + 1)[:n_clusters] for z in Z.T], axis=1)
        centres = np.where(count[:, None] > 0, sums / np.maximum(count, np.finfo(float).tiny)[:, None], centres)
    return labels


def _run(start: StudentMixture, partitions: Any, executor: Executor, n_iter: int) -> FitResult:
    model: Any = start
    return fit_em(model, partitions, executor, tol=1e-6, max_iter=n_iter)


def _is_spurious(model: Any) -> bool:
    return is_spurious(model)


def _sample(source: Source, rng: np.random.Generator, n_rows: int) -> tuple[Float64Array, Float64Array]:
    return _rows(sample_rows(source, n_rows, rng))


def _rows(sample: Source) -> tuple[Float64Array, Float64Array]:
    """Return rows and weights, in float64."""
    X = sample.take(np.arange(sample.n_rows)).astype(np.float64)
    weight = sample.sample_weight
    return X, np.ones(len(X)) if weight is None else weight
