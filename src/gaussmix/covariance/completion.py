"""What rows of which some features are missing tell, in expectation, about the complete rows.

Given component k, the missing features m of a row depend on the observed ones o by linear regression::

    x_m | x_o, k  ~  N(μ_m + B (x_o − μ_o), C),   B = Σ_mo Σ_oo⁻¹,   C = Σ_mm − B Σ_om

so that the expected moments of the complete rows are linear in the moments of what was observed (Ghahramani &
Jordan 1994, eqs. 9 and 10; Little & Rubin 2002, section 11.3). Rows of one pattern cost no more than complete ones,
and a few products of D × D matrices for each component.

References
----------
Ghahramani & Jordan (1994), Supervised learning from incomplete data via an EM approach, NIPS 6.

Little & Rubin (2002), Statistical Analysis with Missing Data, second edition.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np

from gaussmix import kernel
from gaussmix.covariance.base import Covariances
from gaussmix.moments import DIAGONAL, FULL, POOLED, TRACE, Moments, buffer_size
from gaussmix.types import Float64Array, FloatArray, IntArray

_FAR: Final = 1e300  # a squared distance beyond it counts as this


def regression(
    covariances: Covariances, observed: IntArray, marginal: Covariances
) -> tuple[IntArray, Float64Array, Float64Array]:
    """Return how the missing features depend on the observed ones.

    Parameters
    ----------
    covariances : Covariances
        Of all features.
    observed : ndarray of shape (d,)
        Ascending numbers of the observed features.
    marginal : Covariances
        ``covariances.marginal(observed)``.

    Returns
    -------
    missing : ndarray of shape (m,)
    slopes : ndarray of shape (K, m, d)
        B; of shape (1, m, d) where all components share one covariance matrix.
    residual : ndarray of shape (K, m, m)
        C; likewise.
    """
    absent = np.ones(covariances.n_features, bool)
    absent[observed] = False
    missing = np.flatnonzero(absent)
    matrices, factor = matrices_of(covariances), _factors(marginal)
    half = matrices[:, missing[:, None], observed] @ factor.transpose(0, 2, 1)
    residual = matrices[:, missing[:, None], missing] - half @ half.transpose(0, 2, 1)
    return missing, half @ factor, residual


def matrices_of(covariances: Covariances) -> Float64Array:
    """Return covariance matrices, (K, D, D), or (1, D, D) where the components share one."""
    if covariances.scatter in (FULL, POOLED):
        D = covariances.n_features
        return covariances.parameters().reshape(-1, D, D)
    return covariances.to_dense()


def _factors(covariances: Covariances) -> Float64Array:
    """Return L with Σ⁻¹ = LᵀL, in the shape of ``_matrices``."""
    D = covariances.n_features
    if covariances.scatter in (FULL, POOLED) or covariances.n_factors:
        return covariances.precisions_cholesky().reshape(-1, D, D).transpose(0, 2, 1)
    factors: Float64Array = np.eye(D) / covariances.standard_deviations()[:, None, :]
    return factors


def expected_moments(
    covariances: Covariances, means: Float64Array, seen: Moments, observed: IntArray, marginal: Covariances
) -> Moments:
    """Return the expected moments of the complete rows about ``means``.

    Parameters
    ----------
    covariances : Covariances
        Of all D features.
    means : ndarray of shape (K, D)
    seen : Moments
        Of the observed features, about ``means[:, observed]``.
    observed : ndarray of shape (d,)
        Ascending numbers of the observed features.
    marginal : Covariances
        ``covariances.marginal(observed)``.
    """
    first, second = _EXPECTED[covariances.scatter.name](covariances, seen, observed, marginal)
    head = seen.buffer[: 2 + len(means)]
    return Moments(np.concatenate([head, first.ravel(), second.ravel()]), means, covariances.scatter)


def _matrix_moments(
    covariances: Covariances, seen: Moments, observed: IntArray, marginal: Covariances
) -> tuple[Float64Array, Float64Array]:
    """Return first (K, D) and second moments (K, D, D), or (D, D) where they are pooled."""
    pooled = seen.scatter is POOLED
    D, d = covariances.n_features, len(observed)
    missing, slopes, residual = regression(covariances, observed, marginal)
    to_all = np.zeros((len(slopes), D, d))
    to_all[:, observed, np.arange(d)] = 1.0
    to_all[:, missing] = slopes
    first = (to_all @ seen.first[:, :, None])[:, :, 0]
    count = seen.count.sum()[None] if pooled else seen.count
    second = to_all @ seen.second.reshape(-1, d, d) @ to_all.transpose(0, 2, 1)
    second[:, missing[:, None], missing] += count[:, None, None] * residual
    return first, second[0] if pooled else second


def _diagonal_moments(
    covariances: Covariances, seen: Moments, observed: IntArray, _: Covariances
) -> tuple[Float64Array, Float64Array]:
    second = seen.count[:, None] * covariances.parameters()
    second[:, observed] = seen.second
    return _first(covariances, seen, observed), second


def _trace_moments(
    covariances: Covariances, seen: Moments, observed: IntArray, _: Covariances
) -> tuple[Float64Array, Float64Array]:
    n_missing = covariances.n_features - len(observed)
    second = seen.second + seen.count * n_missing * covariances.parameters()
    return _first(covariances, seen, observed), second


def _first(covariances: Covariances, seen: Moments, observed: IntArray) -> Float64Array:
    """Return first moments where features are independent: what is missing is expected at the mean."""
    first = np.zeros((covariances.n_components, covariances.n_features))
    first[:, observed] = seen.first
    return first


_Completion = Callable[[Covariances, Moments, IntArray, Covariances], tuple[Float64Array, Float64Array]]
_EXPECTED: Final[dict[str, _Completion]] = {
    FULL.name: _matrix_moments,
    POOLED.name: _matrix_moments,
    DIAGONAL.name: _diagonal_moments,
    TRACE.name: _trace_moments,
}


def mixed_log_joint(
    covariances: Covariances, X: FloatArray, log_weights: Float64Array, means: Float64Array
) -> Float64Array:
    """Return log π_k + log N(observed features of the row), shape (n, K), in nats.

    Parameters
    ----------
    covariances : Covariances
    X : ndarray of shape (n, D)
        NaN where a value is missing; rows of the same pattern side by side.
    log_weights : ndarray of shape (K,)
    means : ndarray of shape (K, D)
    """
    out = np.empty((len(X), len(means)))
    if covariances.scatter in (FULL, POOLED):
        kernel.incomplete_log_joint(X, log_weights, means, matrices_of(covariances), out)
        return out
    observed = ~np.isnan(X)
    if covariances.n_factors:
        for i, there in enumerate(map(np.flatnonzero, observed)):
            part = covariances.marginal(there)
            out[i] = part.log_joint(np.ascontiguousarray(X[i : i + 1, there]), log_weights, means[:, there])[
                0
            ]
        return out
    for k, (mean, sd) in enumerate(zip(means, covariances.standard_deviations(), strict=True)):
        squared = np.square(_offsets(X, observed, mean) / sd).sum(axis=1)
        constant = observed @ (2 * np.log(sd) + np.log(2 * np.pi))
        out[:, k] = log_weights[k] - 0.5 * (constant + np.minimum(squared, _FAR))
    return out


def mixed_moments(
    covariances: Covariances,
    X: FloatArray,
    weight: Float64Array | None,
    log_weights: Float64Array,
    means: Float64Array,
    *,
    hard: bool,
) -> Moments:
    """Return the expected moments of the complete rows about ``means``; parameters as in ``mixed_log_joint``."""
    (K, D), scatter = means.shape, covariances.scatter
    if scatter in (FULL, POOLED):
        out = np.empty(buffer_size(FULL, K, D))
        kernel.incomplete_moments(X, weight, log_weights, means, matrices_of(covariances), out, hard)
        full = Moments(out, means, FULL)
        second, head = scatter.of_dense(full.second), out[: len(out) - full.second.size]
        return Moments(np.concatenate([head, second.ravel()]), means, scatter)
    moments = Moments(np.zeros(buffer_size(scatter, K, D)), means, scatter)
    shares, log_prob = shares_of(mixed_log_joint(covariances, X, log_weights, means), hard=hard)
    w = np.ones(len(X)) if weight is None else weight
    moments.buffer[:2] = w[w > 0] @ log_prob[w > 0], w.sum()
    shares *= w[:, None]
    moments.count[:] = shares.sum(axis=0)
    observed = ~np.isnan(X)
    for k, (mean, sd) in enumerate(zip(means, covariances.standard_deviations(), strict=True)):
        offset = _offsets(X, observed, mean)
        moments.first[k] = shares[:, k] @ offset
        second = shares[:, k] @ np.square(offset) + (shares[:, k] @ ~observed) * np.square(sd)
        moments.second[k] = second if scatter is DIAGONAL else second.sum()
    return moments


def shares_of(log_joint: Float64Array, *, hard: bool = False) -> tuple[Float64Array, Float64Array]:
    """Return the responsibilities (n, K) and log p(x) (n,), with ``hard`` those of the best component alone."""
    peak = np.maximum(log_joint.max(axis=1), -np.finfo(np.float64).max)
    with np.errstate(under="ignore"):
        shares: Float64Array = np.exp(log_joint - peak[:, None])
    if hard:
        shares = (log_joint.argmax(axis=1)[:, None] == np.arange(log_joint.shape[1])).astype(np.float64)
    total = shares.sum(axis=1)
    return shares / total[:, None], peak + np.log(total)


def _offsets(X: FloatArray, observed: Any, mean: Float64Array) -> Float64Array:
    """Return x − mean in float64, 0 where a value is missing."""
    offsets: Float64Array = np.where(observed, X - mean, 0.0)
    return offsets
