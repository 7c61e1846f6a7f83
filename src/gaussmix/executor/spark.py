"""Spark: tasks run where the rows are, and their sums come back to the driver as rows of bytes.

No accumulators: Spark would count a task twice that it runs again after a failure. Here each sum carries its place,
and the driver adds them in order.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final, Protocol

from gaussmix.errors import ExecutorError
from gaussmix.executor.base import Executor, Item, Sum, pairwise_sum
from gaussmix.executor.blas import one_blas_thread

_SCHEMA: Final = "place long, total binary"


class Spread(Protocol):
    """Items that lie in the partitions of a Spark DataFrame.

    Attributes
    ----------
    read : callable
        What finds them there: Arrow record batches of a Spark partition -> (place, item), ascending.
    group : int
        A power of 2: of the items in places 0 to ``group - 1``, ``group`` to ``2 · group - 1`` and so on, all lie in
        one Spark partition.
    """

    @property
    def read(self) -> Callable[[Iterable[Any]], Iterator[tuple[int, Any]]]: ...
    @property
    def group(self) -> int: ...
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
        rows = spread.collect(_Sums(task, spread.read, spread.group), _SCHEMA)
        rows.sort(key=lambda row: row.place)
        if [row.place for row in rows] != list(range(-(-len(items) // spread.group))):
            raise ExecutorError("Spark returned some sums twice or not at all: fit again")
        # Made by _Sums in this job of ours, and never written to a file.
        total: Sum = pairwise_sum(pickle.loads(row.total) for row in rows)  # noqa: S301
        return total


@dataclass(frozen=True)
class _Sums:
    """Run a task on the items of a Spark partition, and yield the sum of each group."""

    task: Callable[[Any], Any]
    read: Callable[[Iterable[Any]], Iterator[tuple[int, Any]]]
    group: int

    def __call__(self, batches: Iterable[Any]) -> Iterator[Any]:
        import pyarrow as pa

        with one_blas_thread():  # Spark runs a task for each core
            for place, items in groupby(self.read(batches), lambda item: item[0] // self.group):
                total = pickle.dumps(pairwise_sum(self.task(item) for _, item in items))
                yield pa.record_batch([[place], pa.array([total], pa.binary())], names=["place", "total"])
