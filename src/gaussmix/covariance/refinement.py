"""Cholesky factors of ill-conditioned covariances to full precision.

A factorisation in double precision loses as many digits of a density as the condition number has. Here its residual
R = Σ − C Cᵀ is computed in twice the precision, by splitting C into parts whose products are exact (Ozaki et al.
2012), and the factor is corrected to first order: with E = C⁻¹ R C⁻ᵀ and Φ(E) its lower triangle, the diagonal
halved::

    Σ = C (I + E) Cᵀ,    C⁻¹ ← (I − Φ(E)) C⁻¹,    log|Σ| = log|C Cᵀ| + tr E

What is left is the rounding of the factor itself, which costs the square root of the condition number.

References
----------
Ozaki, Ogita, Oishi & Rump (2012), Error-free transformations of matrix multiplication by using fast routines of
matrix multiplication and its applications, Numerical Algorithms 59.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from scipy.linalg import lapack

from gaussmix import linalg
from gaussmix.types import Float64Array

_DIGITS: Final = 53  # of a double
_WORTH: Final = (
    100.0  # inflation of a variance by the features before it; below, the loss is some rounding errors
)


def refined(
    covariances: Float64Array, factors: Float64Array, log_det: Float64Array
) -> tuple[Float64Array, Float64Array]:
    """Return the precision factors and log-determinants of the same matrices, refined where that is worth it.

    Parameters
    ----------
    covariances : ndarray of shape (K, D, D)
    factors : ndarray of shape (K, D, D)
        L with Σ⁻¹ = LᵀL, or zero for a singular matrix, which stays as it is.
    log_det : ndarray of shape (K,)
    """
    inflation = np.square(linalg.diagonals(factors)) * linalg.diagonals(covariances)
    worth = np.flatnonzero(inflation.max(axis=1) > _WORTH)
    if not worth.size:
        return factors, log_det
    factors, log_det = factors.copy(), log_det.copy()
    for k in worth:  # one by one, so that another matrix does not change its rounding
        factors[k], log_det[k] = _refined(covariances[k], factors[k], float(log_det[k]))
    return factors, log_det


def _refined(covariance: Float64Array, factor: Float64Array, log_det: float) -> tuple[Float64Array, float]:
    units = np.exp2(np.rint(np.log2(np.sqrt(np.diagonal(covariance)))))  # so that scaling is exact
    scaled = covariance / units[:, None] / units
    C, failed = lapack.dpotrf(scaled, lower=1, clean=1)
    if failed:  # in these units it is not positive definite: then there are no digits to be had
        return factor, log_det
    L = lapack.dtrtri(C, lower=1)[0]
    E = L @ _residual(scaled, C) @ L.T
    correction = np.tril(E, -1) + 0.5 * np.diag(np.diagonal(E))
    log_det = 2 * float(np.sum(np.log(np.diagonal(C)) + np.log(units))) + float(np.trace(E))
    return (L - correction @ L) / units, log_det


def _residual(S: Float64Array, C: Float64Array) -> Float64Array:
    """Return S − C Cᵀ to twice the precision, for entries of order one."""
    bits = (_DIGITS - int(np.ceil(np.log2(len(C))))) // 2 - 1  # sums of so many products are exact
    first = np.rint(C * 2.0**bits) / 2.0**bits
    second = np.rint((C - first) * 4.0**bits) / 4.0**bits
    third = C - first - second
    crossed, small = first @ second.T, first @ third.T
    rest = S - first @ first.T - (crossed + crossed.T)
    return np.asarray(rest - (second @ second.T + small + small.T))
