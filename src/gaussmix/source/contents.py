"""What is known of a file of rows before it is read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from gaussmix.errors import DataError
from gaussmix.source.raw import RawRows, Stamp
from gaussmix.types import FloatArray


@dataclass(frozen=True, eq=False)
class Contents:
    """Describe the rows of one file, from its header; nothing of the file stays open.

    Attributes
    ----------
    n_features : int
        D.
    names : tuple of D str, or None
    kinds : tuple of str
        The type of each column in the words of the format, or of all at once.
    dtype : numpy.dtype
        float32 or float64: what the rows are served as.
    n_rows : int or None
        Rows that the file declares; None where only reading it tells.
    blocks : callable
        Reads the file, and yields its rows in C-ordered blocks, each of which may stand in the place of the last.
    raw : RawRows, optional
        Where the rows stand in the file, if they can be read one by one.
    groups : tuple of int, optional
        Rows in each group of a file whose groups can be decoded one by one.
    decoded_at_once : int
        Bytes of the largest part of the file that has to be decoded as a whole.
    """

    n_features: int
    names: tuple[str, ...] | None
    kinds: tuple[str, ...]
    dtype: np.dtype[Any]
    n_rows: int | None
    blocks: Callable[[], Iterator[FloatArray]] = field(repr=False)
    raw: RawRows | None = None
    groups: tuple[int, ...] | None = field(default=None, repr=False)
    decoded_at_once: int = 0


Reader = Callable[[Path, "Sequence[str] | None"], Contents]
"""``(path, columns) -> Contents``: reads no more of a file than it has to."""


@dataclass(frozen=True, eq=False)
class Opened:
    """Hold a file, as it was when its header was read, and its contents.

    Attributes
    ----------
    path : Path
    stamp : Stamp
    contents : Contents
    """

    path: Path
    stamp: Stamp
    contents: Contents

    def blocks(self) -> Iterator[FloatArray]:
        """Yield the rows in blocks, and raise DataError if the file has changed meanwhile."""
        self.stamp.require_same(self.path.stat(), str(self.path))
        yield from self.contents.blocks()
        self.stamp.require_same(self.path.stat(), str(self.path))

    def require_same_columns(self, other: Opened) -> None:
        """Raise DataError if another file has other columns, in another order, or of other types."""
        ours, theirs = self.contents, other.contents
        difference = _difference(ours, theirs)
        if difference:
            raise DataError(
                f"the columns differ from those of {self.path}: {difference}: give all files the same columns"
                + (", or choose those that they share with columns=[...]" if ours.names is not None else "")
            )


def _difference(ours: Contents, theirs: Contents) -> str:
    """Return the first difference in words; nothing if there is none."""
    for name in ours.names or ():
        if name not in (theirs.names or ()):
            return f"{name!r} is missing"
    for name in theirs.names or ():
        if name not in (ours.names or ()):
            return f"{name!r} is additional"
    if ours.n_features != theirs.n_features:
        return f"{theirs.n_features} columns instead of {ours.n_features}"
    for column, (one, another) in enumerate(zip(ours.names or (), theirs.names or (), strict=True)):
        if one != another:
            return f"column {column} is {another!r} instead of {one!r}"
    for column, (one, another) in enumerate(zip(ours.kinds, theirs.kinds, strict=True)):
        if one != another:
            which = f"column {ours.names[column]!r} is" if ours.names else "values are"
            return f"{which} of type {another} instead of {one}"
    return ""
