"""From the parameters of ``GaussianMixture`` and its rows to the problem that a fit solves."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from gaussmix.covariance import CovarianceFamily, resolve_family
from gaussmix.covariance.deconvolution import noise_matrices
from gaussmix.errors import DataError, ParameterError
from gaussmix.estimator.parameters import check_memory
from gaussmix.estimator.problem import Problem
from gaussmix.estimator.sparse import sparse_refused
from gaussmix.executor import Executor
from gaussmix.source import Source
from gaussmix.types import Float64Array, IntArray


def family_of(estimator: Any, source: Source) -> CovarianceFamily:
    """Return the family of ``covariance_type``, checked against rows and parameters.

    Parameters
    ----------
    estimator : GaussianMixture
    source : Source

    Raises
    ------
    DataError, ParameterError
        If the family does not go with these.
    """
    D = source.n_features
    family = resolve_family(estimator.covariance_type, D, n_factors=estimator.n_factors)
    if source.incomplete and not family.grouped:
        raise DataError(
            f"covariance_type={family.name!r} takes no missing values where there are {D} features: fill them in, "
            "or use covariance_type='diag'"
        )
    for name in ("prior", "precisions_init"):
        if getattr(estimator, name) is not None and not family.grouped:
            raise ParameterError(
                f"{name} is not possible for covariance_type={family.name!r} where there are {D} features: "
                f"set {name}=None"
            )
    check_memory(estimator.n_components, D, family)
    return family


def problem_of(
    estimator: Any,
    source: Source,
    executor: Executor,
    family: CovarianceFamily,
    *,
    labels: IntArray | None = None,
    noise: Any = None,
) -> Problem:
    """Return the problem of a fit: measure the rows, and take the beliefs about its parameters into account.

    Parameters
    ----------
    estimator : GaussianMixture
    source : Source
    executor : Executor
    family : CovarianceFamily
        From ``family_of``.
    labels : ndarray of shape (N,), optional
        Component of each row, −1 where it is unknown.
    noise : array-like of shape (N, D) or (N, D, D), optional
        Variances or covariances of the noise of each row.

    Raises
    ------
    DataError, ParameterError
        If rows, parameters and what is known of the rows do not go together.
    """
    _check_rows(estimator, source, known=labels is not None or noise is not None)
    problem = Problem.of(
        source,
        executor,
        family,
        estimator.n_components,
        estimator.reg_covar,
        equal_weights=estimator.equal_weights,
        labels=labels,
        noise=None if noise is None else _noise(noise, source, family),
    )
    if labels is not None and estimator.on_degenerate == "drop":
        raise ParameterError("on_degenerate='drop' would drop a label of y: use 'floor' or 'restart'")
    if estimator.prior is not None:
        from gaussmix.estimator.priors import believing

        problem = believing(estimator, problem)
    if estimator.frozen is not None:
        from gaussmix.estimator.frozen import frozen_prior

        problem = replace(problem, prior=frozen_prior(estimator, problem))
    return problem


def _check_rows(estimator: Any, source: Source, *, known: bool) -> None:
    """Raise where labels, noise or a background need rows of another kind."""
    if source.sparse and known:
        raise sparse_refused()
    if source.exceeds_memory and (known or estimator.background is not None):
        raise DataError(
            "rows with partial labels, noise or a background must fit into memory: raise memory_limit"
        )


def _noise(noise: Any, source: Source, family: CovarianceFamily) -> Float64Array:
    """Return the covariances of the noise, (N, D, D)."""
    matrices = noise_matrices(noise, source.n_rows, source.n_features)
    if source.incomplete:
        raise DataError("noise and missing values (NaN) in X do not go together: give those a large noise")
    if not family.grouped:
        raise DataError(
            f"covariance_type={family.name!r} takes no noise where there are {source.n_features} features: use "
            "covariance_type='diag'"
        )
    return matrices
