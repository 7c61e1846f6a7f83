from __future__ import annotations

import pickle
import threading

import pytest

from gaussmix.executor import Serial, Threads, local_executor

EXECUTORS = [Serial(), Threads(1), Threads(2), Threads(4)]
IDS = ["serial", "threads-1", "threads-2", "threads-4"]


@pytest.mark.parametrize("executor", EXECUTORS, ids=IDS)
@pytest.mark.parametrize("n_items", [1, 2, 3, 17, 100])
def test_the_sum_over_all_items(executor, n_items):
    assert executor.map_reduce(lambda i: i * i, range(n_items)) == sum(i * i for i in range(n_items))


@pytest.mark.parametrize("executor", EXECUTORS, ids=IDS)
def test_results_are_added_in_the_order_of_the_items(executor):
    letters = "abcdefghijklmnopqrstuvwxyz"
    assert executor.map_reduce(str.upper, letters) == letters.upper()


@pytest.mark.parametrize("executor", EXECUTORS, ids=IDS)
def test_floats_are_added_in_one_order(executor):
    items = [10.0**i * (-1) ** i for i in range(-12, 13)]
    assert executor.map_reduce(float, items).hex() == Serial().map_reduce(float, items).hex()


@pytest.mark.parametrize("executor", EXECUTORS, ids=IDS)
def test_an_error_in_a_task_reaches_the_caller_and_the_executor_lives_on(executor):
    with pytest.raises(ZeroDivisionError):
        executor.map_reduce(lambda i: 1 // (i - 3), range(10))
    assert executor.map_reduce(int, range(10)) == 45


@pytest.mark.parametrize("executor", EXECUTORS, ids=IDS)
def test_no_items_is_an_error(executor):
    with pytest.raises(ValueError, match="no partitions"):
        executor.map_reduce(int, [])


def test_threads_work_at_the_same_time():
    barrier = threading.Barrier(2)

    def task(item):
        barrier.wait(timeout=30)  # passes only if two tasks wait together
        return item

    assert Threads(2).map_reduce(task, range(4)) == 6


class Counted:
    """Counts the additions made so far."""

    additions = 0

    def __add__(self, other):
        Counted.additions += 1
        return self


def test_few_results_wait_to_be_added():
    def items():  # taken one by one in the calling thread, which also adds
        for i in range(50):
            received = max(i - 2 * n_threads, 0)
            late.append(Counted.additions < received - received.bit_count())  # as a binary counter carries
            yield i

    class Items(list):
        def __iter__(self):
            return items()

    n_threads, late, Counted.additions = 2, [], 0
    Threads(n_threads).map_reduce(lambda i: Counted(), Items(range(50)))
    assert late == [False] * 50
    assert Counted.additions == 49


def test_an_executor_that_has_run_can_be_pickled():
    executor = Threads(3)
    executor.map_reduce(int, range(5))
    again = pickle.loads(pickle.dumps(executor))
    assert again.n_threads == 3
    assert again.map_reduce(int, range(5)) == 10


def test_one_thread_is_serial():
    assert isinstance(local_executor(1), Serial)
    assert isinstance(local_executor(2), Threads)
