"""Blocks in files beside Spark's workers: written once, and read in each pass.

Spark hands rows to the workers' Python through a socket, at some hundred megabytes a second and core; a pass over
most mixtures is faster than that. A file that was just written is read at the speed of memory. So what Spark stores,
and hands over in each pass, are only the numbers of groups of blocks: tasks run where Spark stores these, beside the
files. Where a worker was lost, Spark makes the number, and the file with it, anew from what it stored before. A task
that comes to run on another machine finds no file, says so, and its group is handed over for this one pass.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain, groupby
from pathlib import Path
from typing import Any, Final

import numpy as np

from gaussmix.source.array import ArrayPartition
from gaussmix.source.spark_rows import Batches, ReadBlocks, one_row

KEPT: Final = "group long"


@dataclass(frozen=True, slots=True)
class Files:
    """Name the files of one source on the machines of workers, each with one group of blocks.

    They lie in folders that Spark removes when the application ends.

    Attributes
    ----------
    name : str
        No other source's.
    blocks : ReadBlocks
        How many rows there are, in which layout and in how many blocks.
    group : int
        Blocks of a file.
    """

    name: str
    blocks: ReadBlocks
    group: int

    @property
    def n_blocks(self) -> int:
        """How many blocks all files hold."""
        return -(-self.blocks.n_rows // self.blocks.block_rows)

    def path(self, group: int) -> Path:
        """Return where the file of a group is on this machine."""
        folders = os.environ.get("SPARK_LOCAL_DIRS", tempfile.gettempdir()).split(",")
        return Path(folders[group % len(folders)]) / f"gaussmix-{self.name}-{group}"

    def write(self, group: int, partitions: Iterable[ArrayPartition]) -> None:
        """Write a group's rows, behind each block its weights."""
        path = self.path(group)
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f"{path.name}.{os.getpid()}")
        try:
            with temporary.open("wb") as file:
                for X, weight in (partition.load() for partition in partitions):
                    X.tofile(file)
                    if weight is not None:
                        weight.tofile(file)
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise

    def read(self, group: int, begin: int, end: int) -> Iterator[tuple[int, ArrayPartition]]:
        """Yield the blocks of a group that lie in ``begin`` to ``end``, each with its number."""
        layout, n_rows, size = self.blocks.layout, self.blocks.n_rows, self.blocks.block_rows
        first = group * self.group
        with self.path(group).open("rb") as file:
            for block in range(max(first, begin), min(first + self.group, end)):
                file.seek((block - first) * size * layout.record.itemsize)
                count = min(size, n_rows - block * size)
                X = np.fromfile(file, layout.dtype, count * layout.n_features).reshape(count, -1)
                weight = np.fromfile(file, np.float64, count) if layout.weighted else None
                yield block, ArrayPartition(X, weight, layout.dtype)


@dataclass(frozen=True)
class Keep:
    """Write the blocks of a Spark partition to files of this machine, and yield the numbers of their groups."""

    files: Files

    def __call__(self, batches: Batches) -> Iterator[Any]:
        for group, blocks in groupby(self.files.blocks(batches), lambda item: item[0] // self.files.group):
            self.files.write(group, (partition for _, partition in blocks))
            yield one_row(KEPT, [group])


@dataclass(frozen=True)
class Forget:
    """Remove the files of a Spark partition's groups."""

    files: Files

    def __call__(self, batches: Batches) -> Iterator[Any]:
        for group in _groups(batches):
            with suppress(OSError):
                self.files.path(group).unlink()
            yield one_row(KEPT, [group])


@dataclass(frozen=True)
class ReadKept:
    """Read blocks of a Spark partition: from files where it has the numbers of groups, or from pieces.

    Attributes
    ----------
    files : Files
    begin, end : int
        The blocks to read; the first counts as block 0.
    """

    files: Files
    begin: int
    end: int

    def __call__(self, batches: Batches) -> Iterator[tuple[int, ArrayPartition]]:
        """Yield the number of each block, counted from ``begin``, and a partition that holds its rows."""
        batches = iter(batches)
        for batch in batches:
            if "group" not in batch.schema.names:
                yield from self._of_pieces(batch, batches)
                return
            for group in _groups([batch]):
                for block, partition in self.files.read(group, self.begin, self.end):
                    yield block - self.begin, partition

    def _of_pieces(self, first: Any, others: Batches) -> Iterator[tuple[int, ArrayPartition]]:
        for block, partition in self.files.blocks(chain([first], others)):
            if self.begin <= block < self.end:
                yield block - self.begin, partition


@dataclass(frozen=True)
class WhereKept:
    """Call a function with the groups whose files are on this machine, and name the others as ``-1 - group``.

    Attributes
    ----------
    function : callable
        Arrow record batches of groups -> record batches, the first column a number of at least 0.
    files : Files
    schema : str
        Of what the function yields.
    """

    function: Callable[[Iterable[Any]], Iterator[Any]]
    files: Files
    schema: str

    def __call__(self, batches: Batches) -> Iterator[Any]:
        for group in _groups(batches):
            if self.files.path(group).exists():
                yield from self.function(iter([one_row(KEPT, [group])]))
            else:
                yield one_row(self.schema, [-1 - group, None])


@dataclass(frozen=True)
class Whole:
    """Yield the rows of blocks, with their weights behind them, as bytes."""

    read: ReadKept

    def __call__(self, batches: Batches) -> Iterator[Any]:
        for block, partition in self.read(batches):
            X, weight = partition.load()
            content = X.tobytes() + (b"" if weight is None else weight.tobytes())
            yield one_row(WHOLE, [block, content])


WHOLE: Final = "block long, content binary"


def _groups(batches: Batches) -> Iterator[int]:
    for batch in batches:
        yield from batch["group"].to_pylist()
