"""Fewer passes over all rows: EM runs on a small random sample first, then on larger ones, then on all.

The iterations that travel far happen where they are cheap; each level starts where the one before ended, so
that the passes over all rows only travel the distance between two sample sizes (Bradley, Fayyad & Reina 1998).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np

from gaussmix.executor import Executor
from gaussmix.fit.em import fit_em
from gaussmix.model import Mixture
from gaussmix.source import ArraySource, Source
from gaussmix.source.blocks import block_rows

_LEAST_ROWS: Final = 20_000
_ROWS_PER_PARAMETER: Final = 10  # with fewer, small components have no rows in the sample
_GROWTH: Final = 4
_MAX_VALUES: Final = 4_000_000  # of a sample: 32 MB


def sample_rows(source: Source, n_rows: int, rng: np.random.Generator) -> Source:
    """Return a source of ``n_rows`` rows drawn without replacement, or the source itself if it has no more."""
    if n_rows >= source.n_rows:
        return source
    rows = np.sort(rng.choice(source.n_rows, n_rows, replace=False))
    return ArraySource(
        source.take(rows), None if source.sample_weight is None else source.sample_weight[rows]
    )


def levels(n_rows: int, n_features: int, n_parameters: int) -> Iterator[int]:
    """Yield the sizes of the samples to climb, smallest first; none if all rows are few enough."""
    size = max(_LEAST_ROWS, _ROWS_PER_PARAMETER * n_parameters)
    while size * _GROWTH <= n_rows and size * n_features <= _MAX_VALUES:
        yield size
        size *= _GROWTH


def fit_progressively(
    model: Mixture, source: Source, executor: Executor, rng: np.random.Generator, *, tol: float, max_iter: int
) -> Mixture:
    """Return a better start for a fit of all rows, from fits of growing samples.

    Parameters
    ----------
    model : Mixture
    source : Source
    executor : Executor
    rng : numpy.random.Generator
        Draws the samples.
    tol : float
    max_iter : int
        Of each level.
    """
    K, D = model.means.shape
    for size in levels(source.n_rows, D, model.n_parameters):
        sample = sample_rows(source, size, rng)
        partitions = sample.partitions(block_rows(size, D, K))
        result = fit_em(model, partitions, executor, tol=tol, max_iter=max_iter)
        if result.model.collapsed.any():  # the sample lost a component: all rows may keep it
            break
        model = result.model
    return model
