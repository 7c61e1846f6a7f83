"""The mixture of t distributions p(x) = Σ_k π_k t(x | μ_k, Σ_k, ν_k) as a frozen distribution."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Final, Self

import numpy as np

from gaussmix.covariance import CovarianceFamily, Covariances
from gaussmix.errors import DataError, ParameterError
from gaussmix.model import student_freedom
from gaussmix.model.mixture import Mixture
from gaussmix.model.student_density import StudentDensity
from gaussmix.model.student_moments import StudentMoments
from gaussmix.moments import POOLED
from gaussmix.prior import Prior
from gaussmix.source import Known
from gaussmix.types import BoolArray, Float64Array, FloatArray, IntArray

_EPS: Final = float(np.finfo(np.float64).eps)
_LEAST_WEIGHT: Final = 1e-300  # a component without weight does not move


@dataclass(frozen=True, eq=False)
class StudentMixture(StudentDensity):
    """Describe a mixture of t distributions: density, posteriors, sampling, and one step of EM.

    Build it with ``StudentMixture.from_parameters``, or take ``estimator.mixture_`` of a fit.

    Attributes
    ----------
    weights : ndarray of shape (K,)
        Mixing weights, non-negative, of sum 1.
    means : ndarray of shape (K, D)
        Centres, which are the means where ν_k > 1.
    covariances : Covariances
        The scatter matrices Σ_k. A component's covariance is ν_k / (ν_k − 2) times its scatter matrix, where ν_k > 2.
    degrees_of_freedom : ndarray of shape (K,)
        ν_k.
    rule : {"component", "shared", "fixed"}
        How ``m_step`` estimates the degrees of freedom.
    family : CovarianceFamily
        How ``m_step`` estimates scatter matrices.
    prior : Prior
        A flat one.
    collapsed : ndarray of shape (K,)
        True where the last M-step left a component without rows or with a singular scatter matrix.

    References
    ----------
    Peel & McLachlan (2000), Robust mixture modelling using the t distribution, Statistics and Computing 10.

    Examples
    --------
    >>> import numpy as np
    >>> from gaussmix.model import StudentMixture
    >>> mixture = StudentMixture.from_parameters([0.5, 0.5], [[-2.0], [2.0]], [[[1.0]], [[1.0]]], 3.0)
    >>> mixture.predict(np.array([[-1.0], [30.0]]))
    array([0, 1])
    >>> mixture.outlyingness(np.array([[2.0], [30.0]])).round(1)
    array([  0.8, 215.4])
    """

    weights: Float64Array
    means: Float64Array
    covariances: Covariances
    degrees_of_freedom: Float64Array
    rule: str
    family: CovarianceFamily
    prior: Prior
    collapsed: BoolArray = field(repr=False)

    @classmethod
    def from_parameters(
        cls,
        weights: object,
        means: object,
        covariances: object,
        degrees_of_freedom: object,
        covariance_type: str | CovarianceFamily = "full",
    ) -> StudentMixture:
        """Return the mixture with these parameters.

        Parameters
        ----------
        weights, means, covariances, covariance_type
            As in ``Mixture.from_parameters``; ``covariances`` are the scatter matrices.
        degrees_of_freedom : float or array-like of shape (K,)
            Positive and finite.

        Raises
        ------
        ParameterError
            If shapes disagree, weights are not a distribution, a matrix is not positive definite or the degrees of
            freedom are out of range.
        """
        mixture = Mixture.from_parameters(weights, means, covariances, covariance_type)
        try:
            degrees = np.broadcast_to(
                np.asarray(degrees_of_freedom, np.float64), mixture.weights.shape
            ).copy()
        except (TypeError, ValueError):
            raise ParameterError(
                f"degrees_of_freedom should be a number or {mixture.n_components} numbers, one for each component"
            ) from None
        if not (np.isfinite(degrees) & (degrees > 0)).all():
            raise ParameterError(
                f"degrees_of_freedom should be positive and finite, got {degrees_of_freedom!r}; infinity is a "
                "Gaussian: use Mixture"
            )
        return cls.from_mixture(mixture, degrees, "component")

    @classmethod
    def from_mixture(cls, mixture: Mixture, degrees: Float64Array, rule: str) -> StudentMixture:
        """Return the mixture of t distributions with a Gaussian mixture's weights, means and scatter matrices."""
        if rule == "shared":
            degrees = np.full_like(degrees, degrees.mean())
        return cls(
            mixture.weights,
            mixture.means,
            mixture.covariances,
            degrees,
            rule,
            mixture.family,
            mixture.prior,
            mixture.collapsed,
        )

    def as_gaussian(self) -> Mixture:
        """Return the Gaussian mixture of the same weights, means and, as covariances, scatter matrices."""
        return Mixture(self.weights, self.means, self.covariances, self.family, self.prior, self.collapsed)

    def moved(self, gaussian: Mixture, degrees: Float64Array) -> StudentMixture:
        """Return the mixture with other parameters, its degrees of freedom within the bounds of an estimate."""
        fixed = self.rule == "fixed"
        degrees = self.degrees_of_freedom if fixed else student_freedom.bounded(degrees)
        return StudentMixture.from_mixture(gaussian, degrees, self.rule)

    def log_degrees_error(self) -> Float64Array:
        """Return the inverse standard errors of log ν_k that one row of the mixture gives, shape (K,)."""
        information = student_freedom.information(self.degrees_of_freedom, self.n_features)
        return self.degrees_of_freedom * np.sqrt(self.weights * information)

    @property
    def covariance_type(self) -> str:
        """The name of the covariance family."""
        return self.family.name

    @property
    def n_parameters(self) -> int:
        """Free parameters: those of a Gaussian mixture, and the degrees of freedom that are estimated."""
        K, D = self.n_components, self.n_features
        n_degrees = {"component": K, "shared": 1, "fixed": 0}[self.rule]
        return self.prior.n_parameters(self.family.n_parameters(K, D), K, D) + n_degrees

    @cached_property
    def degrees_at_bound(self) -> BoolArray:
        """Where the estimate of ν_k stopped at a bound: 1000, as good as a Gaussian, or 0.2; shape (K,)."""
        estimated: BoolArray = student_freedom.at_bound(self.degrees_of_freedom) & (self.rule != "fixed")
        return estimated

    def e_step(
        self,
        X: FloatArray,
        weight: Float64Array | None = None,
        *,
        hard: bool = False,
        known: Known | None = None,
    ) -> StudentMoments:
        """Return the moments of one C-contiguous block of rows under this model's posteriors.

        Raises
        ------
        DataError
            If not all is known of the rows.
        """
        if known is not None:
            raise DataError(
                "a mixture of t distributions needs complete rows: fill in or drop those with missing values"
            )
        return self.moments(X, weight, hard=hard)

    def m_step(self, moments: StudentMoments) -> StudentMixture:
        """Return the mixture of higher likelihood: one step of PX-EM (Liu, Rubin & Wu 1998, Biometrika 85).

        The rows' scales u may have a mean α ≠ 1. PX-EM takes it out, Σ = Σ r u (x − μ)(x − μ)ᵀ / (α n), which for a
        free volume divides by Σ r u (Kent, Tyler & Vardi 1994), and needs fewer iterations than EM.
        """
        scale, means, scatter = moments.scaled.about_means()
        count = np.where(moments.count < _EPS * moments.count.sum(), 0.0, moments.count)
        expansion = self._expansion(count, scale)
        kind = moments.scaled.scatter
        shape = (-1, *[1] * (scatter.ndim - 1))
        scatter = scatter / (expansion[0] if kind is POOLED else expansion.reshape(shape))
        if self.prior.added_variance is not None:
            scatter = kind.add_diagonal(scatter, count, self.prior.added_variance)
        covariances = self.family.estimate(scatter, count, self.n_features, previous=self.covariances)
        collapsed = (count == 0) | covariances.singular
        if covariances.singular.any():
            covariances = covariances.floored(self.prior.floor)
        degrees = student_freedom.estimate(self.rule, self.degrees_of_freedom, self.n_features, moments)
        weights = self.prior.mixing_weights(count)
        return StudentMixture(
            weights, means, covariances, degrees, self.rule, self.family, self.prior, collapsed
        )

    def _expansion(self, count: Float64Array, scale: Float64Array) -> Float64Array:
        """Return the expanded model's scales α_k, (K,), one for all where the family ties the components' volumes."""
        live = (count > 0) & (scale > 0)
        if not live.any():
            return np.ones_like(count)
        if self.family.code.startswith("V"):
            return np.where(live, scale / np.where(live, count, 1.0), 1.0)
        held = self.degrees_of_freedom * live
        return np.full_like(count, held @ scale / (held @ count))

    def em_steps(
        self, X: FloatArray, weight: Float64Array | None, n_steps: int
    ) -> tuple[Self, list[float], list[float]]:
        """Return this mixture: the kernel runs no iterations of it in one go."""
        return self, [], []

    def lower_bound(self, moments: StudentMoments) -> float:
        """Return the mean log-likelihood per unit of weight, in nats."""
        return moments.log_likelihood / moments.weight

    def movement(self, previous: StudentMixture) -> float:
        """Return the relative distance of the parameters from ``previous``, as ``Mixture.movement`` does.

        The degrees of freedom count in standard errors of one row, as the means do.
        """
        sd = self.covariances.standard_deviations()
        heavier = np.maximum(np.maximum(self.weights, previous.weights), _LEAST_WEIGHT)
        information = student_freedom.information(self.degrees_of_freedom, self.n_features)
        changes = (
            (self.means - previous.means) / sd,
            (self.weights - previous.weights) / np.sqrt(heavier),
            (self.degrees_of_freedom - previous.degrees_of_freedom) * np.sqrt(information),
        )
        square = sum(float(np.vdot(change, change)) for change in changes)
        return float(np.sqrt(square + self.covariances.movement(previous.covariances)))

    def select(self, components: IntArray) -> StudentMixture:
        """Return the mixture of the listed components only, weights rescaled to sum to 1."""
        weights = self.weights[components]
        return StudentMixture(
            weights / weights.sum(),
            self.means[components],
            self.covariances.select(components),
            self.degrees_of_freedom[components],
            self.rule,
            self.family,
            self.prior.select(components),
            self.collapsed[components],
        )
