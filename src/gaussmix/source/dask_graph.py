"""Parts of Dask's graphs, and results of a cluster's tasks in them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from uuid import uuid4

from gaussmix.errors import DataError

Graph = Mapping[Any, Any]
Key = Any


def futures_of(collection: Any) -> Graph:
    """Return what of a collection is computed on a cluster already, which optimisation leaves out."""
    return {key: task for key, task in dict(collection.__dask_graph__()).items() if _is_future(task)}


def _is_future(task: Any) -> bool:
    """Return whether a task is what a cluster computes."""
    return hasattr(task, "add_done_callback")


def _client_of(graph: Graph) -> Any:
    """Return the client of the cluster that holds results for a graph; None for the user's scheduler."""
    return next((task.client for task in graph.values() if _is_future(task)), None)


def computed(graph: Graph, tasks: Sequence[tuple[Callable[[Any], Any], Key]]) -> list[Any]:
    """Return the results of functions of chunks, all computed at once by the user's scheduler."""
    from dask.delayed import Delayed

    name = f"gaussmix-{uuid4().hex}"
    keys = [(name, index) for index in range(len(tasks))]
    # one graph with all tasks, since Dask joins those of many objects one by one
    whole = {**graph, **dict(zip(keys, tasks, strict=True)), name: (list, keys)}
    results: list[Any] = Delayed(name, whole).compute(scheduler=_client_of(graph))
    return results


def part_of(graph: Graph, keys: Sequence[Key]) -> tuple[dict[Key, Any], list[Key]]:
    """Return the part of a graph that some keys depend on, and the keys of what the cluster holds the results of."""
    from dask.core import get_dependencies

    part, elsewhere, left = {}, [], list(keys)
    seen = set(left)
    while left:
        key = left.pop()
        task = graph.get(key)
        if task is None or _is_future(task):
            elsewhere.append(key)
            continue
        part[key] = task
        needed = set(getattr(task, "dependencies", None) or get_dependencies(graph, key)) - seen
        seen |= needed
        left.extend(needed)
    return part, elsewhere


def results_of(futures: list[Any], keys: list[Key]) -> dict[Key, Any]:
    """Return what the cluster holds; a worker gives its thread back to the cluster while it waits.

    Parameters
    ----------
    futures : list
        In the process that has them, futures; elsewhere their keys.
    keys : list
        Their keys.
    """
    if not keys:
        return {}
    from dask.core import quote
    from distributed import Future, get_worker, worker_client

    try:
        get_worker()
    except ValueError:  # this is no worker
        if not all(_is_future(future) for future in futures):
            raise DataError("the rows are held by a Dask cluster: load them on one of its workers") from None
        results = futures[0].client.gather(futures)
    else:
        with worker_client() as client:
            # what a task did not make, it can only get through a task of its own
            copies = [client.submit(_same, Future(key, client), pure=False) for key in keys]
            results = client.gather(copies)
    return {key: quote(result) for key, result in zip(keys, results, strict=True)}


def _same(result: Any) -> Any:
    return result
