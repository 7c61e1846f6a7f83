"""The executor of Spark with a stand-in for its DataFrame; tests/estimator/test_spark.py has the real one."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from gaussmix.errors import ExecutorError
from gaussmix.executor import Serial
from gaussmix.executor.base import pairwise_sum, sum_of_branches
from gaussmix.executor.spark import SparkExecutor, branches

Row = namedtuple("Row", "place size total")
ITEMS = [0.1 * number for number in range(11)]


@dataclass(frozen=True)
class Frame:
    """Holds Spark partitions of (place, item), and runs tasks on them."""

    partitions: Sequence[Sequence[tuple[int, float]]]

    @staticmethod
    def read(batches: Any) -> Iterator[tuple[int, float]]:
        yield from batches

    def collect(self, function: Callable[[Any], Any], schema: str) -> list[Row]:
        made = [batch for partition in self.partitions for batch in function(partition)]
        return [Row(**batch.to_pylist()[0]) for batch in made]


def spread_over(frame: Frame) -> SparkExecutor:
    return SparkExecutor(Serial(), lambda items: frame if items is ITEMS else None)


def halved(value: float) -> float:
    return value / 3


def test_the_sum_has_the_bits_of_the_serial_one_in_whatever_order_it_arrives() -> None:
    placed = list(enumerate(ITEMS))
    executor = spread_over(Frame([placed[7:], placed[3:7], placed[:3]]))
    assert executor.map_reduce(halved, ITEMS) == Serial().map_reduce(halved, ITEMS)


def test_items_of_this_process_stay_in_it() -> None:
    assert spread_over(Frame([])).map_reduce(halved, [3.0, 6.0]) == 3.0


def test_tasks_of_this_process_are_for_the_local_executor() -> None:
    assert isinstance(spread_over(Frame([])).local, Serial)


@pytest.mark.parametrize(
    "places", [[0, 1, 2], [0, 1, 2, 3, 8, 9, 10]], ids=["all after 2 lost", "the middle lost"]
)
def test_a_sum_that_is_lost_is_an_error(places: list[int]) -> None:
    executor = spread_over(Frame([[(place, ITEMS[place]) for place in places]]))
    with pytest.raises(ExecutorError, match="not at all"):
        executor.map_reduce(halved, ITEMS)


@pytest.mark.parametrize("n_results", [1, 7, 16, 45])
@pytest.mark.parametrize("cut", [0, 1, 5, 12])
def test_branches_of_any_runs_have_the_bits_of_the_whole_tree(n_results: int, cut: int) -> None:
    placed = [(place, 1 / (3 + place)) for place in range(n_results)]
    made = sorted([*branches(placed[cut:]), *branches(placed[:cut])])
    assert sum_of_branches((size, total) for _, size, total in made) == pairwise_sum(v for _, v in placed)


def test_branches_do_not_reach_over_results_that_are_not_there() -> None:
    assert list(branches([(0, 1), (1, 2), (3, 4), (4, 8), (5, 16)])) == [(0, 2, 3), (3, 1, 4), (4, 2, 24)]
