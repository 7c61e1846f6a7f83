"""The executor's contract, and the one order in which results are added.

Floating-point addition is not associative, so the order decides the last bits. Here it is a binary tree over
the items' indices: ((0+1)+(2+3))+((4+5)+...). It depends on the number of items only, so every executor
gives the same bits, and rounding errors grow with the logarithm of the number of items (Higham 1993).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol, TypeVar


class Additive(Protocol):
    """Anything that can be added to its like."""

    def __add__(self, other: Any, /) -> Any: ...


Item = TypeVar("Item")
Sum = TypeVar("Sum", bound=Additive)


def pairwise_sum(results: Iterable[Sum]) -> Sum:
    """Return the sum of ``results``, which arrive in order, added as a binary tree over their indices.

    At most log2(n) partial sums are alive at a time.

    Raises
    ------
    ValueError
        If there are no results.
    """
    return sum_of_branches((1, result) for result in results)


def sum_of_branches(branches: Iterable[tuple[int, Sum]]) -> Sum:
    """Return what ``pairwise_sum`` gives, from the sums of branches of its tree.

    Parameters
    ----------
    branches : iterable of (int, sum)
        In order: the size of each, a power of two, and ``pairwise_sum`` of so many results. It begins at a multiple
        of its size. The last one may be of fewer results.

    Raises
    ------
    ValueError
        If there are none.
    """
    stack: list[tuple[int, Sum]] = []  # (number of items below, partial sum), sizes strictly falling
    for branch in branches:
        size, total = branch
        while stack and stack[-1][0] == size:
            total = stack.pop()[1] + total
            size *= 2
        stack.append((size, total))
    if not stack:
        raise ValueError("nothing to add: there are no partitions")
    total = stack.pop()[1]
    while stack:
        total = stack.pop()[1] + total
    return total


class Executor(ABC):
    """Runs a task on every item. It knows ``+`` and nothing of sources or models.

    The task may run in another process: what it does is seen in what it returns and nowhere else. Tasks that write
    to arrays of this process, and those too small to be sent, are for ``executor.local``.
    """

    @property
    def local(self) -> Executor:
        """The executor whose tasks run in this process."""
        return self

    @abstractmethod
    def map_reduce(self, task: Callable[[Item], Sum], items: Sequence[Item]) -> Sum:
        """Return ``task(items[0]) + task(items[1]) + ...``, added by ``pairwise_sum``.

        Parameters
        ----------
        task : callable
            Item -> something that can be added to its like. It must not depend on the order of calls.
        items : sequence
            At least one.
        """

    def release(self) -> None:  # noqa: B027  # most keep nothing
        """Let go of what is kept of items from one pass to the next."""
