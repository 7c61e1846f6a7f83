"""Blocks in files beside Spark's workers: written once, and read in each pass.

Spark hands rows to the workers' Python through a socket, at some hundred megabytes a second and core; a pass over
most mixtures is faster than that. A file that was just written is read at the speed of memory. So what Spark stores,
and hands over in each pass, are only the numbers of groups of blocks: tasks run where Spark stores these, beside the
files. Where a worker was lost, Spark makes the number, and the file with it, anew from what it stored before. A task
that comes to run on another machine finds no file, says so, and its group is handed over for this one pass.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain, groupby
from pathlib import Path
from secrets import token_hex
from typing import Any, Final

import numpy as np

from gaussmix.source.array import ArrayPartition
from gaussmix.source.spark_rows import Batches, ReadBlocks, one_row

KEPT: Final = "group long"


@dataclass(frozen=True, slots=True)
class Files:
    """Name the files of one source on the machines of workers, each with one group of blocks.

    They lie in folders that Spark makes for its workers, and removes when the application ends. A worker that has
    none keeps nothing: its groups are handed over in each pass.

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

    def path(self, group: int) -> Path | None:
        """Return where the file of a group is on this machine."""
        folders = list(filter(None, os.environ.get("SPARK_LOCAL_DIRS", "").split(",")))
        return Path(folders[group % len(folders)]) / f"gaussmix-{self.name}-{group}" if folders else None

    def has(self, group: int) -> bool:
        """Return whether the file of a group is on this machine, whole."""
        path = self.path(group)
        with suppress(OSError):
            return path is not None and path.stat().st_size == self._n_rows(group) * self._itemsize
        return False

    def write(self, group: int, partitions: Iterable[ArrayPartition]) -> None:
        """Write a group's rows, behind each block its weights; for this user only."""
        path = self.path(group)
        if path is None:
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f"{path.name}.{token_hex(8)}")
        try:
            with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                for X, weight in (partition.load() for partition in partitions):
                    X.tofile(file)
                    if weight is not None:
                        weight.tofile(file)
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise

    @property
    def _itemsize(self) -> int:
        return self.blocks.layout.record.itemsize

    def _n_rows(self, group: int) -> int:
        size = self.group * self.blocks.block_rows
        return min(size, self.blocks.n_rows - group * size)

    def read(self, group: int, begin: int, end: int) -> Iterator[tuple[int, ArrayPartition]]:
        """Yield the blocks of a group that lie in ``begin`` to ``end``, each with its number."""
        layout, n_rows, size = self.blocks.layout, self.blocks.n_rows, self.blocks.block_rows
        first = group * self.group
        path = self.path(group)
        assert path is not None  # has(group)
        with path.open("rb") as file:
            for block in range(max(first, begin), min(first + self.group, end)):
                file.seek((block - first) * size * self._itemsize)
                count = min(size, n_rows - block * size)
                values = np.fromfile(file, layout.dtype, count * layout.n_features)
                weight = np.fromfile(file, np.float64, count) if layout.weighted else None
                yield block, ArrayPartition(values.reshape(count, layout.n_features), weight, layout.dtype)


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
            path = self.files.path(group)
            if path is not None:
                with suppress(OSError):
                    path.unlink()
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
            if self.files.has(group):
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
