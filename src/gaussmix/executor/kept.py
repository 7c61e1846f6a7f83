"""Items that workers keep in groups, and the parts of groups that a pass over some of the items takes.

A pass over a run of neighbours adds as ``pairwise_sum`` does from the first of them on. Groups begin at multiples of
their size from the first of all items. Where the two do not agree, a group is taken in pieces, each a branch of the
tree of the pass: rows are sent once, and the bits are the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple


class Piece(NamedTuple):
    """Items of one group whose sum is a branch of the tree of a pass.

    Attributes
    ----------
    begin, end : int
        The items, counted from the first of all that are kept.
    size : int
        Of the branch, a power of two: ``end - begin``, or more at the end of a pass.
    """

    begin: int
    end: int
    size: int


@dataclass(frozen=True, eq=False)
class Kept:
    """Hold items, and the futures of their groups on the workers.

    Attributes
    ----------
    sequence : sequence
        As it was given: the same one comes back in each iteration.
    items : list
    places : dict
        From the id of an item to its index.
    size : int
        Items of a group, a power of two.
    groups : list of future
    """

    sequence: Sequence[Any]
    items: list[Any]
    places: dict[int, int]
    size: int
    groups: list[Any]

    def where(self, items: Sequence[Any]) -> range | None:
        """Return which of the kept items these are, neighbours in the same order; None if others, if only equal."""
        if items is self.sequence:
            return range(len(self.items))
        begin = self.places.get(id(items[0]))
        if begin is None or begin + len(items) > len(self.items):
            return None
        there = range(begin, begin + len(items))
        return there if all(item is self.items[i] for i, item in zip(there, items, strict=True)) else None

    def overlaps(self, items: Sequence[Any]) -> bool:
        """Return whether some of these items are kept."""
        return any(id(item) in self.places for item in items)


def pieces(begin: int, end: int, size: int) -> list[Piece]:
    """Return the pieces of a pass over the items from ``begin`` to ``end``, in groups of ``size``; few, in order."""
    found: list[Piece] = []
    while begin < end:
        first = found[0].begin if found else begin
        branch = size
        while (begin - first) % branch or (min(begin + branch, end) - 1) // size != begin // size:
            branch //= 2
        found.append(Piece(begin, min(begin + branch, end), branch))
        begin += branch
    return found


def branches(taken: Sequence[Piece], span: int) -> list[tuple[int, int]]:
    """Return where runs of pieces begin and end, in their list, that make branches of ``span`` items."""
    first = taken[0].begin
    number = [(piece.begin - first) // span for piece in taken]
    begins = [i for i, n in enumerate(number) if i == 0 or n != number[i - 1]]
    return list(zip(begins, [*begins[1:], len(taken)], strict=True))
