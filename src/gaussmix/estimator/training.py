"""Runs of EM on one problem, from several starts or on from an earlier fit."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Final, Protocol

import numpy as np

from gaussmix.estimator.journal import Found, Journal, RunRecord
from gaussmix.estimator.problem import Problem
from gaussmix.estimator.starter import Starter
from gaussmix.fit import Convergence, FitResult, Optima, is_spurious, rank
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

    def end(self, result: FitResult[Any]) -> None:
        """Note that a start has ended."""


class Method(Protocol):
    """How a run goes: where it starts, and what leads from there to its result."""

    @property
    def max_iter(self) -> int:
        """Iterations over all rows, at most; with 0 the start is the result."""

    def start(self, starter: Starter, rng: np.random.Generator) -> Found:
        """Return where a run starts, and what a search has seen on the way."""

    def run(
        self, record: RunRecord, journal: Journal, observer: Observer, convergence: Convergence | None
    ) -> FitResult[Mixture]:
        """Return the result of a run, from where its record says that it stands.

        Parameters
        ----------
        record : RunRecord
        journal : Journal
            Takes note of where the run stands.
        observer : Observer
        convergence : Convergence or None
            Of the fit that the run goes on from.
        """


@dataclass(frozen=True, eq=False)
class Trained:
    """Hold the result of a run, and what the search for its start has seen.

    Attributes
    ----------
    result : FitResult
    optima : Optima or None
        None where nothing was searched.
    """

    result: FitResult[Mixture]
    optima: Optima | None

    @property
    def n_passes(self) -> float:
        """What fit and search were worth in passes over all rows."""
        return len(self.result.history) + (self.optima.n_passes if self.optima else 0.0)


@dataclass(frozen=True, eq=False)
class Training:
    """Run EM on one problem.

    Attributes
    ----------
    problem : Problem
    method : Method
    observer : Observer
    journal : Journal
    """

    problem: Problem
    method: Method
    observer: Observer
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
        return self._run(RunRecord(replace(model, prior=prior), None, {}, 0), convergence)

    def _from_start(self, trial: int, starter: Starter, rng: np.random.Generator) -> Trained:
        self.observer.start(trial)
        trained, free = self._found(starter, rng), starter.random and self.method.max_iter > 0
        labelled = starter.labelled() if trial == 0 and free else None
        if labelled is not None:
            trained = max(trained, self._found(labelled, rng), key=self._order)
        if self.problem.rows.incomplete and free:
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
        return self._run(self.journal.begin(lambda rng: self._start(starter, rng), rng))

    def _start(self, starter: Starter, rng: np.random.Generator) -> Found:
        model, optima = self.method.start(starter, rng)
        return model if starter.numbered else self.problem.numbered(model), optima

    def _run(self, record: RunRecord, convergence: Convergence | None = None) -> Trained:
        if record.result is None:
            result = self.method.run(record, self.journal, self.observer, convergence)
            self.journal.end(result)
            record.result = result
        self.observer.end(record.result)
        return Trained(record.result, record.optima)
