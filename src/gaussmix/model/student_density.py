"""What a mixture of t distributions says of rows: densities, posteriors, draws, and the moments of an E-step."""

from __future__ import annotations

from functools import cached_property
from typing import Final

import numpy as np
from scipy.special import gammaln

from gaussmix import kernel
from gaussmix.covariance import Covariances
from gaussmix.errors import DataError, ParameterError
from gaussmix.kernel.student import student_moments
from gaussmix.model.student_moments import StudentMoments
from gaussmix.moments import DIAGONAL, FULL, POOLED, TRACE, Moments, buffer_size
from gaussmix.source import ArraySource, check_values
from gaussmix.types import Float64Array, FloatArray, IntArray

_FAR: Final = 1e300  # a squared distance beyond this counts as this
_LOG_2PI: Final = float(np.log(2 * np.pi))
# The kernel's representation that accumulates a kind of scatter.
_KINDS: Final = {
    FULL.name: kernel.DENSE,
    POOLED.name: kernel.SHARED,
    DIAGONAL.name: kernel.DIAGONAL,
    TRACE.name: kernel.SPHERICAL,
}
SCATTERS: Final = frozenset(_KINDS)  # names of those that an E-step can accumulate


class StudentDensity:
    """Evaluate rows. ``StudentMixture`` holds the fields and inherits this."""

    weights: Float64Array
    means: Float64Array
    covariances: Covariances
    degrees_of_freedom: Float64Array

    @property
    def n_components(self) -> int:
        """K."""
        return len(self.means)

    @property
    def n_classes(self) -> int:
        """K: the columns of ``posterior``."""
        return self.n_components

    @property
    def n_features(self) -> int:
        """D."""
        return int(self.means.shape[1])

    @cached_property
    def log_weights(self) -> Float64Array:
        """log π_k, −inf for a weight of zero, shape (K,)."""
        with np.errstate(divide="ignore"):
            return np.log(self.weights)

    @cached_property
    def precise_covariances(self) -> Covariances:
        """``covariances`` for densities that are asked for, of which ill-conditioned matrices cost no digits."""
        return self.covariances.refined()

    def log_constant(self, covariances: Covariances) -> Float64Array:
        """Return log π_k and the logarithm of the density at the mean, shape (K,)."""
        ν, D = self.degrees_of_freedom, self.n_features
        gammas = gammaln(0.5 * (ν + D)) - gammaln(0.5 * ν)
        constant: Float64Array = (
            self.log_weights + gammas - 0.5 * (D * np.log(np.pi * ν) + covariances.log_det)
        )
        return constant

    def moments(self, X: FloatArray, weight: Float64Array | None, *, hard: bool = False) -> StudentMoments:
        """Return the moments of one C-contiguous block of rows under the posteriors; ``hard`` as in ``Mixture``."""
        K, D = self.means.shape
        kind = self.covariances.scatter
        out = np.empty(buffer_size(kind, K, D) + 3 * K)
        arguments = (
            _KINDS[kind.name],
            X,
            weight,
            self._log_constant,
            self.means,
            self._precision,
            self.degrees_of_freedom,
            out,
            hard,
        )
        if not kernel.student_moments(*arguments):
            student_moments(*arguments)
        reference = (
            self.means if X.dtype == self.means.dtype else self.means.astype(X.dtype).astype(np.float64)
        )
        return StudentMoments(Moments(out[: -3 * K], reference, kind), *out[-3 * K :].reshape(3, K))

    @cached_property
    def _log_constant(self) -> Float64Array:
        return self.log_constant(self.covariances)

    @cached_property
    def _precision(self) -> Float64Array:
        """The factors L of the inverse scatter matrices, Σ⁻¹ = LᵀL, as kernels take them."""
        upper = self.covariances.precisions_cholesky()
        dense = self.covariances.scatter in (FULL, POOLED)
        return np.ascontiguousarray(np.swapaxes(upper, -1, -2)) if dense else upper

    def log_joint(self, X: object) -> FloatArray:
        """Return log π_k + log t(x | μ_k, Σ_k, ν_k), shape (n, K), in nats."""
        rows = self._rows(X)
        return self._log_joint(self._distances(rows)).astype(rows.dtype)

    def log_prob(self, X: object) -> FloatArray:
        """Return log p(x), shape (n,), in nats, for rows ``X`` of shape (n, D)."""
        rows = self._rows(X)
        log_sum, _ = _softmax(self._log_joint(self._distances(rows)))
        return log_sum.astype(rows.dtype)

    def posterior(self, X: object) -> FloatArray:
        """Return P(k | x), shape (n, K)."""
        rows = self._rows(X)
        _, posterior = _softmax(self._log_joint(self._distances(rows)))
        return posterior.astype(rows.dtype)

    def predict(self, X: object) -> IntArray:
        """Return the most probable component of each row, shape (n,)."""
        labels: IntArray = self._log_joint(self._distances(self._rows(X))).argmax(axis=1)
        return labels

    def outlyingness(self, X: object) -> FloatArray:
        """Return how far each row lies out: 1 / E[u | x], shape (n,).

        E[u | x] = Σ_k P(k | x) (ν_k + D) / (ν_k + δ_k) is the weight with which the row counts in means and scatter
        matrices, δ_k its squared Mahalanobis distance: about 1 for a typical row, near 0 far out. Its inverse grows
        with the squared distance.
        """
        rows = self._rows(X)
        distance = self._distances(rows)
        _, posterior = _softmax(self._log_joint(distance))
        ν = self.degrees_of_freedom
        counted = (posterior * (ν + self.n_features) / (ν + distance)).sum(axis=1)
        outlyingness: FloatArray = (1.0 / counted).astype(rows.dtype)
        return outlyingness

    def sample(
        self, n: int, random_state: np.random.Generator | int | None = None
    ) -> tuple[Float64Array, IntArray]:
        """Draw exactly n rows from the mixture.

        Returns
        -------
        X : ndarray of shape (n, D)
        labels : ndarray of shape (n,)
            The component of each row, in ascending order.

        Raises
        ------
        ParameterError
            If n is not a positive whole number.
        """
        if n != int(n) or n < 1:
            raise ParameterError(f"sample needs a positive whole number of rows, got {n!r}")
        rng = np.random.default_rng(random_state)
        counts = rng.multinomial(int(n), self.weights / self.weights.sum())
        parts = []
        for k, count in enumerate(counts.tolist()):
            Z = self.covariances.colorize(rng.standard_normal((count, self.n_features)), k)
            ν = self.degrees_of_freedom[k]
            scale = np.sqrt(ν / rng.chisquare(ν, count))
            parts.append(self.means[k] + scale[:, None] * Z)
        return np.concatenate(parts), np.repeat(np.arange(self.n_components), counts)

    def _distances(self, rows: FloatArray) -> Float64Array:
        """Return the squared Mahalanobis distances, shape (n, K)."""
        covariances = self.precise_covariances
        nothing = 0.5 * (
            covariances.log_det + self.n_features * _LOG_2PI
        )  # leaves −δ/2 of a Gaussian log-joint
        distance = -2.0 * covariances.log_joint(rows, nothing, self.means).astype(np.float64)
        return np.clip(distance, 0.0, _FAR)

    def _log_joint(self, distance: Float64Array) -> Float64Array:
        ν = self.degrees_of_freedom
        constant = self.log_constant(self.precise_covariances)
        log_joint: Float64Array = constant - 0.5 * (ν + self.n_features) * np.log1p(distance / ν)
        return log_joint

    def _rows(self, X: object) -> FloatArray:
        """Return ``X`` as the kernels take it: two-dimensional, contiguous, finite float32 or float64."""
        shape = np.shape(X)  # type: ignore[call-overload]  # what is no array is refused below
        if len(shape) == 2 and shape[1] != self.n_features:
            raise DataError(f"X should have shape (n, {self.n_features}), got {shape}")
        if shape == (0, self.n_features):
            return np.empty(shape)
        source = ArraySource(X)  # type: ignore[arg-type]
        check_values(source, missing=False)
        rows: FloatArray = source.partitions(source.n_rows)[0].load()[0]
        return rows


def _softmax(log_joint: Float64Array) -> tuple[Float64Array, Float64Array]:
    """Return log Σ_k exp(log_joint), shape (n,), and the responsibilities, shape (n, K)."""
    peak = log_joint.max(axis=1, keepdims=True)
    with np.errstate(under="ignore"):
        shares = np.exp(log_joint - peak)
        total = shares.sum(axis=1, keepdims=True)
        return (peak + np.log(total))[:, 0], shares / total
