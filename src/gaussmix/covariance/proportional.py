"""Proportional covariances: Σ_k = λ_k C with |C| = 1 (VEE in mclust's code).

Given the volumes, C ∝ M = Σ_k W_k / λ_k; given C, λ_k = tr(W_k C⁻¹) / (n_k D) (Celeux & Govaert 1995, Pattern
Recognition 28, §3.3, alternate the two). In θ = log λ what is left to minimise,
D Σ_k n_k θ_k + n log|Σ_k exp(−θ_k) W_k|, is convex, and Newton's method finds its one minimum.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from gaussmix import linalg
from gaussmix.covariance import volume
from gaussmix.covariance.base import Covariances
from gaussmix.covariance.factor import factorize
from gaussmix.covariance.representations import Dense
from gaussmix.covariance.represented import DenseFamily
from gaussmix.types import Float64Array

_ROUNDING: Final = 1e-13  # by which an objective may seem to rise


class VEE(DenseFamily):
    """Components are one ellipsoid, each scaled in its own way."""

    name = "VEE"
    code = "VEE"
    invariance = "linear"

    def estimate(
        self,
        scatter: Float64Array,
        count: Float64Array,
        n_features: int,
        previous: Covariances | None = None,
    ) -> Covariances:
        live = (count > 0) & (linalg.diagonals(scatter).max(axis=1) > 0)
        if not live.any():
            return Dense.from_covariances(np.zeros_like(scatter))
        part, rows = (scatter, count) if live.all() else (scatter[live], count[live])
        log_volume = _volumes(part, rows, previous if live.all() else None)
        matrix = _pooled(part, log_volume) / rows.sum()
        volumes = np.zeros(len(count))  # without scatter, no volume
        volumes[live] = np.exp(log_volume)
        if not count.all():
            log_mean = factorize(matrix[None])[1] / n_features
            volumes[count == 0] = volume.kept_volumes(log_volume, log_mean, previous, count == 0)
        return Dense.from_covariances(volumes[:, None, None] * matrix)

    def n_parameters(self, n_components: int, n_features: int) -> int:
        return n_components - 1 + n_features * (n_features + 1) // 2


def _pooled(scatter: Float64Array, log_volume: Float64Array) -> Float64Array:
    """Return Σ_k W_k / λ_k."""
    K, D, _ = scatter.shape
    return (np.exp(-log_volume) @ scatter.reshape(K, D * D)).reshape(D, D)


def _volumes(scatter: Float64Array, count: Float64Array, previous: Covariances | None) -> Float64Array:
    """Return log λ_k up to a common constant; where the pooled matrix is singular, after the steps made so far."""
    K, D, _ = scatter.shape
    target = D / count.sum() * count
    log_volume = _start(scatter, target) if previous is None else volume.start(previous)
    best, step = np.inf, np.zeros(K)
    for _ in range(volume.NEWTON_STEPS):
        factors, log_det, singular = factorize(_pooled(scatter, log_volume)[None])
        objective = target @ log_volume + log_det[0]
        if singular.any():
            break
        if objective > best + _ROUNDING * abs(best):  # too far: back by half
            step = step / 2
            log_volume = log_volume - step
            continue
        white = factors[0] @ scatter @ factors[0].T * np.exp(-log_volume)[:, None, None]  # (K, D, D)
        flat = white.reshape(K, D * D)
        part = np.maximum(flat[:, :: D + 1].sum(axis=1), 0.0)
        best, step = objective, volume.newton_step(part, flat @ flat.T, target)
        log_volume = log_volume + step
        if np.abs(step).max() < volume.CONVERGED:
            break
    return log_volume


def _start(scatter: Float64Array, target: Float64Array) -> Float64Array:
    """Return log λ_k of the components' variances in units of the pooled ones."""
    diagonals = np.maximum(linalg.diagonals(scatter), 0.0)
    total = diagonals.sum(axis=0)
    shares = diagonals / np.where(total > 0, total, 1.0)
    log_volume: Float64Array = np.log(shares.sum(axis=1) / target)
    return log_volume
