"""Peak memory over the data, each measurement in a process of its own.

``python -m benchmark.memory PACKAGE WHAT N D K`` makes the data in place, does the work, and prints by how many
bytes the process's peak rose; what the method returns is not counted. Imports come before, as they do in a
program that has data.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import warnings
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from benchmark.data import clustered
from benchmark.environment import ROOT
from benchmark.settings import Settings, say
from benchmark.table import OURS, Row, at_most

_SHAPE: Final = (2_000_000, 8, 16)
_FITTED_ROWS: Final = 2_000  # for the model that predicts
_ITERATIONS: Final = 3  # memory does not grow after the first
_METHODS: Final = ["fit", "predict", "score_samples"]
_MODULES: Final = {OURS: "gaussmix", "scikit-learn": "sklearn.mixture"}


def measure(settings: Settings) -> Iterator[Row]:
    """Yield a row for each method, in MB."""
    N, D, K = settings.rows(_SHAPE[0], _FITTED_ROWS), *_SHAPE[1:]
    packages = [name for name in _MODULES if name == OURS or settings.has(name)]
    for method in _METHODS:
        title = f"memory: {method}, full {N:,} × {D}, K={K}"
        if settings.wants(title):
            say(title)
            values = {package: _in_process(package, method, N, D, K) / 1e6 for package in packages}
            yield Row(title, values, unit="MB", bars=[at_most(64, "MB")])


def _in_process(package: str, method: str, *shape: int) -> float:
    command = [sys.executable, "-m", "benchmark.memory", package, method, *map(str, shape)]
    return float(subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout)


def _risen(package: str, method: str, n_rows: int, n_features: int, n_components: int) -> int:
    """Return the bytes by which the peak rose while ``method`` ran, without those of its result."""
    kind = import_module(_MODULES[package]).GaussianMixture
    model = kind(n_components, max_iter=_ITERATIONS, random_state=0)
    X = clustered(n_rows, n_features, n_components)
    warnings.simplefilter("ignore")  # three iterations do not converge
    if method != "fit":
        model.fit(X[:_FITTED_ROWS])
    before = peak()
    result: Any = getattr(model, method)(X)
    return peak() - before - getattr(result, "nbytes", 0)


def peak() -> int:
    """Return the most bytes this process has had in memory.

    Linux counts a parent's memory in getrusage's figure until the child's own is larger, so its status file is
    read where there is one.
    """
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return 1024 * int(line.split()[1])
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # macOS: in bytes


if __name__ == "__main__":
    print(_risen(sys.argv[1], sys.argv[2], *map(int, sys.argv[3:])))
