"""Where fits of very many components start: k-means++ in two steps, EM and exchanges of components, on a sample."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from gaussmix.covariance import CovarianceFamily, resolve_family
from gaussmix.executor import Executor
from gaussmix.fit.em import fit_em
from gaussmix.fit.exchange import exchanged
from gaussmix.fit.k_means import k_means_plus_plus, nearest, squared_distances
from gaussmix.fit.schedule import sample_rows
from gaussmix.fit.truncated import searched, unassigned
from gaussmix.model import Mixture
from gaussmix.model.truncated import TruncatedMixture
from gaussmix.prior import Flat, Prior
from gaussmix.source import Source
from gaussmix.types import Float64Array, FloatArray, IntArray

_SEED_ROWS: Final = 50  # for each component
_SEED_VALUES: Final = 4_000_000  # of the rows that a start looks at: 32 MB
_SEED_PASSES: Final = 5
_SEED_CANDIDATES: Final = 32  # at most: where components belong shows without the last digits
_ROUNDS: Final = 8  # of exchanges
_ROUND_PASSES: Final = 3
_LEAST_MOVED: Final = 0.02  # of the components: after fewer, another round is not worth its passes
_MERGING: Final = 6  # neighbours with which a component may merge
_MEASURED: Final = 256  # seeds whose distances tell how wide components start
_FEW: Final = 2  # distinct rows a component: with fewer, most components are one row or two
_LEAST_VARIANCE: Final = 1e-6  # of a component, in squared units of the features
_LEAST_WEIGHT: Final = 0.01  # of an average component: one without rows in the sample may find some among all
_TINY: Final = float(np.finfo(np.float64).tiny)


def start_truncated(
    source: Source,
    n_components: int,
    family: CovarianceFamily,
    prior: Prior,
    unit: Float64Array,
    executor: Executor,
    rng: np.random.Generator,
    *,
    n_candidates: int,
    spread_out: bool = True,
) -> Mixture:
    """Return a start for a truncated fit, found on a sample with diagonal covariances.

    Parameters
    ----------
    source : Source
        All rows.
    n_components : int
    family : CovarianceFamily
    prior : Prior
    unit : ndarray of shape (D,)
        Standard deviations of the features.
    executor : Executor
    rng : numpy.random.Generator
    n_candidates : int
    spread_out : bool
        False: components start at rows drawn at random, and stay where EM leads them.
    """
    K, D = n_components, source.n_features
    sample = sample_rows(source, max(2 * K, min(_SEED_ROWS * K, _SEED_VALUES // D)), rng)
    refinement = _Refinement.of(sample, unit, n_candidates, executor)
    Z, weight = refinement.Z, refinement.weight
    seeds, few = _spread_out(Z, weight, K, rng) if spread_out else (_any_rows(weight, K, rng), False)
    means = refinement.X[seeds].astype(np.float64)
    variance = np.repeat(_square_widths(Z[seeds], each=few)[:, None], D, axis=1) * unit**2
    prior_of_start = Flat(_LEAST_VARIANCE * unit**2, prior.floor, equal_weights=False)
    model = Mixture.from_parameters(
        np.full(K, 1.0 / K), means, variance, resolve_family("diag", D), prior_of_start
    )
    refined = refinement.improved(model) if spread_out else refinement.run(model, _SEED_PASSES).mixture
    alive = np.maximum(refined.weights, _LEAST_WEIGHT / K)
    alive /= alive.sum()
    return Mixture(
        alive, refined.means, family.embed(refined.covariances, alive), family, prior, np.zeros(K, bool)
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Refined:
    """Hold what some passes made of a mixture."""

    mixture: Mixture
    bound: float
    best: IntArray
    neighbours: IntArray


@dataclass(frozen=True, slots=True, eq=False)
class _Refinement:
    """Improve mixtures of diagonal covariances on the rows of a sample.

    Attributes
    ----------
    sample : Source
    X, Z : ndarray of shape (n, D)
        Its rows; about their mean, in standard deviations.
    weight : ndarray of shape (n,)
        At most 1.
    unit : ndarray of shape (D,)
    n_candidates : int
    executor : Executor
    """

    sample: Source
    X: FloatArray
    Z: Float64Array
    weight: Float64Array
    unit: Float64Array
    n_candidates: int
    executor: Executor

    @classmethod
    def of(cls, sample: Source, unit: Float64Array, n_candidates: int, executor: Executor) -> _Refinement:
        X, weight = sample.take(np.arange(sample.n_rows)), sample.sample_weight
        weight = np.ones(len(X)) if weight is None else weight / weight.max()
        Z = np.ascontiguousarray((X - X.mean(axis=0, dtype=np.float64)) / unit)
        return cls(sample, X, Z, weight, unit, min(n_candidates, _SEED_CANDIDATES), executor)

    def run(self, model: Mixture, n_passes: int) -> _Refined:
        """Return the mixture after some passes."""
        assignment = unassigned(self.sample, model)
        start = searched(TruncatedMixture.of(model, self.n_candidates), assignment, self.executor)
        found = fit_em(start, assignment.partitions, self.executor, tol=0.0, max_iter=n_passes)
        candidates = found.model.candidates
        neighbours = (
            np.arange(model.n_components)[:, None] + np.arange(1, 1 + _MERGING)
        ) % model.n_components
        for k, row in enumerate(neighbours):
            nearest_ones = candidates.of_group(k)[1 : 1 + _MERGING]  # the first is the component itself
            row[: len(nearest_ones)] = nearest_ones
        return _Refined(
            found.model.mixture, found.history[-1], assignment.after(found.model.n_steps), neighbours
        )

    def improved(self, model: Mixture) -> Mixture:
        """Return the mixture after passes, and exchanges of components as long as they gain."""
        refined = self.run(model, _SEED_PASSES)
        for _ in range(_ROUNDS):
            moved, n_moved = self._exchanged(refined)
            if not n_moved:
                break
            after = self.run(moved, _ROUND_PASSES)
            if not after.bound > refined.bound:
                break
            refined = after
            if n_moved < _LEAST_MOVED * model.n_components:
                break
        return refined.mixture

    def _exchanged(self, refined: _Refined) -> tuple[Mixture, int]:
        """Return the mixture with some components elsewhere, and how many these are."""
        mixture = refined.mixture
        groups, changed = exchanged(self.Z, self.weight, refined.best, refined.neighbours, _LEAST_VARIANCE)
        middle = self.X.mean(axis=0, dtype=np.float64)
        weights, means = mixture.weights.copy(), mixture.means.copy()
        variances = np.square(mixture.covariances.standard_deviations())
        weights[changed] = groups.count[changed] / self.weight.sum()
        means[changed] = groups.means[changed] * self.unit + middle
        variances[changed] = (groups.variances[changed] + _LEAST_VARIANCE) * self.unit**2
        weights = np.maximum(weights, _LEAST_WEIGHT / len(weights))
        moved = Mixture.from_parameters(
            weights / weights.sum(), means, variances, mixture.family, mixture.prior
        )
        return moved, len(changed)


def _any_rows(weight: Float64Array, n_rows: int, rng: np.random.Generator) -> IntArray:
    possible = np.flatnonzero(weight > 0)
    return rng.choice(possible, n_rows, replace=len(possible) < n_rows)


def _spread_out(
    Z: Float64Array, weight: Float64Array, n_seeds: int, rng: np.random.Generator
) -> tuple[IntArray, bool]:
    """Return rows that are spread out, and whether there are few others than these; rows may be alike."""
    seeds = _spread_over_cells(Z, weight, n_seeds, rng)
    if len(np.unique(Z[seeds], axis=0)) == n_seeds:
        return seeds, False
    _, first, place = np.unique(Z, axis=0, return_index=True, return_inverse=True)
    total = np.bincount(place.ravel(), weight).astype(np.float64)
    distinct = _spread_over_cells(np.ascontiguousarray(Z[first]), total, n_seeds, rng)
    return first[distinct], len(first) < _FEW * n_seeds


def _spread_over_cells(
    Z: Float64Array, weight: Float64Array, n_seeds: int, rng: np.random.Generator
) -> IntArray:
    """Return rows that are spread out: √K by k-means++, and among the rows nearest to each, others by k-means++.

    A cell of n rows at a mean squared distance m from its seed gets seeds in proportion to (n m)^(D / (D + 2)), about
    the density of optimal quantisers (Zador 1982). This takes distances to √K seeds a row instead of K.
    """
    n_cells = int(np.sqrt(n_seeds))
    coarse = k_means_plus_plus(Z, weight, n_cells, rng, n_trials=1)
    label = nearest(Z, Z[coarse])
    order = np.argsort(label, kind="stable")
    cells = np.split(order, np.searchsorted(label[order], np.arange(1, n_cells)))
    spread = np.square(Z - Z[coarse][label]).sum(axis=1) * weight
    D = Z.shape[1]
    mass = np.array([weight[cell].sum() for cell in cells])
    mean_square = np.array([spread[cell].sum() for cell in cells]) / np.maximum(mass, _TINY)
    share = (mass * mean_square) ** (D / (D + 2))  # p^(D/(D+2)) integrated over a cell of this size
    share /= share.sum() or 1.0  # it is 0 where every row is at a coarse seed
    share *= n_seeds - n_cells
    wanted = 1 + np.floor(share).astype(np.int64)
    short = n_seeds - int(wanted.sum())
    wanted[np.argsort(np.floor(share) - share, kind="stable")[:short]] += 1
    wanted = np.minimum(wanted, [np.count_nonzero(weight[cell] > 0) for cell in cells])
    parts = [
        cell[k_means_plus_plus(Z[cell], weight[cell], int(n), rng, n_trials=1)]
        for cell, n in zip(cells, wanted, strict=True)
        if n
    ]
    return _filled_up(np.concatenate(parts), weight, n_seeds, rng)


def _filled_up(rows: IntArray, weight: Float64Array, n_rows: int, rng: np.random.Generator) -> IntArray:
    """Return rows without repetition and so many others; the same row twice only where there are no others."""
    _, places = np.unique(rows, return_index=True)
    rows = rows[np.sort(places)]
    rest = weight.copy()
    rest[rows] = 0.0
    n_others = min(n_rows - len(rows), int(np.count_nonzero(rest)))
    others = rng.choice(np.flatnonzero(rest), n_others, replace=False)
    return np.concatenate([rows, others, _any_rows(weight, n_rows - len(rows) - n_others, rng)])


def _square_widths(points: Float64Array, *, each: bool) -> Float64Array:
    """Return squared distances to the nearest other of some points, over D, shape (K,); at least 1e-6.

    That of each, or the mean of all: where components overlap, those that begin narrow would stay so.
    """
    K, D = points.shape
    step = 1 if each else max(K // _MEASURED, 1)
    some = np.ascontiguousarray(points[::step])
    second: Float64Array = np.partition(squared_distances(some, points), 1, axis=1)[:, 1] / D
    return np.maximum(second if each else np.full(K, second.mean()), _LEAST_VARIANCE)
