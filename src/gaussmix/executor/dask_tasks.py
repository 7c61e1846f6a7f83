"""What the workers of a Dask cluster run: they load groups of items, apply the task, and add what it returns."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from gaussmix.errors import ExecutorError, GaussmixError
from gaussmix.executor.base import pairwise_sum, sum_of_branches
from gaussmix.executor.blas import one_blas_thread
from gaussmix.executor.kept import Piece

_SHOWN: Final = 200  # characters of an item in a message


@dataclass(frozen=True, slots=True)
class Refusal:
    """Carry what our code said of an item to the caller; what a task raises, Dask logs on the worker too."""

    error: GaussmixError


def _answer(function: Callable[[], Any], attempts: int) -> Any:
    """Return what a function returns, or a refusal if our code raised in each attempt."""
    for left in reversed(range(attempts)):
        try:
            return function()
        except ExecutorError:  # Dask tries again what it is about, also elsewhere
            raise
        except GaussmixError as error:
            if not left:
                return Refusal(error)
    return None


def prepared(
    group: list[Any], start: int, *, prepare: Callable[[Any], Any], n_items: int, attempts: int
) -> list[Any] | Refusal:
    """Return what a worker keeps of a group: a task of Dask."""
    kept: list[Any] | Refusal = _answer(lambda: list(_each(prepare, group, start, n_items)), attempts)
    return kept


def summed(
    group: list[Any] | Refusal,
    piece: Piece,
    *,
    size: int,
    task: Callable[[Any], Any],
    n_items: int,
    attempts: int,
) -> Any:
    """Return the sum over a piece of a group of so many items: a task of Dask."""
    if isinstance(group, Refusal):
        return group
    before = piece.begin - piece.begin % size
    items = group[piece.begin - before : piece.end - before]
    with one_blas_thread():
        return _answer(lambda: pairwise_sum(_each(task, items, piece.begin, n_items)), attempts)


def added(sums: list[Any], sizes: list[int]) -> Any:
    """Return the sum of branches of these sizes, or the first refusal among them: a task of Dask."""
    for one in sums:
        if isinstance(one, Refusal):
            return one
    return sum_of_branches(zip(sizes, sums, strict=True))


def resident(item: Any) -> Any:
    """Return an item that holds its rows in memory, where it can say so."""
    return item.resident() if hasattr(item, "resident") else item


def _each(function: Callable[[Any], Any], items: Iterable[Any], start: int, n_items: int) -> Iterator[Any]:
    """Yield what a function gives for each item; an error names the item."""
    for number, item in enumerate(items, start):
        try:
            yield function(item)
        except GaussmixError:  # says itself what it is about
            raise
        except Exception as error:
            raise ExecutorError(
                f"partition {number} of {n_items} failed on a worker: {type(error).__name__}: {error}; it is "
                f"{repr(item)[:_SHOWN]}"
            ) from error


def itself(task: Any) -> Any:
    """Return the task: a task of Dask, whose result workers hand on to one another."""
    return task
