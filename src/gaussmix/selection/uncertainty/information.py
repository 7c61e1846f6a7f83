"""The information that rows carry about the parameters of a mixture, and the standard errors that follow.

The observed information is I = −∂² log L at the estimates; Σ_i w_i s_i s_iᵀ, the sum over the scores of the rows,
estimates the same where the model is true. Both are computed in coordinates without units, so that no scale of the
rows spoils a digit: see ``scores``.

References
----------
Louis (1982), Finding the observed information matrix when using the EM algorithm, JRSS B 44.

White (1982), Maximum likelihood estimation of misspecified models, Econometrica 50.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Final, Literal

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from gaussmix.errors import DegenerateError, ParameterError
from gaussmix.executor import Executor
from gaussmix.model import Mixture
from gaussmix.selection.uncertainty.layout import Layout
from gaussmix.selection.uncertainty.scores import Scores
from gaussmix.source import IncompleteRows, Partition, Source
from gaussmix.types import Float64Array, IntArray

Kind = Literal["observed", "outer", "sandwich"]
KINDS: Final = ("observed", "outer", "sandwich")
MOST_PARAMETERS: Final = 1_000  # a matrix of 8 MB, and 2 Mflop a row
_BLOCK_VALUES: Final = 2_000_000  # scores of one block of rows: 16 MB
_BLOCK_ROWS: Final = (128, 16_384)
_LEAST_EIGENVALUE: Final = (
    1e-10  # of the largest, with a unit diagonal: below it, directions are rounding errors
)
_FAR: Final = 0.5  # standard errors that an estimate may lie from the maximum of the likelihood


def information_root(
    mixture: Mixture, source: Source, executor: Executor, kind: Kind, labels: IntArray | None = None
) -> Float64Array:
    """Return R, (p, P), with RᵀR the covariance matrix of the estimates of the P parameters of ``Layout``.

    Parameters
    ----------
    mixture : Mixture
        At the maximum of the likelihood of these rows.
    source : Source
        A row of weight w counts as w rows.
    executor : Executor
    kind : {"observed", "outer", "sandwich"}
        I⁻¹ with the observed information I; J⁻¹ with J = Σ w s sᵀ; or I⁻¹ (Σ w² s sᵀ) I⁻¹, which holds for rows that
        do not come from a mixture, and does not depend on a common factor of the weights.
    labels : ndarray of shape (N,), optional
        The component of each row where it is known, else −1.

    Raises
    ------
    ParameterError
        If there are too many parameters or the family is not one of Celeux & Govaert's.
    DegenerateError
        If the rows do not determine the parameters.
    """
    n_parameters = Layout.of(mixture).n_parameters
    if n_parameters > MOST_PARAMETERS:
        raise ParameterError(
            f"the information of {n_parameters} parameters is too large a matrix, {MOST_PARAMETERS} are the most: "
            "use method='bootstrap'"
        )
    if (bad := mixture.collapsed | (mixture.weights == 0)).any():
        raise DegenerateError(
            f"component {int(bad.argmax())} has collapsed, its errors are not known: fit fewer components"
        )
    task = Scores.of(mixture)
    estimated = task.estimated()
    if len(estimated) != mixture.n_parameters:
        raise ParameterError(
            "the prior of this fit fixes parameters in an unknown way: use method='bootstrap'"
        )
    reported = task.reported()[:, estimated]
    if not len(estimated):
        return reported.T
    _check_weight(source, len(estimated), kind)
    partitions = known_partitions(source, labels, mixture.n_components, _block_rows(task.n_free))
    sums = executor.map_reduce(task, partitions).among(estimated)
    information = sums.outer if kind == "outer" else sums.outer - sums.complete
    unit, values, vectors = _decomposed(information, task)
    root = (vectors / np.sqrt(values)).T / unit  # rootᵀ root = information⁻¹
    _check_maximum(reported @ root.T, root @ sums.gradient)
    if kind == "sandwich":
        root = _square_root(sums.squared) @ root.T @ root
    return np.asarray(root @ reported.T)


def known_partitions(
    source: Source, labels: IntArray | None, n_components: int, block_rows: int
) -> Sequence[Partition]:
    """Return the partitions of rows of which values may be missing or components known, in groups if so."""
    if labels is None and not source.incomplete:
        return source.partitions(block_rows)
    rows = IncompleteRows.of(source, labels, [(k,) for k in range(n_components)])
    return rows.partitions(block_rows)


def _block_rows(n_free: int) -> int:
    """Return the rows of one block, so that their scores fill some 16 MB."""
    least, most = _BLOCK_ROWS
    return int(np.clip(_BLOCK_VALUES // n_free, least, most))


def _check_weight(source: Source, n_free: int, kind: Kind) -> None:
    """Raise if weights cannot be meant as counts of rows."""
    if source.sample_weight is None or kind == "sandwich":
        return
    total = float(source.sample_weight.sum())
    if total < n_free <= source.n_rows:
        raise ParameterError(
            f"sample_weight sums to {total:g}, as if there were fewer rows than the {n_free} free parameters: a row "
            "of weight w counts as w rows. Rescale the weights, or take kind='sandwich', which needs only ratios"
        )


def _decomposed(information: Float64Array, task: Scores) -> tuple[Float64Array, Float64Array, Float64Array]:
    """Return the units in which the information has a diagonal of ones, and its eigenvalues and eigenvectors then."""
    diagonal = np.diagonal(information)
    if not (np.isfinite(information).all() and (diagonal > 0).all()):
        raise _undetermined(task, np.where(diagonal > 0, 0.0, 1.0))
    unit = np.sqrt(diagonal)
    values, vectors = np.linalg.eigh(information / unit / unit[:, None])
    if values[0] <= _LEAST_EIGENVALUE * values[-1]:
        raise _undetermined(task, np.square(vectors[:, 0]))
    return unit, values, vectors


def _undetermined(task: Scores, mass: Float64Array) -> DegenerateError:
    """Return the error that names the component on which most of a direction without information lies."""
    everywhere = np.zeros(task.n_free)
    everywhere[task.estimated()] = mass
    places = [task.places(k) for k in range(task.mixture.n_components)]
    of_components = [everywhere[mean].sum() + everywhere[columns].sum() for _, mean, columns in places]
    return DegenerateError(
        "these rows do not determine the parameters: the information is not positive definite, most of all at "
        f"component {int(np.argmax(of_components))}. Give the rows of the fit; fit to a smaller tol, fewer "
        "components or a simpler covariance_type; method='bootstrap' needs no such matrix"
    )


def _check_maximum(factors: Float64Array, gradient: Float64Array) -> None:
    """Warn if a step of Newton's method would move an estimate by much of its standard error."""
    errors = np.sqrt(np.square(factors).sum(axis=1))
    heavy = errors > 0
    steps = np.abs(factors @ gradient)[heavy] / errors[heavy]
    if len(steps) and steps.max() > _FAR:
        warnings.warn(
            f"the fit is not at a maximum of the likelihood of these rows: an estimate lies {steps.max():.2g} "
            "standard errors from it. Give the rows of the fit, and fit with a smaller tol or reg_covar",
            ConvergenceWarning,
            stacklevel=5,
        )


def _square_root(matrix: Float64Array) -> Float64Array:
    """Return R with RᵀR the positive semidefinite matrix."""
    values, vectors = np.linalg.eigh(matrix)
    return np.asarray((vectors * np.sqrt(np.maximum(values, 0.0))).T)
