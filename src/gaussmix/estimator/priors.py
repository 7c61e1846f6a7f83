"""From the parameter ``prior`` to the prior that a fit runs with, and to the start that it may ask for."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np

from gaussmix.errors import ParameterError
from gaussmix.estimator.problem import Problem
from gaussmix.fit import EStep
from gaussmix.model import Mixture
from gaussmix.moments import Moments, Scatter
from gaussmix.prior import Belief, Prior, Relevance, Setting
from gaussmix.source.blocks import block_rows
from gaussmix.types import Float64Array

_ONE: dict[str, str] = {"full": "full", "diagonal": "diag"}  # the family that measures a kind of scatter


def believing(estimator: Any, problem: Problem) -> Problem:
    """Return the problem with the prior that ``estimator.prior`` describes.

    Raises
    ------
    ParameterError
        If it is none, improper, does not fit the data, or two beliefs are about the same parameters.
    """
    beliefs = _beliefs(estimator.prior)
    if not beliefs:
        return problem
    if estimator.background is not None:
        raise ParameterError("prior and background do not go together: leave one of them out")
    if isinstance(estimator.prior, Prior):
        return replace(problem, prior=estimator.prior)
    _check_together(beliefs, estimator)
    setting = Setting(
        problem.n_components,
        problem.family,
        problem.variance,
        cache(lambda scatter: _measured(problem, scatter)),
    )
    prior = problem.prior
    for belief in sorted(beliefs, key=lambda belief: len(belief.about - {"weights"})):  # weights first
        prior = belief.resolve(setting, prior)
    return replace(problem, prior=prior)


def believed_start(
    estimator: Any, problem: Problem
) -> tuple[Float64Array, Float64Array, Float64Array] | None:
    """Return weights, means and covariances that EM starts from, if the prior says so and the user does not."""
    given = (estimator.weights_init, estimator.means_init, estimator.precisions_init)
    if any(part is not None for part in given):
        return None
    for belief in _beliefs(estimator.prior):
        start: Any = None if isinstance(belief, Prior) else belief.start
        if start is not None:
            same = start.covariance_type == problem.family.name
            covariances = (
                start.covariances if same else problem.family.embed(start.covariances, start.weights)
            )
            return start.weights, start.means, covariances.parameters()
    return None


def _beliefs(prior: Any) -> list[Any]:
    """Return the parameter as a list of beliefs, or of one prior that is ready for use."""
    if prior is None:
        return []
    if isinstance(prior, Prior):
        return [prior]
    beliefs = list(prior) if isinstance(prior, (list, tuple)) else [prior]
    for belief in beliefs:
        if not isinstance(belief, Belief):
            raise ParameterError(
                "prior should be NormalWishart, Dirichlet, Shrinkage or Relevance of gaussmix.prior, or a list of "
                f"them, got {belief!r}"
            )
        if isinstance(belief, Relevance) and not isinstance(belief.mixture, Mixture):
            raise ParameterError(
                f"Relevance adapts a Mixture, not a {type(belief.mixture).__name__}: pass mixture_ of a fit"
            )
    return beliefs


def _check_together(beliefs: list[Belief], estimator: Any) -> None:
    ruled: dict[str, Belief] = {}
    for belief in beliefs:
        for part in sorted(belief.about):
            if part in ruled:
                one, other = type(ruled[part]).__name__, type(belief).__name__
                raise ParameterError(f"{one} and {other} are both about the {part}: leave one of them out")
            ruled[part] = belief
    if estimator.equal_weights and "weights" in ruled:
        name = type(ruled["weights"]).__name__
        raise ParameterError(f"equal_weights=True leaves nothing to {name}: drop one of them")
    partial = any(isinstance(belief, Relevance) and len(belief.adapted) < 3 for belief in beliefs)
    if partial and estimator.frozen is not None:
        raise ParameterError("frozen and Relevance's adapt both say what does not move: use one of them")


def _measured(problem: Problem, scatter: Scatter) -> Moments:
    """Return the moments of all rows as one component, about their mean."""
    source, D = problem.source, problem.source.n_features
    blocks = source.partitions(block_rows(source.n_rows, D, problem.n_components))
    X, _ = blocks[0].load()
    mean = (X / len(X)).sum(axis=0, dtype=np.float64)
    for name in ("diag", _ONE[scatter.name]):  # the second pass is about the mean of all rows
        shape = np.eye(D)[None] if name == "full" else np.ones((1, D))
        one = Mixture.from_parameters([1.0], mean[None], shape, name)
        moments: Moments = problem.executor.map_reduce(EStep(one), blocks)
        mean = moments.about_means()[1][0]
    return moments
