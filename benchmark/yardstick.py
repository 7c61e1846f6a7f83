"""What the machine can do, and the least that the work needs."""

from __future__ import annotations

import os
from functools import partial
from typing import Any, Final

import numpy as np
from threadpoolctl import threadpool_limits

from benchmark.clock import Stopwatch, elapsed

_SIZE: Final = 1536  # of the matrices: large enough for the full rate, small enough for a tenth of a second


def cores() -> int:
    """Return the number of cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def matrix_product(dtype: Any) -> Stopwatch:
    """Return the stopwatch of a product of two square matrices on one thread; the BLAS chooses its own kernel."""
    rng = np.random.default_rng(0)
    A, B = rng.standard_normal((2, _SIZE, _SIZE)).astype(dtype)
    out = np.empty_like(A)

    def seconds() -> float:
        with threadpool_limits(1, "blas"):
            return elapsed(partial(np.matmul, A, B, out=out))

    return seconds


def product_flops() -> float:
    """Return the operations of ``matrix_product``."""
    return 2.0 * _SIZE**3


def least_flops(covariance_type: str, n_rows: int, n_features: int, n_components: int) -> float:
    """Return the operations that an exact EM pass cannot do without; exponentials not counted."""
    N, D, K = n_rows, n_features, n_components
    return {
        "full": 2.0 * N * K * (D * D + 3 * D),
        "tied": 4.0 * N * K * D,
        "spherical": 4.0 * N * K * D,
        "diag": 8.0 * N * K * D,
    }[covariance_type]
