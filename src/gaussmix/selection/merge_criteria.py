"""Which two clusters to merge, and where to stop: by entropy or by overlap.

The registry is ``MERGE_CRITERIA``: a criterion costs a few functions and one line here.

References
----------
Baudry, Raftery, Celeux, Lo & Gottardo (2010), Combining mixture components for clustering, Journal of Computational
and Graphical Statistics 19.

Hennig (2010), Methods for merging Gaussian mixture components, Advances in Data Analysis and Classification 4.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from gaussmix.types import BoolArray, Float64Array, IntArray

_NEGLIGIBLE_ENTROPY: Final = 0.01  # nats for each row of two clusters; normal ones of equal size 5.5 sd apart
_TINY: Final = np.finfo(np.float64).tiny  # below it, x log x is 0
_LEAST_OVERLAP: Final = 0.025  # Hennig's (2010) cutoff for misclassification probabilities


@dataclass(frozen=True)
class MergeCriterion:
    """Measure what is gained by merging two clusters.

    Attributes
    ----------
    sums : callable
        ``(posterior (G, n), labels (n,), weight (n,), i, j) -> (M,)``: additive over rows, for the pair (i, j).
    gain : callable
        ``sums (P, M) -> (P,)``: the pair of the highest gain is merged.
    n_merges : callable
        ``(gains (K - 1,), entropies (K,), counts (K - 1,)) -> int``: how many of the merges to make.
    heights : callable
        ``gains (K - 1,) -> (K - 1,)``: heights of the merges in a dendrogram, never falling.
    n_sums : int
        M.
    lasting : bool
        Whether a pair's gain stays the same when two other clusters are merged.
    """

    sums: Callable[[Float64Array, IntArray, Float64Array, int, int], Float64Array]
    gain: Callable[[Float64Array], Float64Array]
    n_merges: Callable[[Float64Array, Float64Array, Float64Array], int]
    heights: Callable[[Float64Array], Float64Array]
    n_sums: int
    lasting: bool


def entropy_removed(
    posterior: Float64Array, labels: IntArray, weight: Float64Array, i: int, j: int
) -> Float64Array:
    """Return Σ w [(t_i + t_j) log(t_i + t_j) − t_i log t_i − t_j log t_j] (Baudry et al. 2010).

    It is (t_i + t_j) times the entropy of the odds t_i : t_j, a form that keeps its digits for small t.
    """
    joint = posterior[i] + posterior[j]
    share = np.minimum(posterior[i], posterior[j]) / np.maximum(joint, _TINY)
    entropy = -share * np.log(np.maximum(share, _TINY)) - (1 - share) * np.log1p(-share)
    return np.array([(weight * joint * entropy).sum()])


def misclassified(
    posterior: Float64Array, labels: IntArray, weight: Float64Array, i: int, j: int
) -> Float64Array:
    """Return the weights of i's rows that are labelled j, of i, of j's rows that are labelled i, and of j."""
    of_i, of_j = weight * posterior[i], weight * posterior[j]
    return np.array([of_i[labels == j].sum(), of_i.sum(), of_j[labels == i].sum(), of_j.sum()])


def misclassification(sums: Float64Array) -> Float64Array:
    """Return the larger one of the two misclassification probabilities of each pair (Hennig 2010)."""
    lost, total = sums[:, 0::2], sums[:, 1::2]
    return np.asarray((lost / np.where(total > 0, total, 1.0)).max(axis=1))


def merges_to_elbow(gains: Float64Array, entropies: Float64Array, counts: Float64Array) -> int:
    """Return how many merges come before the elbow, not counting any from the first negligible one on."""
    least = _NEGLIGIBLE_ENTROPY * counts
    return min(elbow(np.append(0.0, np.cumsum(counts)), entropies), _leading(gains >= least))


def merges_of_overlapping(gains: Float64Array, entropies: Float64Array, counts: Float64Array) -> int:
    """Return how many merges come before the first of two clusters that hardly overlap."""
    return _leading(gains >= _LEAST_OVERLAP)


def lack_of_overlap(gains: Float64Array) -> Float64Array:
    """Return 1 − the smallest overlap so far."""
    return np.asarray(1.0 - np.minimum.accumulate(gains))


def elbow(x: Float64Array, y: Float64Array) -> int:
    """Return the place of the point where two straight lines meet that fit the points best.

    The lines are fitted by least squares, one to the points up to it and one to those from it on. With fewer than
    three points, or if the first line is not the steeper one, there is no elbow, and the result is 0.

    Parameters
    ----------
    x, y : ndarray of shape (n,)
        ``x`` in ascending order, ``y`` falling.
    """
    best, place = np.inf, 0
    for c in range(1, len(x) - 1):
        before, error_before = _line(x[: c + 1], y[: c + 1])
        after, error_after = _line(x[c:], y[c:])
        if error_before + error_after < best:
            best, place = error_before + error_after, c if before < after else 0
    return place


def _line(x: Float64Array, y: Float64Array) -> tuple[float, float]:
    """Return slope and squared error of the straight line through points."""
    x, y = x - x.mean(), y - y.mean()
    spread = float(np.square(x).sum())
    slope = float((x * y).sum()) / spread if spread > 0 else 0.0
    return slope, float(np.square(y - slope * x).sum())


def _leading(kept: BoolArray) -> int:
    """Return how many values are true before the first that is not."""
    return int(np.append(kept, False).argmin())


MERGE_CRITERIA: Final[dict[str, MergeCriterion]] = {
    "entropy": MergeCriterion(
        entropy_removed, lambda sums: sums[:, 0], merges_to_elbow, np.cumsum, n_sums=1, lasting=True
    ),
    "overlap": MergeCriterion(
        misclassified, misclassification, merges_of_overlapping, lack_of_overlap, n_sums=4, lasting=False
    ),
}
"""By name, as users write it."""
