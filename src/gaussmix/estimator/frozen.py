"""From the parameter ``frozen`` to the prior that holds it."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from gaussmix.errors import ParameterError
from gaussmix.estimator.parameters import check_means, check_weights, covariances_from_precisions
from gaussmix.estimator.problem import Problem
from gaussmix.moments import POOLED
from gaussmix.prior import Frozen, Given, Prior
from gaussmix.types import BoolArray, Float64Array

_INITS: Final = {"weights": "weights_init", "means": "means_init", "covariances": "precisions_init"}


def frozen_prior(estimator: Any, problem: Problem) -> Prior:
    """Return the prior that fixes what ``estimator.frozen`` names.

    Raises
    ------
    ParameterError
        If a name or component does not exist, a value to fix is not given, or the family cannot fix covariances.
    """
    K, D, family = problem.n_components, problem.source.n_features, problem.family
    fixed = _fixed(estimator.frozen, K)
    for name in fixed:
        if getattr(estimator, _INITS[name]) is None:
            raise ParameterError(f"frozen={name!r} needs the values to keep: give {_INITS[name]}")
    if not fixed:
        return problem.prior
    weights = means = covariances = None
    if "weights" in fixed:
        weights = Given(check_weights(estimator.weights_init, K), fixed["weights"])
    if "means" in fixed:
        means = Given(check_means(estimator.means_init, K, D), fixed["means"])
    if "covariances" in fixed:
        values = covariances_from_precisions(estimator.precisions_init, family, K, D)
        covariances = _given_covariances(values, fixed["covariances"], problem)
    return Frozen(problem.prior, weights, means, covariances)


def _fixed(frozen: Any, n_components: int) -> dict[str, BoolArray]:
    """Return which components are fixed for each name."""
    if isinstance(frozen, str):
        frozen = [frozen]
    which = frozen.items() if isinstance(frozen, dict) else [(name, True) for name in frozen]
    fixed = {}
    for name, components in which:
        if not isinstance(name, str) or name not in _INITS:
            known = ", ".join(repr(known) for known in _INITS)
            raise ParameterError(f"frozen names {name!r}: it can be one or more of {known}")
        mask = np.zeros(n_components, bool)
        if components is True:
            mask[:] = True
        elif components is not False:
            chosen = np.atleast_1d(np.asarray(components))
            if (chosen.size and chosen.dtype.kind not in "iu") or (
                (chosen < 0) | (chosen >= n_components)
            ).any():
                raise ParameterError(
                    f"frozen[{name!r}] should list components from 0 to {n_components - 1}, got {components!r}"
                )
            mask[chosen.astype(np.int64)] = True
        if mask.any():
            fixed[name] = mask
    return fixed


def _given_covariances(values: Float64Array, fixed: BoolArray, problem: Problem) -> Given:
    """Return covariances as the family stores them."""
    family = problem.family
    if not family.unconstrained:
        raise ParameterError(
            f"frozen='covariances' is not possible for covariance_type={family.name!r}, whose components depend on "
            "each other: use 'full', 'tied', 'diag' or 'spherical'"
        )
    shared = family.scatter is POOLED
    if shared and not fixed.all():
        raise ParameterError("'tied' components share one covariance: freeze it for all of them or for none")
    stored = family.from_parameters(values, len(fixed), problem.source.n_features)
    return Given(stored.parameters(), fixed, shared)
