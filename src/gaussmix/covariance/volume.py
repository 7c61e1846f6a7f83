"""Volumes λ_k = |Σ_k|^{1/D}: what one shape at different volumes, or different shapes at one volume, lead to.

Both work on rows of variances along each component's axes, (K, D), whatever these axes are; scatter here is the
scatter along them. Everything is relative to the scatter itself, so that no unit matters.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from gaussmix.covariance.base import Covariances, per_row_mean
from gaussmix.types import BoolArray, Float64Array

NEWTON_STEPS: Final = 100  # three or four are usual
CONVERGED: Final = 1e-8  # of log λ: Newton's next step would be the square of it
_LEAST_SHARE: Final = 1e-290  # of the pooled scatter: below it a component has none
_LONGEST: Final = 0.7  # step of log λ for which descent is certain
_FARTHEST: Final = 300.0  # log λ from the mean at which Newton's method may start
_RIDGE: Final = 1e-14  # of the curvature: keeps the equations solvable where a volume has no optimum


def one_shape(
    scatter: Float64Array, count: Float64Array, previous: Covariances | None = None
) -> Float64Array:
    """Return the variances λ_k b_d of highest likelihood, for volumes λ_k and one common profile b.

    Given the volumes, b = Σ_k scatter_k / (n λ_k). In θ = log λ what is left to minimise,
    Σ_k n_k D θ_k + n Σ_d log Σ_k exp(−θ_k) scatter_kd, is convex; Newton's method finds its one minimum, which
    the alternation of Celeux & Govaert (1995, §3.2) approaches step by step.

    Parameters
    ----------
    scatter : ndarray of shape (K, D)
        Not negative.
    count : ndarray of shape (K,)
        A component without rows gets the common profile at its previous volume.
    previous : Covariances, optional
    """
    total = scatter.sum(axis=0)
    used = total > 0  # a feature without scatter says nothing of volumes
    shares = scatter / total if used.all() else scatter[:, used] / total[used]
    live = (count > 0) & (shares.sum(axis=1) > _LEAST_SHARE)
    if live.all():
        log_volume = _volumes_of_diagonals(shares, count, previous)
        profile = np.exp(-log_volume) @ scatter / count.sum()
        best: Float64Array = np.exp(log_volume)[:, None] * profile
        return best
    if not live.any():
        return np.zeros_like(scatter)
    volume = np.zeros(len(count))
    log_volume = _volumes_of_diagonals(shares[live], count[live], None)
    volume[live] = np.exp(log_volume)
    profile = np.exp(-log_volume) @ scatter[live] / count[live].sum()
    empty = count == 0
    log_mean, _ = log_geometric_means(profile[None])
    volume[empty] = kept_volumes(log_volume, log_mean, previous, empty)
    variances: Float64Array = volume[:, None] * profile
    return variances


def kept_volumes(
    log_volume: Float64Array, log_mean: Float64Array, previous: Covariances | None, empty: BoolArray
) -> Float64Array | float:
    """Return the volumes, in units of a profile of volume exp(log_mean), that components without rows keep.

    Without a previous volume it is the geometric mean of the others.
    """
    if previous is None:
        return float(np.exp(log_volume.mean()))
    kept: Float64Array = np.exp(previous.log_det[empty] / previous.n_features - log_mean)
    return kept


def _volumes_of_diagonals(
    shares: Float64Array, count: Float64Array, previous: Covariances | None
) -> Float64Array:
    """Return log λ_k up to a common constant, from scatter in units of each feature's."""
    target = shares.shape[1] / count.sum() * count
    log_volume = np.log(shares.sum(axis=1) / target) if previous is None else start(previous)
    for _ in range(NEWTON_STEPS):
        parts = np.exp(-log_volume)[:, None] * shares
        parts /= parts.sum(axis=0)
        step = newton_step(parts.sum(axis=1), parts @ parts.T, target)
        log_volume += step
        if np.abs(step).max() < CONVERGED:
            break
    return log_volume


def start(previous: Covariances) -> Float64Array:
    """Return log λ_k, up to a common constant, of the covariances before."""
    log_volume = previous.log_det / previous.n_features
    centred: Float64Array = np.clip(log_volume - log_volume.mean(), -_FARTHEST, _FARTHEST)
    return centred


def newton_step(part: Float64Array, overlap: Float64Array, target: Float64Array) -> Float64Array:
    """Return the step of log λ_k, cut to a length at which descent is certain.

    The derivative of the objective by log λ_k is ``target_k − part_k``, the second ``diag(part) − overlap``, both
    over n.

    Parameters
    ----------
    part : ndarray of shape (K,)
        tr(M⁻¹ M_k) for M_k = scatter_k / λ_k and M = Σ_k M_k.
    overlap : ndarray of shape (K, K)
        tr(M⁻¹ M_k M⁻¹ M_l).
    target : ndarray of shape (K,)
        D n_k / n.
    """
    # The objective does not change along (1, …, 1). The added square makes Σ_k n_k step_k zero, and keeps the
    # rows of components of little weight in scale.
    curvature = target[:, None] * (target / target.sum()) - overlap
    curvature.flat[:: len(part) + 1] += part * (1 + _RIDGE)
    step: Float64Array = np.linalg.solve(curvature, part - target)
    longest = np.abs(step).max()
    return step if longest <= _LONGEST else step * (_LONGEST / longest)


def one_volume(scatter: Float64Array, count: Float64Array, previous: Float64Array | None) -> Float64Array:
    """Return the variances of highest likelihood with the same product for every component.

    With g_k the geometric mean of scatter_k, λ = Σ_k g_k / n and the variances are scatter_k λ / g_k (Celeux &
    Govaert 1995, §3.1 and §3.3). A component that is singular by itself has no such member: it keeps
    scatter_k / n_k, and the others share their volume.

    Parameters
    ----------
    scatter : ndarray of shape (K, D)
        Not negative.
    count : ndarray of shape (K,)
    previous : ndarray of shape (K, D), or None
        Variances whose profile components without rows keep; without them it is that of the pooled scatter.
    """
    log_mean, positive = log_geometric_means(scatter)
    if positive.all():  # then no component is without rows
        return _at_volume(scatter, log_mean, common_log_volume(log_mean, count))
    sound = positive & (count > 0)
    if not sound.any():
        return per_row_mean(scatter, count)
    log_volume = common_log_volume(log_mean[sound], count[sound])
    profile = per_row_mean(scatter, count)
    profile[count == 0] = scatter.sum(axis=0) if previous is None else previous[count == 0]
    log_mean, positive = log_geometric_means(profile)
    return np.where(positive[:, None], _at_volume(profile, log_mean, log_volume), profile)


def _at_volume(profile: Float64Array, log_mean: Float64Array, log_volume: float) -> Float64Array:
    variances: Float64Array = profile / np.exp(log_mean)[:, None] * np.exp(log_volume)
    return variances


def common_log_volume(log_mean: Float64Array, count: Float64Array) -> float:
    """Return log (Σ_k g_k / n) from log g_k."""
    largest = log_mean.max()
    return float(largest + np.log(np.exp(log_mean - largest).sum() / count.sum()))


def log_geometric_means(values: Float64Array) -> tuple[Float64Array, BoolArray]:
    """Return the logarithm of each row's geometric mean, and which rows are positive (elsewhere it is 0)."""
    positive = values.min(axis=1) > 0
    safe = values if positive.all() else np.where(positive[:, None], values, 1.0)
    return np.log(safe).sum(axis=1) / values.shape[1], positive
