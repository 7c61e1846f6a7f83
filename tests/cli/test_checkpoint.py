"""Fits that are cut short leave a checkpoint, from which --resume ends with the same file."""

from __future__ import annotations

import json
import os
import signal

import numpy as np
import pytest

from .conftest import start

# Some hundred iterations that take a second: two components overlap, and nothing is searched.
FIT = ["-k", 8, "--init", "kmeans", "--tol", 0, "--max-iter", 400, "--seed", 3, "--jobs", 1, "-q"]


@pytest.fixture(scope="session")
def rows(tmp_path_factory):
    """A file of rows that take EM hundreds of iterations."""
    path = tmp_path_factory.mktemp("rows") / "rows.npy"
    np.save(path, np.random.default_rng(0).standard_normal((4_000, 4)))
    return path


@pytest.fixture(scope="session")
def whole(rows, tmp_path_factory):
    """The model file of a fit that never stopped."""
    path = tmp_path_factory.mktemp("whole") / "whole.safetensors"
    process = start("fit", rows, *FIT, "-o", path)
    assert process.communicate() == ("", "")
    return path.read_bytes()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_fit_that_a_signal_ended_goes_on(call, rows, whole, tmp_path, number, code):
    model, checkpoint = tmp_path / "m.safetensors", tmp_path / "fit.checkpoint"
    # Verbose, to know that it runs; one checkpoint alone, that of the end.
    arguments = [*FIT[:-1], "-v", "--checkpoint", checkpoint, "--checkpoint-every", 10**6, "-o", model]
    with start("fit", rows, *arguments, bufsize=1) as process:
        while "Iteration 20" not in process.stderr.readline():
            assert process.poll() is None
        process.send_signal(number)
        _, err = process.communicate()
    assert process.returncode == code
    assert ("gaussmix: error: interrupted" in err) == (code == 130)
    assert [path.name for path in tmp_path.iterdir()] == ["fit.checkpoint"]
    assert call("fit", rows, *FIT, "--checkpoint", checkpoint, "--resume", "-o", model) == (0, "", "")
    assert model.read_bytes() == whole


def test_checkpoints_change_nothing(call, rows, whole, tmp_path):
    arguments = [*FIT, "--checkpoint", tmp_path / "c", "--checkpoint-every", 0.2]
    assert call("fit", rows, *arguments, "-o", tmp_path / "m.safetensors").code == 0
    assert (tmp_path / "m.safetensors").read_bytes() == whole
    (tmp_path / "m.safetensors").unlink()
    assert call("fit", rows, *arguments, "--resume", "-o", tmp_path / "m.safetensors").code == 0
    assert (tmp_path / "m.safetensors").read_bytes() == whole


@pytest.fixture
def checkpoint(call, data, tmp_path):
    path = tmp_path / "fit.checkpoint"
    assert call("fit", data, "-k", 2, "--init", "kmeans", "--checkpoint", path, "-q").code == 0
    return path


def test_a_checkpoint_of_another_fit_is_refused(call, data, checkpoint):
    resume = ["--init", "kmeans", "--checkpoint", checkpoint, "--resume"]
    before = checkpoint.read_bytes()
    result = call("fit", data, "-k", 3, *resume)
    assert result.code == 3
    assert "parameter n_components: 2 in the checkpoint, 3 here" in result.err
    assert len(result.err.splitlines()) == 1
    assert checkpoint.read_bytes() == before


def test_a_damaged_checkpoint_is_code_3(call, data, checkpoint):
    checkpoint.write_bytes(checkpoint.read_bytes()[:-1])
    result = call("fit", data, "-k", 2, "--init", "kmeans", "--checkpoint", checkpoint, "--resume")
    assert result.code == 3
    assert f"{checkpoint} is not a usable checkpoint" in result.err
    assert len(result.err.splitlines()) == 1


def test_without_a_checkpoint_the_fit_begins(data, tmp_path):
    process = start(
        "fit", data, "-k", 2, "--checkpoint", tmp_path / "c", "--resume", "-o", tmp_path / "m.safetensors"
    )
    _, err = process.communicate()
    assert process.returncode == 0
    assert err == f"gaussmix: warning: there is no checkpoint at {tmp_path / 'c'}: the fit begins anew\n"


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--resume"], 2, "name it with --checkpoint FILE"),
        (["--checkpoint", "{data}"], 2, "would be overwritten"),
        (
            ["--checkpoint", "{folder}/m.safetensors", "-o", "{folder}/m.safetensors"],
            2,
            "would be overwritten",
        ),
        (["--checkpoint", "{folder}"], 5, "is a folder"),
        (["--checkpoint", "{folder}/none/c"], 5, "there is no such folder"),
        (["--checkpoint", "c", "--checkpoint-every", "-1"], 2, "-1"),
        (["--checkpoint", "c", "--checkpoint-every", "nan"], 2, "not a finite number"),
    ],
)
def test_checkpoints_that_cannot_be(call, data, tmp_path, arguments, code, words):
    before = data.read_bytes()
    given = [argument.format(data=data, folder=tmp_path) for argument in arguments]
    result = call("fit", data, "-k", 2, *given)
    assert result.code == code
    assert words in result.err
    assert len(result.err.splitlines()) == 1
    assert (data.read_bytes(), list(tmp_path.iterdir())) == (before, [data])


def test_info_tells_of_which_fit_a_checkpoint_is(call, checkpoint):
    out = call("info", checkpoint).out
    assert "checkpoint of    GaussianMixture(" in out
    assert "n_components=2" in out
    assert f"gaussmix fit DATA --checkpoint {checkpoint} --resume" in out
    told = json.loads(call("info", checkpoint, "--json").out)
    assert (told["finished"], told["data"]["rows"], told["progress"]["runs ended"]) == (True, 100, 1)
    assert told["progress"]["iterations of the last"] > 0


def test_info_tells_of_a_search_that_was_cut_short(call, data, tmp_path):
    path = tmp_path / "search"
    select = ["-k", "1:3", "--covariance", "EII", "--checkpoint", path, "--time-budget", 1e-9, "-q"]
    assert call("select", data, *select).code == 0
    told = json.loads(call("info", path, "--json").out)
    assert (told["estimator"], told["finished"]) == ("GaussianMixtureSearch", False)
    assert told["progress"] == {"cells": 1, "cells in all": 3}
    assert f"gaussmix select DATA --checkpoint {path} --resume" in told["resume"]
    assert told["searched"] == {"n_components": [1, 2, 3], "covariance_types": ["EII"]}
    out = call("info", path).out
    assert "searched         1 to 3 components × EII" in out
    assert "done             1 of 3 cells" in out


def test_info_counts_in_words(call, data, tmp_path):
    path = tmp_path / "one"
    assert call("fit", data, "-k", 1, "--checkpoint", path, "-q").code == 0
    assert "done             1 run begun, 1 ended, 1 iteration of the last" in call("info", path).out


@pytest.mark.parametrize("damage", [lambda data: data[:-5] + b"?" + data[-4:], lambda data: data[:-8]])
def test_info_tells_of_damage_and_of_the_checkpoint_before(call, checkpoint, damage):
    sound = checkpoint.read_bytes()
    checkpoint.with_name(f"{checkpoint.name}.1").write_bytes(sound)
    checkpoint.write_bytes(damage(sound))
    result = call("info", checkpoint)
    assert result.code == 3
    assert f"{checkpoint} is not a usable checkpoint" in result.err
    assert f"the one before it is {checkpoint}.1: rename it to go on from there" in result.err
    assert "gaussmix info" not in result.err


def test_info_does_not_wait_for_a_pipe(call, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    assert call("info", tmp_path / "pipe").code == 3


@pytest.mark.parametrize("command", ["predict", "score"])
def test_a_checkpoint_is_no_model(call, data, checkpoint, command):
    result = call(command, checkpoint, data)
    assert result.code == 3
    assert "it is a checkpoint of a fit, not a model" in result.err
