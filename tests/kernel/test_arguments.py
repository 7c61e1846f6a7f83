"""Wrong arguments raise, whatever they are, and the choice of a kernel is by name."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

from gaussmix import kernel
from gaussmix.errors import ParameterError

from .problems import make_problem


def call(native, **changes):
    problem = make_problem("dense", 20, 3, 2)
    arguments = {
        "X": problem.X,
        "weight": None,
        "log_constant": problem.log_constant,
        "means": problem.means,
        "precision": problem.precision,
        "out": np.empty(2 + 2 + 6 + 18),
    }
    native.dense_moments(*{**arguments, **changes}.values())


@pytest.mark.parametrize(
    "changes",
    [
        {"X": np.zeros((20, 3), np.int64)},
        {"X": np.zeros((20, 3), ">f8")},
        {"X": np.zeros((3, 20)).T},
        {"X": np.zeros(20)},
        {"X": [[0.0, 1.0, 2.0]]},
        {"weight": np.ones(20, np.float32)},
        {"means": np.zeros((2, 3), np.float32)},
        {"out": np.zeros(28, np.float32)},
        {"log_constant": None},
    ],
)
def test_wrong_type(native, changes):
    with pytest.raises(TypeError):
        call(native, **changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"weight": np.ones(19)},
        {"X": np.zeros((20, 4))},
        {"means": np.zeros((3, 3))},
        {"precision": np.zeros((2, 3))},
        {"precision": np.zeros((2, 3, 4))},
        {"out": np.zeros(27)},
        {"log_constant": np.zeros(0)},
    ],
)
def test_wrong_length(native, changes):
    with pytest.raises(ValueError, match="must have"):
        call(native, **changes)


def test_read_only_out(native):
    out = np.zeros(28)
    out.flags.writeable = False
    with pytest.raises(TypeError):
        call(native, out=out)


def test_read_only_rows(native):
    X = make_problem("dense", 20, 3, 2).X
    X.flags.writeable = False
    call(native, X=X)


def test_unknown_kernel():
    with pytest.raises(ParameterError, match="choose one of reference"):
        kernel.implementation("v9")


@pytest.mark.parametrize("name", ["reference", kernel.available()[-1]])
def test_environment_chooses(name):
    code = "from gaussmix import kernel; print(kernel.name())"
    environment = {**os.environ, "GAUSSMIX_KERNEL": name}
    result = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == name
