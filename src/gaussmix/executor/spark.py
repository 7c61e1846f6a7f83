"""Spark: tasks run where the rows are, and their sums come back to the driver as rows of bytes.

No accumulators: Spark would count a task twice that it runs again after a failure. Here each sum carries its place,
and the driver adds them in order.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from operator import itemgetter
from typing import Any, Final, Protocol

from gaussmix.errors import ExecutorError
from gaussmix.executor.base import Executor, Item, Sum, sum_of_branches
from gaussmix.executor.blas import one_blas_thread

_SCHEMA: Final = "place long, size long, total binary"


class Spread(Protocol):
    """Items that lie in the partitions of a Spark DataFrame.

    Attributes
    ----------
    read : callable
        What finds them there: Arrow record batches of a Spark partition -> (place, item), ascending.
    """

    @property
    def read(self) -> Callable[[Iterable[Any]], Iterator[tuple[int, Any]]]: ...
    def collect(self, function: Callable[[Iterable[Any]], Iterator[Any]], schema: str) -> list[Any]:
        """Return the rows that ``DataFrame.mapInArrow`` gives for the Spark partitions of the items."""


class SparkExecutor(Executor):
    """Runs tasks on the workers of Spark where the items are spread there, all others in this process.

    Parameters
    ----------
    local : Executor
        Of this process.
    spread : callable
        items -> ``Spread``, or None for those of this process.
    """

    def __init__(self, local: Executor, spread: Callable[[Sequence[Any]], Spread | None]) -> None:
        self._local = local
        self._spread = spread

    @property
    def local(self) -> Executor:
        return self._local

    def map_reduce(self, task: Callable[[Item], Sum], items: Sequence[Item]) -> Sum:
        spread = self._spread(items)
        if spread is None:
            return self._local.map_reduce(task, items)
        rows = sorted(spread.collect(_Sums(task, spread.read), _SCHEMA), key=itemgetter(0))
        ends = list(accumulate((size for _, size, _ in rows), initial=0))
        if [place for place, _, _ in rows] != ends[:-1] or ends[-1] != len(items):
            raise ExecutorError("Spark returned some sums twice or not at all: fit again")
        # Made by _Sums in this job of ours, and never written to a file.
        total: Sum = sum_of_branches((size, pickle.loads(total)) for _, size, total in rows)  # noqa: S301
        return total


@dataclass(frozen=True)
class _Sums:
    """Run a task on the items of a Spark partition, and yield the sums of the branches of the tree that it holds."""

    task: Callable[[Any], Any]
    read: Callable[[Iterable[Any]], Iterator[tuple[int, Any]]]

    def __call__(self, batches: Iterable[Any]) -> Iterator[Any]:
        import pyarrow as pa

        with one_blas_thread():  # Spark runs a task for each core
            results = ((place, self.task(item)) for place, item in self.read(batches))
            for place, size, total in branches(results):
                content = pa.array([pickle.dumps(total)], pa.binary())
                yield pa.record_batch([[place], [size], content], names=["place", "size", "total"])


def branches(results: Iterable[tuple[int, Sum]]) -> Iterator[tuple[int, int, Sum]]:
    """Yield the largest branches of ``pairwise_sum``'s tree that some of its results make up.

    Parameters
    ----------
    results : iterable of (int, sum)
        Each with its place, ascending: not all places need be there.

    Yields
    ------
    place, size : int
        Where a branch begins, and of how many results it is.
    total
        Their sum.
    """
    stack: list[tuple[int, int, Sum]] = []
    for place, result in results:
        size, total = 1, result
        if stack and sum(stack[-1][:2]) != place:
            yield from stack
            stack = []
        # A neighbour of the same size, whose own place is a multiple of twice this.
        while stack and stack[-1][1] == size and stack[-1][0] % (2 * size) == 0:
            place, _, left = stack.pop()
            size, total = 2 * size, left + total
        stack.append((place, size, total))
    yield from stack
