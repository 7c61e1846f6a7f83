from __future__ import annotations

import copy
import threading
import time

import pytest

from gaussmix.errors import DataError, ExecutorError, ParameterError
from gaussmix.executor import Serial, pairwise_sum
from tests.clusters import cluster, distributed

dask = pytest.importorskip("gaussmix.executor.dask")


@pytest.fixture(scope="module")
def client():
    with cluster(2, processes=False) as found:
        yield found


@pytest.fixture
def executor(client):
    return dask.DaskExecutor(client, prepare=lambda item: item, no_progress_timeout=20)


class Loaded:
    """Counts how often it was prepared; workers of these tests are threads of this process."""

    def __init__(self, value, failures=0):
        self.value, self.failures, self.times = value, failures, 0
        self.lock = threading.Lock()

    def resident(self):
        self.times += 1
        if self.times <= self.failures:
            raise OSError("the disk is away")
        return self.value

    def __reduce__(self):
        return here, (id(self),)

    def __repr__(self):
        return f"rows of {self.value}"


_HERE = {}


def here(number):
    return _HERE[number]


def loaded(n_items, failures=0):
    items = [Loaded(i, failures if i == n_items - 1 else 0) for i in range(n_items)]
    _HERE.update((id(item), item) for item in items)
    return items


@pytest.mark.parametrize(("n_items", "n_threads", "size"), [(2, 2, 1), (16, 2, 1), (17, 2, 2), (64, 2, 4)])
def test_a_group_is_a_power_of_two_that_keeps_all_threads_busy(n_items, n_threads, size):
    assert dask.group_size(n_items, n_threads) == size


def test_groups_stay_small_where_items_abound():
    assert dask.group_size(10**6, 2) == 32


@pytest.mark.parametrize("n_items", [2, 3, 17, 700])
def test_the_bits_are_those_of_one_thread(executor, n_items):
    items = [10.0 ** (i % 25) * (-1) ** i / 3 for i in range(n_items)]
    assert executor.map_reduce(float, items).hex() == Serial().map_reduce(float, items).hex()


def test_no_items_is_an_error(executor):
    with pytest.raises(ValueError, match="no partitions"):
        executor.map_reduce(int, [])


def test_a_single_item_stays_in_this_process(executor):
    assert executor.map_reduce(lambda _: threading.get_ident(), [0]) == threading.get_ident()


def test_items_are_loaded_once_for_many_passes(client):
    executor, items = dask.DaskExecutor(client), loaded(20)
    assert [executor.map_reduce(int, items) for _ in range(3)] == [190] * 3
    assert executor.map_reduce(int, items[:]) == 190
    assert [item.times for item in items] == [1] * 20


def test_items_are_loaded_again_after_a_release(client):
    executor, items = dask.DaskExecutor(client), loaded(5)
    executor.map_reduce(int, items)
    executor.release()
    assert executor.map_reduce(int, items) == 10
    assert [item.times for item in items] == [2] * 5


def test_runs_of_kept_items_are_not_sent_again_and_have_the_bits_of_one_thread(client, monkeypatch):
    monkeypatch.setattr(dask, "_TASKS_PER_THREAD", 2)
    items = loaded(43)
    executor = dask.DaskExecutor(client)
    for part in (items, items[:10], items[10:], items[13:31], items):
        total = executor.map_reduce(lambda i: 10.0 ** (i % 25) / 3, part)
        assert total.hex() == pairwise_sum(10.0 ** (item.value % 25) / 3 for item in part).hex()
    assert [item.times for item in items] == [1] * 43
    assert executor._kept[0].size > 1


def test_a_sequence_takes_the_place_of_its_parts(client):
    executor, items = dask.DaskExecutor(client), loaded(20)
    for part in (items[:10], items[10:], items, items[10:]):
        executor.map_reduce(int, part)
    assert [item.times for item in items] == [2] * 20
    assert len(executor._kept) == 1


def test_plain_items_are_kept_as_they_are(client):
    assert dask.DaskExecutor(client).map_reduce(int, [1, 2, 3]) == 6


def test_what_fails_for_a_moment_is_tried_again(client):
    assert dask.DaskExecutor(client, retries=2).map_reduce(int, loaded(5, failures=2)) == 10


def test_an_item_that_fails_for_ever_is_named(client):
    executor, items = dask.DaskExecutor(client, retries=1), loaded(20, failures=100)
    with pytest.raises(
        ExecutorError, match=r"partition 19 of 20 failed .* the disk is away; it is rows of 19"
    ):
        executor.map_reduce(int, items)
    assert items[-1].times == 2
    assert executor.map_reduce(int, loaded(5)) == 10


def test_an_error_of_ours_comes_as_it_is(executor):
    def task(item):
        raise DataError("row 7 is NaN")

    with pytest.raises(DataError, match=r"^row 7 is NaN$"):
        executor.map_reduce(task, range(5))


class Unsendable:
    def __reduce__(self):
        raise DataError("rows that stay here")


def test_rows_that_cannot_be_sent_say_so_themselves(executor):
    with pytest.raises(DataError, match=r"^rows that stay here$"):
        executor.map_reduce(str, [Unsendable(), Unsendable()])


def test_the_first_error_of_ours_comes_and_dask_logs_none(client, caplog):
    def task(item):
        if item >= 3:
            raise DataError(f"row {item} is NaN")
        return item

    with pytest.raises(DataError, match=r"^row 3 is NaN$"):
        dask.DaskExecutor(client).map_reduce(task, range(40))
    with pytest.raises(DataError, match=r"^rows that stay here$"):
        dask.DaskExecutor(client).map_reduce(str, [Unsendable(), Unsendable()])
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []


def test_a_large_task_is_sent(executor):
    table = list(range(100_000))
    assert executor.map_reduce(lambda item: table[item], range(10)) == 45


def test_a_clone_shares_the_connection(executor):
    assert copy.deepcopy(executor) is executor


def test_without_an_active_client_the_sentence_says_what_to_do():
    with pytest.raises(ParameterError, match=r"needs an active client: create a distributed\.Client"):
        dask.DaskExecutor.connected("dask")


def test_the_active_client_is_used(client):
    with client.as_current():
        assert dask.DaskExecutor.connected("dask").client is client


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:9", "nothing://127.0.0.1"])
def test_without_a_scheduler_the_address_is_named(address):
    with pytest.raises(ExecutorError, match=f"no Dask scheduler at '{address}'"):
        dask.DaskExecutor.connected(address, timeout=0.5)


def test_a_client_made_from_an_address_is_closed(client):
    executor = dask.DaskExecutor.connected(client.scheduler.address)
    assert executor.map_reduce(int, loaded(5)) == 10
    executor.close()
    assert executor.client.status == "closed"
    assert client.status == "running"


def test_an_asynchronous_client_is_refused(client):
    class Asynchronous:
        asynchronous = True

    with pytest.raises(ParameterError, match="is asynchronous"):
        dask.DaskExecutor(Asynchronous())


def test_a_lost_connection_is_an_error(client):
    with distributed.Client(client.scheduler.address, timeout=5, set_as_default=False) as other:
        executor, items = dask.DaskExecutor(other), loaded(5)
        executor.map_reduce(int, items)
        other.loop.add_callback(other.scheduler_comm.abort)
        with pytest.raises(ExecutorError, match=r"connection to the Dask scheduler at .* was lost"):
            executor.map_reduce(lambda value: time.sleep(0.2) or value, items)


def test_a_cluster_without_workers_is_an_error():
    with cluster(0, processes=False) as client:
        executor = dask.DaskExecutor(client, no_progress_timeout=0.2)
        with pytest.raises(ExecutorError, match=r"has had no workers for 0\.2 s"):
            executor.map_reduce(int, loaded(5))
