"""The best of the runs that the parameters of ``GaussianMixture`` ask for."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sklearn.base import clone

from gaussmix.estimator.exact import Exact
from gaussmix.estimator.journal import Journal
from gaussmix.estimator.parameters import (
    check_means,
    check_warm_start,
    check_weights,
    covariances_from_precisions,
)
from gaussmix.estimator.problem import Problem
from gaussmix.estimator.progress import Progress
from gaussmix.estimator.starter import Starter
from gaussmix.estimator.training import Method, Trained, Training
from gaussmix.fit import Convergence, FitResult
from gaussmix.model import Mixture

if TYPE_CHECKING:
    from gaussmix.model.background import BackgroundMixture, Density

Previous = tuple[Mixture, Convergence]
"""What a fit goes on from: a mixture, and how far its own fit had converged."""


def previous_fit(estimator: Any) -> Previous | None:
    """Return what a warm start goes on from; None where a fit is to begin anew."""
    if not (estimator.warm_start and hasattr(estimator, "mixture_")):
        return None
    return estimator.mixture_, estimator._convergence


def best_fit(
    estimator: Any, problem: Problem, *, previous: Previous | None = None, journal: Journal | None = None
) -> tuple[Trained, list[str]]:
    """Run EM from each start, or on from a previous fit; return the best, and what is to be warned of.

    Parameters
    ----------
    estimator : GaussianMixture
        Its parameters say what is run; no attribute is read or set.
    problem : Problem
    previous : (Mixture, Convergence), optional
    journal : Journal, optional
        Keeps record of the runs.

    Raises
    ------
    DegenerateError
        If a component collapses and ``on_degenerate="raise"``.
    ParameterError
        If the parameters do not go together, or not with the previous fit.
    """
    if previous is not None:
        check_warm_start(previous[0], estimator.n_components, problem.source.n_features, problem.family)
    starter = None if previous is not None else starter_of(estimator, problem)
    progress = Progress(estimator, 1 if previous is not None else estimator.n_init)
    training = Training(problem, _method(estimator, problem), progress, journal or Journal())
    if starter is None:
        assert previous is not None
        trained = training.go_on(*previous)
    else:
        trained = training.best_of(starter, estimator._generator(), estimator.n_init)
    progress.close()
    return trained, problem.complaints(trained.result) + ([] if starter is None else starter.complaints())


def _method(estimator: Any, problem: Problem) -> Method:
    if estimator.truncation is None:
        return Exact(
            problem=problem,
            tol=estimator.tol,
            max_iter=estimator.max_iter,
            on_degenerate=estimator.on_degenerate,
            # Leaps are judged by the bound, which a prior without an objective does not raise.
            acceleration=estimator.acceleration if problem.prior.maximises else None,
            assignment=estimator.assignment,
            effort=estimator.effort,
        )
    from gaussmix.estimator.truncation import Truncated, check_truncation

    check_truncation(estimator, problem)
    return Truncated(
        problem=problem,
        init=estimator.init_params,
        n_candidates=estimator.truncation,
        tol=estimator.tol,
        max_iter=estimator.max_iter,
        on_degenerate=estimator.on_degenerate,
    )


def starter_of(estimator: Any, problem: Problem) -> Starter:
    """Return what makes the starts that the parameters ask for."""
    K, D = estimator.n_components, problem.source.n_features
    weights, means, precisions = estimator.weights_init, estimator.means_init, estimator.precisions_init
    if estimator.prior is not None:
        from gaussmix.estimator.priors import believed_start

        believed = believed_start(estimator, problem)
        if believed is not None:
            return Starter(problem, estimator.init_params, *believed)
    return Starter(
        problem,
        estimator.init_params,
        None if weights is None else check_weights(weights, K),
        None if means is None else check_means(means, K, D),
        None if precisions is None else covariances_from_precisions(precisions, problem.family, K, D),
    )


def best_before_background(
    estimator: Any, problem: Problem, trained: Trained, density: Density, journal: Journal
) -> tuple[BackgroundMixture, Trained]:
    """Return the best mixture before a background, and the run that led there with that mixture as its model.

    Parameters
    ----------
    estimator : GaussianMixture
    problem : Problem
    trained : Trained
        The best fit without a background, from ``best_fit``.
    density : callable
        Of the background, from ``background_of``.
    journal : Journal
    """
    from gaussmix.estimator.background import fit_with_background

    richer = None if estimator.frozen is not None else _of_one_more(estimator, problem, journal)
    found = fit_with_background(estimator, problem, trained.result.model, density, richer, journal)
    mixture = found.model.mixture
    result = FitResult(mixture, found.history, found.converged, found.collapses, found.convergence)
    return found.model, replace(trained, result=result)


def _of_one_more(estimator: Any, problem: Problem, journal: Journal) -> Mixture:
    """Return the best fit without a background of one component more."""
    given = ("weights_init", "means_init", "precisions_init", "background", "frozen")
    wider = clone(estimator).set_params(
        n_components=estimator.n_components + 1, init_params="auto", **dict.fromkeys(given)
    )
    trained, _ = best_fit(wider, replace(problem, n_components=wider.n_components), journal=journal)
    return trained.result.model
