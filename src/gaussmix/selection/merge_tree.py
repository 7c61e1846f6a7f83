"""The order in which components were merged, and the clusters at any height of that tree."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gaussmix.errors import ParameterError
from gaussmix.model import Mixture
from gaussmix.selection.merge_criteria import MERGE_CRITERIA, elbow
from gaussmix.selection.merged import MergedMixture
from gaussmix.types import Float64Array, IntArray


@dataclass(frozen=True, eq=False)
class MergeTree:
    """Hold the K − 1 merges from K components to a single cluster.

    Attributes
    ----------
    mixture : Mixture
        Of K components.
    method : str
    pairs : ndarray of shape (K - 1, 2)
        The clusters of each merge, numbered as in SciPy's linkage: component k is cluster k, and merge m makes
        cluster K + m.
    gains : ndarray of shape (K - 1,)
        By ``"entropy"``, what each merge takes from the entropy, in nats; by ``"overlap"``, the probability that a
        row of one of the two clusters is taken for one of the other, the larger one of both ways.
    entropies : ndarray of shape (K,)
        Entropy of the soft classification by K, K − 1, ..., 1 clusters: −Σ w t log t, in nats, summed over rows.
    counts : ndarray of shape (K - 1,)
        Weight of the rows that were labelled as one of the two clusters of each merge.
    n_clusters : int
        What ``cut`` cuts at: what was asked for, or what the method suggests.
    """

    mixture: Mixture
    method: str
    pairs: IntArray
    gains: Float64Array
    entropies: Float64Array
    counts: Float64Array
    n_clusters: int

    @property
    def sizes(self) -> IntArray:
        """The numbers of clusters that ``entropies`` belong to: K, K − 1, ..., 1."""
        return np.arange(self.mixture.n_components, 0, -1)

    @property
    def linkage(self) -> Float64Array:
        """The tree as SciPy's ``dendrogram`` takes it, shape (K − 1, 4).

        Of each merge: the two clusters, its height, and the number of components in the new cluster. The height is
        the entropy removed so far, in nats; where merges go by overlap, 1 − the smallest overlap so far.
        """
        heights = MERGE_CRITERIA[self.method].heights(self.gains)
        members = [len(group) for group in self._clusters()[self.mixture.n_components :]]
        return np.column_stack([self.pairs, heights, members])

    def elbow(self, *, rescaled: bool = True) -> int:
        """Return the number of clusters at which the entropy's fall slows down.

        Two straight lines are fitted to the entropies; they meet at the elbow (Baudry et al. 2010). It is K if there
        are fewer than three components, or if the fall does not slow down.

        Parameters
        ----------
        rescaled : bool
            Plot the entropies against the cumulative count of merged rows, not against the number of clusters.
        """
        K = self.mixture.n_components
        x = np.append(0.0, np.cumsum(self.counts)) if rescaled else np.arange(float(K))
        return K - elbow(x, self.entropies)

    def cut(self, n_clusters: int | None = None) -> MergedMixture:
        """Return the mixture with its components gathered into clusters.

        Parameters
        ----------
        n_clusters : int, optional
            From 1 to K; by default the tree's own ``n_clusters``.

        Raises
        ------
        ParameterError
            If ``n_clusters`` is not a number from 1 to K.
        """
        K = self.mixture.n_components
        wanted = self.n_clusters if n_clusters is None else check_n_clusters(n_clusters, K)
        made = self._clusters()[: 2 * K - wanted]
        used = set(self.pairs[: K - wanted].ravel().tolist())
        left = sorted(group for number, group in enumerate(made) if number not in used)
        return MergedMixture(self.mixture, tuple(left))

    def _clusters(self) -> list[tuple[int, ...]]:
        """Return the components of each cluster, by its number."""
        clusters: list[tuple[int, ...]] = [(k,) for k in range(self.mixture.n_components)]
        for a, b in self.pairs.tolist():
            clusters.append(tuple(sorted(clusters[a] + clusters[b])))
        return clusters


def check_n_clusters(n_clusters: object, n_components: int) -> int:
    """Return a number of clusters that can be made of ``n_components`` components, or raise ParameterError."""
    whole = isinstance(n_clusters, int | np.integer) and not isinstance(n_clusters, bool)
    if not whole or not 1 <= int(n_clusters) <= n_components:  # type: ignore[call-overload]
        raise ParameterError(
            f"n_clusters should be a whole number from 1 to {n_components}, the number of components, "
            f"got {n_clusters!r}"
        )
    return int(n_clusters)  # type: ignore[call-overload, no-any-return]
