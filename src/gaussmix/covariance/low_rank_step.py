"""M-steps of covariances B_k B_kᵀ + Ψ_k, from whole scatter matrices or from their products with Ω_k.

Given the responsibilities, what is to be maximised is −½ Σ_k n_k [log|Σ_k| + tr(Σ_k⁻¹ S_k)] with S_k the scatter
a row.

* Of isotropic noise, and loadings that each component has by itself (or all share, with the noise), the maximum is
  closed: principal components (Tipping & Bishop 1999, eqs. 7 and 8).
* Of other noise with such loadings, B_k given Ψ_k is closed (Jöreskog 1967) and an EM step for Ψ_k follows, in turn.
* Everything else, and everything where only S_k Ω_k and the diagonal of S_k are known, is one EM step of factor
  analysis (Ghahramani & Hinton 1996; McNicholas & Murphy 2008, §3), with the covariance of the factors as a free
  parameter that is then absorbed by the loadings: the parameter expansion of Liu, Rubin & Wu (1998), which needs
  fewer steps.

The means were moved before, as in the alternating cycles of McLachlan & Peel (2000, §8.5). No step lowers the
likelihood. The noise is estimated from the residuals' variances by the family of diagonal or spherical covariances
that has the same constraints.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from gaussmix import linalg
from gaussmix.covariance.base import CovarianceFamily, Covariances
from gaussmix.covariance.low_rank import LEAST_NOISE, LowRank
from gaussmix.covariance.representations import Diagonal, Spherical
from gaussmix.moments import TRACE
from gaussmix.types import Float64Array

_COLD_STEPS: Final = 40  # without a previous model
_WARM_STEPS: Final = 4  # with one: the next iteration goes on from there
_STILL: Final = 1e-11  # relative change of the noise at which steps end
_START_NOISE: Final = 0.01  # of a feature's variance: the least noise of a start
_RANK: Final = 1e-10  # of the largest eigenvalue: below, a projection is rounding

Factors = tuple[Float64Array, Float64Array]


@dataclass(frozen=True, eq=False)
class Structure:
    """Say what components share.

    Attributes
    ----------
    common_loadings : bool
    noise : CovarianceFamily
        Of diagonal or spherical covariances.
    """

    common_loadings: bool
    noise: CovarianceFamily

    @property
    def isotropic(self) -> bool:
        """Whether the noise has the same variance in all features."""
        return self.noise.scatter is TRACE

    @property
    def common(self) -> bool:
        """Whether the components share loadings and noise."""
        return self.common_loadings and self.noise.code in ("EEI", "EII")

    def noise_of(
        self, residual: Float64Array, count: Float64Array, variances: Float64Array, previous: LowRank | None
    ) -> Float64Array:
        """Return the noise (K, D) from the variances of the residuals (K, D), and of the features (K, D)."""
        least = LEAST_NOISE * variances
        before: Covariances | None = None
        if previous is not None:
            least = np.minimum(least, previous.noise)  # so that keeping the noise as it is stays possible
            before = (
                Spherical.from_variances(previous.noise[:, 0], previous.n_features)
                if self.isotropic
                else Diagonal.from_variances(previous.noise)
            )
        residual = np.maximum(residual, least)
        D = residual.shape[1]
        scatter = count[:, None] * residual
        if self.isotropic:
            noise = self.noise.estimate(scatter.sum(axis=1), count, D, before).parameters()
            return np.repeat(noise[:, None], D, axis=1)
        return self.noise.estimate(scatter, count, D, before).parameters()


def from_matrices(
    scatter: Float64Array,
    count: Float64Array,
    n_factors: int,
    structure: Structure,
    previous: LowRank | None,
    *,
    n_steps: int | None = None,
) -> Factors:
    """Return loadings and noise of higher likelihood than the previous ones for S_k (K, D, D), the highest if closed.

    Where it is not, ``n_steps`` are made, by default a few that suffice for EM.
    """
    if n_steps is None:
        n_steps = _COLD_STEPS if previous is None else _WARM_STEPS
    if structure.common:
        pooled = np.tensordot(count / count.sum(), scatter, 1)[None]
        before = None if previous is None else previous.select(np.array([0]))
        loadings, noise = _own(pooled, count.sum(keepdims=True), n_factors, structure, (before, n_steps))
        K = len(count)
        return np.repeat(loadings, K, axis=0), np.repeat(noise, K, axis=0)
    if structure.common_loadings:
        start_from = _common_start(scatter, count, n_factors, structure) if previous is None else previous
        return _common_loadings(scatter, count, structure, start_from, n_steps)
    return _own(scatter, count, n_factors, structure, (previous, n_steps))


def _own(
    scatter: Float64Array,
    count: Float64Array,
    n_factors: int,
    structure: Structure,
    path: tuple[LowRank | None, int],
) -> Factors:
    """Return loadings and noise where loadings are each component's own; ``path`` is where from, and how far."""
    previous = path[0]
    if structure.isotropic:
        loadings, noise = _principal(scatter, count, n_factors, structure)
    else:
        loadings, noise = _alternated(scatter, count, n_factors, structure, path)
    if previous is None:
        return loadings, noise
    left, _, right = np.linalg.svd(loadings.transpose(0, 2, 1) @ previous.loadings)
    return loadings @ (left @ right), noise  # turned towards the loadings before: a path without jumps


def _principal(scatter: Float64Array, count: Float64Array, n_factors: int, structure: Structure) -> Factors:
    """Return principal components and the mean of the variances that they leave."""
    K, D, _ = scatter.shape
    values, axes = np.linalg.eigh(scatter)
    values, axes = values[:, ::-1].clip(min=0.0), axes[:, :, ::-1]
    own = structure.noise.code == "VII"
    groups = np.arange(K) if own else np.zeros(K, np.intp)
    total = np.bincount(groups, count)
    noise = np.zeros(len(total))
    n_kept = np.full(K, n_factors)
    for _ in range(n_factors + 1):  # a factor whose variance is less than the noise is none
        left = np.where(np.arange(D) < n_kept[:, None], 0.0, values).sum(axis=1)
        room = np.bincount(groups, count * (D - n_kept))
        noise = np.bincount(groups, count * left) / np.where(room > 0, room, 1.0)
        fewer = (values[:, :n_factors] > noise[groups][:, None]).sum(axis=1)
        if (fewer >= n_kept).all():
            break
        n_kept = np.minimum(n_kept, fewer)
    variances = linalg.diagonals(np.ascontiguousarray(scatter))
    floor = LEAST_NOISE * variances.mean(axis=1)
    kept = np.maximum(noise[groups], floor if own else floor.min())[:, None]
    signal = np.where(np.arange(n_factors) < n_kept[:, None], values[:, :n_factors] - kept, 0.0)
    loadings = axes[:, :, :n_factors] * np.sqrt(np.maximum(signal, 0.0))[:, None, :]
    return loadings, np.repeat(kept, D, axis=1)


def _alternated(
    scatter: Float64Array,
    count: Float64Array,
    n_factors: int,
    structure: Structure,
    path: tuple[LowRank | None, int],
) -> Factors:
    """Return loadings given the noise, and the noise given the loadings, in turn."""
    previous, n_steps = path
    variances = linalg.diagonals(np.ascontiguousarray(scatter))
    noise = structure.noise_of(variances, count, variances, None) if previous is None else previous.noise
    loadings = np.zeros((*variances.shape, n_factors))
    for _ in range(n_steps):
        root = np.sqrt(np.where(noise > 0, noise, 1.0))
        values, axes = np.linalg.eigh(scatter / root[:, :, None] / root[:, None, :])
        signal = np.sqrt(np.maximum(values[:, : -n_factors - 1 : -1] - 1.0, 0.0))
        loadings = root[:, :, None] * axes[:, :, : -n_factors - 1 : -1] * signal[:, None, :]
        residual = variances - np.square(loadings).sum(axis=2)
        moved = structure.noise_of(residual, count, variances, previous)
        still = (np.abs(moved - noise) <= _STILL * moved).all()
        noise = moved
        if still:
            break
    return loadings, noise


def _common_start(
    scatter: Float64Array, count: Float64Array, n_factors: int, structure: Structure
) -> LowRank:
    """Return the loadings of the pooled scatter, and the noise that they leave."""
    pooled = np.tensordot(count / count.sum(), scatter, 1)[None]
    one = Structure(False, structure.noise)
    loadings, _ = _own(pooled, count.sum(keepdims=True), n_factors, one, (None, _COLD_STEPS))
    variances = linalg.diagonals(np.ascontiguousarray(scatter))
    loadings = np.repeat(loadings, len(count), axis=0)
    residual = np.maximum(variances - np.square(loadings).sum(axis=2), _START_NOISE * variances)
    return LowRank.from_factors(loadings, structure.noise_of(residual, count, variances, None))


def _common_loadings(
    scatter: Float64Array, count: Float64Array, structure: Structure, previous: LowRank, n_steps: int
) -> Factors:
    """Return loadings that all components share, and noise that they do not share, by EM steps."""
    variances, now = linalg.diagonals(np.ascontiguousarray(scatter)), previous
    for _ in range(n_steps):
        if now.singular.any():
            break
        loadings, noise = em_step(scatter @ now.probe, now.probe, variances, count, structure, now)
        still = (np.abs(noise - now.noise) <= _STILL * noise).all()
        now = LowRank.from_factors(loadings, noise)
        if still:
            break
    return now.loadings, now.noise


def em_step(
    projected: Float64Array,
    probe: Float64Array,
    variances: Float64Array,
    count: Float64Array,
    structure: Structure,
    previous: LowRank,
) -> Factors:
    """Return loadings and noise after one EM step of factor analysis.

    In the papers' letters β = BᵀΣ⁻¹ and Θ = I − βB + βSβᵀ. Loadings of one's own are SβᵀΘ⁻¹. Common ones solve, for
    each feature d, Σ_k (n_k / ψ_kd) [(S_kβ_kᵀ)_d − Λ_d Θ_k] = 0 (McNicholas & Murphy 2008, models CUU and CUC).

    Parameters
    ----------
    projected : ndarray of shape (K, D, q)
        S_k Ω_k.
    probe : ndarray of shape (K, D, q)
        Ω_k, of ``previous``.
    variances : ndarray of shape (K, D)
        The diagonals of S_k.
    count : ndarray of shape (K,)
    structure : Structure
    previous : LowRank
        The covariances of the E-step.
    """
    q = probe.shape[2]
    inverse = np.linalg.solve(previous.root, np.broadcast_to(np.eye(q), previous.root.shape))
    cross = projected @ inverse  # S βᵀ
    inner = inverse.transpose(0, 2, 1) @ (probe.transpose(0, 2, 1) @ cross)
    theta = inverse.transpose(0, 2, 1) @ inverse + 0.5 * (inner + inner.transpose(0, 2, 1))
    if structure.common_loadings:
        precision = count[:, None] / previous.noise
        sums = np.tensordot(precision, theta, (0, 0))  # (D, q, q)
        right = np.einsum("kd,kdq->dq", precision, cross)
        loadings = np.repeat(np.linalg.solve(sums, right[:, :, None])[None, :, :, 0], len(count), axis=0)
        theta_absorbed = np.repeat(np.tensordot(count / count.sum(), theta, 1)[None], len(count), axis=0)
    else:
        loadings = np.linalg.solve(theta, cross.transpose(0, 2, 1)).transpose(0, 2, 1)
        theta_absorbed = theta
    residual = variances - np.einsum("kdq,kdq->kd", loadings, 2 * cross - loadings @ theta)
    noise = structure.noise_of(residual, count, variances, previous)
    return loadings @ np.linalg.cholesky(theta_absorbed), noise


def start(
    projected: Float64Array,
    probe: Float64Array,
    variances: Float64Array,
    count: Float64Array,
    structure: Structure,
) -> Factors:
    """Return loadings and noise to start from, from products S_k Ω with any matrix Ω (K, D, q).

    S Ω (ΩᵀSΩ)⁻¹ ΩᵀS is the best known of S (Nyström's approximation: Williams & Seeger 2001), never more than S.
    """
    if structure.common_loadings:
        share = (count / count.sum())[:, None, None]
        projected = np.repeat((share * projected).sum(axis=0, keepdims=True), len(count), axis=0)
    inner = probe.transpose(0, 2, 1) @ projected
    values, axes = np.linalg.eigh(0.5 * (inner + inner.transpose(0, 2, 1)))
    real = values > _RANK * values[:, -1:]
    root = np.where(real, 1.0 / np.sqrt(np.where(real, values, 1.0)), 0.0)
    loadings = projected @ (axes * root[:, None, :])
    residual = np.maximum(variances - np.square(loadings).sum(axis=2), _START_NOISE * variances)
    return loadings, structure.noise_of(residual, count, variances, None)
