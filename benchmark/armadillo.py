"""Armadillo's ``gmm_full`` and ``gmm_diag``, by a small program that is compiled here and answers on a pipe."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

import numpy as np

from benchmark.data import Array, Parameters
from benchmark.environment import BUILD

_SOURCE = Path(__file__).with_suffix(".cpp")
_OPTIONS = ["-std=c++17", "-O3", "-march=native", "-fopenmp", "-DARMA_NO_DEBUG"]


@cache
def compiled() -> Path | str:
    """Return the program, or why there is none."""
    compiler = shutil.which("g++")
    if compiler is None:
        return "there is no g++"
    program = BUILD / "armadillo"
    program.parent.mkdir(parents=True, exist_ok=True)
    if program.exists() and program.stat().st_mtime > _SOURCE.stat().st_mtime:
        return program
    command = [compiler, *_OPTIONS, str(_SOURCE), "-o", str(program), "-larmadillo"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        return "it does not compile; is libarmadillo-dev installed?"
    return program


def version() -> str:
    """Return the version of the library that the program was compiled with."""
    printed = subprocess.run([str(compiled())], capture_output=True, text=True, check=True).stdout
    return printed.split()[0]


class Program:
    """Keep one process with the rows in its memory."""

    def __init__(self, X: Array, start: Parameters) -> None:
        program = compiled()
        assert isinstance(program, Path)
        self._start = start
        N, D = X.shape
        K = len(start.weights)
        with tempfile.NamedTemporaryFile(suffix=".rows") as file:
            X.tofile(file.name)
            self._process = subprocess.Popen(
                [str(program), file.name, str(N), str(D), str(K), start.covariance_type],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            numbers = np.concatenate([start.weights, start.means.ravel(), start.covariances.ravel()])
            self._send(" ".join(map(repr, numbers.tolist())))
            self.run(0)  # the rows are read: the file may go

    def run(self, n_iterations: int) -> tuple[float, Parameters]:
        """Return the seconds of ``n_iterations`` of EM from the start, and the parameters after them."""
        self._send(str(n_iterations))
        assert self._process.stdout is not None
        seconds, *numbers = map(float, self._process.stdout.readline().split())
        if seconds < 0:
            raise RuntimeError("Armadillo's learn() failed")
        return seconds, self._parameters(np.array(numbers))

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()

    def _send(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def _parameters(self, numbers: Array) -> Parameters:
        start = self._start
        K, D = start.means.shape
        means = numbers[K : K + K * D].reshape(K, D)
        covariances = numbers[K + K * D :].reshape(start.covariances.shape)
        return Parameters(start.covariance_type, numbers[:K], means, covariances)
