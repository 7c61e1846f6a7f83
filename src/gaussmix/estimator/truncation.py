"""Fits with ``truncation``: what they need, and the best of several starts."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import numpy as np

from gaussmix.errors import ParameterError
from gaussmix.estimator.problem import Problem
from gaussmix.estimator.progress import Progress
from gaussmix.estimator.starter import Starter
from gaussmix.estimator.training import Trained
from gaussmix.fit import FitResult, rank
from gaussmix.fit.truncated import fit_truncated, start_truncated
from gaussmix.model import Mixture

LEAST_COMPONENTS: Final = 256  # with fewer, an exact pass is fast
_LEAST_CANDIDATES: Final = 4  # with fewer, there is no place for new ones
_SEEDED: Final = {"auto": True, "kmeans": True, "k-means++": True, "random_from_data": False}


def check_truncation(estimator: Any, problem: Problem) -> None:
    """Raise ParameterError unless a truncated fit is possible.

    Parameters
    ----------
    estimator : GaussianMixture
    problem : Problem
    """
    K, n = estimator.n_components, estimator.truncation
    if K < LEAST_COMPONENTS:
        raise ParameterError(
            f"truncation is for at least {LEAST_COMPONENTS} components, with fewer an exact fit is fast: set "
            f"truncation=None for n_components={K}"
        )
    if n >= K:
        raise ParameterError(
            f"truncation={n} of n_components={K} would leave nothing out: set truncation=None for the exact fit"
        )
    if n < _LEAST_CANDIDATES:
        raise ParameterError(f"truncation should be at least {_LEAST_CANDIDATES} components a row, got {n}")
    for reason, given in _obstacles(estimator, problem).items():
        if given:
            raise ParameterError(f"truncation does not go together with {reason}: set truncation=None")


def _obstacles(estimator: Any, problem: Problem) -> dict[str, bool]:
    """Return what a truncated fit cannot do, and whether it is asked for."""
    family, rows = problem.family.name, problem.rows
    policy = estimator.on_degenerate
    return {
        f"covariance_type={family!r}, only with full, tied, diag and spherical": not problem.family.unconstrained,
        "assignment='hard'": estimator.assignment == "hard",
        f"background={estimator.background!r}": estimator.background is not None,
        f"on_degenerate={policy!r}, which renumbers components": policy in ("drop", "restart"),
        "init_params='random', of which all components are alike": isinstance(estimator.init_params, str)
        and estimator.init_params == "random",
        "a prior whose density EM does not maximise": not problem.prior.maximises,
        "missing values": rows.incomplete,
        "partial labels": problem.labels is not None,
        "noise": problem.noise is not None,
        "sparse rows": rows.sparse,
        "checkpoint, as the rows' best components are not in it": estimator.checkpoint is not None,
        "executor, as the rows' best components are kept in this process": estimator.executor is not None
        or rows.engine is not None,
    }


def train_truncated(estimator: Any, problem: Problem, starter: Starter | None, progress: Progress) -> Trained:
    """Return the best of ``n_init`` truncated fits, or one that goes on from the last fit.

    Parameters
    ----------
    estimator : GaussianMixture
    problem : Problem
    starter : Starter or None
        None: go on from ``estimator.mixture_``.
    progress : Progress
    """
    check_truncation(estimator, problem)
    if starter is None:
        start = replace(estimator.mixture_, prior=problem.prior)
        return _run(estimator, problem, start, progress, trial=0, convergence=estimator._convergence)
    rng: np.random.Generator = estimator._generator()
    trials = range(estimator.n_init if starter.random else 1)
    runs = [
        _run(estimator, problem, _start(estimator, problem, starter, rng), progress, trial=trial)
        for trial in trials
    ]
    return max(runs, key=lambda trained: rank(trained.result))


def _start(estimator: Any, problem: Problem, starter: Starter, rng: np.random.Generator) -> Mixture:
    init = estimator.init_params
    if starter.numbered or not isinstance(init, str):
        return starter(problem.source, rng)
    return start_truncated(
        problem.source,
        problem.n_components,
        problem.family,
        problem.prior,
        np.sqrt(problem.variance),
        problem.executor,
        rng,
        n_candidates=estimator.truncation,
        spread_out=_SEEDED[init],
    )


def _run(
    estimator: Any,
    problem: Problem,
    start: Mixture,
    progress: Progress,
    *,
    trial: int,
    convergence: Any = None,
) -> Trained:
    progress.start(trial)
    result: FitResult = fit_truncated(
        start,
        problem.source,
        problem.executor,
        n_candidates=estimator.truncation,
        tol=estimator.tol,
        max_iter=estimator.max_iter,
        on_degenerate=estimator.on_degenerate,
        on_iteration=progress.iteration if progress.listens else None,
        convergence=convergence,
    )
    progress.end(result)
    return Trained(result, None)
