"""BLAS on one thread, for tasks that share a process with other tasks and with code of others."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Any

from threadpoolctl import threadpool_limits

_lock = Lock()
_inside = 0  # how many are inside ``one_blas_thread`` now
_limits: Any = None


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Hold BLAS to one thread in the whole process until the last of those inside has left.

    The sums of BLAS depend on the number of its threads. Limits that each of several threads sets and takes back for
    itself would end when the first one leaves.
    """
    global _inside, _limits
    with _lock:
        if _inside == 0:
            _limits = threadpool_limits(1, "blas")
        _inside += 1
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if _inside == 0:
                _limits.restore_original_limits()
