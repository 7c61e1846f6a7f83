"""Predictions for Dask arrays and dataframes, as Dask arrays that are computed when they are asked for."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from sklearn.utils.validation import validate_data

from gaussmix.errors import DataError
from gaussmix.estimator.threads import single_threaded_blas
from gaussmix.executor import Serial
from gaussmix.source import as_source


def features(estimator: Any, X: Any, sample_weight: Any) -> Any:
    """Return what ``evaluated`` takes of a collection that an estimator was fitted on: not its column of weights."""
    return X.drop(columns=sample_weight) if isinstance(sample_weight, str) else X


def evaluated(estimator: Any, function: Callable[..., Any], X: Any) -> Any:
    """Return a Dask array of the values of a function for each row: nothing is computed yet.

    Parameters
    ----------
    estimator : fitted estimator
    function : callable
        One of those in ``model.evaluate`` that give a value, or K, for each row.
    X : dask.array.Array or dask.dataframe.DataFrame
        With the features that the estimator was fitted on. The lengths of its chunks need not be known.

    Returns
    -------
    dask.array.Array of shape (N,) or (N, K)
        In chunks of the same rows as those of ``X``.

    Raises
    ------
    DataError, ValueError
        If the features are not those of the fit. Values that are not finite are found when they are computed: the
        row named is then that of the chunk.
    """
    if X.ndim != 2:
        raise DataError(f"X has {X.ndim} dimensions, shape {X.shape}: expected rows and columns")
    if math.isnan(X.shape[1]):
        raise DataError("the number of columns of X is not known: call its method compute_chunk_sizes()")
    frame = hasattr(X, "map_partitions")
    row = (
        X._meta_nonempty.iloc[:1] if frame else np.zeros((1, X.shape[1]), X.dtype)
    )  # one that stands for all
    validate_data(estimator._fitted, row, reset=False, skip_check_array=True)
    values = _Values(function, estimator._density, estimator._takes_missing)
    empty = values(row)[:0]
    values = replace(values, empty=empty)
    name = f"gaussmix-{function.__name__}"
    if frame:
        return X.map_partitions(values, meta=empty, token=name)
    whole = X.rechunk({1: -1}) if X.numblocks[1] > 1 else X
    if empty.ndim == 1:
        return whole.map_blocks(values, drop_axis=1, meta=empty, token=name)
    return whole.map_blocks(values, chunks=(whole.chunks[0], empty.shape[1:]), meta=empty, token=name)


@dataclass(frozen=True)
class _Values:
    """Evaluate a density for the rows of one chunk."""

    function: Callable[..., Any]
    density: Any
    missing: bool
    empty: Any = None  # what no rows give

    def __call__(self, rows: Any) -> Any:
        if len(rows) == 0:
            return self.empty
        source = as_source(rows, missing=self.missing)
        with single_threaded_blas(source.n_features):
            return self.function(self.density, source, Serial())
