"""Rows of Parquet files for workers in other processes, which decode them themselves: they see no converted file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, groupby
from typing import Any

import numpy as np

from gaussmix.source.arrow import batch_rows
from gaussmix.source.contents import Opened
from gaussmix.source.parquet_cursors import CURSORS
from gaussmix.source.raw import NamedFile
from gaussmix.source.runs import taken_by_runs
from gaussmix.source.stored import Storage
from gaussmix.types import FloatArray, IntArray


@dataclass(frozen=True, slots=True)
class RowGroup:
    """Address one row group of a file.

    Attributes
    ----------
    home : NamedFile
    index : int
    n_rows : int
    first : int
        Number of its first row in the file.
    """

    home: NamedFile
    index: int
    n_rows: int
    first: int


class ParquetRows(Storage):
    """Decode row groups whenever a run of their rows is asked for.

    Parameters
    ----------
    groups : sequence of RowGroup
        In the order of their rows.
    names : tuple of D str
        The columns.
    dtype : numpy.dtype
        float32 or float64.
    first : int, default=0
        Number of the first row.
    """

    def __init__(
        self, groups: Sequence[RowGroup], names: tuple[str, ...], dtype: np.dtype[Any], first: int = 0
    ) -> None:
        self.groups, self.names = tuple(groups), names
        self.bounds = first + np.cumsum([0, *(group.n_rows for group in groups)], dtype=np.int64)
        self.n_features, self.dtype = len(names), dtype

    @classmethod
    def of(cls, files: Sequence[Opened]) -> ParquetRows:
        """Return the rows of files, of which the row groups are known."""
        groups: list[RowGroup] = []
        for file in files:
            home = NamedFile(str(file.path.absolute()), str(file.path), file.stamp)
            counts = file.contents.groups or ()
            firsts = accumulate(counts, initial=0)
            groups.extend(
                RowGroup(home, index, *run) for index, run in enumerate(zip(counts, firsts, strict=False))
            )
        contents = files[0].contents
        return cls(groups, contents.names or (), contents.dtype)

    def rows(self, start: int, stop: int) -> FloatArray:
        """Return a run of rows, decoded into an array of their own."""
        X = np.empty((stop - start, self.n_features), self.dtype)
        done = 0
        for home, same_file in groupby(self.parts(start, stop), lambda part: self.groups[part[0]].home):
            parts = list(same_file)
            begin, group = done, self.groups[parts[0][0]]
            done += sum(run.stop - run.start for _, run in parts)
            start = group.first + parts[0][1].start
            with (
                home.descriptor(),  # which sees to it that the file is the same as before
                CURSORS.near(home, self.names, group=group.index, first=group.first, start=start) as cursor,
            ):
                cursor.read_into(X[begin:done], start)
        return X

    def take(self, rows: IntArray) -> FloatArray:
        """Return some rows; the row groups that hold them are decoded."""
        out = np.empty((len(rows), self.n_features), self.dtype)
        size = batch_rows(self.n_features)
        taken_by_runs(rows, self.rows, out, gap=size, length=size)
        return out

    def portable(self, start: int, stop: int) -> ParquetRows:
        """Return the row groups of these rows."""
        used = self.pieces(start, stop)
        return ParquetRows(self.groups[used], self.names, self.dtype, int(self.bounds[used.start]))

    def located(self, row: int) -> tuple[str, int]:
        index, run = next(self.parts(row, row + 1))
        group = self.groups[index]
        return group.home.name, group.first + run.start
