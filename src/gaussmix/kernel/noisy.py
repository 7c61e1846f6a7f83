"""Rows measured with noise of known covariance, in NumPy: the oracle of the tests for the compiled kernels."""

from __future__ import annotations

import numpy as np

from gaussmix.kernel.incomplete import start_moments
from gaussmix.types import Float64Array, FloatArray

_FAR = 1e300
_LOG_2PI = float(np.log(2 * np.pi))


def noisy_log_joint(
    X: FloatArray,
    noise: Float64Array,
    log_weights: Float64Array,
    means: Float64Array,
    covariances: Float64Array,
    out: Float64Array,
) -> None:
    """Fill ``out`` (N, K) with log(weight_k) + log N(x; mean_k, covariance_k + noise_i), in nats.

    Parameters
    ----------
    X : ndarray of shape (N, D)
    noise : ndarray of shape (N, D, D)
        The covariance of the noise in each row.
    log_weights : ndarray of shape (K,)
    means : ndarray of shape (K, D)
    covariances : ndarray of shape (K, D, D), or (1, D, D) for one of all components
    out : ndarray of shape (N, K)
    """
    for k, mean in enumerate(means):
        total = covariances[k % len(covariances)] + noise
        difference = X.astype(np.float64) - mean
        with np.errstate(over="ignore", invalid="ignore"):
            squared = (difference * np.linalg.solve(total, difference[:, :, None])[:, :, 0]).sum(axis=1)
        squared[~(squared < _FAR)] = _FAR
        out[:, k] = log_weights[k] - 0.5 * (np.linalg.slogdet(total)[1] + X.shape[1] * _LOG_2PI + squared)


def noisy_moments(
    X: FloatArray,
    weight: Float64Array | None,
    noise: Float64Array,
    log_weights: Float64Array,
    means: Float64Array,
    covariances: Float64Array,
    out: Float64Array,
    hard: bool = False,
) -> None:
    """Fill ``out`` with the expected moments of the rows without noise about ``means``; second is (K, D, D).

    Parameters as in ``noisy_log_joint`` and ``dense_moments``.
    """
    w = np.ones(len(X)) if weight is None else weight
    log_joint = np.empty((len(X), len(means)))
    noisy_log_joint(X, noise, log_weights, means, covariances, log_joint)
    shares, first, second = start_moments(log_joint, w, out, X.shape[1], hard=hard)
    for k, mean in enumerate(means):
        own = covariances[k % len(covariances)]
        gain = np.linalg.solve(own + noise, np.broadcast_to(own, noise.shape)).transpose(0, 2, 1)
        offset = (gain @ (X.astype(np.float64) - mean)[:, :, None])[:, :, 0]
        first[k] = shares[:, k] @ offset
        second[k] = np.einsum("n,nab->ab", shares[:, k], own - gain @ own)
        second[k] += (offset * shares[:, k, None]).T @ offset
