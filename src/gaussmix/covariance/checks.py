"""Checks of covariances that a user supplies, with the sentences that say what is wrong."""

from __future__ import annotations

from typing import Final

import numpy as np

from gaussmix import linalg
from gaussmix.errors import ParameterError
from gaussmix.types import BoolArray, Float64Array

_SYMMETRY: Final = 1e-8  # relative to the geometric mean of the two variances


def check_shape(family: str, covariances: Float64Array, expected: tuple[int, ...]) -> None:
    """Raise ParameterError unless the array has the family's shape and finite values."""
    if covariances.shape != expected:
        raise ParameterError(
            f"'{family}' covariances should have shape {expected}, but got {covariances.shape}"
        )
    if not np.isfinite(covariances).all():
        raise ParameterError(f"'{family}' covariances should be finite numbers")


def check_positive(family: str, variances: Float64Array) -> None:
    """Raise ParameterError unless all variances are positive."""
    if (variances <= 0).any():
        raise ParameterError(f"'{family}' covariances should be positive")


def check_positive_definite(family: str, matrices: Float64Array, singular: BoolArray) -> None:
    """Raise ParameterError unless the matrices (K, D, D) are symmetric and were factorised."""
    sd = np.sqrt(np.maximum(linalg.diagonals(matrices), 0.0))
    asymmetry = np.abs(matrices - matrices.transpose(0, 2, 1))
    if (asymmetry > _SYMMETRY * sd[:, :, None] * sd[:, None, :]).any() or singular.any():
        raise ParameterError(f"'{family}' covariances should be symmetric, positive-definite")
