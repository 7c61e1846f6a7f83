"""Closed forms for pairs of Gaussians, one of each of two sets of components: matrices of shape (K, K')."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np

from gaussmix.model.distribution.components import Components
from gaussmix.types import Float64Array

LOG_2PI: Final = float(np.log(2 * np.pi))


def gaussian_entropies(components: Components) -> Float64Array:
    """Return the entropy of each component in nats, in the data's units: ½ (D log 2πe + log|Σ|), shape (K,)."""
    D = components.means.shape[1]
    return np.asarray(0.5 * (D * (LOG_2PI + 1.0) + components.log_det) + components.log_volume)


def kl_divergences(one: Components, other: Components) -> Float64Array:
    """Return KL(N_i ‖ N_j) = ½ [log|Σ_j|/|Σ_i| + tr(Σ_j⁻¹ Σ_i) + |C_j⁻¹ (μ_i − μ_j)|² − D], in nats."""
    D = one.means.shape[1]

    def row(i: int) -> Float64Array:
        trace = np.square(other.whitening @ one.roots[i]).sum(axis=(1, 2))
        shift = np.einsum("kab,kb->ka", other.whitening, one.means[i] - other.means)
        log_ratio = other.log_det - one.log_det[i]
        return np.asarray(0.5 * np.maximum(log_ratio + trace + np.square(shift).sum(axis=1) - D, 0.0))

    return _rows(one, row)


def log_products(one: Components, other: Components) -> Float64Array:
    """Return log ∫ N_i(x) N_j(x) dx = log N(μ_i | μ_j, Σ_i + Σ_j), in the data's units."""
    D = one.means.shape[1]

    def row(i: int) -> Float64Array:
        log_det, square = _between(one, other, i, 1.0)
        return np.asarray(-0.5 * (D * LOG_2PI + log_det + square) - one.log_volume)

    return _rows(one, row)


def bhattacharyya_distances(one: Components, other: Components) -> Float64Array:
    """Return −log ∫ √(N_i N_j) = ⅛ |μ_i − μ_j|²_Σ̄ + ½ log(|Σ̄| / √(|Σ_i| |Σ_j|)) with Σ̄ the mean of both."""

    def row(i: int) -> Float64Array:
        log_det, square = _between(one, other, i, 0.5)
        return np.asarray(
            np.maximum(square / 8 + 0.5 * (log_det - 0.5 * (one.log_det[i] + other.log_det)), 0.0)
        )

    return _rows(one, row)


def squared_wasserstein(one: Components, other: Components) -> Float64Array:
    """Return |μ_i − μ_j|² + tr(Σ_i + Σ_j − 2 (Σ_i^½ Σ_j Σ_i^½)^½), in squared units of ``Components.scale``.

    The second part is computed as min_R ‖C_i − C_j R‖² over rotations R (Procrustes; Bhatia, Jain & Lim 2019,
    Theorem 1), which is exactly zero for equal matrices where the difference of traces is rounding.
    """

    def row(i: int) -> Float64Array:
        left, _, right = np.linalg.svd(other.roots.transpose(0, 2, 1) @ one.roots[i])
        apart = one.roots[i] - other.roots @ (left @ right)
        return np.asarray(
            np.square(one.means[i] - other.means).sum(axis=1) + np.square(apart).sum(axis=(1, 2))
        )

    return _rows(one, row)


def _between(one: Components, other: Components, i: int, factor: float) -> tuple[Float64Array, Float64Array]:
    """Return log|S| and dᵀ S⁻¹ d of S = factor · (Σ_i + Σ_j) and d = μ_i − μ_j, for all j."""
    roots = np.linalg.cholesky(factor * (one.covariances[i] + other.covariances))
    shift = np.linalg.solve(roots, (one.means[i] - other.means)[:, :, None])[:, :, 0]
    log_det = 2 * np.log(np.einsum("kdd->kd", roots)).sum(axis=1)
    return log_det, np.square(shift).sum(axis=1)


def _rows(one: Components, row: Callable[[int], Float64Array]) -> Float64Array:
    """Return the matrix row by row: all pairs at once would be K·K' matrices of (D, D)."""
    return np.stack([row(i) for i in range(len(one))])
