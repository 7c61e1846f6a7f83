"""Dask: what a pass over 64 partitions costs beyond its arithmetic, on a cluster of two processes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np

from benchmark.clock import elapsed, least_times
from benchmark.settings import Settings, say
from benchmark.table import ITSELF, OURS, Row, at_most
from gaussmix import Mixture
from gaussmix.executor import Serial
from gaussmix.fit import EStep
from gaussmix.source import as_source

_PARTITIONS: Final = 64
_ROWS: Final = 1_152  # in each: arithmetic of less than a millisecond


def measure(settings: Settings) -> Iterator[Row]:
    """Yield one row if Dask is installed."""
    title = f"dask: one pass over {_PARTITIONS} partitions of {_ROWS:,} rows, beside one thread"
    if not settings.wants(title):
        return
    try:
        from distributed import Client, LocalCluster

        from gaussmix.executor.dask import DaskExecutor
    except ImportError as error:
        say(f"dask is left out: {error}")
        return
    say(title)
    X = np.random.default_rng(0).standard_normal((_PARTITIONS * _ROWS, 4))
    partitions = as_source(X).partitions(_ROWS)
    task = EStep(Mixture.from_parameters([0.5, 0.5], X[:2], np.stack([np.eye(4)] * 2), "full"))
    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": "127.0.0.1:0"}
    with (
        LocalCluster(host="127.0.0.1", **options) as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        there, here = DaskExecutor(client), Serial()
        there.map_reduce(task, partitions)  # the rows are on the workers from now on
        seconds = least_times(
            {
                OURS: lambda: elapsed(lambda: there.map_reduce(task, partitions)),
                ITSELF: lambda: elapsed(lambda: here.map_reduce(task, partitions)),
            },
            settings.patience,
        )
    yield Row(title, {name: 1e3 * value for name, value in seconds.items()}, bars=[at_most(200, "ms")])
