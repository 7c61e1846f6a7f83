"""Runs of variational Bayes on one problem, from several starts or on from an earlier fit."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from gaussmix.estimator.bayesian_start import VariationalStarter
from gaussmix.estimator.problem import Problem
from gaussmix.estimator.training import Observer
from gaussmix.fit import Convergence, FitResult, fit_em
from gaussmix.fit.variational_moves import MOVES, VariationalSearch
from gaussmix.model.variational import VariationalMixture


@dataclass(frozen=True, eq=False)
class Inferred:
    """Hold the result of a run, and the passes over all rows that it took."""

    result: FitResult
    n_passes: float

    @property
    def model(self) -> VariationalMixture:
        """The posterior."""
        model: Any = self.result.model
        return model  # type: ignore[no-any-return]

    @property
    def bound(self) -> float:
        """Lower bound per unit of weight at the last E-step."""
        return self.result.history[-1] if self.result.history else -np.inf


@dataclass(frozen=True, eq=False)
class Inference:
    """Run variational Bayes on one problem; parameters after ``observer`` as in ``BayesianGaussianMixture``."""

    problem: Problem
    before: VariationalMixture
    observer: Observer
    tol: float
    max_iter: int
    effort: str

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
        return self._run(renewed, 0.0, convergence)

    def _from_start(
        self, trial: int, starter: VariationalStarter, rng: np.random.Generator, moves: bool
    ) -> Inferred:
        self.observer.start(trial)
        model, chosen = starter(rng), MOVES[self.effort]
        if not moves or chosen is None or self.max_iter == 0 or model.n_components == 1:
            return self._run(model, 0.0)
        X, weight = starter.sample(rng)
        search = VariationalSearch(self.problem.partitions, self.problem.executor, X, weight, chosen, rng)
        model = search.improve(model)
        return self._run(model, search.n_passes)

    def _run(
        self, model: VariationalMixture, n_before: float, convergence: Convergence | None = None
    ) -> Inferred:
        start: Any = model
        result = fit_em(
            start,
            self.problem.partitions,
            self.problem.executor,
            tol=self.tol,
            max_iter=self.max_iter,
            on_iteration=self._tell if self.observer.listens else None,
            convergence=convergence,
        )
        self.observer.end(result)
        return Inferred(result, n_before + len(result.history))

    def _tell(self, iteration: int, bound: float, model: Any) -> bool:
        return self.observer.iteration(iteration, bound, model.plug_in())
