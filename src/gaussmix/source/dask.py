"""Rows of Dask arrays and dataframes, each run of them computed where it is needed.

A partition carries the part of the graph that its rows depend on, and computes it in the thread that loads it. What
is already computed on a cluster (a persisted collection) is fetched from there, also from within a task of a worker.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from types import ModuleType
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from gaussmix.errors import DataError, DataTypeError, MissingDependencyError, ParameterError
from gaussmix.source.array import served_dtype
from gaussmix.source.base import Source
from gaussmix.source.check import check_block
from gaussmix.source.chunks import ChunkedSource, Chunks, converted
from gaussmix.source.limit import limit_in_bytes
from gaussmix.source.table import read_table
from gaussmix.types import FloatArray, IntArray

_UNKNOWN: Final = "the number of columns is not known before it is computed: call compute_chunk_sizes() on it"
Graph = Mapping[Any, Any]
Key = Any


def read(data: Any, columns: Sequence[str] | None, sample_weight: object | None, *, missing: bool) -> Source:
    """Return a source of a collection, all of which is computed once, chunk by chunk, to check its values.

    Parameters
    ----------
    data : dask.array.Array or dask.dataframe.DataFrame
        Rows; the lengths of its chunks need not be known.
    columns : sequence of str, or None
        Columns of a dataframe to use; None for all.
    sample_weight : array-like of shape (N,), or None
        Weights of the rows; it may be a Dask array, which is computed.
    missing : bool
        Whether NaN is taken as a missing value.

    Raises
    ------
    DataError
        If rows or columns cannot be used.
    DataTypeError
        If the collection has no rows and columns of numbers.
    """
    _require_dask()
    if hasattr(data, "to_dask_array") and hasattr(data, "columns"):
        graph, keys, dtype, names = _of_frame(data, columns)
    elif hasattr(data, "rechunk"):
        if columns is not None:
            raise ParameterError(
                f"columns={columns!r}: an array's columns have no names: choose by X[:, [...]]"
            )
        graph, keys, dtype = _of_array(data)
        names = None
    else:
        raise DataTypeError(
            f"X is a {type(data).__name__} of Dask: pass an array or a dataframe with rows and columns"
        )
    return _checked(graph, keys, dtype, names, sample_weight, missing=missing)


def _require_dask() -> ModuleType:
    try:
        import dask.array
    except ImportError as error:
        raise MissingDependencyError("reading this needs Dask: pip install 'gaussmix[dask]'") from error
    return dask  # type: ignore[no-any-return]


def _of_array(array: Any) -> tuple[Graph, list[Key], np.dtype[Any]]:
    """Return the graph of an array in chunks of whole rows, and the keys of these."""
    if array.ndim != 2:
        raise DataError(f"X has {array.ndim} dimensions, shape {array.shape}: expected rows and columns")
    if math.isnan(array.shape[1]):
        raise DataError(f"X is of shape {array.shape}: {_UNKNOWN}")
    if 0 in array.shape:
        raise DataError(
            f"X has {array.shape[0]} rows and {array.shape[1]} columns: at least one of each is needed"
        )
    _as_rows(array._meta, dtype := served_dtype(array.dtype))
    whole = array.rechunk({1: -1}, method="tasks") if array.numblocks[1] > 1 else array
    (fast,) = _require_dask().optimize(whole)
    keys = [row[0] for row in fast.__dask_keys__()]
    return {**_futures(whole), **fast.__dask_graph__()}, keys, dtype


def _of_frame(
    frame: Any, columns: Sequence[str] | None
) -> tuple[Graph, list[Key], np.dtype[Any], tuple[str, ...] | None]:
    """Return the graph of a dataframe whose partitions were made matrices, and the keys of these."""
    dask = _require_dask()
    empty, names = read_table(frame._meta, columns)
    chosen = None if names is None else list(names)
    matrix = dask.delayed(_matrix, pure=True)
    parts = dask.optimize(*(matrix(part, chosen, empty.dtype) for part in frame.to_delayed()))
    # the parts share one graph
    return dict(parts[0].__dask_graph__()), [part.key for part in parts], empty.dtype, names


def _futures(collection: Any) -> Graph:
    """Return what of a collection is computed on a cluster already, which optimisation leaves out."""
    return {key: task for key, task in dict(collection.__dask_graph__()).items() if _is_future(task)}


def _is_future(task: Any) -> bool:
    return hasattr(task, "add_done_callback")


def _matrix(frame: Any, columns: list[str] | None, dtype: np.dtype[Any]) -> FloatArray:
    return converted(read_table(frame, columns)[0], dtype)


def _checked(
    graph: Graph,
    keys: list[Key],
    dtype: np.dtype[Any],
    names: tuple[str, ...] | None,
    sample_weight: object | None,
    *,
    missing: bool,
) -> ChunkedSource:
    """Return a source whose chunks the user's scheduler measured: how long they are, and whether finite."""
    dask = _require_dask()
    measure = dask.delayed(_measured, pure=True)
    tasks = [measure(chunk, dtype, missing) for chunk in _delayed(keys, graph)]
    measured = dask.compute(*tasks, scheduler=_client(graph))
    bounds = np.concatenate([[0], np.cumsum([n_rows for n_rows, *_ in measured], dtype=np.int64)])
    for start, (_, _, _, wrong) in zip(bounds.tolist(), measured, strict=False):
        if wrong is not None:
            row, values = wrong
            check_block(values, start + row, names, missing=missing)  # raises
    if bounds[-1] == 0:
        raise DataError("X has 0 rows: at least one is needed")
    chunks = _DaskChunks(bounds, measured[0][1], dtype, limit_in_bytes(None), graph=graph, keys=keys)
    weight: Any = sample_weight
    source = ChunkedSource(chunks, weight, names)
    return replace(source, incomplete=True) if any(absent for _, _, absent, _ in measured) else source


def _delayed(keys: Sequence[Key], graph: Graph) -> Iterator[Any]:
    """Yield chunks as Dask's scheduler takes them."""
    from dask.delayed import Delayed

    return (Delayed(key, graph) for key in keys)


def _client(graph: Graph) -> Any:
    """Return the client of the cluster that holds results for a graph; None for the user's scheduler."""
    return next((task.client for task in graph.values() if _is_future(task)), None)


def _measured(
    chunk: Any, dtype: np.dtype[Any], missing: bool
) -> tuple[int, int, bool, tuple[int, FloatArray] | None]:
    """Return the rows and columns of a chunk, whether values are missing, and the first row that cannot be used."""
    X = _as_rows(chunk, dtype)
    with np.errstate(over="ignore", invalid="ignore"):
        if np.isfinite(X.sum()):
            return *X.shape, False, None
    absent = np.isnan(X)
    wrong = (np.isinf(X) if missing else ~np.isfinite(X)).any(axis=1)
    if not wrong.any():
        wrong = absent.all(axis=1)
    row = int(wrong.argmax())
    return *X.shape, bool(absent.any()), (row, X[row : row + 1].copy()) if wrong.any() else None


def _as_rows(chunk: Any, dtype: np.dtype[Any]) -> FloatArray:
    """Return a computed chunk as plain rows."""
    if isinstance(chunk, np.ma.MaskedArray) or not isinstance(chunk, np.ndarray):
        raise DataTypeError(
            f"X has chunks of type {type(chunk).__name__}: make them plain arrays, with X.map_blocks(numpy.asarray) "
            "or the like"
        )
    return converted(chunk, dtype)


class _DaskChunks(Chunks):
    """Compute chunks from a graph in the calling thread.

    Parameters
    ----------
    bounds, n_features, dtype, kept_bytes
        As for ``Chunks``.
    graph : mapping
        Dask's graph, of which values may be futures.
    keys : sequence
        The key of each chunk.
    """

    def __init__(
        self,
        bounds: IntArray,
        n_features: int,
        dtype: np.dtype[Any],
        kept_bytes: int,
        *,
        graph: Graph,
        keys: Sequence[Key],
    ) -> None:
        super().__init__(bounds, n_features, dtype, kept_bytes)
        self.graph, self.keys = graph, keys
        self.fits = int(bounds[-1] - bounds[0]) * n_features * dtype.itemsize <= kept_bytes

    def read(self, index: int) -> NDArray[Any]:
        """Return a chunk, computed now."""
        from dask.local import get_sync

        key = self.keys[index]
        part, elsewhere = _part(self.graph, [key])
        part.update(_results([self.graph.get(other, other) for other in elsewhere], elsewhere))
        return _as_rows(get_sync(part, key), self.dtype)

    def take(self, rows: IntArray) -> FloatArray:
        """Return a copy of some rows, picked by the user's scheduler where not all rows fit into memory."""
        index = np.searchsorted(self.bounds, rows, side="right") - 1
        used = np.unique(index).tolist()
        local = [rows[index == chunk] - self.bounds[chunk] for chunk in used]
        if self.fits:
            picked: Any = [self._chunk(chunk)[some] for chunk, some in zip(used, local, strict=True)]
        else:
            dask = _require_dask()
            chunks = _delayed([self.keys[chunk] for chunk in used], self.graph)
            pick = dask.delayed(_picked)
            tasks = [pick(chunk, some, self.dtype) for chunk, some in zip(chunks, local, strict=True)]
            picked = dask.compute(*tasks, scheduler=_client(self.graph))
        return np.concatenate([np.empty((0, self.n_features), self.dtype), *picked])

    def portable(self, start: int, stop: int) -> Chunks:
        """Return the chunks of these rows, with the part of the graph that they depend on."""
        used = [index for index, _ in self.parts(start, stop)]
        first, last = used[0], used[-1]
        keys = self.keys[first : last + 1]
        graph, _ = _part(self.graph, keys)
        return _DaskChunks(
            self.bounds[first : last + 2], self.n_features, self.dtype, 0, graph=graph, keys=keys
        )


def _picked(chunk: Any, rows: IntArray, dtype: np.dtype[Any]) -> FloatArray:
    return _as_rows(chunk, dtype)[rows]


def _part(graph: Graph, keys: Sequence[Key]) -> tuple[dict[Key, Any], list[Key]]:
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


def _results(futures: list[Any], keys: list[Key]) -> dict[Key, Any]:
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
