"""Which stretches of rows to read where single rows are asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gaussmix.types import FloatArray, IntArray


def taken_by_runs(
    rows: IntArray, read: Callable[[int, int], NDArray[Any]], out: FloatArray, *, gap: int, length: int
) -> None:
    """Fill ``out`` with some rows, by reading stretches that hold them.

    Parameters
    ----------
    rows : ndarray of shape (n,) of int
        Ascending.
    read : callable
        ``(start, stop) -> rows``, of any numeric type.
    out : ndarray of shape (n, D)
    gap, length : int
        As for :func:`neighbours`.
    """
    for start, stop, first, last in neighbours(rows, gap, length):
        with np.errstate(
            over="ignore"
        ):  # a longdouble beyond float64 becomes inf; the check of values finds it
            out[start:stop] = read(first, last + 1)[rows[start:stop] - first]


def neighbours(rows: IntArray, gap: int, length: int) -> Iterator[tuple[int, int, int, int]]:
    """Yield stretches of ``rows`` to read at once: neighbours at most ``gap`` apart, ``length`` rows at most.

    Yields
    ------
    start, stop : int
        The stretch ``rows[start:stop]``.
    first, last : int
        Its first and last row.
    """
    if len(rows) == 0:
        return
    breaks = np.flatnonzero(np.diff(rows) > gap) + 1
    starts, stops = np.concatenate([[0], breaks]), np.concatenate([breaks, [len(rows)]])
    bounds = (starts.tolist(), stops.tolist(), rows[starts].tolist(), rows[stops - 1].tolist())
    for start, stop, first, last in zip(*bounds, strict=True):
        while last - first >= length:
            end = start + int(np.searchsorted(rows[start:stop], first + length))
            yield start, end, first, int(rows[end - 1])
            start, first = end, int(rows[end])
        yield start, stop, first, last
