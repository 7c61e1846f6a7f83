"""How many threads a fit uses."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from typing import Any

from joblib import cpu_count

from gaussmix import kernel
from gaussmix.covariance import CovarianceFamily
from gaussmix.covariance.factor import LAPACK_FROM
from gaussmix.executor import Executor, local_executor
from gaussmix.executor.blas import one_blas_thread


@cache
def _n_cores() -> int:
    """Return the cores that this process may use; asking the operating system takes longer than a small fit."""
    return int(cpu_count())


def n_threads(n_jobs: int | None) -> int:
    """Return the number of threads; None or -1 means one a core, -2 all but one, and so on."""
    wanted = -1 if n_jobs is None else n_jobs
    return wanted if wanted > 0 else max(1, _n_cores() + 1 + wanted)


def executor_for(n_jobs: int | None) -> Executor:
    """Return the executor of ``n_jobs`` threads, counted as in ``n_threads``."""
    return local_executor(n_threads(n_jobs))


def single_threaded_blas(
    n_features: int, families: Iterable[CovarianceFamily] = ()
) -> AbstractContextManager[Any]:
    """Hold BLAS to one thread where it is used, since sums would depend on the number of its threads.

    The native kernels call no BLAS, but large covariances are factorised by LAPACK, and families with factors
    multiply matrices. Elsewhere nothing is done: looking for the libraries costs more than a small fit.
    Several fits at a time hold it together, see ``one_blas_thread``.
    """
    used = kernel.name() == "reference" or n_features >= LAPACK_FROM
    used = used or any(family.n_factors for family in families)
    return one_blas_thread() if used else nullcontext()
