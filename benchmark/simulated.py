"""Whether the default search is as good as EM from the true components, on simulated mixtures of six kinds."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any, Final

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from benchmark.arrangements import KINDS, Problem, draw_rows
from benchmark.data import Array
from benchmark.outcome import (
    SPURIOUS,
    Outcome,
    Task,
    in_processes,
    least_eigenvalue,
    log_likelihood,
    outcome,
    scales,
)
from benchmark.settings import Settings, say
from benchmark.table import OURS, Row, at_least
from benchmark.tally import efforts, percentage
from gaussmix import GaussianMixture

_NAME: Final = "simulated"
_SHORT_OF: Final = 1e-4  # nats a row
_MOST_SEEDS: Final = 3
_CLEAR: Final = 3.0  # times the floor under which a component is spurious
_SIZES: Final = [  # D, K, N
    (2, 3, 500),
    (2, 10, 1000),
    (5, 5, 1000),
    (5, 10, 1000),
    (10, 3, 1000),
    (2, 20, 2000),
    (20, 3, 3000),
    (10, 10, 5000),
]


@dataclass(frozen=True)
class _Trial:
    """A problem, its goal, and what the seeds found."""

    problem: Problem
    goal: float  # log-likelihood of all rows after EM from the truth
    outcomes: Sequence[Outcome]

    @property
    def hits(self) -> list[bool]:
        short_of = _SHORT_OF * self.problem.n_rows
        return [not one.spurious and one.log_likelihood >= self.goal - short_of for one in self.outcomes]


def measure(settings: Settings) -> Iterator[Row]:
    """Yield a row for each kind and size, and one for the whole."""
    problems = [Problem(kind, *sizes, settings.draw) for kind in KINDS for sizes in _SIZES]
    wanted = [problem for problem in problems if settings.wants(f"{_NAME}: {problem.title}")]
    n_seeds = min(settings.n_seeds, _MOST_SEEDS)
    questions = [(problem, n_seeds, dict(settings.options)) for problem in wanted]
    trials = []
    for trial in in_processes(_trial, questions, settings.n_processes):
        _describe(trial)
        trials.append(trial)
    if trials:
        yield from _rows(trials)


def _trial(question: tuple[Problem, int, dict[str, Any]]) -> _Trial:
    problem, n_seeds, options = question
    X, truth, floor = _with_goal(problem)
    tasks = [
        Task(problem.title, X, problem.n_components, "full", seed, floor, options) for seed in range(n_seeds)
    ]
    return _Trial(problem, log_likelihood(X, truth), [outcome(task) for task in tasks])


def _with_goal(problem: Problem) -> tuple[Array, GaussianMixture, float]:
    """Return rows, EM's fit from the truth, and the least eigenvalue under which an optimum is spurious.

    Where EM from the truth runs into a maximum that is itself nearly spurious there is no goal: drawn anew.
    """
    for attempt in count():
        X, labels = draw_rows(problem, attempt)
        truth = _from_truth(X, labels)
        scale = scales(X, "full")
        floor = SPURIOUS * float(np.linalg.eigvalsh(_pooled(truth) / np.outer(scale, scale)).min())
        if least_eigenvalue(truth, scale) >= _CLEAR * floor:
            break
    return X, truth, floor


def _from_truth(X: Array, labels: Array) -> GaussianMixture:
    """Return the fit of EM from the true components."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return GaussianMixture(int(labels.max()) + 1, init_params=labels).fit(X)


def _pooled(model: GaussianMixture) -> Array:
    """Return the mean covariance within components, (D, D)."""
    return np.asarray(np.tensordot(model.weights_, model.covariances_, axes=1), np.float64)


def _describe(trial: _Trial) -> None:
    """Say how a problem went that was not solved at each seed."""
    if all(trial.hits):
        return
    gaps = ", ".join(
        f"{one.log_likelihood - trial.goal:+.2f}{' (spurious)' * one.spurious}" for one in trial.outcomes
    )
    say(
        f"{trial.problem.title}: {sum(trial.hits)} of {len(trial.hits)}; nats against EM from the truth: {gaps}"
    )


def _rows(trials: Sequence[_Trial]) -> Iterator[Row]:
    for kind in KINDS:
        yield from _share(f"{_NAME}: {kind}", [t for t in trials if t.problem.kind == kind])
    yield from _share(f"{_NAME}: up to 1,000 rows", [t for t in trials if not t.problem.large])
    yield from _share(f"{_NAME}: more rows", [t for t in trials if t.problem.large])
    hits = [hit for trial in trials for hit in trial.hits]
    title = f"{_NAME}: as good as from the truth, {len(hits)} fits"
    yield Row(title, {OURS: percentage(hits)}, "%", [at_least(95, "%")])
    yield from efforts(_NAME, [one for trial in trials for one in trial.outcomes])


def _share(title: str, trials: Sequence[_Trial]) -> Iterator[Row]:
    hits = [hit for trial in trials for hit in trial.hits]
    if hits:
        yield Row(f"{title}, {len(hits)} fits", {OURS: percentage(hits)}, "%")
