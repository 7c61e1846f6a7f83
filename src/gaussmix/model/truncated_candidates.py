"""Which components are considered for a row: those that share rows with its best component.

At first there is nothing but the components' parameters: a component has the others of highest log-density at each
other's means as candidates. From then on the rows tell: of the candidates of a component those stay that took
the largest share of its rows, or of which it did; some places go to components that share rows with these, drawn at
random, so that what was overlooked is found (Hirschberger, Forster & Lücke 2022 learn the same graph, row by row).

Where a row's best component is unknown, or may be one that no neighbour leads to, it is looked for in cells: of
neighbouring components, of which a row has those in and around the nearest as candidates.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import numpy as np

from gaussmix import kernel
from gaussmix.covariance import Covariances
from gaussmix.types import Float64Array, FloatArray, IntArray

_CELL_STEPS: Final = 5  # of Lloyd's iterations
_CELLS_AROUND: Final = 6  # so many cells' worth of components are the first candidates
_EXPLORING: Final = 4  # one candidate in so many is new
_HOPS: Final = 8  # neighbours through which neighbours of neighbours are looked for


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """Hold groups of components, and the candidates for rows of which the best component is of a group.

    Attributes
    ----------
    group_of : ndarray of shape (K,) of int32
    starts : ndarray of shape (G + 1,) of int64
        Group g has the candidates ``components[starts[g] : starts[g + 1]]``, a component of its own first.
    components : ndarray of int32
    """

    group_of: IntArray
    starts: IntArray
    components: IntArray

    @classmethod
    def of_lists(cls, group_of: IntArray, lists: Sequence[IntArray]) -> Candidates:
        """Return the candidates of these lists, one a group."""
        starts = np.cumsum([0, *map(len, lists)], dtype=np.int64)
        return cls(group_of.astype(np.int32), starts, np.concatenate(lists).astype(np.int32))

    def of_group(self, group: int) -> IntArray:
        """Return the candidates of one group."""
        return self.components[self.starts[group] : self.starts[group + 1]]


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """Hold cells of neighbouring components, for a search that does not depend on where rows were before.

    Attributes
    ----------
    centres : ndarray of shape (G, D)
    precision : ndarray of shape (G, D)
        One over the components' spread along each feature.
    candidates : Candidates
        The components in and around each cell.
    """

    centres: Float64Array
    precision: Float64Array
    candidates: Candidates

    @classmethod
    def of(
        cls, means: Float64Array, spread: Float64Array, n_candidates: int, rng: np.random.Generator
    ) -> Cells:
        """Return cells of about √K components, which change with the draws of ``rng``.

        Parameters
        ----------
        means : ndarray of shape (K, D)
        spread : ndarray of shape (D,)
            A length along each feature.
        n_candidates : int
            Of each component: a cell has more.
        rng : numpy.random.Generator
        """
        K, D = means.shape
        size = int(np.sqrt(K))
        centres, label = means[np.sort(rng.choice(K, K // size, replace=False))], np.empty(K, np.int64)
        precision = np.ones((len(centres), D)) / spread
        for step in range(_CELL_STEPS):
            kernel.diagonal_evaluate(means, np.zeros(len(centres)), centres, precision, kernel.LABELS, label)
            if step < _CELL_STEPS - 1:
                count = np.bincount(label, minlength=len(centres))
                sums = np.stack([np.bincount(label, column, len(centres)) for column in means.T], axis=1)
                centres = np.where(count[:, None] > 0, sums / np.maximum(count, 1)[:, None], centres)
        log_joint = np.empty((len(centres), K))
        kernel.diagonal_evaluate(
            centres, np.zeros(K), means, np.repeat(precision[:1], K, axis=0), kernel.LOG_JOINT, log_joint
        )
        n_near = min(K, max(2 * n_candidates, _CELLS_AROUND * size))
        log_joint[label, np.arange(K)] += np.abs(log_joint).max() + 1.0  # its own, however many, come first
        lists = [
            np.argsort(-row, kind="stable")[: max(n_near, n_own)]
            for row, n_own in zip(log_joint, np.bincount(label, minlength=len(centres)), strict=True)
        ]
        return cls(centres, precision, Candidates.of_lists(label, lists))

    def nearest(self, X: FloatArray) -> IntArray:
        """Return for each row a component of which the candidates are those of the nearest cell, (n,) of int32."""
        label = np.empty(len(X), np.int64)
        kernel.diagonal_evaluate(
            X, np.zeros(len(self.centres)), self.centres, self.precision, kernel.LABELS, label
        )
        first: IntArray = self.candidates.components[self.candidates.starts[:-1]]
        return first[label]


def nearest_candidates(
    cells: Candidates,
    covariances: Covariances,
    log_weights: Float64Array,
    means: Float64Array,
    n_candidates: int,
) -> Candidates:
    """Return for each component those of its cell's candidates with the highest log-densities at each other's means.

    Parameters
    ----------
    cells : Candidates
        By groups of several components.
    covariances, log_weights, means
        Of K components.
    n_candidates : int
    """
    K = len(means)
    lists: list[IntArray] = [np.empty(0, np.int32)] * K
    for cell in range(len(cells.starts) - 1):
        own, wide = np.flatnonzero(cells.group_of == cell), cells.of_group(cell)
        if not len(own):
            continue
        there = covariances.select(wide).log_joint(means[own], log_weights[wide], means[wide])  # (own, wide)
        back = covariances.select(own).log_joint(means[wide], log_weights[own], means[own])  # (wide, own)
        score = there + back.T
        score[own[:, None] == wide] = np.inf
        for k, row in zip(own, score, strict=True):
            lists[k] = wide[np.argsort(-row, kind="stable")[:n_candidates]]
    return Candidates.of_lists(np.arange(K), lists)


def shared_candidates(
    candidates: Candidates, share: Float64Array, n_candidates: int, rng: np.random.Generator
) -> Candidates:
    """Return the candidates that the rows ask for, and some that are tried.

    Parameters
    ----------
    candidates : Candidates
        Of each component.
    share : ndarray, one value a candidate
        Sum of the responsibilities that it took of the component's rows.
    n_candidates : int
    rng : numpy.random.Generator
        Draws those that are tried.
    """
    K = len(candidates.group_of)
    ranked, nearest, overlap = _ranked_overlaps(candidates, share)
    beyond = nearest[nearest].reshape(K, -1)  # (K, hops²): what the neighbours are neighbours of
    with np.errstate(divide="ignore"):
        weight = np.log(overlap[:, :, None] * overlap[nearest]).reshape(K, -1)
    drawn = weight + rng.gumbel(size=weight.shape)  # the largest are a draw without replacement
    beyond = np.take_along_axis(beyond, np.argsort(-drawn, axis=1, kind="stable"), axis=1)
    n_kept = n_candidates - 1 - n_candidates // _EXPLORING
    listed, lists = np.zeros(K, bool), []
    for k, (others, tried) in enumerate(zip(ranked, beyond, strict=True)):
        kept = np.concatenate([[k], others[:n_kept]])
        listed[kept] = True
        fresh = list(dict.fromkeys(tried[~listed[tried]].tolist()))  # each once
        listed[kept] = False
        lists.append(np.concatenate([kept, np.array(fresh[: n_candidates // _EXPLORING], np.int64)]))
    return Candidates.of_lists(np.arange(K), lists)


def _ranked_overlaps(
    candidates: Candidates, share: Float64Array
) -> tuple[list[IntArray], IntArray, Float64Array]:
    """Return what components share rows with each, the most first; the first few, (K, hops), and their part of it.

    Where there are fewer, the component itself takes the place, with no part.
    """
    from scipy import sparse  # nothing else needs it

    K = len(candidates.group_of)
    taken = sparse.csr_array((share, candidates.components, candidates.starts), shape=(K, K))
    common: Any = sparse.csr_array(taken + taken.T)  # k's rows that j takes, and j's that k takes
    nearest = np.repeat(np.arange(K)[:, None], _HOPS, axis=1)
    overlap, ranked = np.zeros((K, _HOPS)), []
    for k, (start, end) in enumerate(pairwise(common.indptr)):
        others, value = common.indices[start:end], common.data[start:end]
        sharing = (others != k) & (value > 0)
        others, value = others[sharing], value[sharing]
        order = np.argsort(-value, kind="stable")
        ranked.append(others[order])
        first = order[:_HOPS]
        nearest[k, : len(first)] = others[first]
        overlap[k, : len(first)] = value[first] / max(value[first].sum(), np.finfo(np.float64).tiny)
    return ranked, nearest, overlap
