"""The Gaussian mixture p(x) = Σ_k π_k N(x | μ_k, Σ_k) as a frozen distribution."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

import numpy as np

from gaussmix.covariance import CovarianceFamily, Covariances, resolve_family
from gaussmix.covariance.base import SparseView
from gaussmix.errors import ParameterError
from gaussmix.linalg import is_sparse
from gaussmix.model.distribution import (
    Algebra,
    Completion,
    Divergence,
    Evaluation,
    Interchange,
    Landscape,
    Probability,
)
from gaussmix.model.incomplete import moments_of_known
from gaussmix.moments import Moments
from gaussmix.prior import FLOOR, Flat, Prior
from gaussmix.source import Known
from gaussmix.types import BoolArray, Float64Array, FloatArray, IntArray

_LEAST_WEIGHT: Final = 1e-300  # a component without weight does not move
_APART: Final = 0.5  # standard deviations between the halves of a split component and its centre
_SUM_TOLERANCE: Final = 1e-6  # how far from 1 the sum of given weights may be


@dataclass(frozen=True, eq=False, repr=False)
class Mixture(Evaluation, Probability, Algebra, Completion, Landscape, Divergence, Interchange):
    """Describe a Gaussian mixture: density, posteriors, sampling, and one step of EM.

    Build it with ``Mixture.from_parameters``, or take ``estimator.mixture_`` of a fit.

    Attributes
    ----------
    weights : ndarray of shape (K,)
        Mixing weights, non-negative, of sum 1.
    means : ndarray of shape (K, D)
    covariances : Covariances
        ``covariances.parameters()`` is the array in scikit-learn's shape, ``covariances.to_dense()`` (K, D, D).
    family : CovarianceFamily
        How ``m_step`` estimates covariances.
    prior : Prior
        What ``m_step`` believes before the data.
    collapsed : ndarray of shape (K,)
        True where the last M-step left a component without rows or with a singular covariance.

    Examples
    --------
    >>> import numpy as np
    >>> from gaussmix import Mixture
    >>> mixture = Mixture.from_parameters([0.5, 0.5], [[-2.0], [2.0]], [[[1.0]], [[1.0]]])
    >>> mixture.predict([[-1.0], [3.0]])
    array([0, 1])
    >>> float(np.exp(mixture.log_prob([[0.0]])[0]).round(6))
    0.053991
    """

    weights: Float64Array
    means: Float64Array
    covariances: Covariances
    family: CovarianceFamily
    prior: Prior
    collapsed: BoolArray = field(repr=False)

    @classmethod
    def from_parameters(
        cls,
        weights: object,
        means: object,
        covariances: object,
        covariance_type: str | CovarianceFamily = "full",
        prior: Prior | None = None,
    ) -> Mixture:
        """Return the mixture with these parameters.

        Parameters
        ----------
        weights : array-like of shape (K,)
        means : array-like of shape (K, D)
        covariances : array-like
            (K, D, D) for ``"full"``, (D, D) for ``"tied"``, (K, D) for ``"diag"``, (K,) for ``"spherical"``; of
            the families with a code, (K,) for EII, (K, D) for those that end in I, (K, D, D) for the others.
        covariance_type : str or CovarianceFamily
        prior : Prior, optional
            For ``m_step``; maximum likelihood without it.

        Raises
        ------
        ParameterError
            If shapes disagree, weights are not a distribution or a covariance is not positive definite.
        """
        weights = _finite_array("weights", weights, 1)
        means = _finite_array("means", means, 2)
        K, D = means.shape
        family = resolve_family(covariance_type, D)
        if weights.shape != (K,):
            raise ParameterError(
                f"weights should have shape ({K},) as there are {K} means, got {weights.shape}"
            )
        if (weights < 0).any() or abs(weights.sum() - 1) > _SUM_TOLERANCE:
            raise ParameterError(f"weights should be non-negative and sum to 1, but sum to {weights.sum():g}")
        stored = family.from_parameters(_array("covariances", covariances), K, D)
        if prior is None:
            prior = Flat(None, FLOOR * np.square(stored.standard_deviations()).mean(axis=0))
        total = weights.sum()
        return cls(
            weights if total == 1 else weights / total, means, stored, family, prior, np.zeros(K, bool)
        )

    @classmethod
    def from_moments(
        cls, moments: Moments, family: CovarianceFamily, prior: Prior, previous: Covariances | None = None
    ) -> Mixture:
        """Return the M-step's mixture; ``previous`` as in ``CovarianceFamily.estimate``."""
        posterior = prior.update(moments)
        covariances = family.estimate(
            posterior.scatter, posterior.count, posterior.means.shape[1], previous=previous
        )
        estimated = covariances.parameters()
        kept = prior.kept(estimated)
        if kept is not estimated:
            covariances = covariances.with_parameters(kept)
        empty = (posterior.count == 0) | (posterior.weights == 0) & ~prior.fixed(len(posterior.weights))[2]
        collapsed = empty | covariances.singular
        if covariances.singular.any():
            covariances = covariances.floored(prior.floor)
        return cls(posterior.weights, posterior.means, covariances, family, prior, collapsed)

    def __repr__(self) -> str:
        return (
            f"Mixture(n_components={self.n_components}, n_features={self.n_features}, "
            f"covariance_type={self.covariance_type!r})"
        )

    @property
    def covariance_type(self) -> str:
        """The name of the covariance family."""
        return self.family.name

    @property
    def n_components(self) -> int:
        """K."""
        return len(self.means)

    @property
    def n_classes(self) -> int:
        """Columns of ``posterior``: K."""
        return len(self.means)

    @property
    def n_features(self) -> int:
        """D."""
        return int(self.means.shape[1])

    @property
    def n_parameters(self) -> int:
        """Free parameters: of the covariances, K·D of the means, K − 1 of the weights; what is fixed is not free."""
        K, D = self.n_components, self.n_features
        return self.prior.n_parameters(self.family.n_parameters(K, D), K, D)

    @cached_property
    def log_weights(self) -> Float64Array:
        """log π_k, −inf for a weight of zero, shape (K,)."""
        if self.weights.min() > 0:
            return np.log(self.weights)
        with np.errstate(divide="ignore"):
            return np.log(self.weights)

    @cached_property
    def precise_covariances(self) -> Covariances:
        """``covariances`` for densities that are asked for, of which ill-conditioned matrices cost no digits."""
        return self.covariances.refined()

    @cached_property
    def _sparse_view(self) -> SparseView:
        """What applies the components to sparse rows."""
        return self.covariances.sparse_view(self.log_weights, self.means)

    def e_step(
        self,
        X: FloatArray,
        weight: Float64Array | None = None,
        *,
        hard: bool = False,
        known: Known | None = None,
    ) -> Moments:
        """Return the moments of one C-contiguous block of rows under this model's posteriors.

        With ``hard`` each row belongs wholly to its most probable component. Where the block holds only some
        features, or its rows may belong only to some components, ``known`` says so, and the moments are those
        expected of the complete rows. The block may be a ``scipy.sparse.csr_array``, for families by variances or
        factors.
        """
        if is_sparse(X):
            return self._sparse_view.moments(X, weight, hard=hard)
        if known is not None:
            return moments_of_known(self, X, weight, known, hard=hard)
        return self.covariances.moments(X, weight, self.log_weights, self.means, hard=hard)

    def m_step(self, moments: Moments) -> Mixture:
        """Return the mixture that maximises the expected log-likelihood and prior density given the moments.

        A component without rows keeps its mean and covariance; a singular covariance is raised by the prior's
        ``floor``. Both are marked in ``collapsed``.
        """
        return Mixture.from_moments(moments, self.family, self.prior, previous=self.covariances)

    def em_steps(
        self, X: FloatArray, weight: Float64Array | None, n_steps: int
    ) -> tuple[Mixture, list[float], list[float]]:
        """Return the mixture after up to ``n_steps`` EM iterations on one block, run by the kernel in one go.

        Returns
        -------
        Mixture
            This one if none were done, as where family or prior have an M-step of their own.
        bounds, movements : list of float
            Of each iteration that was done.
        """
        if n_steps < 1 or not (self.family.unconstrained and self.prior.flat) or is_sparse(X):
            return self, [], []
        added = self.prior.added_variance
        steps = self.covariances.em_steps(X, weight, self.weights, self.means, added, n_steps)
        if not steps.bounds:
            return self, [], []
        covariances = self.covariances.with_parameters(steps.covariances)
        moved = Mixture(
            steps.weights, steps.means, covariances, self.family, self.prior, np.zeros_like(self.collapsed)
        )
        return moved, steps.bounds, steps.movements

    def lower_bound(self, moments: Moments) -> float:
        """Return log-likelihood plus log prior density (0 where there is none) per unit of weight, in nats."""
        return (moments.log_likelihood + self.prior.log_density(self)) / moments.weight

    def movement(self, previous: Mixture) -> float:
        """Return the relative distance of the parameters from ``previous``.

        The root of Σ_k [|Δμ_k / s_k|² + (Δπ_k)² / max π_k] + Σ (Δσ_kab / (s_ka s_kb))², with s the standard
        deviations: a number without units, the same for rescaled data.
        """
        sd = self.covariances.standard_deviations()
        change_of_means = (self.means - previous.means) / sd
        heavier = np.maximum(np.maximum(self.weights, previous.weights), _LEAST_WEIGHT)
        change_of_weights = (self.weights - previous.weights) / np.sqrt(heavier)
        square = float(
            np.vdot(change_of_means, change_of_means) + np.vdot(change_of_weights, change_of_weights)
        )
        return float(np.sqrt(square + self.covariances.movement(previous.covariances)))

    def select(self, components: IntArray) -> Mixture:
        """Return the mixture of the listed components only, weights rescaled to sum to 1."""
        weights = self.weights[components]
        return Mixture(
            weights / weights.sum(),
            self.means[components],
            self.covariances.select(components),
            self.family,
            self.prior.select(components),
            self.collapsed[components],
        )

    def split(self, donor: int, component: int) -> Mixture:
        """Return the mixture in which ``component`` has become half of another one, apart along its longest axis.

        Parameters
        ----------
        donor : int
            The one that is split.
        component : int
            The one whose place a half takes.
        """
        offset = _APART * self.covariances.longest_axis(donor)
        components = np.arange(self.n_components)
        components[component] = donor
        weights, means, collapsed = self.weights.copy(), self.means.copy(), self.collapsed.copy()
        weights[[donor, component]] = self.weights[donor] / 2
        means[component], means[donor] = means[donor] + offset, means[donor] - offset
        collapsed[component] = False
        covariances = self.covariances.select(components)
        return Mixture(weights / weights.sum(), means, covariances, self.family, self.prior, collapsed)


def _array(name: str, values: object) -> Float64Array:
    """Return a float64 copy of an argument, or say which one is not made of real numbers."""
    try:
        array = np.array(values)
        if array.dtype.kind not in "biuf":
            raise TypeError(f"its type is {array.dtype}")
        return np.array(array, dtype=np.float64, order="C")
    except (TypeError, ValueError) as error:
        raise ParameterError(f"{name} should be an array of real numbers: {error}") from None


def _finite_array(name: str, values: object, ndim: int) -> Float64Array:
    array = _array(name, values)
    if array.ndim != ndim or not array.size:
        raise ParameterError(f"{name} should be a non-empty array of {ndim} dimension(s), got {array.shape}")
    if not np.isfinite(array).all():
        raise ParameterError(f"{name} should be finite numbers")
    return array
