"""What Spark's workers do with rows in files: read blocks of them, and take some.

What Spark hands over in each pass are only the numbers of files: tasks run where Spark stores these, beside the
files. Where a worker was lost, Spark makes the number, and the file with it, anew from what it stored before. A task
that comes to run on another machine finds no file, says so, and its rows are handed over for this one pass.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain, groupby
from operator import itemgetter
from typing import Any, Final

import numpy as np

from gaussmix.errors import DataError
from gaussmix.source.array import ArrayPartition
from gaussmix.source.spark_files import KEPT, Files, numbers_of
from gaussmix.source.spark_rows import CHANGED, PIECE_BYTES, Batches, Layout, Records, one_row, pieces_of
from gaussmix.types import IntArray

TAKEN: Final = "first long, content binary"


@dataclass(frozen=True)
class ReadBlocks:
    """Read logical blocks of a Spark partition: from files where it has their numbers, or from pieces.

    Attributes
    ----------
    files : Files
    block_rows : int
    begin, end : int
        The blocks to read; the first counts as block 0.
    """

    files: Files
    block_rows: int
    begin: int
    end: int

    def __call__(self, batches: Batches) -> Iterator[tuple[int, ArrayPartition]]:
        """Yield the number of each block, counted from ``begin``, and a partition that holds its rows."""
        for file, pieces in _of_files(batches, self.files.layout):
            blocks = self._blocks(file)
            spans = [self._span(block) for block in blocks]
            if pieces is None:
                read: Iterable[ArrayPartition] = (self.files.block(file, *span) for span in spans)
            else:
                read = map(self.files.layout.partition, _spans(pieces, spans))
            yield from zip((block - self.begin for block in blocks), read, strict=True)

    def _blocks(self, file: int) -> range:
        blocks = self.files.ranges.blocks_of(file, self.block_rows)
        return range(max(blocks.start, self.begin), min(blocks.stop, self.end))

    def _span(self, block: int) -> tuple[int, int]:
        first = block * self.block_rows
        return first, min(first + self.block_rows, self.files.ranges.n_rows)


@dataclass(frozen=True)
class Take:
    """Take X or weight of some rows of a Spark partition.

    Attributes
    ----------
    files : Files
    name : {"X", "weight"}
    rows : ndarray of int, or slice
        Numbers of rows, ascending.
    """

    files: Files
    name: str
    rows: IntArray | slice = field(repr=False)

    def __call__(self, batches: Batches) -> Iterator[Any]:
        """Yield values, each with the place of its first among all that are taken."""
        ranges = self.files.ranges
        for file, pieces in _of_files(batches, self.files.layout):
            if pieces is None:
                place, rows = self._within(ranges.of(file)[0], ranges.own_stop(file))
                if _length(rows):
                    yield from _in_steps(place, self.files.read(file, self.name, rows))
                continue
            for _, first, records in pieces:
                place, rows = self._within(first, min(first + len(records), ranges.own_stop(file)))
                if _length(rows):
                    yield from _in_steps(place, records[self.name][_shifted(rows, first)])

    def _within(self, first: int, stop: int) -> tuple[int, IntArray | slice]:
        """Return the chosen rows of these, and the place of the first of them among all."""
        if isinstance(self.rows, slice):
            begin = max(first, self.rows.start)
            return begin - self.rows.start, slice(begin, max(begin, min(stop, self.rows.stop)))
        low, high = np.searchsorted(self.rows, [first, stop])
        return int(low), self.rows[low:high]


def _length(rows: IntArray | slice) -> int:
    return rows.stop - rows.start if isinstance(rows, slice) else len(rows)


def _shifted(rows: IntArray | slice, by: int) -> IntArray | slice:
    return slice(rows.start - by, rows.stop - by) if isinstance(rows, slice) else rows - by


def _in_steps(place: int, values: Any) -> Iterator[Any]:
    step = max(1, PIECE_BYTES // values[:1].nbytes)
    for done in range(0, len(values), step):
        yield one_row(TAKEN, [place + done, np.ascontiguousarray(values[done : done + step])])


@dataclass(frozen=True)
class WhereKept:
    """Call a function with the numbers of files that are on this machine, and name the others as ``-1 - file``.

    Attributes
    ----------
    function : callable
        Arrow record batches of numbers -> record batches, the first column a number of at least 0.
    files : Files
    schema : str
        Of what the function yields.
    wanted : range
        Of numbers of files: others are left out.
    """

    function: Callable[[Iterable[Any]], Iterator[Any]]
    files: Files
    schema: str
    wanted: range

    def __call__(self, batches: Batches) -> Iterator[Any]:
        for file in numbers_of(batches):
            if file in self.wanted and self.files.has(file):
                yield from self.function(iter([one_row(KEPT, [file, None, None, None])]))
            elif file in self.wanted:
                yield one_row(self.schema, [-1 - file, *[None] * self.schema.count(",")])


@dataclass(frozen=True)
class OfNumbers:
    """Call a function of Arrow record batches with numbers of files that come as rows, and yield tuples."""

    function: Callable[[Batches], Iterator[Any]]

    def __call__(self, rows: Iterable[Any]) -> Iterator[tuple[Any, ...]]:
        for batch in self.function(one_row(KEPT, [row.file, None, None, None]) for row in rows):
            yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)


def _of_files(batches: Batches, layout: Layout) -> Iterator[tuple[int, Iterator[Any] | None]]:
    """Yield the number of each file of a Spark partition, with its pieces in order where these were handed over."""
    batches = iter(batches)
    for batch in batches:
        if "records" in batch.schema.names:
            yield from groupby(pieces_of(chain([batch], batches), layout), key=itemgetter(0))
            return
        for file in numbers_of([batch]):
            yield file, None


def _spans(pieces: Iterator[Any], spans: Iterable[tuple[int, int]]) -> Iterator[Records]:
    """Yield the records of each (first, stop) of rows, ascending, from the pieces of a file."""
    held: list[tuple[int, Records]] = []
    for first, stop in spans:
        held = [(at, records) for at, records in held if at + len(records) > first]
        while not held or held[-1][0] + len(held[-1][1]) < stop:
            piece = next(pieces, None)
            if piece is None:
                raise DataError(CHANGED)
            if piece[1] + len(piece[2]) > first:
                held.append(piece[1:])
        yield np.concatenate([records[max(first - at, 0) : stop - at] for at, records in held])
