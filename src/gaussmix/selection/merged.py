"""Clusters that are made of several Gaussian components."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from gaussmix.executor import Serial
from gaussmix.model import Mixture, evaluate
from gaussmix.source import as_source
from gaussmix.source.blocks import block_rows
from gaussmix.types import Float64Array, FloatArray, IntArray


@dataclass(frozen=True, eq=False)
class MergedMixture:
    """Describe a mixture whose components are gathered into clusters; the density stays the same.

    Cluster 0 holds component 0, and each next one the lowest component that those before it do not hold, so that
    the labels do not depend on the order of the merges. NaN in rows is a missing value.

    Attributes
    ----------
    mixture : Mixture
    groups : tuple of tuple of int
        The components of each cluster, in ascending order.

    Examples
    --------
    >>> from gaussmix import Mixture
    >>> mixture = Mixture.from_parameters([0.4, 0.2, 0.4], [[0.0], [9.0], [1.0]], [[[1.0]]] * 3)
    >>> merged = MergedMixture(mixture, ((0, 2), (1,)))
    >>> merged.predict([[1.2], [8.0]])
    array([0, 1])
    >>> merged.weights.round(2)
    array([0.8, 0.2])
    """

    mixture: Mixture
    groups: tuple[tuple[int, ...], ...]

    @property
    def n_clusters(self) -> int:
        """The number of clusters, G."""
        return len(self.groups)

    @property
    def labels(self) -> IntArray:
        """The cluster of each component, shape (K,)."""
        labels = np.empty(self.mixture.n_components, np.int64)
        for g, group in enumerate(self.groups):
            labels[list(group)] = g
        return labels

    @property
    def weights(self) -> Float64Array:
        """The weight of each cluster, shape (G,)."""
        weights: Float64Array = grouped(self.mixture.weights[None], self.groups)[:, 0]
        return weights

    def cluster(self, g: int) -> Mixture:
        """Return the distribution of the rows of cluster ``g``: the mixture of its components."""
        return self.mixture.select(np.array(self.groups[g]))

    def predict(self, X: Any) -> IntArray:
        """Return the most probable cluster of each row.

        Parameters
        ----------
        X : array-like, dataframe, path or Source, of shape (n, D)

        Returns
        -------
        ndarray of shape (n,)
        """
        labels: IntArray = self._evaluated(X, (), np.dtype(np.int64), lambda P: P.argmax(axis=0))
        return labels

    def posterior(self, X: Any) -> FloatArray:
        """Return the probability of each cluster given the row, shape (n, G).

        It is the sum of the probabilities of the cluster's components.

        Parameters
        ----------
        X : array-like, dataframe, path or Source, of shape (n, D)
        """
        source = as_source(X, missing=True)
        probabilities: FloatArray = self._evaluated(source, (self.n_clusters,), source.dtype, lambda P: P.T)
        return probabilities

    def log_prob(self, X: Any) -> FloatArray:
        """Return log p(x), shape (n,), in nats: that of the mixture, which merging does not change."""
        log_prob: FloatArray = evaluate.log_prob(self.mixture, as_source(X, missing=True), Serial())
        return log_prob

    def _evaluated(self, X: Any, tail: tuple[int, ...], dtype: np.dtype[Any], of: Any) -> Any:
        """Return a function of the clusters' posteriors, block by block."""
        source = as_source(X, missing=True)
        n_rows = block_rows(source.n_rows, source.n_features, self.mixture.n_components)
        out, start = np.empty((source.n_rows, *tail), dtype), 0
        for partition in source.partitions(n_rows):
            rows, _ = partition.load()
            stop = start + rows.shape[0]
            out[start:stop] = of(grouped(self.mixture.posterior(rows), self.groups))
            start = stop
        return out


def grouped(values: FloatArray, groups: tuple[tuple[int, ...], ...]) -> Float64Array:
    """Return sums over the groups of columns of ``values``: (n, K) becomes (G, n), so that a group's are adjacent."""
    out = np.empty((len(groups), len(values)))
    for g, group in enumerate(groups):
        out[g] = values[:, group[0]]
        for k in group[1:]:
            out[g] += values[:, k]
    return out
