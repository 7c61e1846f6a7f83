"""Rows of Parquet files for workers in other processes, which decode them themselves: they see no converted file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np

from gaussmix.errors import DataError
from gaussmix.source.array import ArrayPartition
from gaussmix.source.arrow import batch_rows, matrix_blocks
from gaussmix.source.base import Partition
from gaussmix.source.contents import Opened
from gaussmix.source.files import open_parquet
from gaussmix.source.raw import NamedFile, Origin
from gaussmix.types import Float64Array, FloatArray


@dataclass(frozen=True, slots=True)
class ParquetRun:
    """Address a run of rows of one file.

    Attributes
    ----------
    home : NamedFile
    names : tuple of D str
        The columns.
    groups : tuple of int
        The row groups that hold the rows.
    skipped : int
        Rows of the first of them that come before the run.
    n_rows : int
    """

    home: NamedFile
    names: tuple[str, ...]
    groups: tuple[int, ...]
    skipped: int
    n_rows: int

    def read_into(self, out: FloatArray) -> None:
        """Fill an array of shape (n_rows, D) with the rows."""
        at = -self.skipped
        with self.home.descriptor():  # which sees to it that the file is the same as before
            for X in self._blocks():
                start, stop = max(at, 0), min(at + len(X), self.n_rows)
                if start < stop:
                    out[start:stop] = X[start - at : stop - at]
                at += len(X)
                if at >= self.n_rows:
                    return
        raise DataError(f"{self.home.name}: there are fewer rows than the file says: write it again")

    def _blocks(self) -> Iterator[FloatArray]:
        with open_parquet(Path(self.home.path)) as (file, content):
            size = batch_rows(len(self.names))
            batches = file.iter_batches(batch_size=size, row_groups=self.groups, columns=list(self.names))
            yield from matrix_blocks(file.schema_arrow, batches, self.names, content.forget)


@dataclass(frozen=True, slots=True, eq=False)
class ParquetPartition(Partition):
    """Address a run of rows in one or more Parquet files, whose row groups are decoded whenever it is loaded."""

    runs: tuple[ParquetRun, ...]
    weight: Float64Array | None = field(repr=False)
    dtype: np.dtype[Any]

    def load(self) -> tuple[FloatArray, Float64Array | None]:
        """Return the rows, decoded into an array of their own, and their weights."""
        stops = list(accumulate(run.n_rows for run in self.runs))
        X = np.empty((stops[-1], len(self.runs[0].names)), self.dtype)
        for run, stop in zip(self.runs, stops, strict=True):
            run.read_into(X[stop - run.n_rows : stop])
        return X, self.weight

    def resident(self) -> ArrayPartition:
        """Return a partition of the same rows, decoded now."""
        X, weight = self.load()
        return ArrayPartition(X, weight, self.dtype)


class ParquetOrigin(Origin):
    """Remember which Parquet files, in order, were converted."""

    def __init__(self, files: Sequence[Opened]) -> None:
        self._files = tuple(files)

    def partition(
        self, start: int, stop: int, weight: Float64Array | None, dtype: np.dtype[Any]
    ) -> ParquetPartition:
        """Return the address of the rows ``start`` to ``stop``, counted over all files."""
        return ParquetPartition(tuple(self._runs(start, stop)), weight, dtype)

    def _runs(self, start: int, stop: int) -> Iterator[ParquetRun]:
        first = 0
        for file in self._files:
            sizes = file.contents.groups or ()
            end = first + sum(sizes)
            a, b = max(start, first) - first, min(stop, end) - first
            if a < b:
                edges = np.cumsum([0, *sizes])
                groups = np.flatnonzero((edges[:-1] < b) & (edges[1:] > a))
                home = NamedFile(str(file.path.absolute()), str(file.path), file.stamp)
                skipped = a - int(edges[groups[0]])
                yield ParquetRun(home, file.contents.names or (), tuple(groups.tolist()), skipped, b - a)
            first = end
