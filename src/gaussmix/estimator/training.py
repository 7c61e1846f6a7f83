"""Runs of EM on one problem, from several starts or on from an earlier fit."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, field, replace
from typing import Final, Protocol

import numpy as np

from gaussmix.estimator.journal import Found, Journal
from gaussmix.estimator.problem import Problem
from gaussmix.estimator.starter import Starter
from gaussmix.fit import (
    SETTLED,
    Convergence,
    FitResult,
    Optima,
    fit_em,
    fit_incremental,
    is_spurious,
    levels,
    rank,
    search_samples,
)
from gaussmix.fit.em import LoopState
from gaussmix.model import Mixture

# Searches after the first where values are missing: what was filled in for that one knew nothing of clusters.
_FILLINGS: Final = 2


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
class Trained:
    """Hold the result of a run, and what the search for its start has seen.

    Attributes
    ----------
    result : FitResult
    optima : Optima or None
        None where nothing was searched.
    """

    result: FitResult
    optima: Optima | None

    @property
    def n_passes(self) -> float:
        """What fit and search were worth in passes over all rows."""
        return len(self.result.history) + (self.optima.n_passes if self.optima else 0.0)


@dataclass(frozen=True, eq=False)
class Training:
    """Run EM on one problem; the parameters after ``observer`` as in ``GaussianMixture``."""

    problem: Problem
    observer: Observer
    _: KW_ONLY
    tol: float
    max_iter: int
    on_degenerate: str
    acceleration: str | None
    assignment: str
    effort: str
    journal: Journal = field(default_factory=Journal)

    def best_of(self, starter: Starter, rng: np.random.Generator, n_init: int) -> Trained:
        """Return the run of highest lower bound among ``n_init`` starts, if possible one without collapses."""
        trials = range(n_init if starter.random else 1)  # given starts are all the same
        runs = [self._from_start(trial, starter, rng) for trial in trials]
        return max(runs, key=self._order)

    def go_on(self, model: Mixture, convergence: Convergence) -> Trained:
        """Return a run that goes on from the model of an earlier fit."""
        self.observer.start(0)
        prior = self.problem.prior
        if model.n_components < self.problem.n_components:  # that fit has dropped some
            prior = prior.select(np.arange(model.n_components))
        return self._run(replace(model, prior=prior), None, convergence)

    def _from_start(self, trial: int, starter: Starter, rng: np.random.Generator) -> Trained:
        self.observer.start(trial)
        trained = self._found(starter, rng)
        labelled = starter.labelled() if trial == 0 and starter.random and self.max_iter > 0 else None
        if labelled is not None:
            trained = max(trained, self._found(labelled, rng), key=self._order)
        if self.problem.rows.incomplete and starter.random and self.max_iter > 0:
            for filling in range(_FILLINGS):
                problem = self.problem.filled_by(trained.result.model, filling)
                again = self._found(starter.on(problem), rng)
                trained = max(trained, again, key=self._order)
        return trained

    def _order(self, trained: Trained) -> tuple[bool, bool, list[float]]:
        """Return what the best run has most of: see ``rank``.

        Searches look out for spurious optima themselves, but only on the rows that they see: of incomplete rows these
        are filled in.
        """
        spurious = self.problem.rows.incomplete and is_spurious(trained.result.model)
        sound, bound = rank(trained.result)
        return sound, not spurious, bound

    def _found(self, starter: Starter, rng: np.random.Generator) -> Trained:
        """Return the run from one start."""
        record = self.journal.begin(lambda rng: self._opening(starter, rng), rng)
        if record.result is not None:
            self.observer.end(record.result)
            return Trained(record.result, record.optima)
        if not record.ready:
            model, optima = self._swept(record.start, record.optima)
            self.journal.open(record, model if starter.numbered else self.problem.numbered(model), optima)
        return self._run(record.start, record.optima, resumed=record.state)

    def _opening(self, starter: Starter, rng: np.random.Generator) -> Found:
        """Return where a run starts, and what a search has seen on the way."""
        if starter.searches and self.max_iter > 0:
            return starter.search(self.effort, rng)
        return self._start(starter, rng), None

    def _swept(self, model: Mixture, optima: Optima | None) -> Found:
        """Return where incremental EM leads from the end of a search, if there are enough rows for it."""
        if optima is None or self.acceleration is None or self.assignment == "hard":
            return model, optima
        problem = self.problem
        model, bounds = fit_incremental(model, problem.partitions, problem.executor, max_iter=self.max_iter)
        n_passes, n_sweeps = optima.n_passes + len(bounds), max(len(bounds) - 1, 0)
        return model, replace(optima, n_passes=n_passes, n_sweeps=n_sweeps)

    def _start(self, starter: Starter, rng: np.random.Generator) -> Mixture:
        """Return a start, where rows abound the best of several, refined on samples."""
        source, K = starter.source, self.problem.n_components
        n_parameters = self.problem.family.n_parameters(K, source.n_features) + K * (source.n_features + 1)
        sizes = levels(source.n_rows, source.n_features, n_parameters)
        if not (sizes and starter.random and K > 1 and self.max_iter > 0):
            return starter(source, rng)
        executor = self.problem.executor.local
        return search_samples(starter, source, sizes, executor, rng, tol=self.tol, max_iter=self.max_iter)

    def _run(
        self,
        model: Mixture,
        optima: Optima | None,
        convergence: Convergence | None = None,
        resumed: LoopState | None = None,
    ) -> Trained:
        result = fit_em(
            model,
            self.problem.partitions,
            self.problem.executor,
            tol=self.tol,
            max_iter=self.max_iter,
            on_degenerate=self.on_degenerate,
            acceleration=self.acceleration,
            assignment=self.assignment,
            on_iteration=self.observer.iteration if self.observer.listens else None,
            convergence=convergence,
            n_before=SETTLED if optima is not None and optima.n_sweeps else 0,
            resumed=resumed,
            on_state=self.journal.on_state,
        )
        self.journal.end(result)
        self.observer.end(result)
        return Trained(result, optima)
