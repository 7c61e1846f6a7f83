"""k-means: this engine with responsibilities of 0 and 1 and equal spherical covariances (Lloyd 1982)."""

from __future__ import annotations

from typing import Final

import numpy as np

from gaussmix import kernel
from gaussmix.moments import TRACE, Moments, buffer_size
from gaussmix.types import Float64Array, IntArray

_STILL: Final = 1e-4  # Lloyd stops when no centre moves by more than this part of a standard deviation


def k_means(
    Z: Float64Array, weight: Float64Array, n_clusters: int, rng: np.random.Generator, max_iter: int = 100
) -> IntArray:
    """Return the cluster of each row after Lloyd's iterations from a k-means++ start.

    Parameters
    ----------
    Z : ndarray of shape (n, D)
        Rows in units of a standard deviation or so.
    weight : ndarray of shape (n,)
    n_clusters : int
    rng : numpy.random.Generator
    max_iter : int
    """
    centres = Z[k_means_plus_plus(Z, weight, n_clusters, rng)]
    for _ in range(max_iter):
        moments = _assign(Z, weight, centres)
        count = moments.count
        shift = moments.first / np.where(count > 0, count, 1.0)[:, None]
        centres = centres + shift
        empty = np.flatnonzero(count == 0)
        if len(empty):
            own = np.square(Z - centres[nearest(Z, centres)]).sum(axis=1) * (weight > 0)
            if not own.any():  # fewer distinct rows than clusters: every row is a centre
                break
            centres[empty] = Z[np.argsort(own)[::-1][: len(empty)]]
        elif np.abs(shift).max() < _STILL:
            break
    return nearest(Z, centres)


def k_means_plus_plus(
    Z: Float64Array,
    weight: Float64Array,
    n_clusters: int,
    rng: np.random.Generator,
    *,
    n_trials: int | None = None,
) -> IntArray:
    """Return the indices of rows that are spread out, by greedy k-means++ (Arthur & Vassilvitskii 2007).

    Of ``n_trials`` candidates, by default 2 + log K, drawn with probability proportional to weight times squared
    distance to the nearest centre so far, each step takes the one that leaves the least total distance.
    """
    n_trials = 2 + int(np.log(n_clusters)) if n_trials is None else n_trials
    chosen = np.empty(n_clusters, np.int64)
    chosen[0] = _draw(weight, 1, rng)[0]
    closest = squared_distances(Z, Z[chosen[:1]])[:, 0]
    for k in range(1, n_clusters):
        candidates = _draw(weight * closest, n_trials, rng)
        left = np.minimum(closest[:, None], squared_distances(Z, Z[candidates]))
        best = int(np.einsum("n,nt->t", weight, left).argmin())
        chosen[k], closest = candidates[best], left[:, best]
    return chosen


def nearest(Z: Float64Array, centres: Float64Array) -> IntArray:
    """Return the index of the nearest centre of each row, shape (n,)."""
    K = len(centres)
    labels = np.empty(len(Z), np.int64)
    kernel.spherical_evaluate(
        Z, np.zeros(K), np.ascontiguousarray(centres), np.ones(K), kernel.LABELS, labels
    )
    return labels


def squared_distances(Z: Float64Array, centres: Float64Array) -> Float64Array:
    """Return |z_i − c_k|², shape (n, K), without the cancellation of |z|² − 2 z·c + |c|²."""
    K = len(centres)
    out = np.empty((len(Z), K))
    kernel.spherical_evaluate(
        Z, np.zeros(K), np.ascontiguousarray(centres), np.ones(K), kernel.LOG_JOINT, out
    )
    out *= -2.0
    return out


def _assign(Z: Float64Array, weight: Float64Array, centres: Float64Array) -> Moments:
    K = len(centres)
    out = np.empty(buffer_size(TRACE, K, Z.shape[1]))
    kernel.spherical_moments(Z, weight, np.zeros(K), centres, np.ones(K), out, True)
    return Moments(out, centres, TRACE)


def _draw(probability: Float64Array, size: int, rng: np.random.Generator) -> IntArray:
    """Return rows drawn in proportion to ``probability``, or evenly if it is zero everywhere."""
    cumulative = np.cumsum(probability)
    if not cumulative[-1] > 0:
        return rng.integers(len(probability), size=size)
    rows: IntArray = np.searchsorted(cumulative, rng.random(size) * cumulative[-1])
    return np.minimum(rows, len(probability) - 1)
