"""From the prior parameters of ``BayesianGaussianMixture`` to what the model believes before the data."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from sklearn.utils import check_array

from gaussmix.errors import ParameterError
from gaussmix.estimator.problem import Problem
from gaussmix.fit import EStep
from gaussmix.model import Mixture
from gaussmix.model.variational import PRECISIONS, Belief, Dirichlet, StickBreaking, WeightPosterior
from gaussmix.moments import FULL, POOLED, TRACE
from gaussmix.types import Float64Array

_FAR: Final = 1e4  # squared standard deviations of a shift that costs digits
_RAISE: Final = (
    1e-2  # of a feature's variance: added to the diagonal of a covariance_prior that would be singular
)
_DIRICHLET: Final = "dirichlet_distribution"


@dataclass(frozen=True, eq=False)
class Priors:
    """Hold the prior of means and covariances in scikit-learn's terms.

    Attributes
    ----------
    mean : ndarray of shape (D,)
    mean_precision : float
    degrees_of_freedom : float
    covariance : ndarray
        Of shape (D, D) for full and tied, (D,) for diag and EEI, () for spherical and EII.
    raised : bool
        Whether the rows' own covariance was singular, and its diagonal raised.
    """

    mean: Float64Array
    mean_precision: float
    degrees_of_freedom: float
    covariance: Float64Array
    raised: bool

    def belief(self, problem: Problem, convention: str) -> Belief:
        """Return the belief; where precisions are shared, scikit-learn counts the prior once a component."""
        family = problem.family
        times = problem.n_components if convention != "exact" and PRECISIONS[family.name].shared else 1
        return Belief(
            family,
            self.mean,
            self.mean_precision,
            times * self.degrees_of_freedom,
            times * self.covariance,
            problem.prior.floor,
            problem.prior.added_variance,
        )

    def complaints(self, problem: Problem) -> list[str]:
        """Return sentences on what the rows could not support."""
        names = problem.rows.feature_names
        said = [
            f"column {names[d] if names else d!r} is constant: its variance is that of covariance_prior"
            for d in np.flatnonzero(problem.constant).tolist()
        ]
        if self.raised and not said:
            said.append("the covariance of the rows is singular: as covariance_prior its diagonal was raised")
        return said


def resolve_priors(
    problem: Problem,
    mean: Any,
    mean_precision: float | None,
    degrees_of_freedom: float | None,
    covariance: Any,
    *,
    wishart: bool,
) -> Priors:
    """Return the prior that was given, and scikit-learn's defaults for what was not.

    With ``wishart`` the degrees of freedom must exceed D − 1 even where the posterior is no Wishart distribution.

    Raises
    ------
    ParameterError
        If a shape is wrong or the prior is improper.
    """
    D = problem.source.n_features
    kind = PRECISIONS[problem.family.name]
    least = D - 1.0 if wishart else kind.least_degrees(D)
    degrees = float(D if degrees_of_freedom is None else degrees_of_freedom)
    if not degrees > least:
        raise ParameterError(
            f"The parameter 'degrees_of_freedom_prior' should be greater than {least:g}, but got {degrees:.3f}. "
            "Below that, the prior of the precisions is improper."
        )
    given = None if mean is None else _check("mean_prior", mean, (D,))
    scale = None if covariance is None else _check_covariance(problem, covariance)
    measured, raised = (None, False) if given is not None and scale is not None else _measured(problem)
    if measured is not None:
        given = measured.mean if given is None else given
        raised = raised and scale is None
        scale = measured.scale if scale is None else scale
    assert given is not None
    assert scale is not None
    return Priors(given, 1.0 if mean_precision is None else float(mean_precision), degrees, scale, raised)


def resolve_weights(
    kind: str,
    concentration: float | None,
    hyper_prior: Any,
    n_components: int,
    *,
    ordered: bool,
) -> WeightPosterior:
    """Return the prior of the mixing weights.

    Raises
    ------
    ParameterError
        If the hyper-prior is not a pair of positive numbers.
    """
    K = n_components
    learnt = None if hyper_prior is None else _check_hyper_prior(hyper_prior)
    if concentration is None:
        concentration = 1.0 / K if learnt is None else learnt[0] / learnt[1]
    if kind == _DIRICHLET:
        return Dirichlet.before(float(concentration), K, learnt)
    return StickBreaking.before(float(concentration), K, ordered=ordered, hyper_prior=learnt)


def _check_hyper_prior(hyper_prior: Any) -> tuple[float, float]:
    try:
        pair = np.asarray(hyper_prior, np.float64)
    except (TypeError, ValueError):
        pair = np.array([])
    if pair.shape != (2,) or not ((pair > 0) & np.isfinite(pair)).all():
        raise ParameterError(
            "The parameter 'weight_concentration_hyper_prior' should be shape and rate of a Gamma distribution, both "
            f"positive numbers, but got {hyper_prior!r}"
        )
    return float(pair[0]), float(pair[1])


def _check_covariance(problem: Problem, covariance: Any) -> Float64Array:
    D, scatter = problem.source.n_features, problem.family.scatter
    shape = (D, D) if scatter in (FULL, POOLED) else () if scatter is TRACE else (D,)
    array = _check("covariance_prior", covariance, shape)
    if len(shape) < 2:
        proper = bool((array > 0).all())
    else:
        proper = np.allclose(array, array.T) and bool(np.linalg.eigvalsh(array).min() > 0)
    if not proper:
        wanted = "symmetric, positive-definite" if len(shape) == 2 else "positive"
        raise ParameterError(f"The parameter 'covariance_prior' should be {wanted}")
    return array


def _check(name: str, values: Any, shape: tuple[int, ...]) -> Float64Array:
    try:
        array: Float64Array = (
            check_array(values, dtype=np.float64, order="C", ensure_2d=False, allow_nd=True, input_name=name)
            if np.ndim(values)
            else np.asarray(float(values))
        )
    except TypeError as error:
        raise ParameterError(f"The parameter {name!r} should be numbers: {error}") from None
    if array.shape != shape:
        raise ParameterError(
            f"The parameter {name!r} should have the shape of {shape}, but got {array.shape}"
        )
    if not np.isfinite(array).all():
        raise ParameterError(f"The parameter {name!r} should be finite")
    return array


def _measured(problem: Problem) -> tuple[Belief, bool]:
    """Return the mean of the rows and their covariance as a belief, and whether its diagonal had to be raised."""
    mean, scatter, weight = _rows_scatter(problem)
    D, family = len(mean), problem.family
    covariance = scatter / (weight - 1 if weight > 1 else weight)
    if family.scatter not in (FULL, POOLED):
        covariance = np.diagonal(covariance).copy() if covariance.ndim == 2 else covariance
        covariance = covariance.mean() if family.scatter is TRACE else covariance
    belief = Belief(family, mean, 1.0, float(D), np.asarray(covariance), problem.prior.floor)
    plain = belief.precisions.scale(belief.scale, np.zeros(family.scatter.shape(1, D)), 1, D)
    raised = bool(belief.precisions.represented(plain, 1, D).singular.any())
    if raised:
        unit = _RAISE * (problem.variance.mean() if family.scatter is TRACE else problem.variance)
        belief = replace(belief, scale=covariance + (np.diag(unit) if np.ndim(covariance) == 2 else unit))
    return belief, raised


def _rows_scatter(problem: Problem) -> tuple[Float64Array, Float64Array, float]:
    """Return mean, scatter and total weight of all rows; scatter of shape (D, D), or (D,) if that is enough."""
    rows, _ = problem.partitions[0].load()
    mean = (rows[:1024] / len(rows[:1024])).sum(axis=0, dtype=np.float64)
    dense = problem.family.scatter in (FULL, POOLED)
    unit = np.diag(problem.variance)[None] if dense else problem.variance[None]
    for _ in range(2):
        one = Mixture.from_parameters([1.0], mean[None], unit, "full" if dense else "diag")
        moments = problem.executor.map_reduce(EStep(one), problem.partitions)
        count, means, scatter = moments.about_means()
        shift, mean = means[0] - mean, means[0]
        if not (np.square(shift) > _FAR * problem.variance).any():
            break
    return mean, scatter[0], float(count[0])
