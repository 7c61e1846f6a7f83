"""Rows with missing values filled in, for the search of a start; EM itself takes the rows as they are."""

from __future__ import annotations

from typing import Final

import numpy as np

from gaussmix.errors import DataError
from gaussmix.estimator.parameters import feature_units
from gaussmix.executor import Executor
from gaussmix.fit import fit_em
from gaussmix.model import Mixture
from gaussmix.prior import FLOOR, Flat
from gaussmix.source import ArraySource, IncompleteRows, Source
from gaussmix.source.blocks import block_rows
from gaussmix.types import Float64Array

_MOST_FULL: Final = 64  # features whose dependences the first filling looks at
_ADDED: Final = 1e-3  # of each feature's variance: the first filling need not be sharp
_TOL: Final = 1e-4
_MAX_ITER: Final = 50


def observed_mean_and_variance(rows: Source) -> tuple[Float64Array, Float64Array]:
    """Return mean and variance of the observed values of each feature, (D,).

    Raises
    ------
    DataError
        Naming a column of which all values are missing.
    """
    X = rows.take(np.arange(rows.n_rows))
    observed = ~np.isnan(X)
    weight = np.ones(rows.n_rows) if rows.sample_weight is None else rows.sample_weight
    total = (weight / weight.max()) @ observed
    if not total.all():
        column = int(total.argmin())
        name = rows.feature_names[column] if rows.feature_names else column
        raise DataError(f"column {name!r} has missing values only: drop it")
    weight = weight / weight.max()
    mean: Float64Array = np.nanmean(X, axis=0, dtype=np.float64)
    variance = np.zeros(rows.n_features)
    for _ in range(2):  # about the mean of the first pass, so that nothing cancels
        offset = np.where(observed, X - mean, 0.0)
        shift = weight @ offset / total
        variance = weight @ np.square(offset) / total - np.square(shift)
        mean = mean + shift
    return mean, np.maximum(variance, 0.0)


def completed(rows: Source, mean: Float64Array, variance: Float64Array, executor: Executor) -> Source:
    """Return the rows with missing values drawn from a single Gaussian that was fitted to them by EM.

    Parameters
    ----------
    rows : Source
    mean, variance : ndarray of shape (D,)
        Of the observed values of each feature.
    executor : Executor
    """
    unit, _ = feature_units(mean, variance)
    D = rows.n_features
    start = np.maximum(variance, _ADDED * unit)
    prior = Flat(_ADDED * unit, FLOOR * unit)
    if D > _MOST_FULL:
        return filled(rows, Mixture.from_parameters([1.0], mean[None], start[None], "diag", prior))
    gaussian = Mixture.from_parameters([1.0], mean[None], np.diag(start)[None], "full", prior)
    partitions = IncompleteRows.of(rows).partitions(block_rows(rows.n_rows, D, 1))
    return filled(rows, fit_em(gaussian, partitions, executor, tol=_TOL, max_iter=_MAX_ITER).model)


def filled(rows: Source, model: Mixture, seed: int = 0) -> Source:
    """Return the rows with missing values drawn from a mixture, given the observed ones."""
    X = model.impute(rows.take(np.arange(rows.n_rows)), draw=True, random_state=seed)
    return ArraySource(X, rows.sample_weight, rows.feature_names)
