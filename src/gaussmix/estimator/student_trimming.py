"""Trimmed k-means: the rows farthest from all centres are left out (Cuesta-Albertos, Gordaliza & Matrán 1997).

Reference: Trimmed k-means: an attempt to robustify quantizers, Annals of Statistics 25.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from gaussmix.fit.k_means import squared_distances
from gaussmix.types import Float64Array, IntArray

_LLOYD: Final = 20  # iterations of trimmed k-means, at most
_LLOYD_ROWS, _LLOYD_ROWS_EACH = 1_000, 100  # rows that they look at, at least, and for each cluster


def trimmed_k_means(
    Z: Float64Array, weight: Float64Array, n_clusters: int, kept: float, rng: np.random.Generator
) -> IntArray:
    """Return the cluster of each row, or ``n_clusters`` for the rows farthest from all centres, which are left out.

    Parameters
    ----------
    Z : ndarray of shape (n, D)
        Rows in robust units.
    weight : ndarray of shape (n,)
    n_clusters : int
    kept : float
        The part of the weight that is not left out.
    rng : numpy.random.Generator
    """
    n_rows = min(len(Z), max(_LLOYD_ROWS, _LLOYD_ROWS_EACH * n_clusters))
    rows = np.sort(rng.choice(len(Z), n_rows, replace=False))
    some, own = Z[rows], weight[rows]
    possible = np.flatnonzero(own > 0)
    if not len(possible):
        return trimmed(Z, weight, Z[rng.choice(len(Z), n_clusters)], kept)
    centres = some[possible[_seeds(some[possible], own[possible], n_clusters, kept, rng)]]
    before = None
    for _ in range(_LLOYD):
        labels = trimmed(some, own, centres, kept)
        if before is not None and np.array_equal(before, labels):
            break
        before = labels
        count = np.bincount(labels, own, n_clusters + 1)[:n_clusters]
        sums = np.stack([np.bincount(labels, own * z, n_clusters + 1)[:n_clusters] for z in some.T], axis=1)
        centres = np.where(count[:, None] > 0, sums / np.where(count > 0, count, 1.0)[:, None], centres)
    return trimmed(Z, weight, centres, kept)


def _seeds(
    Z: Float64Array, weight: Float64Array, n_clusters: int, kept: float, rng: np.random.Generator
) -> IntArray:
    """Return the rows to start from, (n_clusters,), far from one another as greedy k-means++ draws them.

    Distances count up to their quantile ``kept`` only, so that outliers are drawn no more often than they are many.
    """
    seeds = [int(rng.choice(len(Z), p=weight / weight.sum()))]
    nearest = np.square(Z - Z[seeds[0]]).sum(axis=1)
    n_candidates = 2 + int(np.log(n_clusters))
    while len(seeds) < n_clusters:
        farthest = quantiles(nearest, weight, np.array([kept]))[0]
        chance = weight * np.minimum(nearest, farthest)
        total = chance.sum()
        candidates = rng.choice(len(Z), n_candidates, p=chance / total if total > 0 else None)
        left = np.minimum(nearest, squared_distances(Z, Z[candidates]).T)
        best = int((np.minimum(left, farthest) @ weight).argmin())
        seeds.append(int(candidates[best]))
        nearest = left[best]
    return np.array(seeds)


def trimmed(Z: Float64Array, weight: Float64Array, centres: Float64Array, kept: float) -> IntArray:
    """Return the nearest centre of each row, or their number for rows beyond the quantile ``kept`` of distances."""
    distances = squared_distances(Z, centres)
    nearest = distances.argmin(axis=1)
    own = distances[np.arange(len(Z)), nearest]
    limit = quantiles(own, weight, np.array([kept]))[0]
    labels: IntArray = np.where(own <= limit, nearest, len(centres))
    return labels


def quantiles(values: Float64Array, weight: Float64Array, parts: Float64Array) -> Float64Array:
    """Return the least values up to which these parts of the weight lie."""
    last = len(values) - 1
    if weight.min() == weight.max():  # no need to sort
        ranks = np.minimum(np.ceil(parts * len(values)).astype(np.intp) - 1, last)
        return np.asarray(np.partition(values, ranks)[ranks])
    order = np.argsort(values, kind="stable")
    cumulative = np.cumsum(weight[order])
    return np.asarray(values[order[np.minimum(np.searchsorted(cumulative, parts * cumulative[-1]), last)]])
