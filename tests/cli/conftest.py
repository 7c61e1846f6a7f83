"""A data file, a model file, and two ways to run the command: in this process and in one of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from gaussmix.cli.group import run
from gaussmix.model.mixture import Mixture
from gaussmix.persistence import save

COMMAND = [sys.executable, "-c", "from gaussmix.cli import main; main()"]


class Result(NamedTuple):
    code: int
    out: str
    err: str


@pytest.fixture
def call(capsys):
    """Run the command in this process."""

    def call(*arguments: object) -> Result:
        capsys.readouterr()
        code = run([str(argument) for argument in arguments])
        return Result(code, *capsys.readouterr())

    return call


def start(*arguments: object, **kwargs: object) -> subprocess.Popen:
    """Start the command in a process of its own."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **kwargs}
    return subprocess.Popen([*COMMAND, *map(str, arguments)], text=True, **pipes)


def environment(**changes: str) -> dict[str, str]:
    return {**os.environ, **changes}


@pytest.fixture(scope="session")
def X() -> np.ndarray:
    rng = np.random.default_rng(0)
    return np.concatenate([rng.normal(0, 1, (60, 2)), rng.normal(8, 2, (40, 2))])


@pytest.fixture
def data(tmp_path, X) -> Path:
    """100 rows in two clear groups; the first 60 belong to one, the others to the other."""
    path = tmp_path / "people.csv"
    path.write_text("height,weight\n" + "".join(f"{a!r},{b!r}\n" for a, b in X.tolist()))
    return path


@pytest.fixture(scope="session")
def mixture() -> Mixture:
    return Mixture.from_parameters([0.6, 0.4], [[0, 0], [8, 8]], [np.eye(2), 4 * np.eye(2)])


@pytest.fixture
def model(tmp_path, mixture) -> Path:
    path = tmp_path / "people.safetensors"
    save(
        mixture, path, feature_names=["height", "weight"], fit={"n_iter": 3, "converged": True, "n_rows": 100}
    )
    return path
