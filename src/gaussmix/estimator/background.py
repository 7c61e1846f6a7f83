"""Fits with a background: from a start without one to the model with it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Final

import numpy as np

from gaussmix.errors import ParameterError
from gaussmix.estimator.journal import Journal
from gaussmix.estimator.problem import Problem
from gaussmix.fit import FitResult, fit_em, rank
from gaussmix.model import Mixture
from gaussmix.model.background import BackgroundMixture, Density, Uniform, log_volume

_SHARES: Final = (0.05, 0.3)  # of the background, where a start does not say
_FAR: Final = 0.8  # of the rows in order of their density: those beyond start as background


def background_of(estimator: Any, problem: Problem) -> Density:
    """Return the density of ``background``: "uniform", "hull", or a callable that is one.

    Raises
    ------
    ParameterError, DataError
        If the rows cannot have one.
    """
    background = estimator.background
    if problem.rows.incomplete or problem.labels is not None or problem.noise is not None:
        raise ParameterError(f"background={background!r} needs rows without NaN, partial labels and noise")
    if callable(background):
        density: Density = background
        return density
    rows = problem.source.take(np.arange(problem.source.n_rows)).astype(np.float64)
    if problem.source.sample_weight is not None:
        rows = rows[problem.source.sample_weight > 0]
    return Uniform(log_volume(rows, "hull" if background == "hull" else "box"))


def fit_with_background(
    estimator: Any,
    problem: Problem,
    mixture: Mixture,
    density: Density,
    richer: Mixture | None,
    journal: Journal,
) -> FitResult[BackgroundMixture]:
    """Return the best fit with a background from several starts.

    Parameters
    ----------
    estimator : GaussianMixture
    problem : Problem
    mixture : Mixture
        A fit without background.
    density : callable
        Of the background.
    richer : Mixture, optional
        A fit of one component more, to do without its widest.
    journal : Journal
    """
    starts = [partial(BackgroundMixture, mixture, share, density) for share in _SHARES]
    if richer is not None:
        starts.append(partial(_without_widest, richer, density))
    starts.append(partial(_of_dense_rows, mixture, density, problem))
    return max([_run(estimator, problem, start, journal) for start in starts], key=rank)


def _without_widest(mixture: Mixture, density: Density) -> BackgroundMixture:
    """Return a start in which the component of the largest volume has become the background."""
    widest = int(mixture.covariances.log_det.argmax())
    rest = mixture.select(np.delete(np.arange(mixture.n_components), widest))
    share = float(np.clip(mixture.weights[widest], _SHARES[0], 0.5))
    return BackgroundMixture(rest, share, density)


def _of_dense_rows(mixture: Mixture, density: Density, problem: Problem) -> BackgroundMixture:
    """Return a start from EM on the rows that are densest under a fit, done over."""
    source = problem.source
    X = source.take(np.arange(source.n_rows))
    weight = np.ones(len(X)) if source.sample_weight is None else source.sample_weight
    for _ in range(10):
        log_prob = mixture.log_prob(X)
        dense = log_prob >= np.quantile(log_prob, 1.0 - _FAR)
        mixture = mixture.m_step(mixture.e_step(X, np.where(dense, weight, 0.0)))
    return BackgroundMixture(mixture, 1.0 - _FAR, density)


def _run(
    estimator: Any, problem: Problem, start: Callable[[], BackgroundMixture], journal: Journal
) -> FitResult[BackgroundMixture]:
    record = journal.begin(lambda _: (start(), None), np.random.default_rng(0))  # nothing is drawn
    if record.result is None:
        found = fit_em(
            record.start,
            problem.partitions,
            problem.executor,
            tol=estimator.tol,
            max_iter=max(estimator.max_iter, 1),
            on_degenerate=estimator.on_degenerate,
            acceleration=None,
            assignment=estimator.assignment,
            resumed=record.state,
            on_state=journal.on_state,
        )
        journal.end(found)
        record.result = found
    result: FitResult[BackgroundMixture] = record.result
    return result
