"""Where the EM of t distributions starts: units that outliers do not stretch, and starts that leave them out.

A search for the best Gaussian mixture gives outliers components of their own, from which t distributions do not come
back. So trimmed k-means (Cuesta-Albertos, Gordaliza & Matrán 1997, Annals of Statistics 25) starts beside it, and the
likelihood decides. Where the first few starts lead to one optimum, there are no others. Where rows abound, all this
looks at a sample.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Final

import numpy as np

from gaussmix.estimator.problem import Problem
from gaussmix.estimator.starter import Starter
from gaussmix.estimator.student_trimming import quantiles, trimmed_k_means
from gaussmix.fit import (
    FitResult,
    fit_em,
    is_spurious,
    levels,
    rank,
    sample_rows,
    start_from_responsibilities,
)
from gaussmix.fit.k_means import squared_distances
from gaussmix.model import Mixture, StudentMixture
from gaussmix.prior import FLOOR, Flat
from gaussmix.source import Source
from gaussmix.source.blocks import block_rows
from gaussmix.types import Float64Array

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
_KEPT: Final = (0.8, 0.95, 0.8)  # parts of the rows that they keep, in turn
_AGREED: Final = {"low": 2, "default": 3, "high": 10**6}  # starts that must lead to the best optimum
_SAME_SHIFT: Final = 0.25  # standard deviations, and their logarithms, within which components are the same
_SAME_WEIGHT: Final = 0.05
_SAME_BOUND: Final = 0.01  # nats a row
_AGREED_PART: Final = 0.6  # of all starts: where they scatter, there may be a better one
_GLANCE: Final = 4  # iterations of EM that show whether a start leads where another one has led
_TRIED: Final = 10  # iterations of one that does not
_FINALISTS: Final = 3  # starts that go on
_FINAL: Final = 50  # for so many more
_FINAL_TOL: Final = 1e-6
_MUCH_LARGER: Final = 8  # times as many rows as in the sample are worth converging on the sample first


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
    low, high = quantiles(values, weight, np.array([0.25, 0.75]))
    return float(high - low)


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
        if not self.starter.searches:
            return self.of(self.starter(self.problem.source, rng))
        contest = Contest(self._sample(rng), self.problem)
        self._run_first(contest, rng)
        if not self._agreed(contest):
            self._run_others(contest, rng)
            contest.run_on(_FINALISTS)
        elif self.problem.source.n_rows > _MUCH_LARGER * contest.sample.n_rows:
            contest.run_on(1)
        return contest.best

    def _run_first(self, contest: Contest, rng: np.random.Generator) -> None:
        """Run k-means, and trimmed k-means until so many starts agree."""
        contest.add(self.of(self._plain(contest.sample, rng)))
        for number in range(_TRIMMED[self.effort]):
            contest.add(self._trimmed(contest, number, rng))
            if self._agreed(contest):
                break

    def _agreed(self, contest: Contest) -> bool:
        """Return whether so many of the starts have led to the best optimum that looking further does not pay."""
        return contest.n_hits >= max(_AGREED[self.effort], _AGREED_PART * contest.n_starts)

    def _run_others(self, contest: Contest, rng: np.random.Generator) -> None:
        """Run the best Gaussian mixture, and k-means again."""
        on_sample = self.starter.on(replace(self.problem, source=contest.sample))
        gaussian, _ = on_sample.search(_SEARCH[self.effort], rng)
        contest.add(self.of(gaussian))
        for _ in range(1, _PLAIN[self.effort]):
            contest.add(self.of(self._plain(contest.sample, rng)))

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

    def _plain(self, sample: Source, rng: np.random.Generator) -> Mixture:
        return Starter(self.problem, "kmeans", None, None, None)(sample, rng)

    def _trimmed(self, contest: Contest, number: int, rng: np.random.Generator) -> StudentMixture:
        """Return a start by trimmed k-means."""
        problem, K = self.problem, self.problem.n_components
        labels = trimmed_k_means(*contest.rows, K, _KEPT[number % len(_KEPT)], rng)
        table = np.vstack([np.eye(K), np.zeros(K)])  # the last row is that of rows left out
        partitions = contest.partitions
        return self.of(
            start_from_responsibilities(partitions, labels, K, problem.family, problem.prior, table)
        )


@dataclass(frozen=True, eq=False)
class _End:
    """Hold where a run has got to, and the number of starts that have led there."""

    result: FitResult[StudentMixture]
    n_hits: int = 1

    def order(self) -> tuple[bool, bool, list[float]]:
        """Return what the best end has most of: a spurious one comes last."""
        return (not is_spurious(self.result.model), *rank(self.result))


class Contest:
    """Run EM on a sample from several starts, and compare where they lead.

    Parameters
    ----------
    sample : Source
    problem : Problem
    """

    def __init__(self, sample: Source, problem: Problem) -> None:
        self.sample = sample
        self._problem = problem
        self._ends: list[_End] = []
        self.n_starts = 0

    @cached_property
    def partitions(self) -> Any:
        """The logical blocks of the sample."""
        rows = block_rows(self.sample.n_rows, self.sample.n_features, self._problem.n_components)
        return self.sample.partitions(rows)

    @cached_property
    def rows(self) -> tuple[Float64Array, Float64Array]:
        """The rows of the sample in robust units, and their weights."""
        X, weight = _rows(self.sample)
        return (X - np.median(X, axis=0)) / np.sqrt(self._problem.variance), weight

    @property
    def best(self) -> StudentMixture:
        """The model that leads; a spurious one only where there are no others."""
        return self._ends[0].result.model

    @property
    def n_hits(self) -> int:
        """Starts that have led where the best one has, which counts too."""
        return self._ends[0].n_hits

    def add(self, start: StudentMixture) -> None:
        """Run one more start for some iterations, few if it leads where another one has led."""
        self.n_starts += 1
        end = self._run(start, _GLANCE)
        if not self._met(end):
            end = self._run(end.model, _TRIED - _GLANCE)
            if not self._met(end):
                self._ends.append(_End(end))
        self._ends.sort(key=_End.order, reverse=True)

    def _met(self, result: FitResult[StudentMixture]) -> bool:
        """Return whether the run has come to where another one is, which then counts once more."""
        for number, end in enumerate(self._ends):
            if self._same(end.result, result):
                further = max(end, _End(result), key=_End.order)
                self._ends[number] = replace(further, n_hits=end.n_hits + 1)
                return True
        return False

    def run_on(self, n_kept: int) -> None:
        """Run the best ones on."""
        ends = [_End(self._run(end.result.model, _FINAL)) for end in self._ends[:n_kept]]
        self._ends = sorted(ends, key=_End.order, reverse=True)

    def _run(self, model: StudentMixture, max_iter: int) -> FitResult[StudentMixture]:
        executor = self._problem.executor.local  # a sample is not worth sending
        return fit_em(model, self.partitions, executor, tol=_FINAL_TOL, max_iter=max_iter)

    def _same(self, one: FitResult[StudentMixture], other: FitResult[StudentMixture]) -> bool:
        """Return whether two runs are on the way to one optimum, as far as their components tell."""
        apart = abs(one.history[-1] - other.history[-1]) > _SAME_BOUND
        if apart or bool(one.collapses) != bool(other.collapses):
            return False
        a, b = one.model, other.model
        unit = np.sqrt(self._problem.variance)
        nearest = squared_distances(a.means / unit, b.means / unit).argmin(axis=1)
        if len(np.unique(nearest)) < a.n_components:
            return False
        sd, other_sd = a.covariances.standard_deviations(), b.covariances.standard_deviations()[nearest]
        shift = np.abs(a.means - b.means[nearest]) / np.minimum(sd, other_sd)
        stretch = np.abs(np.log(sd / other_sd))
        change = np.abs(a.weights - b.weights[nearest])
        return bool((np.maximum(shift, stretch) < _SAME_SHIFT).all() and (change < _SAME_WEIGHT).all())


def _rows(sample: Source) -> tuple[Float64Array, Float64Array]:
    """Return rows and weights, in float64."""
    X = sample.take(np.arange(sample.n_rows)).astype(np.float64)
    weight = sample.sample_weight
    return X, np.ones(len(X)) if weight is None else weight
