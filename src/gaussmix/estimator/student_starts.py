"""Where the EM of t distributions starts: units that outliers do not stretch, and starts that leave them out.

A search for the best Gaussian mixture gives outliers components of their own, from which t distributions do not come
back. So trimmed k-means (Cuesta-Albertos, Gordaliza & Matrán 1997, Annals of Statistics 25) starts beside it, and the
likelihood decides. Where rows abound, all this looks at a sample.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from gaussmix.estimator.problem import Problem
from gaussmix.estimator.starter import Starter
from gaussmix.fit import fit_em, is_spurious, levels, rank, sample_rows, start_from_responsibilities
from gaussmix.fit.k_means import squared_distances
from gaussmix.model import Mixture, StudentMixture
from gaussmix.prior import FLOOR, Flat
from gaussmix.source import Source
from gaussmix.source.blocks import block_rows
from gaussmix.types import Float64Array, IntArray

_UNIT_ROWS: Final = 20_000  # that the units look at
_QUARTILE: Final = 0.6744897501960817  # of the normal distribution, in standard deviations
_DEGREES: Final = 8.0  # with which an estimate starts
_SEARCH: Final = {
    "low": "low",
    "default": "low",
    "high": "high",
}  # effort of the search for a Gaussian mixture
_PLAIN: Final = {"low": 1, "default": 2, "high": 4}  # starts by k-means
_TRIMMED: Final = {"low": 4, "default": 8, "high": 32}  # starts by trimmed k-means
_KEPT: Final = (0.95, 0.8)  # parts of the rows that they keep, in turn
_LLOYD: Final = 20  # iterations of trimmed k-means, at most
_LLOYD_ROWS, _LLOYD_ROWS_EACH = 1_000, 100  # rows that they look at, at least, and for each cluster
_CUTS: Final = ((10, 3), (50, 1))  # after so many more iterations, so many starts go on


def robust(problem: Problem, reg_covar: float) -> Problem:
    """Return the problem in units of the features' quartiles, where these differ, instead of their variances."""
    sample, weight = _rows(sample_rows(problem.source, _UNIT_ROWS, np.random.default_rng(0)))
    spread = np.array([_quartile_range(column, weight) for column in sample.T])
    variance = np.square(spread / (2 * _QUARTILE))
    unit = np.where(variance > 0, variance, problem.variance)
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
        sample = self._sample(rng)
        on_sample = self.starter.on(replace(problem, source=sample))
        gaussian, _ = on_sample.search(_SEARCH[self.effort], rng)
        plain = Starter(problem, "kmeans", None, None, None)
        starts = [gaussian, *(plain(sample, rng) for _ in range(_PLAIN[self.effort]))]
        return self._best([*map(self.of, starts), *self._trimmed(sample, rng)], sample)

    def of(self, mixture: Mixture) -> StudentMixture:
        """Return the start that has a Gaussian mixture's weights, means and covariances."""
        degrees = np.full(mixture.n_components, self.degrees or _DEGREES)
        model = replace(mixture, prior=self.problem.prior)
        return StudentMixture.from_mixture(model, degrees, self.rule)

    def _sample(self, rng: np.random.Generator) -> Source:
        source, K = self.problem.source, self.problem.n_components
        n_parameters = self.problem.family.n_parameters(K, source.n_features) + K * (source.n_features + 2)
        sizes = levels(source.n_rows, source.n_features, n_parameters)
        return sample_rows(source, sizes[0], rng) if sizes else source

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
        models: list[Any] = list(starts)
        for n_iter, n_kept in _CUTS:
            ends = [
                fit_em(model, partitions, self.problem.executor, tol=1e-6, max_iter=n_iter)
                for model in models
            ]
            ends.sort(key=lambda end: (not is_spurious(end.model), *rank(end)), reverse=True)
            models = [end.model for end in ends[:n_kept]]
        best: StudentMixture = models[0]
        return best


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
    n_rows = min(len(Z), max(_LLOYD_ROWS, _LLOYD_ROWS_EACH * n_clusters))
    rows = np.sort(rng.choice(len(Z), n_rows, replace=False))
    some, own = Z[rows], weight[rows]
    possible = np.flatnonzero(own > 0)
    if not len(possible):
        return trimmed(Z, weight, Z[rng.choice(len(Z), n_clusters)], kept)
    centres = some[rng.choice(possible, n_clusters, replace=len(possible) < n_clusters)]
    before = None
    for _ in range(_LLOYD):
        labels = trimmed(some, own, centres, kept)
        if before is not None and np.array_equal(before, labels):
            break
        before = labels
        count = np.bincount(labels, own, n_clusters + 1)[:n_clusters]
        sums = np.stack([np.bincount(labels, own * z, n_clusters + 1)[:n_clusters] for z in some.T], axis=1)
        centres = np.where(count[:, None] > 0, sums / np.where(count > 0, count, 1.0)[:, None], centres)
    return trimmed(Z, weight, centres, kept)


def trimmed(Z: Float64Array, weight: Float64Array, centres: Float64Array, kept: float) -> IntArray:
    """Return the nearest centre of each row, or their number for rows beyond the quantile ``kept`` of distances."""
    distances = squared_distances(Z, centres)
    nearest = distances.argmin(axis=1)
    own = distances[np.arange(len(Z)), nearest]
    order = np.argsort(own)
    cumulative = np.cumsum(weight[order])
    limit = own[order[np.searchsorted(cumulative, kept * cumulative[-1])]]
    labels: IntArray = np.where(own <= limit, nearest, len(centres))
    return labels


def _rows(sample: Source) -> tuple[Float64Array, Float64Array]:
    """Return rows and weights, in float64."""
    X = sample.take(np.arange(sample.n_rows)).astype(np.float64)
    weight = sample.sample_weight
    return X, np.ones(len(X)) if weight is None else weight
