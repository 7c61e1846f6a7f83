"""Covariances by factors: Σ_k = B_k B_kᵀ + Ψ_k, with q loadings a feature and a diagonal Ψ_k.

Up to ``MOST_DENSE`` features the matrices themselves are kept too, and the kernel of full matrices does the work;
beyond, no matrix of D × D is made unless it is asked for, and the work is that of ``low_rank_rows``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

import numpy as np

from gaussmix.covariance.base import Covariances, SparseView, Steps
from gaussmix.covariance.low_rank_rows import Projection, log_joint, moments, responsibilities
from gaussmix.covariance.representations import Dense
from gaussmix.covariance.sparse_factors import Loadings
from gaussmix.covariance.sparse_rows import Densified
from gaussmix.errors import ResourceLimitError
from gaussmix.moments import FULL, Moments, Scatter, factors
from gaussmix.types import BoolArray, Float64Array, FloatArray, IntArray

MOST_DENSE: Final = 128  # features: up to here full matrices cost little more, and tell the M-step everything
LEAST_NOISE: Final = 1e-8  # of a feature's variance within the component: less would drown in rounding
_MOST_MATRICES: Final = 1 << 31  # bytes of full matrices that are made on request
_FLOOR_TRIES: Final = 8  # each a hundred times higher
_LOG_2PI: Final = float(np.log(2 * np.pi))


@dataclass(frozen=True, slots=True, eq=False)
class LowRank(Covariances):
    """K matrices B_k B_kᵀ + diag(noise_k). Make them with ``from_factors``.

    Attributes
    ----------
    loadings : ndarray of shape (K, D, q)
        B_k.
    noise : ndarray of shape (K, D)
        The diagonals of Ψ_k.
    root : ndarray of shape (K, q, q)
        Lower triangular L_k with I + BᵀΨ⁻¹B = L Lᵀ.
    probe : ndarray of shape (K, D, q)
        Ω_k = Ψ⁻¹ B L⁻ᵀ: Σ⁻¹ = Ψ⁻¹ − Ω Ωᵀ.
    log_det, singular
        As in ``Covariances``.
    dense : Dense or None
        The matrices themselves, where D is small.
    """

    loadings: Float64Array
    noise: Float64Array
    root: Float64Array
    probe: Float64Array
    log_det: Float64Array
    singular: BoolArray
    dense: Dense | None

    @classmethod
    def from_factors(cls, loadings: Float64Array, noise: Float64Array) -> LowRank:
        """Return the covariances of loadings (K, D, q) and variances of the noise (K, D)."""
        loadings, noise = np.ascontiguousarray(loadings), np.ascontiguousarray(noise)
        sound = (noise > 0) & np.isfinite(noise) & np.isfinite(loadings).all(axis=2)
        positive = np.asarray(sound.all(axis=1))
        share = _noise_share(loadings, noise, positive)
        singular = ~(positive & (share > 2 * LEAST_NOISE))
        safe = np.where(positive[:, None], noise, 1.0)
        kept = np.where(positive[:, None, None], loadings, 0.0)
        relative = kept / safe[:, :, None]
        inner = np.einsum("kdq,kdr->kqr", kept, relative) + np.eye(loadings.shape[2])
        root = np.linalg.cholesky(inner)
        probe = np.linalg.solve(root, relative.transpose(0, 2, 1)).transpose(0, 2, 1)
        log_det = np.log(safe).sum(axis=1) + 2 * np.log(np.einsum("kqq->kq", root)).sum(axis=1)
        dense = None
        if loadings.shape[1] <= MOST_DENSE:
            dense = Dense.from_covariances(_matrices(loadings, noise))
            singular, log_det = singular | dense.singular, dense.log_det
        return cls(loadings, noise, root, np.ascontiguousarray(probe), log_det, singular, dense)

    @property
    def n_components(self) -> int:  # type: ignore[override]
        return len(self.noise)

    @property
    def n_features(self) -> int:  # type: ignore[override]
        return int(self.noise.shape[1])

    @property
    def n_factors(self) -> int:  # type: ignore[override]
        return int(self.loadings.shape[2])

    @property
    def scatter(self) -> Scatter:  # type: ignore[override]
        return factors(self.n_factors) if self.dense is None else FULL

    def moments(
        self,
        X: FloatArray,
        weight: Float64Array | None,
        log_weights: Float64Array,
        means: Float64Array,
        *,
        hard: bool = False,
    ) -> Moments:
        if self.dense is not None:
            return self.dense.moments(X, weight, log_weights, means, hard=hard)
        return moments(X, weight, self._log_constant(log_weights), self._projection(means), hard=hard)

    def em_steps(
        self,
        X: FloatArray,
        weight: Float64Array | None,
        weights: Float64Array,
        means: Float64Array,
        added_variance: Float64Array | None,
        n_steps: int,
    ) -> Steps:
        return Steps(weights, means, self.parameters(), [], [])  # every M-step needs the family

    def log_joint(self, X: FloatArray, log_weights: Float64Array, means: Float64Array) -> FloatArray:
        if self.dense is not None:
            return self.dense.log_joint(X, log_weights, means)
        joint = log_joint(X, self._log_constant(log_weights), self._projection(means), every=True)
        return joint.astype(X.dtype, copy=False)

    def posterior(self, X: FloatArray, log_weights: Float64Array, means: Float64Array) -> FloatArray:
        if self.dense is not None:
            return self.dense.posterior(X, log_weights, means)
        joint = log_joint(X, self._log_constant(log_weights), self._projection(means))
        return responsibilities(joint)[0].astype(X.dtype, copy=False)

    def log_prob(self, X: FloatArray, log_weights: Float64Array, means: Float64Array) -> FloatArray:
        if self.dense is not None:
            return self.dense.log_prob(X, log_weights, means)
        joint = log_joint(X, self._log_constant(log_weights), self._projection(means))
        return responsibilities(joint)[1].astype(X.dtype, copy=False)

    def labels(self, X: FloatArray, log_weights: Float64Array, means: Float64Array) -> IntArray:
        if self.dense is not None:
            return self.dense.labels(X, log_weights, means)
        joint = log_joint(X, self._log_constant(log_weights), self._projection(means))
        return np.asarray(joint.argmax(axis=1))

    def sparse_view(self, log_weights: Float64Array, means: Float64Array) -> SparseView:
        if self.dense is not None:
            step = partial(self.dense.moments, log_weights=log_weights, means=means)
            joint = partial(self.dense.log_joint, log_weights=log_weights, means=means)
            return Densified(step, joint)
        variances = _variances(self.loadings, self.noise)
        return Loadings.of(self._log_constant(log_weights), self._projection(means), variances)

    def parameters(self) -> Float64Array:
        """Return the matrices (K, D, D) where D is small, else loadings and noise, as ``packed`` does."""
        return self.packed() if self.dense is None else self.dense.covariances

    def packed(self) -> Float64Array:
        """Return the loadings with the noise as last column, shape (K, D, q + 1)."""
        return np.concatenate([self.loadings, self.noise[:, :, None]], axis=2)

    def precisions(self) -> Float64Array:
        if self.dense is not None:
            return self.dense.precisions()
        self._check_size()
        precisions = -(self.probe @ self.probe.transpose(0, 2, 1))
        diagonal = np.arange(self.n_features)
        precisions[:, diagonal, diagonal] += 1.0 / self.noise
        return precisions

    def precisions_cholesky(self) -> Float64Array:
        dense = Dense.from_covariances(self.to_dense()) if self.dense is None else self.dense
        return dense.precisions_cholesky()

    def to_dense(self) -> Float64Array:
        if self.dense is not None:
            return self.dense.covariances
        self._check_size()
        return _matrices(self.loadings, self.noise)

    def standard_deviations(self) -> Float64Array:
        return np.sqrt(_variances(self.loadings, self.noise))

    def colorize(self, Z: Float64Array, component: int) -> Float64Array:
        """Return Ψ^½ (I + C Cᵀ)^½ z with C = Ψ^-½ B, by the singular values of C."""
        root = np.sqrt(self.noise[component])
        axes, signal, _ = np.linalg.svd(self.loadings[component] / root[:, None], full_matrices=False)
        stretch = np.sqrt(1.0 + signal * signal) - 1.0
        rows: Float64Array = (Z + ((Z @ axes) * stretch) @ axes.T) * root
        return rows

    def with_parameters(self, covariances: Float64Array) -> Covariances:
        """Return factors from ``packed``; matrices (K, D, D) stay matrices, of whatever rank."""
        if self.dense is not None:
            return Dense.from_covariances(covariances)
        return self.with_packed(covariances)

    def with_packed(self, packed: Float64Array) -> LowRank:
        """Return the covariances of other loadings and noise, in the form of ``packed``."""
        return LowRank.from_factors(packed[..., :-1], packed[..., -1])

    def floored(self, variance: Float64Array) -> LowRank:
        raised = self
        for step in range(_FLOOR_TRIES):
            bad = raised.singular
            if not bad.any():
                break
            noise = np.where(np.isfinite(self.noise), np.maximum(self.noise, 0.0), 0.0)
            loadings = np.where(np.isfinite(self.loadings), self.loadings, 0.0)
            added = np.where(bad[:, None], noise + 100.0**step * variance, raised.noise)
            raised = LowRank.from_factors(np.where(bad[:, None, None], loadings, raised.loadings), added)
        return raised

    def select(self, components: IntArray) -> LowRank:
        return LowRank(
            self.loadings[components],
            self.noise[components],
            self.root[components],
            self.probe[components],
            self.log_det[components],
            self.singular[components],
            None if self.dense is None else self.dense.select(components),
        )

    def refined(self) -> LowRank:
        if self.dense is None:
            return self  # its distances lose no digits
        dense = self.dense.refined()
        return replace(self, dense=dense, log_det=dense.log_det)

    def marginal(self, features: IntArray) -> Covariances:
        if self.dense is not None:
            return self.dense.marginal(features)
        return LowRank.from_factors(self.loadings[:, features], self.noise[:, features])

    def longest_axis(self, component: int) -> Float64Array:
        if self.dense is not None:
            return self.dense.longest_axis(component)
        axes, signal, _ = np.linalg.svd(self.loadings[component], full_matrices=False)
        along = np.square(axes[:, 0]) @ self.noise[component]
        return np.asarray(np.sqrt(signal[0] ** 2 + along) * axes[:, 0])

    def movement(self, previous: Any) -> float:
        """Return the same number as other representations do, from the factors.

        With P = B − B', R = B + B' the change B Bᵀ − B'B'ᵀ is ½ (P Rᵀ + R Pᵀ), in which nothing cancels.
        """
        variances = _variances(self.loadings, self.noise)
        sd = np.sqrt(variances)[:, :, None]
        change, total = (self.loadings - previous.loadings) / sd, (self.loadings + previous.loadings) / sd
        noise = (self.noise - previous.noise) / variances
        across = np.einsum("kdq,kdr->kqr", change, total)
        square = np.einsum(
            "kqr,kqr->",
            np.einsum("kdq,kdr->kqr", change, change),
            np.einsum("kdq,kdr->kqr", total, total),
        )
        square = 0.5 * (square + np.einsum("kqr,krq->", across, across))
        square += 2 * np.einsum("kd,kdq,kdq->", noise, change, total) + np.vdot(noise, noise)
        return max(float(square), 0.0)

    def _projection(self, means: Float64Array) -> Projection:
        deviation = np.sqrt(self.noise)
        return Projection(means, deviation, self.probe * deviation[:, :, None], self.root)

    def _log_constant(self, log_weights: Float64Array) -> Float64Array:
        """Return log π_k − ½ log|Σ_k| − D/2 log 2π, shape (K,)."""
        return log_weights - 0.5 * (self.log_det + self.n_features * _LOG_2PI)

    def _check_size(self) -> None:
        needed = 8 * self.n_components * self.n_features**2
        if needed > _MOST_MATRICES:
            raise ResourceLimitError(
                f"{self.n_components} full matrices of {self.n_features} features would take "
                f"{needed / 2**30:,.1f} GiB: use loadings and noise, or fewer features"
            )


def _variances(loadings: Float64Array, noise: Float64Array) -> Float64Array:
    """Return the diagonals of B Bᵀ + Ψ, shape (K, D)."""
    variances: Float64Array = np.einsum("kdq,kdq->kd", loadings, loadings) + noise
    return variances


def _noise_share(loadings: Float64Array, noise: Float64Array, positive: BoolArray) -> Float64Array:
    """Return the mean over features of the noise's part of the variance, shape (K,); 0 where it is no number."""
    shares = np.zeros(len(noise))
    variances = _variances(loadings[positive], noise[positive])
    shares[positive] = (noise[positive] / variances).mean(axis=1)
    return shares


def _matrices(loadings: Float64Array, noise: Float64Array) -> Float64Array:
    """Return B Bᵀ + Ψ, shape (K, D, D)."""
    matrices: Float64Array = loadings @ loadings.transpose(0, 2, 1)
    diagonal = np.arange(noise.shape[1])
    matrices[:, diagonal, diagonal] += noise
    return matrices
