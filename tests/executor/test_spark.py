"""The executor of Spark with a stand-in for its DataFrame; tests/estimator/test_spark.py has the real one."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from gaussmix.errors import ExecutorError
from gaussmix.executor import Serial
from gaussmix.executor.spark import SparkExecutor

Row = namedtuple("Row", "place total")
ITEMS = [0.1 * number for number in range(11)]


@dataclass(frozen=True)
class Frame:
    """Holds Spark partitions of (place, item), and runs tasks on them."""

    partitions: Sequence[Sequence[tuple[int, float]]]
    group: int = 4

    @staticmethod
    def read(batches: Any) -> Iterator[tuple[int, float]]:
        yield from batches

    def collect(self, function: Callable[[Any], Any], schema: str) -> list[Row]:
        made = [batch for partition in self.partitions for batch in function(partition)]
        return [Row(batch["place"][0].as_py(), batch["total"][0].as_py()) for batch in made]


def spread_over(frame: Frame) -> SparkExecutor:
    return SparkExecutor(Serial(), lambda items: frame if items is ITEMS else None)


def halved(value: float) -> float:
    return value / 3


def test_the_sum_has_the_bits_of_the_serial_one_in_whatever_order_it_arrives() -> None:
    placed = list(enumerate(ITEMS))
    executor = spread_over(Frame([placed[8:], placed[4:8], placed[:4]]))
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
