"""What the machine can do, and the least that the work needs."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

_SIZE = 1536  # of the matrices: large enough for the full rate, small enough for a tenth of a second


def cores() -> int:
    """Return the number of cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def matrix_product(dtype: Any, size: int = _SIZE) -> Callable[[], None]:
    """Return a call that multiplies two square matrices on one thread."""
    rng = np.random.default_rng(0)
    A, B = rng.standard_normal((2, size, size)).astype(dtype)
    out = np.empty_like(A)

    def multiply() -> None:
        with threadpool_limits(1, "blas"):
            np.matmul(A, B, out=out)

    return multiply


def product_flops(size: int = _SIZE) -> float:
    """Return the operations of ``matrix_product``."""
    return 2.0 * size**3


def least_flops(covariance_type: str, n_rows: int, n_features: int, n_components: int) -> float:
    """Return the operations that an exact EM pass cannot do without; exponentials not counted."""
    N, D, K = n_rows, n_features, n_components
    return {
        "full": 2.0 * N * K * (D * D + 3 * D),
        "tied": 4.0 * N * K * D,
        "spherical": 4.0 * N * K * D,
        "diag": 8.0 * N * K * D,
    }[covariance_type]
