"""Rows of which features are missing, in NumPy: the oracle of the tests for what the compiled kernels do."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from gaussmix.types import Float64Array, FloatArray, IntArray

_FAR = 1e300
_LOG_2PI = float(np.log(2 * np.pi))


def incomplete_log_joint(
    X: FloatArray,
    log_weights: Float64Array,
    means: Float64Array,
    covariances: Float64Array,
    out: Float64Array,
) -> None:
    """Fill ``out`` (N, K) with log(weight_k) + log N(observed features), in nats.

    Parameters
    ----------
    X : ndarray of shape (N, D)
        NaN where a value is missing.
    log_weights : ndarray of shape (K,)
    means : ndarray of shape (K, D)
    covariances : ndarray of shape (K, D, D), or (1, D, D) for one of all components
    out : ndarray of shape (N, K)
    """
    for rows, observed, _ in _patterns(X):
        for k, mean in enumerate(means):
            covariance = covariances[k % len(covariances)][np.ix_(observed, observed)]
            difference = X[np.ix_(rows, observed)].astype(np.float64) - mean[observed]
            with np.errstate(over="ignore", invalid="ignore"):
                squared = (difference @ np.linalg.inv(covariance) * difference).sum(axis=1)
            squared[~(squared < _FAR)] = _FAR
            constant = np.linalg.slogdet(covariance)[1] + len(observed) * _LOG_2PI
            out[rows, k] = log_weights[k] - 0.5 * (constant + squared)


def incomplete_moments(
    X: FloatArray,
    weight: Float64Array | None,
    log_weights: Float64Array,
    means: Float64Array,
    covariances: Float64Array,
    out: Float64Array,
    hard: bool = False,
) -> None:
    """Fill ``out`` with the expected moments of the complete rows about ``means``; second is (K, D, D).

    Parameters as in ``incomplete_log_joint`` and ``dense_moments``.
    """
    D, w = X.shape[1], np.ones(len(X)) if weight is None else weight
    log_joint = np.empty((len(X), len(means)))
    incomplete_log_joint(X, log_weights, means, covariances, log_joint)
    shares, first, second = start_moments(log_joint, w, out, D, hard=hard)
    for rows, observed, missing in _patterns(X):
        for k, mean in enumerate(means):
            covariance, r = covariances[k % len(covariances)], shares[rows, k]
            slopes = np.eye(D)[:, observed]
            slopes[missing] = covariance[np.ix_(missing, observed)] @ np.linalg.inv(
                covariance[np.ix_(observed, observed)]
            )
            expected = (X[np.ix_(rows, observed)].astype(np.float64) - mean[observed]) @ slopes.T
            first[k] += r @ expected
            second[k] += (expected * r[:, None]).T @ expected
            residual = covariance - slopes @ covariance[observed]
            second[k][np.ix_(missing, missing)] += r.sum() * residual[np.ix_(missing, missing)]


def start_moments(
    log_joint: Float64Array, weight: Float64Array, out: Float64Array, n_features: int, *, hard: bool
) -> tuple[Float64Array, Float64Array, Float64Array]:
    """Fill log-likelihood, weight and count of ``out``; return weighted responsibilities and the rest, zero."""
    K = log_joint.shape[1]
    peak = log_joint.max(axis=1, keepdims=True)
    with np.errstate(under="ignore"):
        shares = np.exp(log_joint - peak)
    if hard:
        shares = (log_joint.argmax(axis=1)[:, None] == np.arange(K)).astype(np.float64)
    log_sum = peak[:, 0] + np.log(shares.sum(axis=1))
    shares *= weight[:, None] / shares.sum(axis=1, keepdims=True)
    used = weight > 0
    out[:] = 0.0
    out[0], out[1], out[2 : 2 + K] = weight[used] @ log_sum[used], weight.sum(), shares.sum(axis=0)
    first, second = np.split(out[2 + K :], [K * n_features])
    return shares, first.reshape(K, n_features), second.reshape(K, n_features, n_features)


def _patterns(X: FloatArray) -> Iterator[tuple[IntArray, IntArray, IntArray]]:
    """Yield the rows of each pattern, its observed and its missing features."""
    masks, of_row = np.unique(np.isnan(X), axis=0, return_inverse=True)
    for number, mask in enumerate(masks):
        yield np.flatnonzero(of_row.ravel() == number), np.flatnonzero(~mask), np.flatnonzero(mask)
