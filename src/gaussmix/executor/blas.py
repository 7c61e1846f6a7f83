"""BLAS on one thread, for tasks that share a process with other tasks and with code of others."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Any

from threadpoolctl import ThreadpoolController

_lock = Lock()
_inside = 0  # how many are inside ``one_blas_thread`` now
_limited: list[tuple[Any, int | None]] = []  # libraries, and how many threads they had before the first came


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Hold BLAS to one thread in the whole process until the last of those inside has left.

    The sums of BLAS depend on the number of its threads. Limits that each of several threads sets and takes back for
    itself would end when the first one leaves.
    """
    global _inside
    with _lock:
        if _inside == 0:
            libraries = ThreadpoolController().select(user_api="blas").lib_controllers
            _limited[:] = [(library, library.num_threads) for library in libraries]
        # Of a library that counts threads for each of its callers, each who comes sets and takes back its own limit.
        own = [(library, library.num_threads) for library, _ in _limited if _counts_for_each(library)]
        for library, _ in own if _inside else _limited:
            _set(library, 1)
        _inside += 1
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            shared = [] if _inside else [pair for pair in _limited if not _counts_for_each(pair[0])]
            for library, number in own + shared:
                _set(library, number)


def _counts_for_each(library: Any) -> bool:
    return getattr(library, "threading_layer", None) == "openmp"


def _set(library: Any, n_threads: int | None) -> None:
    """Set the number of threads of a library.

    From version 3.8 on, threadpoolctl lets only that thread set it which did so first, until it lets go. Here, the
    last to leave is often another one than the first to come.
    """
    if n_threads is None:
        return
    let_go = getattr(library, "clear_controlling_thread", None)
    if let_go:
        let_go(force=True)
    library.set_num_threads(n_threads)
    if let_go:
        let_go(force=True)
