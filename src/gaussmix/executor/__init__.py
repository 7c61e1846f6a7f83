"""Where work runs: map a task over items and add the results in a fixed order.

Executors on clusters, such as :class:`gaussmix.executor.dask.DaskExecutor`, are imported from their own modules.
"""

from __future__ import annotations

from gaussmix.executor.base import Executor, pairwise_sum
from gaussmix.executor.local import Serial, Threads, local_executor

__all__ = ["Executor", "Serial", "Threads", "local_executor", "pairwise_sum"]
