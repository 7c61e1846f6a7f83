"""How a run of EM goes in which each row may belong to any component: the method of all fits but truncated ones."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from gaussmix.estimator.journal import Found, Journal, RunRecord
from gaussmix.estimator.problem import Problem
from gaussmix.estimator.starter import Starter
from gaussmix.estimator.training import Observer
from gaussmix.fit import SETTLED, Convergence, FitResult, fit_em, fit_incremental, levels, search_samples
from gaussmix.model import Mixture


@dataclass(frozen=True, eq=False, kw_only=True)
class Exact:
    """Find starts and run EM from them; the contract is ``training.Method``.

    Attributes
    ----------
    problem : Problem
    tol, max_iter, on_degenerate, acceleration, assignment, effort
        As in ``GaussianMixture``.
    """

    problem: Problem
    tol: float
    max_iter: int
    on_degenerate: str
    acceleration: str | None
    assignment: str
    effort: str

    def start(self, starter: Starter, rng: np.random.Generator) -> Found:
        """Return where a run starts, and what a search has seen on the way."""
        if starter.searches and self.max_iter > 0:
            return starter.search(self.effort, rng)
        source, K = starter.source, self.problem.n_components
        n_parameters = self.problem.family.n_parameters(K, source.n_features) + K * (source.n_features + 1)
        sizes = levels(source.n_rows, source.n_features, n_parameters)
        if not (sizes and starter.random and K > 1 and self.max_iter > 0):
            return starter(source, rng), None
        # Where rows abound, the best of several starts, refined on samples.
        executor = self.problem.executor.local
        tol, max_iter = self.tol, self.max_iter
        return search_samples(starter, source, sizes, executor, rng, tol=tol, max_iter=max_iter), None

    def run(
        self, record: RunRecord, journal: Journal, observer: Observer, convergence: Convergence | None
    ) -> FitResult[Mixture]:
        """Return the result of a run, from where its record says that it stands."""
        if not record.ready:
            journal.open(record, *self._swept(record, journal))
        return fit_em(
            record.start,
            self.problem.partitions,
            self.problem.executor,
            tol=self.tol,
            max_iter=self.max_iter,
            on_degenerate=self.on_degenerate,
            acceleration=self.acceleration,
            assignment=self.assignment,
            on_iteration=observer.iteration if observer.listens else None,
            convergence=convergence,
            n_before=SETTLED if record.optima is not None and record.optima.n_sweeps else 0,
            resumed=record.state,
            on_state=journal.on_state,
        )

    def _swept(self, record: RunRecord, journal: Journal) -> Found:
        """Return where incremental EM leads from the end of a search, if there are enough rows for it."""
        model, optima = record.start, record.optima
        if optima is None or self.acceleration is None or self.assignment == "hard":
            return model, optima
        problem = self.problem
        model, bounds = fit_incremental(
            model,
            problem.partitions,
            problem.executor,
            max_iter=self.max_iter,
            share=optima.share,
            resumed=record.state,
            on_state=journal.on_state,
        )
        n_passes, n_sweeps = optima.n_passes + len(bounds), max(len(bounds) - 1, 0)
        return model, replace(optima, n_passes=n_passes, n_sweeps=n_sweeps, sweep_bounds=tuple(bounds))
