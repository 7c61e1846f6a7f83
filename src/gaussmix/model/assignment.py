"""Which component each row was best explained by: what truncated E-steps (``truncated``) remember of the rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from threading import Lock

import numpy as np

from gaussmix.source import Known, Partition
from gaussmix.types import Float64Array, FloatArray, IntArray


@dataclass(frozen=True, slots=True)
class Assigned(Known):
    """Say which component each row of a block was best explained by, and which part of the block a partition is.

    A part has the rows of some groups of components, about as many as the others: so it has many rows of each group,
    and threads may share a block. E-steps read one array of best components and fill in the other.

    Attributes
    ----------
    best : ndarray of shape (2, n) of int32
        After an even and after an odd number of M-steps.
    part, n_parts : int
    """

    best: IntArray = field(default_factory=lambda: np.empty((2, 0), np.int32), repr=False, compare=False)
    part: int = 0
    n_parts: int = 1


class SharedBlock:
    """Loads a block of rows once for all of its parts, which are at work at about the same time."""

    def __init__(self, rows: Partition, n_parts: int) -> None:
        self._rows, self._n_parts, self._n_left = rows, n_parts, 0
        self._loaded: tuple[FloatArray, Float64Array | None] | None = None
        self._lock = Lock()

    def load(self) -> tuple[FloatArray, Float64Array | None]:
        """Return the rows and their weights, kept until each part has asked."""
        with self._lock:
            if self._loaded is None:
                self._loaded, self._n_left = self._rows.load(), self._n_parts
            loaded, self._n_left = self._loaded, self._n_left - 1
            if not self._n_left:
                self._loaded = None
        return loaded


@dataclass(frozen=True, slots=True, eq=False)
class AssignedPartition(Partition):
    """Address a part of a block of rows of which the best components are remembered, in this process."""

    block: SharedBlock
    known: Assigned

    def load(self) -> tuple[FloatArray, Float64Array | None]:
        return self.block.load()


@dataclass(frozen=True, slots=True, eq=False)
class Assignment:
    """Remember the best component of each row, in this process: eight bytes a row.

    Attributes
    ----------
    best : ndarray of shape (2, N) of int32
        After an even and after an odd number of M-steps.
    partitions : list of AssignedPartition
        Some parts for each block.
    """

    best: IntArray
    partitions: list[AssignedPartition]

    @classmethod
    def of(cls, blocks: Sequence[Partition], n_rows: int, block_rows: int, n_parts: int) -> Assignment:
        """Return the assignment of rows of which none has a component yet.

        Parameters
        ----------
        blocks : sequence of Partition
        n_rows : int
            Of all blocks.
        block_rows : int
            Of each but the last one.
        n_parts : int
            Of each block.
        """
        best = np.full((2, n_rows), -1, np.int32)
        partitions = []
        for block, start in zip(blocks, range(0, n_rows, block_rows), strict=True):
            shared, of_block = SharedBlock(block, n_parts), best[:, start : start + block_rows]
            parts = (Assigned(best=of_block, part=part, n_parts=n_parts) for part in range(n_parts))
            partitions += [AssignedPartition(shared, part) for part in parts]
        return cls(best, partitions)

    def after(self, n_steps: int) -> IntArray:
        """Return the best component of each row after so many M-steps, a view of shape (N,)."""
        best: IntArray = self.best[n_steps % 2]
        return best
