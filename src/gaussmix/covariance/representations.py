"""The representations: how K covariance matrices are stored and applied, each with the kernel that serves it.

==========  ======================  =========================
class       parameters              kernel functions
==========  ======================  =========================
Dense       Σ_k, (K, D, D)          ``dense_*``
Shared      one Σ, (D, D)           ``shared_*``
Diagonal    variances, (K, D)       ``diagonal_*``
Spherical   variances, (K,)         ``spherical_*``
==========  ======================  =========================

The kernels take the factor L of the precision, Σ⁻¹ = LᵀL with L lower triangular, so that the squared
Mahalanobis distance is |L(x − μ)|²; for diagonal and spherical matrices it is 1/σ.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Final, TypeVar

import numpy as np
from scipy.linalg import solve_triangular

from gaussmix import kernel, linalg
from gaussmix.covariance.base import Covariances, SparseView, Steps
from gaussmix.covariance.factor import LAPACK_FROM, factorize, inverse_root, raise_diagonal
from gaussmix.covariance.refinement import refined
from gaussmix.covariance.sparse_rows import Axes
from gaussmix.moments import DIAGONAL, FULL, POOLED, TRACE, Moments, Scatter, buffer_size
from gaussmix.types import BoolArray, Float64Array, FloatArray, IntArray

OneEach = TypeVar("OneEach", "Dense", "Diagonal", "Spherical")
_LOG_2PI: Final = float(np.log(2 * np.pi))


@dataclass(frozen=True, slots=True, eq=False)
class Stored(Covariances):
    """What all representations share: the fields, and how a kernel is called.

    Attributes
    ----------
    covariances : ndarray
        In the shape of ``parameters``.
    precision : ndarray
        The factors L of the precisions, in the same shape.
    """

    scatter: ClassVar[Scatter]
    kernel_moments: ClassVar[Callable[..., None]]
    kernel_evaluate: ClassVar[Callable[..., None]]
    kernel_number: ClassVar[int]

    n_components: int
    n_features: int
    covariances: Float64Array
    precision: Float64Array
    log_det: Float64Array
    singular: BoolArray

    def parameters(self) -> Float64Array:
        return self.covariances

    def moments(
        self,
        X: FloatArray,
        weight: Float64Array | None,
        log_weights: Float64Array,
        means: Float64Array,
        *,
        hard: bool = False,
    ) -> Moments:
        out = np.empty(buffer_size(self.scatter, self.n_components, self.n_features))
        constant = self._log_constant(log_weights)
        type(self).kernel_moments(X, weight, constant, means, self.precision, out, hard)
        reference = means if X.dtype == means.dtype else means.astype(X.dtype).astype(np.float64)
        return Moments(out, reference, self.scatter)

    def em_steps(
        self,
        X: FloatArray,
        weight: Float64Array | None,
        weights: Float64Array,
        means: Float64Array,
        added_variance: Float64Array | None,
        n_steps: int,
    ) -> Steps:
        if self.scatter in (FULL, POOLED) and self.n_features >= LAPACK_FROM:
            n_steps = 0  # the kernel factorises by plain loops, which LAPACK beats
        weights, means, covariances = weights.copy(), means.copy(), self.covariances.copy()
        bounds, movements = np.empty(n_steps), np.empty(n_steps)
        done = kernel.em_steps(
            self.kernel_number, X, weight, weights, means, covariances, added_variance, bounds, movements
        )
        return Steps(weights, means, covariances, bounds[:done].tolist(), movements[:done].tolist())

    def log_joint(self, X: FloatArray, log_weights: Float64Array, means: Float64Array) -> FloatArray:
        out = np.empty((len(X), self.n_components), X.dtype)
        self._evaluate(X, log_weights, means, kernel.LOG_JOINT, out)
        return out

    def posterior(self, X: FloatArray, log_weights: Float64Array, means: Float64Array) -> FloatArray:
        out = np.empty((len(X), self.n_components), X.dtype)
        self._evaluate(X, log_weights, means, kernel.POSTERIOR, out)
        return out

    def log_prob(self, X: FloatArray, log_weights: Float64Array, means: Float64Array) -> FloatArray:
        out = np.empty(len(X), X.dtype)
        self._evaluate(X, log_weights, means, kernel.LOG_PROB, out)
        return out

    def labels(self, X: FloatArray, log_weights: Float64Array, means: Float64Array) -> IntArray:
        out = np.empty(len(X), np.int64)
        self._evaluate(X, log_weights, means, kernel.LABELS, out)
        return out

    def sparse_view(self, log_weights: Float64Array, means: Float64Array) -> SparseView:
        if self.scatter not in (DIAGONAL, TRACE):
            return Covariances.sparse_view(self, log_weights, means)
        return Axes.of(self._log_constant(log_weights), means, self.precision, self.scatter)

    def _evaluate(
        self, X: FloatArray, log_weights: Float64Array, means: Float64Array, what: int, out: Any
    ) -> None:
        type(self).kernel_evaluate(X, self._log_constant(log_weights), means, self.precision, what, out)

    def _log_constant(self, log_weights: Float64Array) -> Float64Array:
        """Return log π_k − ½ log|Σ_k| − D/2 log 2π, shape (K,)."""
        return log_weights - 0.5 * (self.log_det + self.n_features * _LOG_2PI)


class Dense(Stored):
    """K full matrices. ``covariances`` and ``precision`` have shape (K, D, D)."""

    __slots__ = ()
    scatter = FULL
    kernel_moments = kernel.dense_moments
    kernel_evaluate = kernel.dense_evaluate
    kernel_number = kernel.DENSE

    @classmethod
    def from_covariances(cls, covariances: Float64Array) -> Dense:
        """Factorise symmetric matrices of shape (K, D, D)."""
        K, D, _ = covariances.shape
        factors, log_det, singular = factorize(covariances)
        return cls(K, D, covariances, factors, log_det, singular)

    def precisions(self) -> Float64Array:
        return self.precision.transpose(0, 2, 1) @ self.precision

    def precisions_cholesky(self) -> Float64Array:
        return np.ascontiguousarray(self.precision.transpose(0, 2, 1))

    def to_dense(self) -> Float64Array:
        return self.covariances

    def standard_deviations(self) -> Float64Array:
        sd: Float64Array = np.sqrt(linalg.diagonals(self.covariances))
        return sd

    def colorize(self, Z: Float64Array, component: int) -> Float64Array:
        return solve_triangular(self.precision[component], Z.T, lower=True).T

    def with_parameters(self, covariances: Float64Array) -> Dense:
        return Dense.from_covariances(covariances)

    def floored(self, variance: Float64Array) -> Dense:
        return Dense.from_covariances(raise_diagonal(self.covariances, self.singular, variance))

    def select(self, components: IntArray) -> Dense:
        return _select(self, components)

    def refined(self) -> Dense:
        factors, log_det = refined(self.covariances, self.precision, self.log_det)
        return replace(self, precision=factors, log_det=log_det)

    def marginal(self, features: IntArray) -> Dense:
        return Dense.from_covariances(np.ascontiguousarray(self.covariances[:, features[:, None], features]))

    def movement(self, previous: Dense) -> float:
        return _relative_square(self.covariances - previous.covariances, self.standard_deviations())


class Shared(Stored):
    """One full matrix for all components. ``covariances`` and ``precision`` have shape (D, D)."""

    __slots__ = ()
    scatter = POOLED
    kernel_moments = kernel.shared_moments
    kernel_evaluate = kernel.shared_evaluate
    kernel_number = kernel.SHARED

    @classmethod
    def from_covariance(cls, covariance: Float64Array, n_components: int) -> Shared:
        """Factorise one symmetric matrix of shape (D, D)."""
        factors, log_det, singular = factorize(covariance[None])
        D = len(covariance)
        return cls(
            n_components,
            D,
            covariance,
            factors[0],
            log_det.repeat(n_components),
            singular.repeat(n_components),
        )

    def precisions(self) -> Float64Array:
        return self.precision.T @ self.precision

    def precisions_cholesky(self) -> Float64Array:
        return np.ascontiguousarray(self.precision.T)

    def to_dense(self) -> Float64Array:
        return np.broadcast_to(self.covariances, (self.n_components, *self.covariances.shape)).copy()

    def standard_deviations(self) -> Float64Array:
        sd = np.sqrt(np.diagonal(self.covariances))
        return np.broadcast_to(sd, (self.n_components, self.n_features))

    def colorize(self, Z: Float64Array, component: int) -> Float64Array:
        return solve_triangular(self.precision, Z.T, lower=True).T

    def with_parameters(self, covariances: Float64Array) -> Shared:
        return Shared.from_covariance(covariances, self.n_components)

    def floored(self, variance: Float64Array) -> Shared:
        raised = raise_diagonal(self.covariances[None], self.singular[:1], variance)
        return Shared.from_covariance(raised[0], self.n_components)

    def select(self, components: IntArray) -> Shared:
        n = len(components)
        return Shared(
            n, self.n_features, self.covariances, self.precision, self.log_det[:n], self.singular[:n]
        )

    def refined(self) -> Shared:
        factors, log_det = refined(self.covariances[None], self.precision[None], self.log_det[:1])
        return replace(self, precision=factors[0], log_det=log_det.repeat(self.n_components))

    def marginal(self, features: IntArray) -> Shared:
        return Shared.from_covariance(self.covariances[features[:, None], features], self.n_components)

    def movement(self, previous: Shared) -> float:
        delta = self.covariances - previous.covariances
        return _relative_square(delta[None], self.standard_deviations()[:1])


class Diagonal(Stored):
    """K diagonal matrices. ``covariances`` (variances) and ``precision`` (1/σ) have shape (K, D)."""

    __slots__ = ()
    scatter = DIAGONAL
    kernel_moments = kernel.diagonal_moments
    kernel_evaluate = kernel.diagonal_evaluate
    kernel_number = kernel.DIAGONAL

    @classmethod
    def from_variances(cls, variances: Float64Array) -> Diagonal:
        """Build from variances of shape (K, D)."""
        precision, positive = inverse_root(variances)
        log_det = -2 * np.log(precision).sum(axis=1)
        K, D = variances.shape
        return cls(K, D, variances, precision, log_det, np.logical_not(positive.all(axis=1)))

    def precisions(self) -> Float64Array:
        return self.precision**2

    def precisions_cholesky(self) -> Float64Array:
        return self.precision

    def to_dense(self) -> Float64Array:
        dense: Float64Array = self.covariances[:, :, None] * np.eye(self.n_features)
        return dense

    def standard_deviations(self) -> Float64Array:
        return np.sqrt(self.covariances)

    def colorize(self, Z: Float64Array, component: int) -> Float64Array:
        rows: Float64Array = Z * np.sqrt(self.covariances[component])
        return rows

    def with_parameters(self, covariances: Float64Array) -> Diagonal:
        return Diagonal.from_variances(covariances)

    def floored(self, variance: Float64Array) -> Diagonal:
        raised = self.covariances + variance
        return Diagonal.from_variances(np.where(self.singular[:, None], raised, self.covariances))

    def select(self, components: IntArray) -> Diagonal:
        return _select(self, components)

    def refined(self) -> Diagonal:
        return self

    def marginal(self, features: IntArray) -> Diagonal:
        return Diagonal.from_variances(np.ascontiguousarray(self.covariances[:, features]))

    def movement(self, previous: Diagonal) -> float:
        return float(np.square((self.covariances - previous.covariances) / self.covariances).sum())


class Spherical(Stored):
    """K multiples of the identity. ``covariances`` (variances) and ``precision`` (1/σ) have shape (K,)."""

    __slots__ = ()
    scatter = TRACE
    kernel_moments = kernel.spherical_moments
    kernel_evaluate = kernel.spherical_evaluate
    kernel_number = kernel.SPHERICAL

    @classmethod
    def from_variances(cls, variances: Float64Array, n_features: int) -> Spherical:
        """Build from one variance a component, shape (K,)."""
        precision, positive = inverse_root(variances)
        return cls(
            len(variances), n_features, variances, precision, -2 * n_features * np.log(precision), ~positive
        )

    def precisions(self) -> Float64Array:
        return self.precision**2

    def precisions_cholesky(self) -> Float64Array:
        return self.precision

    def to_dense(self) -> Float64Array:
        dense: Float64Array = self.covariances[:, None, None] * np.eye(self.n_features)
        return dense

    def standard_deviations(self) -> Float64Array:
        return np.repeat(np.sqrt(self.covariances)[:, None], self.n_features, axis=1)

    def colorize(self, Z: Float64Array, component: int) -> Float64Array:
        rows: Float64Array = Z * np.sqrt(self.covariances[component])
        return rows

    def with_parameters(self, covariances: Float64Array) -> Spherical:
        return Spherical.from_variances(covariances, self.n_features)

    def floored(self, variance: Float64Array) -> Spherical:
        raised = self.covariances + variance.mean(axis=-1)
        return Spherical.from_variances(np.where(self.singular, raised, self.covariances), self.n_features)

    def select(self, components: IntArray) -> Spherical:
        return _select(self, components)

    def refined(self) -> Spherical:
        return self

    def marginal(self, features: IntArray) -> Spherical:
        return Spherical.from_variances(self.covariances, len(features))

    def movement(self, previous: Spherical) -> float:
        change = (self.covariances - previous.covariances) / self.covariances
        return float(self.n_features * np.square(change).sum())


def _select(stored: OneEach, components: IntArray) -> OneEach:
    """Return the listed components of a representation that stores one matrix for each."""
    return type(stored)(
        len(components),
        stored.n_features,
        stored.covariances[components],
        stored.precision[components],
        stored.log_det[components],
        stored.singular[components],
    )


def _relative_square(delta: Float64Array, sd: Float64Array) -> float:
    relative = delta / sd[:, :, None] / sd[:, None, :]
    return float(np.vdot(relative, relative))
