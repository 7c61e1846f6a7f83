"""Dask clusters on this machine, for tests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

distributed = pytest.importorskip("distributed")


@contextmanager
def cluster(n_workers: int, *, processes: bool) -> Iterator[Any]:
    """Give the client of a cluster of workers with one thread each, which it does not make the active one."""
    own = {"host": "127.0.0.1"} if processes else {}
    with (
        distributed.LocalCluster(
            n_workers=n_workers,
            threads_per_worker=1,
            processes=processes,
            dashboard_address="127.0.0.1:0",  # a free port: there may be other clusters
            silence_logs=50,  # the nannies' cries over killed workers
            **own,
        ) as local,
        distributed.Client(local, timeout=30, set_as_default=False) as client,
    ):
        yield client
