"""What rows measured with noise tell about the rows without it: extreme deconvolution.

A measured row is w = x + e with e ~ N(0, S), S known for each row. Given component k (Bovy, Hogg & Roweis 2011,
eqs. 13 to 17)::

    w | k ~ N(μ_k, T),  T = Σ_k + S;      x | w, k ~ N(μ_k + Σ_k T⁻¹ (w − μ_k), Σ_k − Σ_k T⁻¹ Σ_k)

so that the E-step gives expected moments of the rows without noise, and the M-step is that of any mixture.

References
----------
Bovy, Hogg & Roweis (2011), Extreme deconvolution: inferring complete distribution functions from noisy, heterogeneous
and incomplete observations, Annals of Applied Statistics 5.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from gaussmix import kernel
from gaussmix.covariance.base import Covariances
from gaussmix.covariance.completion import matrices_of
from gaussmix.errors import DataError
from gaussmix.moments import FULL, Moments, buffer_size
from gaussmix.types import Float64Array, FloatArray

_ROUNDING: Final = 1e-10  # of the largest variance of a noise: below zero by no more


def noise_matrices(noise: object, n_rows: int, n_features: int) -> Float64Array:
    """Return the covariance of each row's noise, shape (n, D, D).

    Parameters
    ----------
    noise : array-like of shape (n, D) or (n, D, D)
        Variances of the features, or covariance matrices, in squared units of the features; zero for exact values.
    n_rows, n_features : int

    Raises
    ------
    DataError
        Naming the first row whose noise is no covariance.
    """
    try:
        given = np.asarray(noise, dtype=np.float64)
    except (TypeError, ValueError):
        raise DataError("noise should be an array of real numbers") from None
    n, D = n_rows, n_features
    if given.shape not in ((n, D), (n, D, D)):
        raise DataError(
            f"noise should hold variances of shape ({n}, {D}) or covariances of shape ({n}, {D}, {D}), "
            f"got {given.shape}"
        )
    matrices = given[:, :, None] * np.eye(D) if given.ndim == 2 else given
    finite = np.isfinite(matrices).all(axis=(1, 2))
    if finite.all():
        symmetric = np.isclose(matrices, matrices.transpose(0, 2, 1)).all(axis=(1, 2))
        least, most = np.linalg.eigvalsh(matrices)[:, [0, -1]].T
        valid = symmetric & (least >= -_ROUNDING * most)
    else:
        valid = finite
    if not valid.all():
        raise DataError(
            f"noise of row {int(valid.argmin())} (rows count from 0) is no covariance: it should be finite, "
            "symmetric and not negative; for a value that is missing, give any value and a large variance"
        )
    return np.ascontiguousarray(matrices)


def denoised(
    covariance: Float64Array, mean: Float64Array, X: Float64Array, noise: Float64Array
) -> tuple[Float64Array, Float64Array]:
    """Return means (n, D) and covariances (n, D, D) of the rows without noise, given that they are of one component.

    Parameters
    ----------
    covariance : ndarray of shape (D, D)
    mean : ndarray of shape (D,)
    X : ndarray of shape (n, D)
    noise : ndarray of shape (n, D, D)
    """
    gain = np.linalg.solve(covariance + noise, np.broadcast_to(covariance, noise.shape)).transpose(0, 2, 1)
    return mean + (gain @ (X - mean)[:, :, None])[:, :, 0], covariance - gain @ covariance


def noisy_log_joint(
    covariances: Covariances,
    X: FloatArray,
    noise: Float64Array,
    log_weights: Float64Array,
    means: Float64Array,
) -> Float64Array:
    """Return log π_k + log N(w | μ_k, Σ_k + S), shape (n, K), in nats.

    Parameters
    ----------
    covariances : Covariances
    X : ndarray of shape (n, D)
        Measured rows.
    noise : ndarray of shape (n, D, D)
        S of each row.
    log_weights : ndarray of shape (K,)
    means : ndarray of shape (K, D)
    """
    out = np.empty((len(X), len(means)))
    kernel.noisy_log_joint(X, noise, log_weights, means, matrices_of(covariances), out)
    return out


def noisy_moments(
    covariances: Covariances,
    X: FloatArray,
    weight: Float64Array | None,
    noise: Float64Array,
    mixing: tuple[Float64Array, Float64Array],
    *,
    hard: bool,
) -> Moments:
    """Return the expected moments of the rows without noise about the means.

    Parameters as in ``noisy_log_joint``; ``mixing`` holds ``log_weights`` and ``means``.
    """
    log_weights, means = mixing
    K, D = means.shape
    out = np.empty(buffer_size(FULL, K, D))
    kernel.noisy_moments(X, weight, noise, log_weights, means, matrices_of(covariances), out, hard)
    full = Moments(out, means, FULL)
    second = covariances.scatter.of_dense(full.second)
    head = out[: len(out) - full.second.size]
    return Moments(np.concatenate([head, second.ravel()]), means, covariances.scatter)
