"""Clusters that are not Gaussian: merge components two by two (Baudry et al. 2010; Hennig 2010)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from scipy.special import entr

from gaussmix.errors import DataError, ParameterError
from gaussmix.executor import Serial
from gaussmix.model import Mixture
from gaussmix.selection.merge_criteria import MERGE_CRITERIA, MergeCriterion
from gaussmix.selection.merge_tree import MergeTree, check_n_clusters
from gaussmix.selection.merged import grouped
from gaussmix.source import Partition, Source, as_source
from gaussmix.source.blocks import block_rows
from gaussmix.types import Float64Array


def merge_components(
    mixture: Any,
    X: Any,
    method: Literal["entropy", "overlap"] = "entropy",
    n_clusters: int | None = None,
    sample_weight: Any = None,
) -> MergeTree:
    """Return the tree of merges that turns the components of a mixture into clusters of several components.

    A cluster that is not Gaussian takes several components. Starting from one cluster a component, the two are
    merged that are hardest to tell apart on the rows, until one is left. The density does not change.

    Parameters
    ----------
    mixture : Mixture or fitted estimator
        Usually of as many components as BIC chooses.
    X : array-like, dataframe, path or Source, of shape (N, D)
        The rows of the fit. They are passed over K − 1 times. NaN is a missing value.
    method : {"entropy", "overlap"}, default="entropy"
        Merge the pair that takes most from the entropy of the soft classification (Baudry et al. 2010), or the pair
        with the highest probability that a row of one is taken for one of the other (Hennig 2010, "directly
        estimated misclassification probabilities").
    n_clusters : int, optional
        Where ``cut`` cuts the tree. By default, by entropy at the elbow of the rescaled entropy plot, but without
        any merge from the first on that removes less than 0.01 nats a row of its two clusters; by overlap, before
        the first merge of clusters of misclassification probabilities below 0.025.
    sample_weight : array-like of shape (N,), optional
        A row of weight w counts as w rows.

    Returns
    -------
    MergeTree
        ``cut()`` returns the clusters.

    Raises
    ------
    ParameterError
        If ``mixture`` is no fitted mixture, ``method`` is unknown or ``n_clusters`` is not a number from 1 to K.
    DataError
        If rows or weights cannot be used.

    References
    ----------
    Baudry, Raftery, Celeux, Lo & Gottardo (2010), Combining mixture components for clustering, Journal of
    Computational and Graphical Statistics 19.

    Hennig (2010), Methods for merging Gaussian mixture components, Advances in Data Analysis and Classification 4.

    Examples
    --------
    >>> from gaussmix import Mixture
    >>> from gaussmix.selection import merge_components
    >>> mixture = Mixture.from_parameters([0.4, 0.2, 0.4], [[0.0], [9.0], [1.0]], [[[1.0]]] * 3)
    >>> X, _ = mixture.sample(300, 0)
    >>> tree = merge_components(mixture, X)
    >>> tree.pairs
    array([[0, 2],
           [1, 3]])
    >>> tree.cut().groups
    ((0, 2), (1,))
    """
    mixture, source = _checked(mixture, X, sample_weight)
    if method not in MERGE_CRITERIA:
        raise ParameterError(
            f"method should be one of {', '.join(map(repr, MERGE_CRITERIA))}, got {method!r}"
        )
    criterion = MERGE_CRITERIA[method]
    if n_clusters is not None:
        check_n_clusters(n_clusters, mixture.n_components)
    K = mixture.n_components
    partitions = source.partitions(block_rows(source.n_rows, source.n_features, K))
    pairs, gains, entropies, counts = _merges(mixture, partitions, criterion)
    wanted = K - criterion.n_merges(gains, entropies, counts) if n_clusters is None else int(n_clusters)
    return MergeTree(mixture, method, pairs, gains, entropies, counts, wanted)


def _merges(
    mixture: Mixture, partitions: Sequence[Partition], criterion: MergeCriterion
) -> tuple[Any, Float64Array, Float64Array, Float64Array]:
    """Return pairs, gains, entropies and counts of the merges from K clusters to one."""
    K = mixture.n_components
    clusters: list[tuple[int, ...]] = [(k,) for k in range(K)]
    numbers = list(range(K))
    gains = np.full((K, K), np.nan)  # those that are not known, and below the diagonal
    merges, entropies = [], []
    for m in range(K - 1):
        unknown = np.argwhere(np.triu(np.isnan(gains), 1))
        look = _Look(mixture, tuple(clusters), criterion, unknown)
        entropy, count, gains[tuple(unknown.T)] = look.over(partitions)
        i, j = divmod(int(np.nanargmax(gains)), len(clusters))
        merges.append((numbers[i], numbers[j], gains[i, j], count[i] + count[j]))
        entropies.append(entropy)
        clusters[i], numbers[i] = clusters[i] + clusters[j], K + m
        del clusters[j], numbers[j]
        gains = np.delete(np.delete(gains, j, axis=0), j, axis=1)
        gains[(i if criterion.lasting else slice(None)), :] = np.nan
        gains[:, i] = np.nan
    table = np.array(merges).reshape(-1, 4)
    pairs = np.sort(table[:, :2].astype(np.int64), axis=1)
    return pairs, table[:, 2], np.array([*entropies, 0.0]), table[:, 3]


@dataclass(frozen=True, slots=True, eq=False)
class _Look:
    """Return the sums over one block of rows that merging looks at: the task that executors run."""

    mixture: Mixture
    clusters: tuple[tuple[int, ...], ...]
    criterion: MergeCriterion
    pairs: Any

    def __call__(self, partition: Partition) -> Float64Array:
        X, weight = partition.load()
        if weight is None:
            weight = np.ones(X.shape[0])
        elif not weight.all():  # a row without weight counts for nothing, however improbable it is
            X, weight = X[weight > 0], weight[weight > 0]
        posterior = grouped(self.mixture.posterior(X), self.clusters)
        labels = posterior.argmax(axis=0)
        entropy = (weight * entr(posterior)).sum()
        counts = np.bincount(labels, weight, len(self.clusters))
        sums = [self.criterion.sums(posterior, labels, weight, i, j) for i, j in self.pairs]
        return np.concatenate([[entropy], counts, *sums])

    def over(self, partitions: Sequence[Partition]) -> tuple[float, Float64Array, Float64Array]:
        """Return entropy, counts (G,) and the gain of each pair over all rows."""
        sums = Serial().map_reduce(self, partitions)
        G = len(self.clusters)
        gains = self.criterion.gain(sums[1 + G :].reshape(-1, self.criterion.n_sums))
        return max(float(sums[0]), 0.0), sums[1 : 1 + G], gains


def _checked(fitted: Any, X: Any, sample_weight: Any) -> tuple[Mixture, Source]:
    """Return the mixture of an estimator or search, and the rows."""
    best = getattr(fitted, "best_estimator_", fitted)
    mixture = getattr(best, "mixture_", best)
    if not isinstance(mixture, Mixture):
        raise ParameterError(
            f"mixture should be a Mixture or a fitted estimator, got {type(fitted).__name__}: call fit first"
        )
    source = as_source(X, sample_weight=sample_weight, missing=True)
    if source.n_features != mixture.n_features:
        raise DataError(f"X has {source.n_features} features, but the mixture has {mixture.n_features}")
    names = getattr(best, "feature_names_in_", None)
    if names is not None and source.feature_names is not None and list(names) != list(source.feature_names):
        raise DataError(
            "The feature names should match those that were passed during fit, in the same order: "
            f"expected {list(names)}, got {list(source.feature_names)}"
        )
    return mixture, source
