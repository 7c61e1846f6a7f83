"""Rows of Parquet files for workers in other processes, which decode them themselves: they see no converted file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from gaussmix.errors import DataError
from gaussmix.source.arrow import batch_rows, matrix_blocks
from gaussmix.source.contents import Opened
from gaussmix.source.files import open_parquet
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
    """

    home: NamedFile
    index: int
    n_rows: int


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
            groups.extend(RowGroup(home, index, n) for index, n in enumerate(file.contents.groups or ()))
        contents = files[0].contents
        return cls(groups, contents.names or (), contents.dtype)

    def rows(self, start: int, stop: int) -> FloatArray:
        """Return a run of rows, decoded into an array of their own."""
        X = np.empty((stop - start, self.n_features), self.dtype)
        done = 0
        for home, same_file in groupby(self.parts(start, stop), lambda part: self.groups[part[0]].home):
            parts = list(same_file)
            begin, skipped = done, parts[0][1].start
            done += sum(run.stop - run.start for _, run in parts)
            self._read_into(X[begin:done], home, [self.groups[index].index for index, _ in parts], skipped)
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
        before = (
            other.n_rows for other in self.groups if other.home == group.home and other.index < group.index
        )
        return group.home.name, run.start + sum(before)

    def _read_into(self, out: FloatArray, home: NamedFile, groups: list[int], skipped: int) -> None:
        """Fill ``out`` with rows of one file, from some row groups without their first rows."""
        at = -skipped
        with home.descriptor():  # which sees to it that the file is the same as before
            for X in self._blocks(home, groups):
                start, stop = max(at, 0), min(at + len(X), len(out))
                if start < stop:
                    out[start:stop] = X[start - at : stop - at]
                at += len(X)
                if at >= len(out):
                    return
        raise DataError(f"{home.name}: there are fewer rows than the file says: write it again")

    def _blocks(self, home: NamedFile, groups: list[int]) -> Iterator[FloatArray]:
        with open_parquet(Path(home.path)) as (file, content):
            size = batch_rows(self.n_features)
            batches = file.iter_batches(batch_size=size, row_groups=groups, columns=list(self.names))
            yield from matrix_blocks(file.schema_arrow, batches, self.names, content.forget)
