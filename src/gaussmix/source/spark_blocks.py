"""Logical blocks of rows that lie in files beside Spark's workers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, overload

import numpy as np

from gaussmix.errors import ParameterError
from gaussmix.source.array import ArrayPartition
from gaussmix.source.base import Partition, Source, row_runs
from gaussmix.source.check import check_sample_weight
from gaussmix.source.spark_kept import ReadBlocks
from gaussmix.source.spark_stored import KeptRows
from gaussmix.types import Float64Array, FloatArray, IntArray

_TAKEN_BYTES: Final = 1 << 28  # by one job, which may bring 1 GB to the driver


@dataclass(frozen=True, slots=True)
class SparkPartition(Partition):
    """Address one logical block of rows in the cluster, for the driver to load."""

    rows: KeptRows
    first: int
    stop: int

    def load(self) -> tuple[FloatArray, Float64Array | None]:
        """Return the rows and their weights, by Spark jobs of their own."""
        rows = slice(self.first, self.stop)
        weighted = self.rows.files.layout.weighted
        return self.rows.take("X", rows), self.rows.take("weight", rows) if weighted else None

    def resident(self) -> ArrayPartition:
        """Return a partition that holds the rows."""
        return ArrayPartition(*self.load(), self.rows.files.layout.dtype)


@dataclass(frozen=True, eq=False)
class SparkPartitions(Sequence[SparkPartition]):
    """Hold consecutive logical blocks of rows that lie in files beside the workers: what ``SparkExecutor`` reads.

    Attributes
    ----------
    rows : KeptRows
    block_rows : int
    begin, end : int
    """

    rows: KeptRows
    block_rows: int
    begin: int
    end: int

    @property
    def read(self) -> ReadBlocks:
        """What finds the blocks on the workers."""
        return ReadBlocks(self.rows.files, self.block_rows, self.begin, self.end)

    def collect(self, function: Callable[[Iterable[Any]], Iterator[Any]], schema: str) -> list[Any]:
        """Return the rows that a function makes of the blocks on each worker.

        The first column of ``schema`` holds numbers of at least 0.
        """
        size = self.rows.files.ranges.size
        first, last = self.begin * self.block_rows, (self.end - 1) * self.block_rows
        return self.rows.collect(function, schema, range(first // size, last // size + 1))

    def __len__(self) -> int:
        return self.end - self.begin

    @overload
    def __getitem__(self, index: int) -> SparkPartition: ...
    @overload
    def __getitem__(self, index: slice) -> SparkPartitions: ...
    def __getitem__(self, index: int | slice) -> SparkPartition | SparkPartitions:
        if not isinstance(index, slice):
            first = range(self.begin, self.end)[index] * self.block_rows
            return SparkPartition(
                self.rows, first, min(first + self.block_rows, self.rows.files.ranges.n_rows)
            )
        start, stop, step = index.indices(len(self))
        if step != 1:
            raise ParameterError(f"a step of {step}: blocks in a cluster are passed over in runs")
        return replace(self, begin=self.begin + start, end=self.begin + max(start, stop))


def spread(items: Sequence[object]) -> SparkPartitions | None:
    """Return blocks as ``SparkExecutor`` reads them; None for all other items."""
    return items if isinstance(items, SparkPartitions) else None


@dataclass(frozen=True, eq=False)
class SparkSource(Source):
    """Serve the rows of a Spark DataFrame; made by :func:`read`.

    Attributes
    ----------
    rows : KeptRows
        As the DataFrame gave them.
    weighed : bool
        Whether ``sample_weight`` differs from what stands beside the rows.
    exceeds_memory : bool
        Whether the rows take more memory than they may in the driver.
    """

    engine = "pyspark"

    rows: KeptRows = field(repr=False)
    feature_names: tuple[str, ...] | None = None
    sample_weight: Float64Array | None = field(default=None, repr=False)
    weighed: bool = False
    exceeds_memory: bool = False
    _others: list[KeptRows] = field(default_factory=list, repr=False)

    def __post_init__(self) -> None:
        layout = self.rows.files.layout
        object.__setattr__(self, "n_rows", self.rows.files.ranges.n_rows)
        object.__setattr__(self, "n_features", layout.n_features)
        object.__setattr__(self, "dtype", layout.dtype)

    def partitions(self, block_rows: int) -> SparkPartitions:
        """Return logical blocks in the cluster; those larger than any of a fit are cut first."""
        n_blocks = len(list(row_runs(self.n_rows, block_rows)))
        return SparkPartitions(self._reaching(min(block_rows, self.n_rows) - 1), block_rows, 0, n_blocks)

    def _reaching(self, reach: int) -> KeptRows:
        """Return rows with these weights in files of blocks of up to ``reach + 1`` rows."""
        for rows in self._others if self.weighed else [self.rows, *self._others]:
            if rows.files.ranges.reach >= reach:
                return rows
        layout = replace(self.rows.files.layout, weighted=self.sample_weight is not None)
        reach = max(reach, self.rows.files.ranges.reach)
        made = self.rows.cut(layout, reach, self.sample_weight if self.weighed else None)
        self._others.append(made)
        return made

    def take(self, rows: IntArray) -> FloatArray:
        """Return a copy of some rows, found by the workers."""
        rows = np.asarray(rows)
        step = max(1, _TAKEN_BYTES // (self.n_features * self.dtype.itemsize))
        X = np.empty((len(rows), self.n_features), self.dtype)
        for start in range(0, len(rows), step):
            some = rows[start : start + step]
            X[start : start + len(some)] = self.rows.take("X", some)
        return X

    def column_of_weights(self) -> Float64Array:
        """Return the weights that stand beside the rows."""
        step = _TAKEN_BYTES // 8
        runs = [slice(n, min(n + step, self.n_rows)) for n in range(0, self.n_rows, step)]
        return np.concatenate([self.rows.take("weight", run) for run in runs])

    def with_weight(self, sample_weight: object) -> SparkSource:
        """Return a source of the same rows with other weights, which go to the workers from here."""
        weight = None if sample_weight is None else check_sample_weight(sample_weight, self.n_rows)
        return replace(self, sample_weight=weight, weighed=True, _others=[])
