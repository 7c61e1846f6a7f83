"""Fewer passes over all rows: search on a small random sample, refine on larger ones, finish on all.

The iterations that travel far, and the starts that lead nowhere, happen where they are cheap; each level begins
where the one before ended, so that the passes over all rows only travel the distance between two sample sizes
(Bradley, Fayyad & Reina 1998).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from gaussmix.covariance import CovarianceFamily
from gaussmix.executor import Executor, Serial
from gaussmix.fit.effort import MAX_VALUES, plan_search
from gaussmix.fit.em import FitResult, fit_em
from gaussmix.fit.initialization import Sample
from gaussmix.fit.level import Level, Run
from gaussmix.fit.moves import split_and_merge
from gaussmix.fit.portfolio import Portfolio
from gaussmix.fit.search import AGREED_ON_SAMPLE, Optima, search, survivors
from gaussmix.model import Mixture
from gaussmix.prior import Prior
from gaussmix.source import ArraySource, Source
from gaussmix.source.blocks import block_rows
from gaussmix.types import Float64Array, IntArray

_LEAST_ROWS: Final = 5_000
_ROWS_PER_PARAMETER: Final = 10  # with fewer, small components have no rows in the sample
_GROWTH: Final = 4
_TRIALS: Final = 6
_TRIAL_ITERATIONS: Final = 10  # fewer tell little about where a start will end
_FINALISTS: Final = 2
_FINAL_ITERATIONS: Final = 40
_ORDER_DIGITS: Final = 6  # of a standard deviation: means that agree so far are ordered by the next feature
_LATER_ROUNDS: Final = 4  # of moves on the second sample
_LEVEL_ITERATIONS: Final = 200  # of each level: what is left, the next one does
_VALUES_IN_MEMORY: Final = 2**27  # 1 GiB of float64: more may come from a disk
_LONGEST_RUN: Final = 64  # rows of a sample side by side: a page or two of a file
_LEAST_RUNS: Final = 4_096  # of a sample, as neighbours may be alike
_LEVEL_TOL: Final = 1e-2  # total log-likelihood (nats) worth chasing on a sample, which is one of many

MakeStart = Callable[[Source, np.random.Generator], Mixture]


def sample_rows(source: Source, n_rows: int, rng: np.random.Generator) -> Source:
    """Return a source of ``n_rows`` rows of positive weight, drawn from equal stretches of rows, or of all of them.

    A row is drawn at random from each of ``n_rows`` equal stretches: what this needs in memory does not grow with the
    number of all rows, and rows in some order are sampled evenly. Where the rows are so many that they may come from
    a disk, short runs of rows are drawn from fewer stretches, so that not every page of a file is read.
    """
    weight = source.sample_weight
    weightless = weight is not None and not weight.all()
    possible = np.flatnonzero(weight) if weightless and weight is not None else None
    n_possible = source.n_rows if possible is None else len(possible)
    if n_rows >= n_possible and possible is None:
        return dense(source)
    drawn = _drawn(n_possible, min(n_rows, n_possible), run_length(source, n_rows), rng)
    rows = drawn if possible is None else possible[drawn]
    return ArraySource(source.take(rows), source.weight_of(rows))


def run_length(source: Source, n_rows: int) -> int:
    """Return how many consecutive rows a sample of ``n_rows`` takes at a time: a function of the numbers alone.

    So the sample has the same rows whatever holds them.
    """
    if source.n_rows * source.n_features <= _VALUES_IN_MEMORY:
        return 1
    return max(1, min(_LONGEST_RUN, n_rows // _LEAST_RUNS))


def _drawn(n_rows: int, n_drawn: int, run: int, rng: np.random.Generator) -> IntArray:
    """Return ascending numbers of ``n_drawn`` rows, one run at a random place of each of equal stretches."""
    stretches = np.arange(-(-n_drawn // run) + 1)
    left_out, drawn = (stretches * n // stretches[-1] for n in (n_rows - n_drawn, n_drawn))
    spare, sizes = np.diff(left_out), np.diff(drawn)  # of each stretch, which so has room for its run
    starts = (left_out + drawn)[:-1] + (rng.random(len(sizes)) * (spare + 1)).astype(np.int64)
    before = np.cumsum(sizes) - sizes
    rows: IntArray = np.repeat(starts - before, sizes) + np.arange(sizes.sum())
    return rows


def dense(source: Source) -> Source:
    """Return a source of the same rows, dense where they are sparse; for samples that memory holds easily."""
    if not source.sparse:
        return source
    return ArraySource(source.take(np.arange(source.n_rows)), source.sample_weight)


def levels(n_rows: int, n_features: int, n_parameters: int) -> list[int]:
    """Return the sizes of the samples to climb, smallest first; none if all rows are few enough."""
    sizes = []
    size = max(_LEAST_ROWS, _ROWS_PER_PARAMETER * n_parameters)
    while size * _GROWTH <= n_rows and size * n_features <= MAX_VALUES:
        sizes.append(size)
        size *= _GROWTH
    return sizes


@dataclass(frozen=True, eq=False)
class Task:
    """What a search for the best optimum is about.

    Attributes
    ----------
    source : Source
        All rows.
    n_components : int
        At least 2.
    family : CovarianceFamily
    prior : Prior
    unit : ndarray of shape (D,)
        Standard deviations of the features.
    given : sequence of Mixture
        Starts that are known to be good, such as the optima of families close by: then few others are tried.
    """

    source: Source
    n_components: int
    family: CovarianceFamily
    prior: Prior
    unit: Float64Array
    given: Sequence[Mixture] = ()

    def level(self, source: Source) -> Level:
        """Return the level of a sample."""
        return Level(source, self.n_components, source.n_rows / self.source.n_rows)

    def portfolio(self, source: Source, rng: np.random.Generator) -> Portfolio:
        """Return the starts that a sample gives."""
        X = source.take(np.arange(source.n_rows))
        weight = np.ones(len(X))
        if source.sample_weight is not None:  # of mean 1, so that no sum of them overflows
            weight = source.sample_weight / source.sample_weight.max()
            weight /= weight.mean()
        return Portfolio(
            Sample(X, weight, self.unit), self.n_components, self.family, self.prior, rng, given=self.given
        )


def search_start(
    task: Task, effort: str, executor: Executor, rng: np.random.Generator
) -> tuple[Mixture, Optima]:
    """Return a start for a fit of all rows near the best optimum that a search has found, and what it saw.

    The search runs on a sample of the rows where they abound; its best two are then refined on four times as many,
    the better one is moved once more and refined on larger and larger samples, each containing the one before.
    """
    source, K = task.source, task.n_components
    size, plan = plan_search(effort, source.n_rows, source.n_features, K, task.family)
    if task.given:
        plan = plan.shortened(len(task.given))
    samples = _nested_samples(source, size, rng)
    level = task.level(samples[0])
    runs, optima = search(level, task.portfolio(samples[0], rng), plan, executor, rng)
    passes = optima.n_passes
    for number, sample in enumerate(samples[1:]):
        level = task.level(sample)
        runs = _refined(runs[:_FINALISTS], level, executor)
        if number == 0 and plan.n_candidates and K > 2 and optima.n_best < AGREED_ON_SAMPLE:
            moved, taken = split_and_merge(
                runs[0],
                level,
                task.portfolio(sample, rng),
                executor,
                rng,
                n_candidates=plan.n_candidates,
                max_rounds=_LATER_ROUNDS,
                max_passes=(plan.max_passes - passes * source.n_rows / size) * size / sample.n_rows,
            )
            runs, passes = [moved], passes + taken * level.share
        passes += sum(run.n_iter for run in runs) * level.share
    return _ordered(runs[0].model, task.unit), replace(optima, n_passes=passes, share=level.share)


def _ordered(model: Mixture, unit: Float64Array) -> Mixture:
    """Return the mixture with its components in ascending order of their means, the first feature first.

    Several runs that end at one optimum differ in nothing but rounding errors and the order of their components.
    """
    rounded = np.round(model.means / unit, _ORDER_DIGITS)
    return model.select(np.lexsort(rounded.T[::-1]))


def _refined(runs: list[Run], level: Level, executor: Executor) -> list[Run]:
    """Return the runs after some iterations on a larger sample, the best first."""
    ahead = [level.run(run.model, _FINAL_ITERATIONS, level.tol, executor) for run in runs]
    return survivors(ahead, level, len(ahead))


def _nested_samples(source: Source, size: int, rng: np.random.Generator) -> list[Source]:
    """Return samples of fourfold size, each containing the one before; the first may hold all rows."""
    if size >= source.n_rows:
        return [dense(source)]
    sizes = [size]
    while sizes[-1] * _GROWTH**2 <= source.n_rows and sizes[-1] * _GROWTH * source.n_features <= MAX_VALUES:
        sizes.append(sizes[-1] * _GROWTH)
    samples = [sample_rows(source, sizes[-1], rng)]
    for smaller in reversed(sizes[:-1]):
        samples.append(sample_rows(samples[-1], smaller, rng))
    return samples[::-1]


@dataclass(frozen=True, eq=False)
class Trial:
    """Fit one start on the rows of a sample, for a few iterations: the task that executors run."""

    make_start: MakeStart
    sample: Source
    max_iter: int

    def __call__(self, rng: np.random.Generator) -> list[FitResult[Mixture]]:
        return [refine(self.make_start(self.sample, rng), self.sample, Serial(), 0.0, self.max_iter)]


@dataclass(frozen=True, eq=False)
class Finish:
    """Run one of the best starts on, until it shows which is the best: the task that executors run."""

    sample: Source
    tol: float
    max_iter: int

    def __call__(self, model: Mixture) -> list[FitResult[Mixture]]:
        return [refine(model, self.sample, Serial(), self.tol, self.max_iter)]


def search_samples(
    make_start: MakeStart,
    source: Source,
    sizes: list[int],
    executor: Executor,
    rng: np.random.Generator,
    *,
    tol: float,
    max_iter: int,
) -> Mixture:
    """Return a start for a fit of all rows: the best of several on the first sample, refined on the others.

    Parameters
    ----------
    make_start : callable
        ``(source, rng) -> Mixture``.
    source : Source
    sizes : list of int
        From ``levels``, at least one.
    executor : Executor
        Runs the trials side by side.
    rng : numpy.random.Generator
        Draws samples and starts.
    tol : float
    max_iter : int
        Of each level.
    """
    sample = sample_rows(source, sizes[0], rng)
    trials = executor.map_reduce(
        Trial(make_start, sample, min(max_iter, _TRIAL_ITERATIONS)), rng.spawn(_TRIALS)
    )
    finalists = [result.model for result in sorted(trials, key=rank, reverse=True)[:_FINALISTS]]
    ends = executor.map_reduce(Finish(sample, tol, min(max_iter, _FINAL_ITERATIONS)), finalists)
    model = max(ends, key=rank).model
    for size in sizes:
        level = sample if size == sizes[0] else sample_rows(source, size, rng)
        refined = refine(model, level, executor, tol, max_iter)
        if refined.collapses:  # the sample lost a component that all rows may keep
            break
        model = refined.model
    return model


def refine(
    model: Mixture, sample: Source, executor: Executor, tol: float, max_iter: int
) -> FitResult[Mixture]:
    """Return the result of EM on a sample, no further than a sample can tell."""
    tol, max_iter = max(tol, _LEVEL_TOL / sample.n_rows), min(max_iter, _LEVEL_ITERATIONS)
    rows = block_rows(sample.n_rows, sample.n_features, model.n_components)
    return fit_em(model, sample.partitions(rows), executor, tol=tol, max_iter=max_iter)


def rank(result: FitResult[Any]) -> tuple[bool, list[float]]:
    """Order runs by their last bound; those in which a component collapsed come first, as theirs has no limit."""
    return not result.collapses, result.history[-1:]
