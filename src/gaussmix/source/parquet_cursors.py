"""Places in Parquet files where decoding stopped, to go on from there.

Pages are decoded from the start of a row group on. Logical blocks are smaller than row groups, and mostly loaded in
the order of their rows: if each began anew, the work would grow with the square of the row group's size.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from gaussmix.errors import DataError
from gaussmix.source.arrow import batch_rows, matrix_blocks
from gaussmix.source.files import open_parquet
from gaussmix.source.raw import NamedFile

_KEPT: Final = max(4, os.cpu_count() or 1)  # one a thread; each holds one block of decoded rows


class Cursor:
    """Decode the rows of a file from a row group on, block by block; one thread may use it at a time.

    Parameters
    ----------
    home : NamedFile
    names : sequence of str
        The columns.
    group : int
        The row group to begin with.
    first : int
        Number of its first row in the file.

    Attributes
    ----------
    at : int
        Number in the file of the row that comes next.
    """

    def __init__(self, home: NamedFile, names: Sequence[str], group: int, first: int) -> None:
        self.reads, self.at = (home, tuple(names)), first
        self._n_rows = -1  # of the file, not yet known
        self._blocks = self._decoded(group)
        self._left: NDArray[Any] = np.empty((0, len(names)))

    @property
    def ended(self) -> bool:
        """Whether all rows of the file were read."""
        return self.at == self._n_rows

    def read_into(self, out: NDArray[Any], start: int) -> None:
        """Fill ``out`` with rows from number ``start`` of the file on, which is at ``at`` or behind it.

        Raises
        ------
        DataError
            If there are too few.
        """
        skipped = start - self.at
        while len(out) > 0:
            if len(self._left) == 0:
                self._left = next(self._blocks, self._left)
            if len(self._left) == 0:
                home, _ = self.reads
                raise DataError(f"{home.name}: there are fewer rows than the file says: write it again")
            n = min(skipped or len(out), len(self._left))
            if skipped:
                skipped -= n
            else:
                out[:n] = self._left[:n]
                out = out[n:]
            self._left = self._left[n:]
            self.at += n

    def _decoded(self, group: int) -> Iterator[NDArray[Any]]:
        home, names = self.reads
        with open_parquet(Path(home.path)) as (file, content):
            self._n_rows = file.metadata.num_rows
            groups = range(group, file.metadata.num_row_groups)
            size = batch_rows(len(names))
            batches = file.iter_batches(batch_size=size, row_groups=groups, columns=list(names))
            for X in matrix_blocks(file.schema_arrow, batches, names, content.forget):
                if len(X) > 0:
                    yield X


class Cursors:
    """Keep the cursors that were used last.

    Parameters
    ----------
    limit : int
        How many.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._lock = Lock()
        self._free: list[Cursor] = []

    @contextmanager
    def near(
        self, home: NamedFile, names: Sequence[str], *, group: int, first: int, start: int
    ) -> Iterator[Cursor]:
        """Give a cursor that stands in a row group, at a row or before it: the nearest, or a new one.

        Parameters
        ----------
        home, names, group, first
            As for ``Cursor``.
        start : int
            Number of the row in the file.
        """
        reads = home, tuple(names)
        with self._lock:
            usable = [
                cursor for cursor in self._free if cursor.reads == reads and first <= cursor.at <= start
            ]
            found = max(usable, key=lambda cursor: cursor.at, default=None)
            if found is not None:
                self._free.remove(found)
        cursor = Cursor(home, names, group, first) if found is None else found
        yield cursor  # lost where reading fails
        if not cursor.ended:
            with self._lock:
                self._free.append(cursor)
                del self._free[: -self.limit]


CURSORS: Final = Cursors(_KEPT)
"""Those of this process."""
