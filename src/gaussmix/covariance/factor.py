"""Factorising covariance matrices, and what counts as singular."""

from __future__ import annotations

from typing import Final

import numpy as np

from gaussmix import kernel, linalg
from gaussmix.types import BoolArray, Float64Array

# A conditional variance below this part of the variance is rounding error (some 500 units in the last place).
_PIVOT_FLOOR: Final = 1e-13
LAPACK_FROM: Final = 64  # features from which LAPACK's blocked factorisation beats the kernel's plain loops
_FLOOR_TRIES: Final = 8  # each a hundred times higher


def factorize(covariances: Float64Array) -> tuple[Float64Array, Float64Array, BoolArray]:
    """Return precision factors, log-determinants and which matrices are numerically singular.

    A matrix is singular if a feature's variance given the features before it is only a rounding error of its
    own variance: (L_dd)² Σ_dd = Σ_dd / Var(x_d | x_1 … x_{d−1}) above 1 / _PIVOT_FLOOR. The test does not
    depend on the features' units.
    """
    factorize = kernel.precision_cholesky if covariances.shape[1] < LAPACK_FROM else linalg.precision_cholesky
    factors, log_det, positive = factorize(covariances)
    with np.errstate(invalid="ignore"):  # not positive definite: already marked
        inflation = linalg.diagonals(factors) * np.sqrt(linalg.diagonals(covariances))
    singular = ~positive | ~(inflation.max(axis=1) < _PIVOT_FLOOR**-0.5)
    if singular.any():
        factors[singular] = 0.0
        log_det[singular] = 0.0
    return factors, log_det, singular


def raise_diagonal(covariances: Float64Array, singular: BoolArray, variance: Float64Array) -> Float64Array:
    """Return the matrices with ``variance`` added to the diagonals of the singular ones.

    Rounding can leave a matrix indefinite by more than the floor; then the floor is raised a hundredfold.
    """
    raised = covariances.copy()
    diagonal = linalg.diagonals(raised)
    floor = np.broadcast_to(variance, diagonal.shape)
    bad = np.flatnonzero(singular)
    for step in range(_FLOOR_TRIES):
        diagonal[bad] += 100.0**step * floor[bad]
        bad = bad[factorize(raised[bad])[2]]
        if not len(bad):
            break
    return raised


def inverse_root(variances: Float64Array) -> tuple[Float64Array, BoolArray]:
    """Return 1/√variance, and where that is a number (elsewhere the result is 1)."""
    positive = (variances > 0) & np.isfinite(variances)
    if positive.all():
        return 1.0 / np.sqrt(variances), positive
    return 1.0 / np.sqrt(np.where(positive, variances, 1.0)), positive
