"""Groups of rows or components by their first two moments: what merging two costs, and mixtures made of groups."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from gaussmix import kernel
from gaussmix.covariance import CovarianceFamily
from gaussmix.model.mixture import Mixture
from gaussmix.moments import DIAGONAL, FULL, POOLED, TRACE, Scatter, buffer_size
from gaussmix.prior import Prior
from gaussmix.types import Float64Array, FloatArray, IntArray


@dataclass(frozen=True, eq=False)
class Groups:
    """Hold weight, mean and covariance of G groups.

    Attributes
    ----------
    weights : ndarray of shape (G,)
    means : ndarray of shape (G, D)
    covariances : ndarray of shape (G, D, D), (G, D) or (G,)
        As much of the matrices as the covariance family looks at: all, the diagonal, or the mean of the diagonal.
    """

    weights: Float64Array
    means: Float64Array
    covariances: Float64Array

    @classmethod
    def from_labels(
        cls, X: FloatArray, weight: Float64Array, labels: IntArray, n_groups: int, scatter: Scatter
    ) -> Groups:
        """Return the groups of labelled rows; rows of label −1 belong to none, a group without rows has weight 0."""
        order = np.argsort(labels, kind="stable")
        edges = np.searchsorted(labels[order], np.arange(n_groups + 1))
        X, weight = X[order], weight[order][:, None]
        D = X.shape[1]
        form = DIAGONAL if scatter in (DIAGONAL, TRACE) else FULL
        given = kernel.diagonal_moments_given if form is DIAGONAL else kernel.dense_moments_given
        weights, means = np.zeros(n_groups), np.zeros((n_groups, D))
        second = np.zeros((n_groups, *form.shape(1, D)[1:]))
        out = np.empty(buffer_size(form, 1, D))
        for g, (a, b) in enumerate(pairwise(edges.tolist())):
            reference = X[a : a + 1].astype(np.float64)
            if a < b and given(X[a:b], weight[a:b], reference, out) is None and out[1] > 0:
                weights[g] = out[1]
                shift = out[3 : 3 + D] / out[1]
                means[g] = reference[0] + shift
                second[g] = (
                    out[3 + D :].reshape(second.shape[1:]) / out[1] - _outer(shift[None], second.ndim)[0]
                )
        return cls(weights, means, second.mean(axis=1) if scatter is TRACE else second)

    @classmethod
    def from_mixture(cls, mixture: Mixture) -> Groups:
        """Return the components of a mixture as groups."""
        covariances = mixture.covariances
        kind = covariances.scatter
        second = covariances.to_dense() if kind in (FULL, POOLED) else covariances.parameters()
        return cls(mixture.weights, mixture.means, second)

    def __len__(self) -> int:
        return len(self.weights)

    def take(self, groups: IntArray | list[int]) -> Groups:
        """Return the listed groups."""
        return Groups(self.weights[groups], self.means[groups], self.covariances[groups])

    def joined(self, other: Groups) -> Groups:
        """Return these groups followed by others."""
        return Groups(
            np.concatenate([self.weights, other.weights]),
            np.concatenate([self.means, other.means]),
            np.concatenate([self.covariances, other.covariances]),
        )

    def lent(self, weight: float) -> Groups:
        """Return the groups with ``weight`` of the pooled within-group covariance lent to each."""
        pooled = np.tensordot(self.weights, self.covariances, 1) / self.weights.sum()
        own = _column(self.weights, self.covariances)
        return Groups(
            self.weights + weight, self.means, (own * self.covariances + weight * pooled) / (own + weight)
        )

    def raised(self, variance: Float64Array | None) -> Groups:
        """Return the groups with ``variance`` (D,) added to the diagonals of their covariances."""
        if variance is None:
            return self
        form = self.covariances.ndim
        added = np.diag(variance) if form == 3 else variance if form == 2 else variance.mean()
        return Groups(self.weights, self.means, self.covariances + added)

    def merged(self, i: int, others: IntArray | list[int]) -> Groups:
        """Return group i merged with each of ``others``, of which joint mean and covariance do not change."""
        w, v = self.weights[i], self.weights[others]
        total = w + v
        shift = self.means[others] - self.means[i]
        means = self.means[i] + (v / total)[:, None] * shift
        spread = _outer(shift, self.covariances.ndim)
        own = _column(w / total, spread) * self.covariances[i]
        other = _column(v / total, spread) * self.covariances[others]
        return Groups(total, means, own + other + _column(w * v / total**2, spread) * spread)

    def log_volumes(self) -> Float64Array:
        """Return log|Σ_g|, shape (G,)."""
        with np.errstate(divide="ignore", invalid="ignore"):
            if self.covariances.ndim == 3:
                return np.asarray(np.linalg.slogdet(self.covariances)[1])
            if self.covariances.ndim == 2:
                return np.asarray(np.log(self.covariances).sum(axis=1))
            return np.asarray(self.means.shape[1] * np.log(self.covariances))

    def merging_costs(self) -> Float64Array:
        """Return what merging two groups costs in log-likelihood, shape (G, G), infinite on and below the diagonal.

        ½ [(π_i + π_j) log|Σ_ij| − π_i log|Σ_i| − π_j log|Σ_j|], an upper bound of the divergence (Runnalls 2007,
        eq. 16), in the unit of the weights.
        """
        costs = np.full((len(self), len(self)), np.inf)
        volumes = self.log_volumes()
        for i in range(len(self) - 1):
            costs[i, i + 1 :] = self._costs_with(i, np.arange(i + 1, len(self)), volumes)
        return costs

    def reduced(self, n_groups: int) -> tuple[Groups, IntArray]:
        """Return the groups merged, each time the cheapest pair, until ``n_groups`` are left, and where each went."""
        groups, costs, volumes = self, self.merging_costs(), self.log_volumes()
        member = np.arange(len(self))
        alive = np.ones(len(self), bool)
        for _ in range(len(self) - n_groups):
            i, j = divmod(int(np.argmin(costs)), len(self))
            one = groups.merged(i, [j])
            groups = groups._replaced(i, one)
            member[member == j] = i
            alive[j] = False
            costs[j, :], costs[:, j] = np.inf, np.inf
            volumes[i] = one.log_volumes()[0]
            others = np.flatnonzero(alive & (np.arange(len(self)) != i))
            row = groups._costs_with(i, others, volumes)
            costs[np.minimum(i, others), np.maximum(i, others)] = row
        left = np.flatnonzero(alive)
        return groups.take(left), np.searchsorted(left, member)

    def as_mixture(self, family: CovarianceFamily, prior: Prior) -> Mixture:
        """Return the mixture of the family that is nearest to these groups."""
        D = self.means.shape[1]
        scatter = _column(self.weights, self.covariances) * self.covariances
        if family.scatter is POOLED:
            scatter = scatter.sum(axis=0)
        elif family.scatter is TRACE:
            scatter = D * scatter
        covariances = family.estimate(scatter, self.weights, D)
        if covariances.singular.any():
            covariances = covariances.floored(prior.floor)
        weights = prior.mixing_weights(self.weights)
        return Mixture(weights, self.means, covariances, family, prior, np.zeros(len(self), bool))

    def _costs_with(self, i: int, others: IntArray, volumes: Float64Array) -> Float64Array:
        merged = self.merged(i, others)
        with np.errstate(invalid="ignore"):
            cost = merged.weights * merged.log_volumes()
            cost -= self.weights[i] * volumes[i] + self.weights[others] * volumes[others]
        return np.asarray(np.where(np.isfinite(cost), 0.5 * cost, 0.0))  # flat groups: nothing is lost

    def _replaced(self, i: int, one: Groups) -> Groups:
        weights, means, covariances = self.weights.copy(), self.means.copy(), self.covariances.copy()
        weights[i], means[i], covariances[i] = one.weights[0], one.means[0], one.covariances[0]
        return Groups(weights, means, covariances)


def _outer(shift: Float64Array, ndim: int) -> Float64Array:
    """Return the spread between two means in the form of covariances: outer product, squares, or mean square."""
    if ndim == 3:
        return np.asarray(shift[:, :, None] * shift[:, None, :])
    squares = np.square(shift)
    return squares if ndim == 2 else np.asarray(squares.mean(axis=1))


def _column(factors: Float64Array, like: Float64Array) -> Float64Array:
    """Return factors of shape (G,) with trailing axes, so that they multiply ``like`` (G, …)."""
    return factors.reshape(factors.shape + (1,) * (like.ndim - 1))
