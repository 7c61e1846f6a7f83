"""--executor dask: the same model file from the workers of a cluster, and a sentence where there is none."""

from __future__ import annotations

import socket

import numpy as np
import pytest

from .conftest import Result, start

pytest.importorskip("distributed")


@pytest.fixture(scope="module")
def scheduler():
    """The address of a scheduler with two workers, in this process."""
    from distributed import LocalCluster

    quiet = {"dashboard_address": None, "silence_logs": "CRITICAL"}
    with LocalCluster(
        n_workers=2, threads_per_worker=1, processes=False, protocol="tcp", host="127.0.0.1", **quiet
    ) as cluster:
        yield cluster.scheduler_address


@pytest.fixture
def unused() -> str:
    """An address at which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"tcp://127.0.0.1:{probe.getsockname()[1]}"


@pytest.fixture
def folder(tmp_path, X):
    """A folder of rows that do not fit into 10 kB."""
    path = tmp_path / "folder"
    path.mkdir()
    for number in range(2):
        np.save(path / f"{number}.npy", np.tile(X, (20, 1)) * (1 + number))
    return path


FIT = ["-k", 2, "--init", "kmeans", "--max-iter", 5, "--tol", 0, "-q", "--memory-limit", "10kB", "-o"]


def test_workers_make_the_same_model_file(call, scheduler, folder, tmp_path):
    for name, more in (("a", []), ("b", ["--executor", "dask", "--scheduler", scheduler])):
        assert call("fit", folder, *FIT, tmp_path / f"{name}.safetensors", *more) == (0, "", "")
    assert (tmp_path / "a.safetensors").read_bytes() == (tmp_path / "b.safetensors").read_bytes()


def test_workers_make_the_same_model_of_t_distributions(call, scheduler, folder, tmp_path):
    for name, more in (("a", []), ("b", ["--executor", "dask", "--scheduler", scheduler])):
        fit = [*FIT, tmp_path / f"{name}.safetensors", "--distribution", "student", *more]
        assert call("fit", folder, *fit) == (0, "", "")
    assert (tmp_path / "a.safetensors").read_bytes() == (tmp_path / "b.safetensors").read_bytes()


def test_workers_select_the_same_model(call, scheduler, folder, tmp_path):
    for name, more in (("a", []), ("b", ["--executor", "dask", "--scheduler", scheduler])):
        select = ["-k", "1:2", "--covariance", "VVI", "-q", "--memory-limit", "10kB", "-o"]
        assert call("select", folder, *select, tmp_path / f"{name}.safetensors", *more) == (0, "", "")
    assert (tmp_path / "a.safetensors").read_bytes() == (tmp_path / "b.safetensors").read_bytes()


@pytest.mark.slow
def test_a_command_of_its_own_makes_the_same_model_file(call, scheduler, folder, tmp_path):
    call("fit", folder, *FIT, tmp_path / "a.safetensors")
    there = ["--executor", "dask", "--scheduler", scheduler]
    process = start("fit", folder, *FIT, tmp_path / "b.safetensors", *there)
    assert process.communicate(timeout=120) == ("", "")
    assert (tmp_path / "a.safetensors").read_bytes() == (tmp_path / "b.safetensors").read_bytes()


def no_scheduler(result: Result, address: str) -> None:
    """Check that the error is one sentence with the address."""
    assert (result.code, result.out) == (5, "")
    assert address in result.err
    assert len(result.err.splitlines()) == 1


def test_no_scheduler_at_the_address(call, data, tmp_path, unused, monkeypatch):
    from gaussmix.executor.dask import DaskExecutor

    monkeypatch.setitem(DaskExecutor.connected.__func__.__kwdefaults__, "timeout", 0.5)
    there = ["--executor", "dask", "--scheduler", unused]
    no_scheduler(call("fit", data, "-k", 2, "-o", tmp_path / "m.safetensors", *there), unused)
    assert [path.name for path in tmp_path.iterdir()] == [data.name]


@pytest.mark.slow
def test_no_scheduler_for_a_command_of_its_own(data, unused):
    process = start("fit", data, "-k", 2, "--executor", "dask", "--scheduler", unused)
    out, err = process.communicate(timeout=60)
    no_scheduler(Result(process.returncode, out, err), unused)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--executor", "dask"], "--scheduler tcp://HOST:PORT"),
        (["--scheduler", "tcp://127.0.0.1:1"], "--scheduler is for --executor dask"),
        (["--executor", "dask", "--scheduler", "127.0.0.1"], "expected an address such as tcp://"),
        (["--executor", "spark"], "'spark' is not one of 'threads', 'dask'"),
    ],
)
def test_executors_that_are_none(call, data, arguments, words):
    result = call("fit", data, "-k", 2, *arguments)
    assert result.code == 2
    assert words in result.err
