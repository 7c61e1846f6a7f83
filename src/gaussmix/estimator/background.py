"""Fits with a background: from a start without one to the model with it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np

from gaussmix.estimator.problem import Problem
from gaussmix.estimator.training import Trained
from gaussmix.fit import FitResult, fit_em, rank
from gaussmix.model import Mixture
from gaussmix.model.background import BackgroundMixture, Density, Uniform, log_volume
from gaussmix.source import Source

_SHARES: Final = (0.05, 0.3)  # of the background, where a start does not say
_FAR: Final = 0.8  # of the rows in order of their density: those beyond start as background


def background_density(background: Any, problem: Problem) -> Density:
    """Return the density of ``background``: "uniform", "hull", or a callable that is one."""
    if callable(background):
        density: Density = background
        return density
    rows = problem.source.take(np.arange(problem.source.n_rows)).astype(np.float64)
    if problem.source.sample_weight is not None:
        rows = rows[problem.source.sample_weight > 0]
    return Uniform(log_volume(rows, "hull" if background == "hull" else "box"))


def described(source: Source, density: Any) -> Source:
    """Return the rows with the weights with which a mixture before a background describes them."""
    if density is None:
        return source
    rows = source.take(np.arange(source.n_rows))
    weight = 1.0 - density.posterior(rows)[:, -1]
    if source.sample_weight is not None:
        weight = weight * source.sample_weight
    return source.with_weight(weight)


def fit_with_background(
    estimator: Any, problem: Problem, trained: Trained, richer: Callable[[], Mixture] | None
) -> Trained:
    """Return the best fit with a background from several starts.

    Parameters
    ----------
    estimator : GaussianMixture
    problem : Problem
    trained : Trained
        A fit without background.
    richer : callable, optional
        Returns a fit of one component more, to do without its widest.
    """
    density = background_density(estimator.background, problem)
    starts = [BackgroundMixture(trained.result.model, share, density) for share in _SHARES]
    if richer is not None:
        starts.append(_without_widest(richer(), density))
    starts.append(_of_dense_rows(trained.result.model, density, problem))
    results = [_run(estimator, problem, start) for start in starts]
    best = max(results, key=rank)
    return Trained(best, trained.optima)


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


def _run(estimator: Any, problem: Problem, start: BackgroundMixture) -> FitResult:
    return fit_em(
        start,  # type: ignore[arg-type]  # it has all that the loop asks of a model
        problem.partitions,
        problem.executor,
        tol=estimator.tol,
        max_iter=max(estimator.max_iter, 1),
        on_degenerate=estimator.on_degenerate,
        acceleration=None,
        assignment=estimator.assignment,
    )
