"""What ``fit`` does between validation and attributes: units, starts, runs of EM, the best of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final, Protocol

import numpy as np

from gaussmix.covariance import CovarianceFamily
from gaussmix.errors import DataError, ParameterError
from gaussmix.estimator.parameters import feature_units
from gaussmix.executor import Executor
from gaussmix.fit import (
    STARTS,
    Convergence,
    EStep,
    FitResult,
    Sample,
    fit_em,
    levels,
    rank,
    sample_rows,
    search_samples,
    start_from_labels,
    start_from_responsibilities,
)
from gaussmix.fit.k_means import nearest
from gaussmix.model import Mixture
from gaussmix.prior import FLOOR, Flat
from gaussmix.source import Source
from gaussmix.source.blocks import block_rows
from gaussmix.types import BoolArray, Float64Array

_SEED_ROWS: Final = 20_000
_SEED_ROWS_PER_VALUE: Final = 20  # of the means: rows that a start looks at
_SEED_VALUES: Final = 2_000_000  # 16 MB, and as much again in standard units
_FLOAT32_VARIANCES: Final = (1e-30, 1e30)  # within them, squares in float32 keep their digits


@dataclass(frozen=True, eq=False)
class Problem:
    """Hold everything about a fit that does not change from start to start.

    Attributes
    ----------
    source : Source
    executor : Executor
    family : CovarianceFamily
    n_components : int
    variance : ndarray of shape (D,)
        Squared units of the features.
    constant : ndarray of shape (D,)
        Which features have one value only.
    prior : Flat
    partitions : sequence of Partition
    """

    source: Source
    executor: Executor
    family: CovarianceFamily
    n_components: int
    variance: Float64Array
    constant: BoolArray
    prior: Flat
    partitions: Any

    @classmethod
    def of(
        cls, source: Source, executor: Executor, family: CovarianceFamily, n_components: int, reg_covar: float
    ) -> Problem:
        """Measure the data: one pass for the variances."""
        partitions = source.partitions(block_rows(source.n_rows, source.n_features, n_components))
        mean, variance = _mean_and_variance(source, partitions, executor)
        unit, constant = feature_units(mean, variance)
        if family.invariance == "orthogonal":
            unit = np.full_like(unit, unit.mean())
        _check_range(source, partitions, unit, constant)
        prior = Flat(reg_covar * unit if reg_covar > 0 else None, FLOOR * unit)
        return cls(source, executor, family, n_components, unit, constant, prior, partitions)

    def complaints(self, result: FitResult) -> list[str]:
        """Return sentences on what the data could not support."""
        names = self.source.feature_names
        said = [
            f"column {names[d] if names else d!r} is constant: its variance was set by reg_covar"
            for d in np.flatnonzero(self.constant).tolist()
        ]
        if self.source.n_rows == self.n_components:
            said.append(f"as many components as rows ({self.n_components}): each describes a single row")
        collapsed = sorted({(event.component, event.reason, event.action) for event in result.collapses})
        said.extend(
            f"component {k} collapsed ({reason}) and was treated by on_degenerate={action!r}: fewer components "
            "or a larger reg_covar may fit better"
            for k, reason, action in collapsed
        )
        return said


def _check_range(source: Source, partitions: Any, unit: Float64Array, constant: BoolArray) -> None:
    """Raise DataError if squares of a column leave the range of the source's precision."""
    least, most = float(np.finfo(np.float64).tiny), float(np.finfo(np.float64).max)
    X, _ = partitions[0].load()
    with np.errstate(over="ignore"):
        spread = X.max(axis=0) - X.min(axis=0)
    wrong = constant & (spread > 0)  # its squares vanished; in float64 it may also be constant up to rounding
    if source.dtype == np.float32:
        least, most = _FLOAT32_VARIANCES
    else:
        wrong &= spread < least**0.5
    wrong |= ~((unit >= least) & (unit <= most)) & ~constant
    if wrong.any():
        column = int(wrong.argmax())
        name = source.feature_names[column] if source.feature_names else column
        raise DataError(
            f"the variance of column {name!r} is beyond the range of {source.dtype}: rescale it, e.g. divide it by "
            "its standard deviation" + (", or pass float64" if source.dtype == np.float32 else "")
        )


def _mean_and_variance(
    source: Source, partitions: Any, executor: Executor
) -> tuple[Float64Array, Float64Array]:
    """Return mean and variance of each feature, (D,), by the E-step of one diagonal component.

    The pass is about the first row, then moved to the mean; a second pass about the mean follows only where the
    first row lies so far out that digits were lost.
    """
    X, _ = partitions[0].load()
    first = X[:1024]
    mean = (first / len(first)).sum(axis=0, dtype=np.float64)  # no overflow on the way
    with np.errstate(over="ignore", invalid="ignore"):
        for _ in range(2):
            one = Mixture.from_parameters([1.0], mean[None], np.ones((1, source.n_features)), "diag")
            moments = executor.map_reduce(EStep(one), partitions)
            _, means, scatter = moments.about_means()
            shift, mean = means[0] - mean, means[0]
            variance = np.maximum(scatter[0] / moments.count[0], 0.0)
            if not (np.square(shift) > 1e4 * variance).any():
                break
    return mean, variance


class Starter:
    """Make starting mixtures for one problem.

    Parameters
    ----------
    problem : Problem
    init : str, array-like or callable
        A name in ``STARTS``, labels (N,), responsibilities (N, K), or a callable
        ``(X, n_components, rng) -> labels or responsibilities`` that gets a sample of rows.
    weights, means, covariances : ndarray or None
        Given start parameters, which replace those of the start.
    """

    def __init__(
        self,
        problem: Problem,
        init: Any,
        weights: Float64Array | None,
        means: Float64Array | None,
        covariances: Float64Array | None,
    ) -> None:
        self._problem = problem
        self._init = init
        self._weights, self._means, self._covariances = weights, means, covariances
        self._n_distinct: int | None = None

    @property
    def random(self) -> bool:
        """Whether two starts can differ."""
        return self._means is None and (isinstance(self._init, str) or callable(self._init))

    def complaints(self) -> list[str]:
        """Return a sentence if there were too few distinct rows to start from."""
        K = self._problem.n_components
        if self._n_distinct is None or self._n_distinct >= K:
            return []
        return [f"{self._n_distinct} distinct row(s) cannot tell {K} components apart: use fewer components"]

    def __call__(self, source: Source, rng: np.random.Generator) -> Mixture:
        """Return a start found by looking at ``source``, the problem's own or a sample of it."""
        given = (self._weights, self._means, self._covariances)
        if all(part is not None for part in given):
            return self._with_given(None)
        return self._with_given(self._from_data(source, rng))

    def _from_data(self, source: Source, rng: np.random.Generator) -> Mixture:
        problem = self._problem
        if not isinstance(self._init, str) and not callable(self._init):
            return self._from_grouping(problem.partitions, self._init, problem.source.n_rows)
        sample, source = self._sample(source, rng)
        self._n_distinct = sample.n_distinct()
        blocks = source.partitions(block_rows(source.n_rows, source.n_features, problem.n_components))
        if self._means is not None:  # nothing random is left: each row goes to the nearest given mean
            centre = sample.X.mean(axis=0, dtype=np.float64)
            grouping: Any = nearest(sample.standardized, (self._means - centre) / sample.unit)
        elif isinstance(self._init, str):
            grouping = STARTS[self._init](sample, problem.n_components, rng)
        else:
            grouping = self._init(sample.X, problem.n_components, rng)
        return self._from_grouping(blocks, grouping, source.n_rows)

    def _sample(self, source: Source, rng: np.random.Generator) -> tuple[Sample, Source]:
        problem = self._problem
        K, D = problem.n_components, source.n_features
        wanted = max(_SEED_ROWS, _SEED_ROWS_PER_VALUE * K * (D + 1))
        source = sample_rows(source, max(2 * K, min(wanted, _SEED_VALUES // D)), rng)
        X = source.take(np.arange(source.n_rows))
        weight = np.ones(len(X)) if source.sample_weight is None else source.sample_weight
        return Sample(X, weight, np.sqrt(problem.variance)), source

    def _from_grouping(self, blocks: Any, grouping: Any, n_rows: int) -> Mixture:
        problem = self._problem
        K, family, prior = problem.n_components, problem.family, problem.prior
        grouping = np.asarray(grouping)
        if grouping.shape == (n_rows,):
            labels = _check_labels(grouping, K)
            return start_from_labels(blocks, labels, K, family, prior)
        if grouping.shape == (n_rows, K):
            return start_from_responsibilities(blocks, _check_responsibilities(grouping), K, family, prior)
        raise ParameterError(
            f"init_params should give labels of shape ({n_rows},) or responsibilities of shape ({n_rows}, {K}), "
            f"but gave {grouping.shape}"
        )

    def _with_given(self, start: Mixture | None) -> Mixture:
        problem = self._problem
        weights = self._weights if self._weights is not None or start is None else start.weights
        means = self._means if self._means is not None or start is None else start.means
        if start is not None and self._covariances is None:
            return replace(start, weights=np.asarray(weights), means=np.asarray(means))
        return Mixture.from_parameters(weights, means, self._covariances, problem.family, problem.prior)


class Observer(Protocol):
    """What a training run tells of its progress.

    Attributes
    ----------
    listens : bool
        Whether it wants to know of each iteration.
    """

    listens: bool

    def start(self, trial: int) -> None:
        """Note that a start begins."""

    def iteration(self, iteration: int, bound: float, model: Mixture) -> bool:
        """Note an iteration over all rows; returning True stops the run."""

    def end(self, result: FitResult) -> None:
        """Note that a start has ended."""


@dataclass(frozen=True, eq=False)
class Training:
    """Run EM on one problem; ``tol``, ``max_iter`` and ``on_degenerate`` as in ``GaussianMixture``."""

    problem: Problem
    tol: float
    max_iter: int
    on_degenerate: str
    observer: Observer

    def best_of(self, starter: Starter, rng: np.random.Generator, n_init: int) -> FitResult:
        """Return the run of highest lower bound among ``n_init`` starts, if possible one without collapses."""
        return max((self._from_start(trial, starter, rng) for trial in range(n_init)), key=rank)

    def go_on(self, model: Mixture, convergence: Convergence) -> FitResult:
        """Return a run that goes on from the model of an earlier fit."""
        self.observer.start(0)
        return self._run(replace(model, prior=self.problem.prior), convergence)

    def _from_start(self, trial: int, starter: Starter, rng: np.random.Generator) -> FitResult:
        self.observer.start(trial)
        return self._run(self._start(starter, rng))

    def _start(self, starter: Starter, rng: np.random.Generator) -> Mixture:
        """Return a start, where rows abound the best of several, refined on samples."""
        source, K = self.problem.source, self.problem.n_components
        n_parameters = self.problem.family.n_parameters(K, source.n_features) + K * (source.n_features + 1)
        sizes = levels(source.n_rows, source.n_features, n_parameters)
        if not (sizes and starter.random and K > 1 and self.max_iter > 0):
            return starter(source, rng)
        executor = self.problem.executor
        return search_samples(starter, source, sizes, executor, rng, tol=self.tol, max_iter=self.max_iter)

    def _run(self, model: Mixture, convergence: Convergence | None = None) -> FitResult:
        result = fit_em(
            model,
            self.problem.partitions,
            self.problem.executor,
            tol=self.tol,
            max_iter=self.max_iter,
            on_degenerate=self.on_degenerate,
            on_iteration=self.observer.iteration if self.observer.listens else None,
            convergence=convergence,
        )
        self.observer.end(result)
        return result


def _check_labels(labels: Any, n_components: int) -> Any:
    if labels.dtype.kind not in "iu" or labels.min() < 0 or labels.max() >= n_components:
        raise ParameterError(f"labels in init_params should be integers from 0 to {n_components - 1}")
    return labels.astype(np.int64)


def _check_responsibilities(responsibilities: Any) -> Any:
    sums = responsibilities.sum(axis=1)
    if not (np.isfinite(sums).all() and (responsibilities >= 0).all() and np.allclose(sums, 1.0, atol=1e-6)):
        row = int(np.argmax(~np.isclose(sums, 1.0, atol=1e-6) | (responsibilities < 0).any(axis=1)))
        raise ParameterError(
            f"responsibilities in init_params should be non-negative and sum to 1 in each row, but row {row} does not"
        )
    return responsibilities
