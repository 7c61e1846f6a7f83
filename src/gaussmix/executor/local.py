"""Executors of this process: one thread, or several."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final

from gaussmix.executor.base import Executor, Item, Sum, pairwise_sum

_AHEAD: Final = 2  # tasks in flight for each thread: the next one waits while another is being added


class Serial(Executor):
    """Runs the tasks one after the other in the calling thread."""

    def map_reduce(self, task: Callable[[Item], Sum], items: Sequence[Item]) -> Sum:
        return pairwise_sum(map(task, items))


class Threads(Executor):
    """Runs the tasks on ``n_threads`` threads; the kernels release the interpreter lock.

    At most ``2 · n_threads`` results wait to be added, so memory does not grow with the number of items.
    """

    def __init__(self, n_threads: int) -> None:
        self.n_threads = n_threads
        self._pool: ThreadPoolExecutor | None = None

    def map_reduce(self, task: Callable[[Item], Sum], items: Sequence[Item]) -> Sum:
        if len(items) < 2:  # a pool would only cost time
            return pairwise_sum(map(task, items))
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self.n_threads, thread_name_prefix="gaussmix")
        return pairwise_sum(self._in_order(self._pool, task, items))

    def _in_order(
        self, pool: ThreadPoolExecutor, task: Callable[[Item], Sum], items: Sequence[Item]
    ) -> Iterator[Sum]:
        waiting: deque[Future[Sum]] = deque()
        try:
            for item in items:
                if len(waiting) >= _AHEAD * self.n_threads:
                    yield waiting.popleft().result()
                waiting.append(pool.submit(task, item))
            while waiting:
                yield waiting.popleft().result()
        finally:  # a task failed or the user interrupted: start nothing more
            for future in waiting:
                future.cancel()

    def __getstate__(self) -> dict[str, object]:
        return {"n_threads": self.n_threads, "_pool": None}


def local_executor(n_threads: int) -> Executor:
    """Return ``Serial`` for one thread, ``Threads`` for more."""
    return Serial() if n_threads == 1 else Threads(n_threads)
