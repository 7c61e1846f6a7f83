"""Workers of a Dask cluster that die, and rows that cannot be loaded there."""

from __future__ import annotations

import os
import signal
import time

import numpy as np
import pytest

from gaussmix import GaussianMixture, Mixture
from gaussmix.errors import ExecutorError
from gaussmix.executor import Serial
from gaussmix.fit import EStep, fit_em
from gaussmix.source import Partition, as_source
from tests.clusters import cluster

dask = pytest.importorskip("gaussmix.executor.dask")
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
N_ROWS, BLOCK = 16_000, 500


@pytest.fixture(scope="module")
def client():
    with cluster(2, processes=True) as found:
        yield found


def rows(n_rows=N_ROWS, n_features=3):
    X = np.random.default_rng(0).normal(size=(n_rows, n_features))
    X[::2] += 3
    return X


def run(executor, on_iteration=None, X=None, n_iterations=8):
    X = rows() if X is None else X
    means = X[:3]
    start = Mixture.from_parameters(np.full(3, 1 / 3), means, np.stack([np.eye(X.shape[1])] * 3), "full")
    partitions = as_source(X).partitions(BLOCK)
    return fit_em(start, partitions, executor, tol=0.0, max_iter=n_iterations, on_iteration=on_iteration)


def assert_same_bits(one, other):
    assert one.history == other.history
    assert one.model.means.tobytes() == other.model.means.tobytes()
    assert one.model.covariances.to_dense().tobytes() == other.model.covariances.to_dense().tobytes()


def kill_one(client):
    os.kill(next(iter(client.run(os.getpid).values())), signal.SIGKILL)


def test_a_killed_worker_does_not_change_a_bit(client):
    def kill(iteration, bound, model):
        if iteration == 3:
            kill_one(client)

    assert_same_bits(run(dask.DaskExecutor(client), kill), run(Serial()))


def test_a_worker_killed_at_its_task_does_not_change_a_bit(client, tmp_path):
    first = tmp_path / "killed"

    def task(item):
        if item == 5 and not first.exists():
            first.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return 1.0 / (item + 1)

    executor = dask.DaskExecutor(client, prepare=int)
    items = list(range(100))
    assert executor.map_reduce(task, items) == Serial().map_reduce(lambda item: 1.0 / (item + 1), items)
    assert first.exists()


@pytest.mark.slow
def test_a_task_that_kills_its_workers_is_an_error(client):
    client.run_on_scheduler(lambda dask_scheduler: setattr(dask_scheduler, "allowed_failures", 0))
    executor = dask.DaskExecutor(client, prepare=int)
    with pytest.raises(ExecutorError, match="workers died one after the other"):
        executor.map_reduce(lambda item: os.kill(os.getpid(), signal.SIGKILL), [0, 1])
    client.run_on_scheduler(lambda dask_scheduler: setattr(dask_scheduler, "allowed_failures", 3))


def test_a_partition_that_cannot_be_loaded_is_named(client):
    class Burning(Partition):
        def load(self):
            raise OSError("the disk is on fire")

        resident = load

        def __repr__(self):
            return "rows 500 to 999 of a.npy"

    partitions = list(as_source(rows()).partitions(BLOCK))
    partitions[1] = Burning()
    executor, model = dask.DaskExecutor(client), run(Serial(), n_iterations=1).model
    with pytest.raises(
        ExecutorError, match=r"partition 1 of 32 failed .* on fire; it is rows 500 to 999 of a\.npy"
    ):
        executor.map_reduce(EStep(model), partitions)


def test_all_workers_lost_is_an_error():
    with cluster(1, processes=True) as client:

        def lose_all(iteration, bound, model):
            client.cluster.scale(0)  # a kill would race with the nanny, which starts another worker
            deadline = time.monotonic() + 30
            while client.nthreads() and time.monotonic() < deadline:
                time.sleep(0.05)

        began = time.monotonic()
        with pytest.raises(ExecutorError, match="has had no workers for 2 s"):
            run(dask.DaskExecutor(client, no_progress_timeout=2), lose_all)
        assert time.monotonic() - began < 60


@pytest.mark.slow
def test_a_worker_that_dies_every_other_iteration_does_not_change_a_bit(client):
    def kill(iteration, bound, model):
        if iteration % 2:
            kill_one(client)
            client.wait_for_workers(2, timeout=60)

    assert_same_bits(run(dask.DaskExecutor(client), kill), run(Serial()))


def fitted(X, **parameters):
    start = {"init_params": "kmeans", "max_iter": 4, "random_state": 0}
    return GaussianMixture(10, **start, **parameters).fit(X)


def assert_same_fit(one, other):
    assert one.lower_bounds_ == other.lower_bounds_
    assert one.covariances_.tobytes() == other.covariances_.tobytes()


@pytest.mark.parametrize("kind", ["array", "file", "dask"])
def test_the_bits_of_a_fit_are_those_of_threads(client, tmp_path, kind):
    X = rows(28_000, 20)  # five blocks
    path = tmp_path / "rows.npy"
    np.save(path, X)
    if kind == "dask":
        array = pytest.importorskip("dask.array").from_array(X, chunks=(9_000, 7))
    there = {"array": lambda: X, "file": lambda: path, "dask": lambda: array}[kind]()
    with client.as_current():
        fit = fitted(there, executor="dask")
        score = fit.score(there)
    assert_same_fit(fit, fitted(X))
    assert score == fitted(X).score(X)


def test_the_bits_of_a_fit_do_not_depend_on_the_number_of_workers(client):
    X = rows(28_000, 20)
    alone = next(iter(client.nthreads()))
    one = fitted(X, executor=dask.DaskExecutor(client))
    with client.as_current(), pytest.importorskip("dask").annotate(workers=[alone]):
        assert_same_fit(fitted(X, executor="dask"), one)


def test_missing_values_are_filled_there_too(client):
    X = rows(16_000, 4)
    X[::7, 1] = np.nan
    local = GaussianMixture(2, means_init=[[0] * 4, [3] * 4], max_iter=3).fit(X)
    assert_same_fit(
        GaussianMixture(2, means_init=[[0] * 4, [3] * 4], max_iter=3, executor=client).fit(X), local
    )
