"""Which components are considered for a row: those that share rows with its best component.

At first there is nothing but the components' parameters: a component has the others of highest log-density at each
other's means as candidates. From then on the rows tell: of the candidates of a component those stay that took
the largest share of its rows; some places go to neighbours of neighbours and to components of which it is one, drawn
at random, so that what was overlooked is found (Hirschberger, Forster & Lücke 2022 learn the same graph, row by row).

Where a row's best component is unknown, or may be one that no neighbour leads to, it is looked for in cells: of
neighbouring components, of which a row has those in and around the nearest as candidates.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from gaussmix import kernel
from gaussmix.covariance import Covariances
from gaussmix.types import BoolArray, Float64Array, FloatArray, IntArray

_CELL_STEPS: Final = 5  # of Lloyd's iterations
_CELLS_AROUND: Final = 4  # so many cells' worth of components are the first candidates
_EXPLORING: Final = 8  # one candidate in so many is new, at least one
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
    candidates: Candidates,
    share: Float64Array,
    n_candidates: int,
    rng: np.random.Generator,
    least_tail: float = 0.0,
) -> Candidates:
    """Return the candidates that the rows ask for, and some that are tried.

    Parameters
    ----------
    candidates : Candidates
        Of each component, itself first.
    share : ndarray, one value a candidate
        Sum of the responsibilities that it took of the component's rows.
    n_candidates : int
    rng : numpy.random.Generator
        Draws those that are tried.
    least_tail : float
        Of a component's rows: the last candidates that together take no more are left out.
    """
    ranked, part = _ranked(candidates, share)
    K, n_tried = len(ranked), max(n_candidates // _EXPLORING, 1)
    n_kept = min(n_candidates - n_tried, ranked.shape[1])
    drawn = _drawn(ranked, part, rng)
    listed = np.concatenate([ranked[:, :n_kept], drawn], axis=1)
    fresh = _first_ones(listed)
    least = least_tail * np.add.reduceat(share, candidates.starts[:-1])
    tail = np.cumsum(np.maximum(part[:, :0:-1], 0.0), axis=1)[:, ::-1]  # of each candidate and those behind
    fresh[:, 1:n_kept] &= tail[:, : n_kept - 1] > least[:, None]
    tried = fresh[:, n_kept:]
    tried &= np.cumsum(tried, axis=1) <= n_tried
    starts = np.concatenate([[0], np.cumsum(fresh.sum(axis=1))])
    return Candidates(np.arange(K, dtype=np.int32), starts, listed[fresh])


def _ranked(candidates: Candidates, share: Float64Array) -> tuple[IntArray, Float64Array]:
    """Return the candidates of each component, itself first and then those of most share, and these; both (K, C)."""
    n_listed = np.diff(candidates.starts)
    K, C = len(n_listed), max(int(n_listed.max()), 1 + _HOPS)
    there = np.arange(C) < n_listed[:, None]
    listed = np.repeat(np.arange(K, dtype=np.int32)[:, None], C, axis=1)  # itself fills up
    part = np.full((K, C), -1.0)
    listed[there], part[there] = candidates.components, share
    part[:, 0] = np.inf
    order = np.argsort(-part, axis=1)
    return np.take_along_axis(listed, order, axis=1), np.take_along_axis(part, order, axis=1)


def _drawn(ranked: IntArray, part: Float64Array, rng: np.random.Generator) -> IntArray:
    """Return components that are two steps away over those of most share, or one step back, in a random order."""
    K = len(ranked)
    near = np.where(part[:, 1 : 1 + _HOPS] > 0, ranked[:, 1 : 1 + _HOPS], ranked[:, :1])  # (K, hops)
    overlap = np.maximum(part[:, 1 : 1 + _HOPS], 0.0)
    overlap /= np.maximum(overlap.sum(axis=1), np.finfo(np.float64).tiny)[:, None]
    beyond = near[near].reshape(K, -1)
    chance = (overlap[:, :, None] * overlap[near]).reshape(K, -1)
    back, taken = _asking(near, overlap)
    beyond, chance = np.concatenate([beyond, back], axis=1), np.concatenate([chance, taken], axis=1)
    with np.errstate(divide="ignore"):
        key = -np.log(chance) - rng.gumbel(size=chance.shape)
    order = np.argsort(key, axis=1)  # a draw without replacement
    return np.take_along_axis(beyond, order, axis=1)


def _asking(near: IntArray, overlap: Float64Array) -> tuple[IntArray, Float64Array]:
    """Return some of those that have each component near them, (K, hops), and its part of their overlap."""
    K, hops = near.shape
    asked = near.ravel()
    order = np.lexsort((-overlap.ravel(), asked))
    asked = asked[order]
    place = np.arange(len(asked)) - np.searchsorted(asked, np.arange(K))[asked]
    asked, order, place = (values[place < hops] for values in (asked, order, place))
    asking, taken = np.repeat(np.arange(K, dtype=near.dtype)[:, None], hops, axis=1), np.zeros((K, hops))
    asking[asked, place], taken[asked, place] = order // hops, overlap.ravel()[order]
    return asking, taken


def _first_ones(listed: IntArray) -> BoolArray:
    """Return which entries of each row stand in it for the first time."""
    K, M = listed.shape
    key = np.sort(listed.astype(np.int64) * M + np.arange(M), axis=1)
    component, place = np.divmod(key, M)
    first = np.ones((K, M), bool)
    first[:, 1:] = component[:, 1:] != component[:, :-1]
    fresh = np.empty((K, M), bool)
    np.put_along_axis(fresh, place, first, axis=1)
    return fresh
