"""Rows of Dask arrays and dataframes, each run of them computed where it is needed.

A partition carries the part of the graph that its rows depend on, and computes it in the thread that loads it. What
is already computed on a cluster (a persisted collection) is fetched from there, also from within a task of a worker.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from types import ModuleType
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from gaussmix.errors import DataError, DataTypeError, MissingDependencyError
from gaussmix.source.array import converted, served_dtype
from gaussmix.source.base import Source
from gaussmix.source.check import features_beside
from gaussmix.source.chunks import Chunks
from gaussmix.source.dask_graph import Graph, Key, computed, futures_of, part_of, results_of
from gaussmix.source.finite import Unusable, check_block, examine
from gaussmix.source.request import Request
from gaussmix.source.stored import served
from gaussmix.source.table import read_table
from gaussmix.types import FloatArray, IntArray

_UNKNOWN: Final = "the number of columns is not known before it is computed: call compute_chunk_sizes() on it"


def read(data: Any, request: Request) -> Source:
    """Return a source of a collection, all of which is computed once, chunk by chunk, to check its values.

    Parameters
    ----------
    data : dask.array.Array or dask.dataframe.DataFrame
        Rows; the lengths of its chunks need not be known.
    request : Request
        Its weights may be a Dask array, which is computed. Chunks that were computed are kept up to its limit.

    Raises
    ------
    DataError
        If rows or columns cannot be used.
    DataTypeError
        If the collection has no rows and columns of numbers.
    """
    _require_dask()
    names, beside = None, None
    if hasattr(data, "to_dask_array") and hasattr(data, "columns"):
        columns, beside = request.columns, request.weight_column
        if beside is not None:
            columns = features_beside(beside, list(data.columns), columns)
        graph, keys, dtype, names = _of_frame(data, columns, beside)
    elif hasattr(data, "rechunk"):
        request.require_no_columns("an array's columns have no names: choose by X[:, [...]]")
        if request.weight_column is not None:
            features_beside(
                request.weight_column, None, None
            )  # raises: they have no column of weights either
        graph, keys, dtype = _of_array(data)
    else:
        raise DataTypeError(
            f"X is a {type(data).__name__} of Dask: pass an array or a dataframe with rows and columns"
        )
    chunks, incomplete, request = _measure(graph, keys, dtype, names, request)
    return served(chunks, request, names, incomplete=incomplete)


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
    return {**futures_of(whole), **fast.__dask_graph__()}, keys, dtype


def _of_frame(
    frame: Any, columns: Sequence[str] | None, weight: str | None
) -> tuple[Graph, list[Key], np.dtype[Any], tuple[str, ...] | None]:
    """Return the graph of a dataframe whose partitions were made matrices, and the keys of these.

    Behind them are as many keys of the column of weights, if there is one.
    """
    dask = _require_dask()
    empty, names = read_table(frame._meta, columns)
    chosen = None if names is None else list(names)
    matrix = dask.delayed(_matrix, pure=True)
    delayed = frame.to_delayed()
    tasks = [matrix(part, chosen, empty.dtype) for part in delayed]
    if weight is not None:
        read_table(frame._meta, [weight])  # raises where it is not numeric
        tasks += [matrix(part, [weight], np.dtype(np.float64)) for part in delayed]
    parts = dask.optimize(*tasks)
    # the parts share one graph
    return dict(parts[0].__dask_graph__()), [part.key for part in parts], empty.dtype, names


def _matrix(frame: Any, columns: list[str] | None, dtype: np.dtype[Any]) -> FloatArray:
    return converted(read_table(frame, columns)[0], dtype)


def _measure(
    graph: Graph,
    keys: list[Key],
    dtype: np.dtype[Any],
    names: tuple[str, ...] | None,
    request: Request,
) -> tuple[_DaskChunks, bool, Request]:
    """Return chunks that the user's scheduler measured and found to be finite, and whether values are missing.

    The request comes back with the weights in the place of their column: each chunk is computed once for both.
    """
    limit, beside = request.limit, request.weight_column
    n_chunks = len(keys) if beside is None else len(keys) // 2
    tasks: list[Any] = [
        (partial(_measured, dtype=dtype, missing=request.missing), key) for key in keys[:n_chunks]
    ]
    weigh = partial(_as_rows, dtype=np.dtype(np.float64))
    results = computed(graph, tasks + [(weigh, key) for key in keys[n_chunks:]])
    measured, weights = results[:n_chunks], results[n_chunks:]
    bounds = np.concatenate([[0], np.cumsum([n_rows for n_rows, *_ in measured], dtype=np.int64)])
    for start, (_, _, _, unusable) in zip(bounds.tolist(), measured, strict=False):
        if unusable is not None:
            raise unusable.error(start, names)
    if bounds[-1] == 0:
        raise DataError("X has 0 rows: at least one is needed")
    if beside is not None:
        check_block(column := np.concatenate(weights), 0, [beside], missing=False)
        request = replace(request, sample_weight=column[:, 0])
    chunks = _DaskChunks(bounds, measured[0][1], dtype, limit, graph=graph, keys=keys[:n_chunks])
    return chunks, any(absent for _, _, absent, _ in measured), request


def _measured(chunk: Any, *, dtype: np.dtype[Any], missing: bool) -> tuple[int, int, bool, Unusable | None]:
    """Return the rows and columns of a chunk, whether values are missing, and the first that cannot be used."""
    X = _as_rows(chunk, dtype)
    return *X.shape, *examine(X, missing=missing)


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
        part, elsewhere = part_of(self.graph, [key])
        part.update(results_of([self.graph.get(other, other) for other in elsewhere], elsewhere))
        return _as_rows(get_sync(part, key), self.dtype)

    def take(self, rows: IntArray) -> FloatArray:
        """Return a copy of some rows, picked by the user's scheduler where not all rows fit into memory."""
        index = np.searchsorted(self.bounds, rows, side="right") - 1
        used = np.unique(index).tolist()
        local = [rows[index == chunk] - self.bounds[chunk] for chunk in used]
        if self.fits:
            picked: Any = [self._chunk(chunk)[some] for chunk, some in zip(used, local, strict=True)]
        else:
            picked = computed(
                self.graph,
                [
                    (partial(_picked, rows=some, dtype=self.dtype), self.keys[chunk])
                    for chunk, some in zip(used, local, strict=True)
                ],
            )
        return np.concatenate([np.empty((0, self.n_features), self.dtype), *picked])

    def portable(self, start: int, stop: int) -> Chunks:
        """Return the chunks of these rows, with the part of the graph that they depend on."""
        used = self.pieces(start, stop)
        keys = self.keys[used]
        graph, _ = part_of(self.graph, keys)
        bounds = self.bounds[used.start : used.stop + 1]
        return _DaskChunks(bounds, self.n_features, self.dtype, 0, graph=graph, keys=keys)


def _picked(chunk: Any, *, rows: IntArray, dtype: np.dtype[Any]) -> FloatArray:
    return _as_rows(chunk, dtype)[rows]
