"""Dense linear algebra on stacks of K matrices, and what tells that a matrix is not dense."""

from __future__ import annotations

import sys

import numpy as np
from scipy.linalg import lapack

from gaussmix.types import BoolArray, Float64Array


def is_sparse(data: object) -> bool:
    """Return whether ``data`` is a sparse array or matrix of SciPy, without importing ``scipy.sparse``."""
    module = sys.modules.get("scipy.sparse")  # nothing is sparse before it was imported
    return module is not None and bool(module.issparse(data))


def diagonals(matrices: Float64Array) -> Float64Array:
    """Return the diagonals of contiguous matrices (K, D, D) as a view of shape (K, D)."""
    K, D = matrices.shape[:2]
    return matrices.reshape(K, D * D)[:, :: D + 1]


def precision_cholesky(covariances: Float64Array) -> tuple[Float64Array, Float64Array, BoolArray]:
    """Return, by LAPACK, the lower factors L with Σ_k⁻¹ = LᵀL, log|Σ_k|, and whether Σ_k is positive definite.

    With the Cholesky factor Σ = C Cᵀ, L = C⁻¹ and log|Σ| = 2 Σ_d log C_dd.

    Parameters
    ----------
    covariances : ndarray of shape (K, D, D)

    Returns
    -------
    factors : ndarray of shape (K, D, D)
        Zero where the matrix is not positive definite.
    log_det : ndarray of shape (K,)
    positive : ndarray of shape (K,)
    """
    K = len(covariances)
    factors = np.zeros_like(covariances)
    log_det = np.zeros(K)
    positive = np.zeros(K, bool)
    for k in range(K):
        if not np.isfinite(covariances[k]).all():
            continue
        cholesky, failed = lapack.dpotrf(covariances[k], lower=1, clean=1)
        if failed:
            continue
        inverse, failed = lapack.dtrtri(cholesky, lower=1)
        positive[k] = not failed
        factors[k] = inverse
        log_det[k] = 2 * np.log(np.diagonal(cholesky)).sum()
    return factors, log_det, positive
