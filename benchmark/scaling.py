"""What a pass costs as rows, features, components, blocks and threads grow, and what it would cost on a cluster.

The projection is a simulation, not a measurement: each worker works through its blocks one after the other at the
speed measured here, some of them more slowly, while it reads ahead; the pass ends when the last one is done and the
moments have been added along a tree. Its assumptions are the constants below.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import numpy as np

from benchmark.clock import elapsed, least_times
from benchmark.data import clustered, start_for
from benchmark.settings import Settings, say
from benchmark.table import OURS, Row
from benchmark.yardstick import cores
from gaussmix import Mixture
from gaussmix.executor import local_executor
from gaussmix.fit import EStep
from gaussmix.source import ArraySource
from gaussmix.source.blocks import block_rows

_BASE: Final = (400_000, 16, 16)  # N, D, K, of which one varies at a time
_ROWS: Final = (25_000, 100_000, 400_000, 1_600_000)
_FEATURES: Final = (2, 4, 8, 16, 32, 64)
_COMPONENTS: Final = (2, 8, 32, 128)
_BLOCKS: Final = (1_152, 4_608, 18_432, 65_088)  # rows of a logical block
_LEAST_ROWS: Final = 5_000

READ: Final = 1e9  # bytes a second that a worker reads from its disk
LINK: Final = 1.25e9  # bytes a second between two machines (10 Gbit/s)
LATENCY: Final = 1e-3  # seconds of one message
SPREAD: Final = 0.1  # standard deviation of the logarithm of a block's time
STRAGGLERS: Final = 0.01  # share of the blocks that take ...
STRAGGLE: Final = 3.0  # ... so many times as long
TASK: Final = 1e-3  # seconds of the scheduler for each task, one after the other
TASKS: Final = (
    8  # tasks of each worker in a pass, as the Dask executor makes them: a task is a group of blocks
)
PROJECTED: Final = (1e9, 1e10, 1e11, 1e12)
WORKERS: Final = (1, 16, 256, 4096)  # of one core each


@dataclass(frozen=True)
class Work:
    """Describe one pass of full covariances."""

    n_rows: int
    n_features: int
    n_components: int

    def __str__(self) -> str:
        return f"{self.n_rows:,} × {self.n_features}, K={self.n_components}"


def measure(settings: Settings) -> Iterator[Row]:
    """Yield the measured passes, then those of the simulated clusters."""
    N, D, K = settings.rows(_BASE[0], _LEAST_ROWS), *_BASE[1:]
    works = [Work(settings.rows(n, _LEAST_ROWS), D, K) for n in _ROWS]
    works += [Work(N, d, K) for d in _FEATURES] + [Work(N, D, k) for k in _COMPONENTS]
    for work in dict.fromkeys(works):
        title = f"scaling: one pass, full {work}"
        if settings.wants(title):
            yield Row(title, {OURS: 1e3 * _seconds(work, settings)})
    for rows in _BLOCKS:
        title = f"scaling: one pass, full {Work(N, D, K)}, blocks of {rows:,} rows"
        if settings.wants(title):
            yield Row(title, {OURS: 1e3 * _seconds(Work(N, D, K), settings, rows=rows)})
    for n_threads in sorted({1, cores()}):
        title = f"scaling: one pass, full {Work(N, D, K)}, {n_threads} thread(s)"
        if settings.wants(title):
            yield Row(title, {OURS: 1e3 * _seconds(Work(N, D, K), settings, n_threads=n_threads)})
    yield from _projection(settings)


def _seconds(
    work: Work, settings: Settings, *, rows: int | None = None, n_threads: int | None = None
) -> float:
    """Return the seconds of one pass over rows in memory."""
    X = clustered(work.n_rows, work.n_features, work.n_components)
    start = start_for(X, work.n_components, "full")
    model = Mixture.from_parameters(start.weights, start.means, start.covariances)
    size = rows or block_rows(work.n_rows, work.n_features, work.n_components)
    executor, partitions = local_executor(n_threads or cores()), ArraySource(X).partitions(size)
    call = partial(executor.map_reduce, EStep(model), partitions)
    return least_times({OURS: partial(elapsed, call)}, settings.patience)[OURS]


def _projection(settings: Settings) -> Iterator[Row]:
    D, K = 16, 64
    titles = {
        (n, w): f"scaling: simulated pass, {n:.0e} × {D}, K={K}, {w:,} worker(s)"
        for n in PROJECTED
        for w in WORKERS
    }
    if not any(map(settings.wants, titles.values())):
        return
    measured = Work(settings.rows(_BASE[0], _LEAST_ROWS), D, K)
    row = _seconds(measured, settings, n_threads=1) / measured.n_rows
    say(f"{1e9 * row:.0f} ns a row on one core")
    for (n_rows, n_workers), title in titles.items():
        if settings.wants(title):
            yield Row(title, {OURS: simulated(n_rows, D, K, n_workers, row)}, unit="s")


def simulated(n_rows: float, n_features: int, n_components: int, n_workers: int, row: float) -> float:
    """Return the seconds of one pass on a cluster.

    Parameters
    ----------
    n_rows : float
    n_features, n_components : int
    n_workers : int
    row : float
        Seconds of arithmetic for one row.
    """
    rng: Any = np.random.default_rng(0)
    n_tasks = n_workers * TASKS
    task = max(row, 8 * n_features / READ) * n_rows / n_tasks  # reading goes on beside the arithmetic
    seconds = task * rng.lognormal(-(SPREAD**2) / 2, SPREAD, (n_workers, TASKS))
    seconds *= np.where(rng.random(seconds.shape) < STRAGGLERS, STRAGGLE, 1.0)
    handed_out = n_tasks * TASK
    moments = 8.0 * n_components * (n_features * n_features + n_features + 1)
    added = math.ceil(math.log2(n_workers)) * (LATENCY + moments / LINK) if n_workers > 1 else 0.0
    return float(seconds.sum(axis=1).max() + handed_out + added)
