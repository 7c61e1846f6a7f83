"""Runs of variational Bayes on one problem, from several starts or on from an earlier fit."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from gaussmix.estimator.bayesian_start import VariationalStarter
from gaussmix.estimator.journal import Found, Journal, RunRecord
from gaussmix.estimator.problem import Problem
from gaussmix.estimator.training import Observer
from gaussmix.fit import Convergence, FitResult, Optima, fit_em
from gaussmix.fit.variational_moves import MOVES, VariationalSearch
from gaussmix.model.variational import VariationalMixture


@dataclass(frozen=True, eq=False)
class Inferred:
    """Hold the result of a run, and the passes over all rows that it took."""

    result: FitResult[VariationalMixture]
    n_passes: float

    @property
    def model(self) -> VariationalMixture:
        """The posterior."""
        return self.result.model

    @property
    def bound(self) -> float:
        """Lower bound per unit of weight at the last E-step."""
        return self.result.history[-1] if self.result.history else -np.inf


@dataclass(frozen=True, eq=False)
class Inference:
    """Run variational Bayes on one problem; settings as in ``BayesianGaussianMixture``."""

    problem: Problem
    before: VariationalMixture
    observer: Observer
    tol: float
    max_iter: int
    effort: str
    journal: Journal

    def best_of(
        self, starter: VariationalStarter, rng: np.random.Generator, n_init: int, *, moves: bool
    ) -> Inferred:
        """Return the run of highest lower bound among ``n_init`` starts."""
        trials = range(n_init if starter.random else 1)  # given starts are all the same
        return max(
            (self._from_start(trial, starter, rng, moves) for trial in trials), key=lambda run: run.bound
        )

    def go_on(self, model: VariationalMixture, convergence: Convergence) -> Inferred:
        """Return a run that goes on from an earlier posterior, under the belief of now."""
        self.observer.start(0)
        count, weights = model.count, self.before.weight_posterior
        renewed = replace(
            model,
            belief=self.before.belief,
            convention=self.before.convention,
            mean_precision=self.before.belief.mean_precision + count,
            weight_posterior=weights.select(np.arange(len(count))).updated(count),
        )
        return self._run(RunRecord(renewed, None, {}, 0), convergence)

    def _from_start(
        self, trial: int, starter: VariationalStarter, rng: np.random.Generator, moves: bool
    ) -> Inferred:
        self.observer.start(trial)
        return self._run(self.journal.begin(lambda rng: self._found(starter, rng, moves), rng))

    def _found(self, starter: VariationalStarter, rng: np.random.Generator, moves: bool) -> Found:
        """Return where a run starts, and what the moves on the way were worth."""
        model, chosen = starter(rng), MOVES[self.effort]
        if not moves or chosen is None or self.max_iter == 0 or model.n_components == 1:
            return model, None
        X, weight = starter.sample(rng)
        search = VariationalSearch(self.problem.partitions, self.problem.executor, X, weight, chosen, rng)
        return search.improve(model), Optima(1, 1, 1, search.n_passes)

    def _run(self, record: RunRecord, convergence: Convergence | None = None) -> Inferred:
        if record.result is None:
            result = self._from(record, convergence)
            self.journal.end(result)
            record.result = result
        self.observer.end(record.result)
        n_before = 0.0 if record.optima is None else record.optima.n_passes
        return Inferred(record.result, n_before + len(record.result.history))

    def _from(self, record: RunRecord, convergence: Convergence | None) -> FitResult[VariationalMixture]:
        """Return the result of a run, from where its record says that it stands."""
        if not record.ready:
            self.journal.open(record, record.start, record.optima)
        start: VariationalMixture = record.start
        return fit_em(
            start,
            self.problem.partitions,
            self.problem.executor,
            tol=self.tol,
            max_iter=self.max_iter,
            on_iteration=self._tell if self.observer.listens else None,
            convergence=convergence,
            resumed=record.state,
            on_state=self.journal.on_state,
        )

    def _tell(self, iteration: int, bound: float, model: VariationalMixture) -> bool:
        return self.observer.iteration(iteration, bound, model.plug_in())
