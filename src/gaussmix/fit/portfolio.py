"""A portfolio of different starts: no single kind of start finds the best optimum, and kinds err on different data.

Each start groups the rows, or some of them, and becomes the mixture of the groups' moments. To add a kind: one
function here, and one line in ``KINDS``. Which kinds are worth their place was measured, see docs/how-it-works.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Final

import numpy as np
from scipy.spatial import cKDTree

from gaussmix.covariance import CovarianceFamily
from gaussmix.fit.initialization import Sample
from gaussmix.fit.k_means import k_means_plus_plus, nearest
from gaussmix.model import Mixture
from gaussmix.model.groups import Groups
from gaussmix.prior import Prior
from gaussmix.types import Float64Array, IntArray

_WARD_ROWS: Final = 600  # Ward's method takes time and memory with the square of the rows
_SEED_ROWS: Final = 2_000  # from which k-means++ draws
_SEED_ROWS_PER_COMPONENT: Final = 50
_NEIGHBOURS: Final = 5
_WHITENING_ROUNDS: Final = 4
_MOST_WHITENED: Final = 256  # features: beyond, whitening costs more than it tells
_LEAST_EIGENVALUE: Final = 1e-8  # of the largest: directions without variance are left out
_LINE_ITERATIONS: Final = 20
_MOST_MERGED: Final = 128  # components: merging twice as many groups takes time with their square


class Portfolio:
    """Make the starts of one problem.

    Parameters
    ----------
    sample : Sample
    n_components : int
        At least 2.
    family : CovarianceFamily
    prior : Prior
    rng : numpy.random.Generator
        Draws the rows that Ward's method looks at.
    given : sequence of Mixture
        Starts that come before all others.
    """

    def __init__(
        self,
        sample: Sample,
        n_components: int,
        family: CovarianceFamily,
        prior: Prior,
        rng: np.random.Generator,
        *,
        given: Sequence[Mixture] = (),
    ) -> None:
        self.sample = sample
        self.given = given
        self.n_components = n_components
        self.family = family
        self.prior = prior
        self.possible = np.flatnonzero(sample.weight > 0)
        self.subset = self._draw(max(_WARD_ROWS, 3 * n_components), rng)
        self._first = _first_kinds(sample.X.shape[1], n_components)

    def start(self, index: int, rng: np.random.Generator) -> Mixture:
        """Return start number ``index``: given ones first, the deterministic kinds, then the random ones in turn."""
        if index < len(self.given):
            return self.given[index]
        index -= len(self.given)
        later = index - len(self._first)
        kind = self._first[index] if later < 0 else _IN_TURN[later % len(_IN_TURN)]
        return self.mixture(KINDS[kind](self, rng))

    def broad(self, rng: np.random.Generator) -> Mixture:
        """Return random rows as means, all with the covariance that K equal parts of the whole would have."""
        return self.mixture(_random_means(self, rng))

    def mixture(self, groups: Groups) -> Mixture:
        """Return the mixture of some groups, made regular."""
        return self.regular(groups).as_mixture(self.family, self.prior)

    def regular(self, groups: Groups) -> Groups:
        """Return the groups, each lent a row of the covariance pooled within them, so that none is singular."""
        one_row = float(self.sample.weight.sum()) / len(self.possible)
        return groups.lent(one_row).raised(self.prior.added_variance)

    def groups(self, labels: IntArray, n_groups: int) -> Groups:
        """Return the groups of labelled rows; one without rows stands in the middle."""
        sample = self.sample
        groups = Groups.from_labels(sample.X, sample.weight, labels, n_groups, self.family.scatter)
        empty = groups.weights == 0
        if empty.any():
            groups.means[empty] = groups.weights @ groups.means / groups.weights.sum()
        return groups

    def seeds(self, Z: Float64Array, n_seeds: int, rng: np.random.Generator) -> Float64Array:
        """Return rows of ``Z`` far from one another, drawn by k-means++ from some of the rows, (n_seeds, D)."""
        rows = self._draw(max(_SEED_ROWS, _SEED_ROWS_PER_COMPONENT * n_seeds), rng)
        Z, weight = Z[rows], self.sample.weight[rows]
        return Z[k_means_plus_plus(Z, weight, n_seeds, rng, n_trials=1)]

    @property
    def raw(self) -> Float64Array:
        """Rows in units of a standard deviation, (n, D)."""
        return self.sample.standardized

    @cached_property
    def white(self) -> Float64Array:
        """Rows whitened by their covariance, (n, at most D)."""
        Z = self.raw[self.subset]
        if Z.shape[1] > _MOST_WHITENED:
            return self.raw
        return _whitened(self.raw, np.cov(Z, rowvar=False).reshape(Z.shape[1], -1))

    @cached_property
    def near_white(self) -> Float64Array:
        """Rows whitened by the covariance of differences between near neighbours: that within the clusters.

        Gnanadesikan, Harvey & Kettenring (1993) and Art et al. (1982) estimate it in this way before clusters are
        known; a few rounds, since neighbours are found in the whitened data.
        """
        Z = self.raw[self.subset]
        if Z.shape[1] > _MOST_WHITENED:
            return self.raw
        view, covariance = Z, np.eye(Z.shape[1])
        n_neighbours = min(max(_NEIGHBOURS, Z.shape[1] + 1), len(Z) - 1)
        for _ in range(_WHITENING_ROUNDS):
            neighbours = np.asarray(cKDTree(view).query(view, n_neighbours + 1)[1])[:, 1:]
            differences = (Z[:, None, :] - Z[neighbours]).reshape(-1, Z.shape[1])
            covariance = differences.T @ differences / (2 * len(differences))
            if not covariance.any():  # all neighbours are equal rows
                return self.raw
            view = _whitened(Z, covariance)
        return _whitened(self.raw, covariance)

    def _draw(self, n_rows: int, rng: np.random.Generator) -> IntArray:
        """Return at most ``n_rows`` rows of positive weight, the heavier the more likely, in ascending order."""
        if n_rows >= len(self.possible):
            return self.possible
        weight = self.sample.weight[self.possible]
        even = (weight == weight[0]).all()
        rows = rng.choice(self.possible, n_rows, replace=False, p=None if even else weight / weight.sum())
        return np.asarray(np.sort(rows))


Kind = Callable[[Portfolio, np.random.Generator], Groups]


def _ward(portfolio: Portfolio, Z: Float64Array) -> Groups:
    """Return the groups of Ward's hierarchical clustering of a subset of the rows (Ward 1963)."""
    from scipy.cluster.hierarchy import fcluster, linkage  # takes longer to import than a small fit

    labels = np.full(len(Z), -1)
    tree = linkage(Z[portfolio.subset], "ward")
    labels[portfolio.subset] = fcluster(tree, portfolio.n_components, "maxclust") - 1
    return portfolio.groups(labels, portfolio.n_components)


def _k_means_plus_plus(portfolio: Portfolio, Z: Float64Array, rng: np.random.Generator) -> Groups:
    """Return the rows nearest to each of K k-means++ seeds (Arthur & Vassilvitskii 2007)."""
    K = portfolio.n_components
    return portfolio.groups(nearest(Z, portfolio.seeds(Z, K, rng)), K)


def _quantiles(portfolio: Portfolio, rng: np.random.Generator) -> Groups:
    """Return K groups of equal size along the principal axis of least variance."""
    K = portfolio.n_components
    line = portfolio.white[portfolio.possible, 0]
    labels = np.full(len(portfolio.raw), -1)
    order = np.argsort(line, kind="stable")
    labels[portfolio.possible[order]] = np.arange(len(order)) * K // len(order)
    return portfolio.groups(labels, K)


def _projection(portfolio: Portfolio, rng: np.random.Generator) -> Groups:
    """Return the clusters of k-means along one random direction of whitened rows."""
    Z = portfolio.white if rng.random() < 0.5 else portfolio.near_white
    direction = rng.standard_normal(Z.shape[1])
    line = Z @ direction
    centres = np.sort(rng.choice(line[portfolio.possible], portfolio.n_components, replace=False))
    order = np.argsort(line, kind="stable")
    labels = np.empty(len(line), np.int64)
    labels[order] = _k_means_on_a_line(line[order], portfolio.sample.weight[order], centres)
    return portfolio.groups(labels, portfolio.n_components)


def _k_means_on_a_line(line: Float64Array, weight: Float64Array, centres: Float64Array) -> IntArray:
    """Return the cluster of each of the ascending values ``line``."""
    sums = np.concatenate([[[0.0, 0.0]], np.cumsum(np.stack([weight, weight * line], axis=1), axis=0)])
    for _ in range(_LINE_ITERATIONS):
        edges = np.searchsorted(line, (centres[1:] + centres[:-1]) / 2)
        count, total = np.diff(sums[np.concatenate([[0], edges, [len(line)]])], axis=0).T
        moved = np.where(count > 0, total / np.where(count > 0, count, 1.0), centres)
        if np.array_equal(moved, centres):
            break
        centres = np.sort(moved)
    return np.searchsorted((centres[1:] + centres[:-1]) / 2, line)


def _merged(portfolio: Portfolio, rng: np.random.Generator) -> Groups:
    """Return twice as many k-means++ cells, merged at the least cost in likelihood until K are left."""
    K, Z = portfolio.n_components, portfolio.raw
    n_cells = min(2 * K, len(portfolio.possible))
    if K > _MOST_MERGED:
        return _k_means_plus_plus(portfolio, Z, rng)
    cells = portfolio.groups(nearest(Z, portfolio.seeds(Z, n_cells, rng)), n_cells)
    return portfolio.regular(cells).reduced(K)[0]


def _random_means(portfolio: Portfolio, rng: np.random.Generator) -> Groups:
    K, X = portfolio.n_components, portfolio.sample.X
    whole = portfolio.groups(np.where(portfolio.sample.weight > 0, 0, -1), 1)
    rows = rng.choice(portfolio.possible, K, replace=len(portfolio.possible) < K)
    part = K ** (-2.0 / X.shape[1])
    covariances = np.repeat(part * whole.covariances, K, axis=0)
    return Groups(np.repeat(whole.weights / K, K), X[rows].astype(np.float64), covariances)


KINDS: Final[dict[str, Kind]] = {
    "ward": lambda portfolio, rng: _ward(portfolio, portfolio.raw),
    "ward-white": lambda portfolio, rng: _ward(portfolio, portfolio.white),
    "ward-near-white": lambda portfolio, rng: _ward(portfolio, portfolio.near_white),
    "quantiles": _quantiles,
    "k-means++": lambda portfolio, rng: _k_means_plus_plus(portfolio, portfolio.raw, rng),
    "k-means++-white": lambda portfolio, rng: _k_means_plus_plus(portfolio, portfolio.white, rng),
    "projection": _projection,
    "merged": _merged,
    "random-means": _random_means,
}
_IN_TURN: Final = ("k-means++", "projection", "merged", "k-means++-white", "random-means")


def _first_kinds(n_features: int, n_components: int) -> tuple[str, ...]:
    """Return the deterministic kinds worth trying."""
    if n_components > _MOST_MERGED:
        return ()
    return (
        ("ward", "quantiles") if n_features == 1 else ("ward", "ward-near-white", "ward-white", "quantiles")
    )


def _whitened(Z: Float64Array, covariance: Float64Array) -> Float64Array:
    """Return the rows in coordinates in which ``covariance`` is the identity."""
    if Z.shape[1] > _MOST_WHITENED:
        return Z
    variances, axes = np.linalg.eigh(covariance)
    kept = variances > _LEAST_EIGENVALUE * variances[-1]
    return np.ascontiguousarray(Z @ (axes[:, kept] / np.sqrt(variances[kept])))
