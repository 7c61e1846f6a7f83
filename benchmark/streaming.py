"""Fewer passes over the rows: the search on samples and incremental EM, and mixtures of rows that are seen once.

Plain EM goes from k-means to convergence, or through 100 passes over all rows; the default fit reads samples, sweeps
of incremental EM and accelerated passes. Rows read are counted until the bound of the likelihood that a fit knows is
within 1e-4 nats a row of where plain EM ends, and until each stops. Counted are both looks at all rows before a fit
begins, every visit of a row of a sample, sweeps and passes. What the start of plain EM reads is left out of one
count, which favours it, and is in another: k-means on all rows, from centres that it has found on a part of them,
which is less than what scikit-learn reads.
"""

from __future__ import annotations

import statistics
import warnings
from collections.abc import Iterator
from typing import Any, Final

import numpy as np
from sklearn.cluster import KMeans

from benchmark.data import Array, clustered
from benchmark.settings import Settings, say
from benchmark.table import OURS, Row, at_most
from gaussmix import GaussianMixture

_NEAR: Final = 1e-4  # nats a row
_MOST_ITERATIONS: Final = (
    100  # of plain EM: more would raise the likelihood to be reached, and what it reads by more
)
_LOOKS: Final = 2  # for values that are not finite, then for mean and variance
_SHAPE: Final = (8, 20)
_K_MEANS_ROWS: Final = 100_000
_K_MEANS_ITERATIONS: Final = 30  # on all rows, at most
_LABELLED: Final = 2  # readings that give the components of labelled rows: their means, then their moments
_OVERLAPS: Final = (2.0, 1.0)  # spreads of the centres: clusters that are apart, and that overlap
_BATCHES: Final = 200
_STREAMS: Final = [(D, K, spread) for D, K in ((4, 5), (8, 8)) for spread in (0.8, 1.5, 3.0)]
_MICRO: Final = 1e6


def measure(settings: Settings) -> Iterator[Row]:
    """Yield the part of plain EM's passes that the default needs, and what is lost by seeing each row once."""
    yield from _passes(settings)
    yield from _streams(settings)


def _passes(settings: Settings) -> Iterator[Row]:
    D, K = _SHAPE
    N = settings.rows(10_000_000, 300_000)
    for spread in _OVERLAPS:
        title = f"streaming: rows read, of those of plain EM, {N:,} × {D}, K={K}, spread {spread:g}"
        if not settings.wants(title):
            continue
        say(title)
        X = clustered(N, D, K, seed=settings.draw, spread=spread)
        labels, started = _k_means(X, K)
        plain = _fit(X, K, init_params=labels, acceleration=None, max_iter=_MOST_ITERATIONS)
        ours = _fit(X, K)
        goal = plain.lower_bound_ - _NEAR
        theirs, read = _reads_until(plain, goal), _reads_until(ours, goal)
        say(
            f"plain: start {started:.1f}, {theirs:.1f} of {_reads(plain):.1f}, ending at {plain.lower_bound_:.5f}"
        )
        say(f"ours: {read:.1f} of {_reads(ours):.1f}, {ours.optima_}, ending at {ours.lower_bound_:.5f}")
        bar = at_most(100 / 3, "%")
        yield Row(title, {OURS: 100 * read / theirs}, "%", [bar])
        counted = title.replace("plain EM,", "plain EM and its start,")
        yield Row(counted, {OURS: 100 * read / (started + theirs)}, "%", [bar])
        whole = 100 * _reads(ours) / _reads(plain)
        stops = title.replace("read,", "read until EM stops,").replace(
            "plain EM", f"{plain.n_iter_} plain passes"
        )
        yield Row(stops, {OURS: whole}, "%")


def _k_means(X: Array, n_components: int) -> tuple[Any, float]:
    """Return the nearest of K centres for each row, found by k-means, and how often all rows were read for them."""
    sample = KMeans(n_components, n_init=1, random_state=0).fit(X[:_K_MEANS_ROWS])
    part = sample.n_iter_ * min(1.0, _K_MEANS_ROWS / len(X))
    whole = KMeans(n_components, init=sample.cluster_centers_, n_init=1, max_iter=_K_MEANS_ITERATIONS).fit(X)
    return whole.labels_, part + whole.n_iter_ + _LABELLED


def _reads(model: Any) -> float:
    """Return how many times all rows were read."""
    return _LOOKS + float(model.n_passes_)


def _reads_until(model: Any, goal: float) -> float:
    """Return how many times all rows were read, in search and fit, until the bound reached the goal."""
    swept = model.optima_.sweep_bounds if model.optima_ else ()
    bounds = np.array([*swept, *model.lower_bounds_])  # each known at the end of a pass
    reached = np.flatnonzero(bounds >= goal)
    return _reads(model) - len(bounds) + float(reached[0] + 1) if len(reached) else float("inf")


def _streams(settings: Settings) -> Iterator[Row]:
    size = settings.rows(500, 100)
    title = f"streaming: partial_fit over {_BATCHES} batches of {size}, below the fit of all rows"
    if not settings.wants(title):
        return
    say(title)
    losses = []
    for D, K, spread in _STREAMS:
        for seed in range(max(1, settings.n_seeds // 5)):
            X = clustered(_BATCHES * size, D, K, seed=seed, spread=spread)
            batches: Any = GaussianMixture(K, random_state=seed)
            for rows in np.split(X, _BATCHES):
                batches.partial_fit(rows)
            losses.append(_fit(X, K, random_state=seed).score(X) - batches.score(X))
    say(f"median {_MICRO * statistics.median(losses):.0f}, worst {_MICRO * max(losses):.0f} µnats a row")
    unit = "µnats a row"
    yield Row(f"{title}, worst of {len(losses)}", {OURS: _MICRO * max(losses)}, unit, [at_most(10_000, unit)])


def _fit(X: Array, n_components: int, **options: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a plain run may not converge
        return GaussianMixture(n_components, **{"random_state": 0} | options).fit(X)
