"""Exchanges of components on a sample: where two components share a cluster, one goes where two clusters share one.

Rows belong to their best component, and a component is as good as its part of the classification likelihood (Celeux &
Govaert 1992) with diagonal covariances::

    L_k = n_k log n_k - n_k / 2 sum_d log s²_kd

A component gains L_a + L_b - L_k by a split into two halves, which two-means finds along its longest axis; two
components that merge lose L_i + L_j - L_ij. A single normal cluster gains nothing by a split: its halves are
narrower, but to be told apart they cost log 2 a row. Splits and merges are paired, the largest gain with the least
loss, as long as both together gain: hundreds at a time, where ``fit.moves`` tries one after the other (Ueda et al.
2000).

References
----------
Celeux & Govaert (1992), A classification EM algorithm for clustering and two stochastic versions, CSDA 14.

Ueda, Nakano, Ghahramani & Hinton (2000), SMEM algorithm for mixture models, Neural Computation 12.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from gaussmix.types import Float64Array, IntArray

_AXIS_STEPS: Final = 4  # of the power method that finds the longest axis
_HALF_STEPS: Final = 3  # of two-means
_LENT_ROWS: Final = 4.0  # with the component's own variance, to halves of few rows
_LEAST_GAIN: Final = 1.0  # nats a feature: what chance gives one more component


@dataclass(frozen=True, slots=True, eq=False)
class Groups:
    """Hold the moments of groups of rows.

    Attributes
    ----------
    count : ndarray of shape (G,)
    means : ndarray of shape (G, D)
    variances : ndarray of shape (G, D)
        Positive.
    """

    count: Float64Array
    means: Float64Array
    variances: Float64Array

    def take(self, groups: IntArray) -> Groups:
        """Return some of the groups."""
        return Groups(self.count[groups], self.means[groups], self.variances[groups])

    def joined(self, other: Groups) -> Groups:
        """Return the union of each group with the one at its place in ``other``."""
        count = self.count + other.count
        part = np.divide(other.count, count, out=np.zeros_like(count), where=count > 0)[:, None]
        shift = other.means - self.means
        variances = (1 - part) * self.variances + part * other.variances + part * (1 - part) * shift**2
        return Groups(count, self.means + part * shift, variances)

    def likelihood(self) -> Float64Array:
        """Return the classification log-likelihood of each group, less what is the same for all partitions."""
        count = self.count
        entropy = count * np.log(np.where(count > 0, count, 1.0))
        return np.asarray(entropy - 0.5 * count * np.log(self.variances).sum(axis=1))


def exchanged(
    Z: Float64Array, weight: Float64Array, label: IntArray, neighbours: IntArray, least: float
) -> tuple[Groups, IntArray]:
    """Return the moments of the components after all exchanges that gain, and which components these changed.

    Parameters
    ----------
    Z : ndarray of shape (n, D)
        Rows in units of a standard deviation.
    weight : ndarray of shape (n,)
    label : ndarray of shape (n,)
        The component of each row.
    neighbours : ndarray of shape (K, B)
        Others that each component may merge with.
    least : float
        The least variance.
    """
    K = len(neighbours)
    order = np.argsort(label, kind="stable")
    Z, weight, label = Z[order], weight[order], label[order]
    groups = _moments(Z, weight, label, K, least)
    side = _halves(Z, weight, label, groups)
    halves = _lent(_moments(Z, weight, 2 * label + side, 2 * K, least), groups)
    first, second = halves.take(np.arange(0, 2 * K, 2)), halves.take(np.arange(1, 2 * K, 2))
    alone = groups.likelihood()
    gain = first.likelihood() + second.likelihood() - alone
    gain[(first.count == 0) | (second.count == 0)] = -np.inf
    loss = np.stack([_loss(groups, alone, column) for column in neighbours.T], axis=1)
    partner = np.take_along_axis(neighbours, loss.argmin(axis=1)[:, None], axis=1)[:, 0]
    pairs = _paired(gain, loss.min(axis=1), partner, _LEAST_GAIN * Z.shape[1])
    split, kept, freed = pairs.T
    merged = groups.take(kept).joined(groups.take(freed))
    for into, part in ((kept, merged), (split, first.take(split)), (freed, second.take(split))):
        groups.count[into], groups.means[into], groups.variances[into] = (
            part.count,
            part.means,
            part.variances,
        )
    return groups, np.unique(pairs)


def _moments(Z: Float64Array, weight: Float64Array, label: IntArray, n_groups: int, least: float) -> Groups:
    count = np.asarray(np.bincount(label, weight, n_groups), np.float64)
    safe = np.where(count > 0, count, 1.0)[:, None]
    means = _sums(Z * weight[:, None], label, n_groups) / safe
    variances = _sums(np.square(Z - means[label]) * weight[:, None], label, n_groups) / safe
    return Groups(count, means, np.maximum(variances, least))


def _sums(values: Float64Array, label: IntArray, n_groups: int) -> Float64Array:
    """Return the sums of rows by label, shape (n_groups, D)."""
    return np.stack([np.bincount(label, column, n_groups) for column in values.T], axis=1)


def _halves(Z: Float64Array, weight: Float64Array, label: IntArray, groups: Groups) -> IntArray:
    """Return 0 or 1 for each row: its side, when its component is cut in two by two-means."""
    K = len(groups.count)
    centred = Z - groups.means[label]
    axis = groups.variances.copy()  # the longest features first; the power method finds the signs
    axis[np.arange(K), groups.variances.argmax(axis=1)] *= 2.0
    for _ in range(_AXIS_STEPS):
        along = np.einsum("nd,nd->n", centred, axis[label]) * weight
        axis = _sums(centred * along[:, None], label, K)
        length = np.sqrt(np.square(axis).sum(axis=1))
        axis /= np.where(length > 0, length, 1.0)[:, None]
    side: IntArray = (np.einsum("nd,nd->n", centred, axis[label]) > 0).astype(np.int64)
    for _ in range(_HALF_STEPS):
        count = np.bincount(2 * label + side, weight, 2 * K)
        means = _sums(centred * weight[:, None], 2 * label + side, 2 * K)
        means /= np.where(count > 0, count, 1.0)[:, None]
        to, middle = means[1::2] - means[::2], 0.5 * (means[1::2] + means[::2])
        side = (np.einsum("nd,nd->n", centred - middle[label], to[label]) > 0).astype(np.int64)
    return side


def _lent(halves: Groups, groups: Groups) -> Groups:
    """Return halves of which the variances of few rows are drawn towards those of the whole."""
    part = (_LENT_ROWS / (halves.count + _LENT_ROWS))[:, None]
    whole = np.repeat(groups.variances, 2, axis=0)
    return Groups(halves.count, halves.means, (1 - part) * halves.variances + part * whole)


def _loss(groups: Groups, alone: Float64Array, other: IntArray) -> Float64Array:
    """Return what each group and its ``other`` lose as one."""
    return np.asarray(alone + alone[other] - groups.joined(groups.take(other)).likelihood())


def _paired(gain: Float64Array, loss: Float64Array, partner: IntArray, least_gain: float) -> IntArray:
    """Return rows of (component that is split, one that takes in the other, that other), each component once."""
    used, pairs = np.zeros(len(gain), bool), []
    merges = iter(np.argsort(loss, kind="stable"))
    for split in np.argsort(-gain, kind="stable"):
        if used[split]:
            continue
        used[split] = True
        pair = next(((k, partner[k]) for k in merges if not used[k] and not used[partner[k]]), None)
        if pair is None or gain[split] - loss[pair[0]] <= least_gain:
            break
        used[list(pair)] = True
        pairs.append((split, *pair))
    return np.array(pairs, np.int64).reshape(-1, 3)
