"""What is not arithmetic: Python around the kernel, imports, and the command's start."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Final

from benchmark.clock import elapsed, least_times
from benchmark.data import clustered, start_for
from benchmark.environment import ROOT
from benchmark.peers import Iterate, ours
from benchmark.settings import Settings, say
from benchmark.table import OURS, Row, at_most

_THEIRS: Final = "scikit-learn"
_TINY: Final = (50, 2, 2)  # rows, features, components: next to no arithmetic
_LONG, _SHORT = 220, 20  # iterations
_BASE: Final = "import numpy, sklearn.base"  # what both packages stand on
_IMPORTS: Final = {
    "import gaussmix": {OURS: "import gaussmix"},
    "import GaussianMixture": {
        OURS: "from gaussmix import GaussianMixture",
        _THEIRS: "from sklearn.mixture import GaussianMixture",
    },
}


def measure(settings: Settings) -> Iterator[Row]:
    """Yield the rows of the overheads."""
    title = "overhead: an EM iteration of 50 × 2, K=2"
    if settings.wants(title):
        say(title)
        yield Row(title, _microseconds_an_iteration(settings), unit="µs", bars=[at_most(100, "µs")])
    for work, statements in _IMPORTS.items():
        title = f"overhead: {work}, after NumPy and sklearn.base"
        if settings.wants(title):
            say(title)
            programs = {n: s for n, s in statements.items() if n == OURS or settings.has(n)}
            yield Row(title, _import_milliseconds(programs, settings), bars=[at_most(50, "ms")])
    title = "overhead: gaussmix --help"
    command = Path(sys.executable).with_name("gaussmix")
    if settings.wants(title) and command.exists():
        say(title)
        least = least_times({OURS: partial(_seconds_of, str(command), "--help")}, settings.patience)
        yield Row(title, {OURS: 1e3 * least[OURS]}, bars=[at_most(300, "ms")])


def _microseconds_an_iteration(settings: Settings) -> dict[str, float]:
    """Return the time of one iteration on rows so few that only the Python around the kernels counts."""
    N, D, K = _TINY
    X = clustered(N, D, K)
    start = start_for(X, K, "full")
    iterate: dict[str, Iterate] = {OURS: ours(X, start)}
    for peer in settings.peers:
        if peer.name == _THEIRS:
            iterate[peer.name] = peer.begin(X, start).__enter__()  # it has nothing to end
    stopwatches = {
        f"{name} {length}": partial(_seconds_of_run, run, length)
        for name, run in iterate.items()
        for length in (_SHORT, _LONG)
    }
    least = least_times(stopwatches, settings.patience)
    return {n: 1e6 * (least[f"{n} {_LONG}"] - least[f"{n} {_SHORT}"]) / (_LONG - _SHORT) for n in iterate}


def _import_milliseconds(statements: dict[str, str], settings: Settings) -> dict[str, float]:
    """Return what each statement takes in a fresh interpreter, after ``_BASE``."""
    program = "{}; import time; start = time.perf_counter(); {}; print(time.perf_counter() - start)"
    stopwatches = {
        name: partial(_printed_number, program.format(_BASE, statement))
        for name, statement in statements.items()
    }
    least = least_times(stopwatches, settings.patience)
    return {name: 1e3 * seconds for name, seconds in least.items()}


def _seconds_of_run(iterate: Iterate, n_iterations: int) -> float:
    return iterate(n_iterations).seconds


def _printed_number(code: str) -> float:
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True)
    return float(done.stdout)


def _seconds_of(*command: str) -> float:
    return elapsed(lambda: subprocess.run(command, check=True, capture_output=True))
