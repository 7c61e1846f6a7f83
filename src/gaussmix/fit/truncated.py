"""Fits of very many components: truncated passes (``model.truncated``), and an exact one at the end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from gaussmix.covariance import CovarianceFamily, resolve_family
from gaussmix.executor import Executor
from gaussmix.fit.convergence import Convergence
from gaussmix.fit.em import FitResult, fit_em
from gaussmix.fit.k_means import k_means_plus_plus, nearest, squared_distances
from gaussmix.fit.schedule import sample_rows
from gaussmix.model import Mixture
from gaussmix.model.truncated import TruncatedMixture, assigned
from gaussmix.prior import Flat, Prior
from gaussmix.source import Source
from gaussmix.source.blocks import block_rows
from gaussmix.types import Float64Array, IntArray

_ROWS_PER_COMPONENT: Final = 64  # of a block: with fewer, the tiles of a component's rows are mostly empty
_BLOCKS: Final = 4  # a multiple of this many, for as many threads
_MOST_VALUES: Final = 16_777_216  # of a block: 128 MB
_SEED_ROWS: Final = 50  # for each component
_SEED_VALUES: Final = 4_000_000  # of the rows that a start looks at: 32 MB
_SEED_PASSES: Final = 5
_MEASURED: Final = 256  # seeds whose distances tell how wide components start
_LEAST_VARIANCE: Final = 1e-6  # of a component, in squared units of the features
_LEAST_WEIGHT: Final = 0.01  # of an average component: one without rows in the sample may find some among all
_TINY: Final = float(np.finfo(np.float64).tiny)


def truncated_block_rows(n_rows: int, n_features: int, n_components: int) -> int:
    """Return the rows of each block of a truncated pass: so many that each component has some in each."""
    wanted = min(_ROWS_PER_COMPONENT * n_components, max(_MOST_VALUES // n_features, 1))
    n_blocks = max(n_rows // wanted, 1)
    if n_blocks > 1:
        n_blocks = -(-n_blocks // _BLOCKS) * _BLOCKS
    return -(-n_rows // n_blocks)


@dataclass(frozen=True, slots=True)
class Listener:
    """Tell of the mixture behind each truncated iteration."""

    told: Callable[[int, float, Mixture], bool | None]

    def __call__(self, iteration: int, bound: float, model: TruncatedMixture) -> bool | None:
        return self.told(iteration, bound, model.mixture)


def fit_truncated(
    start: Mixture,
    source: Source,
    executor: Executor,
    *,
    n_candidates: int,
    tol: float,
    max_iter: int,
    on_degenerate: str = "floor",
    on_iteration: Callable[[int, float, Mixture], bool | None] | None = None,
    convergence: Convergence | None = None,
) -> FitResult:
    """Return the result of truncated EM followed by one exact iteration.

    All of ``history`` but its last entry are bounds below the likelihood; the last one is the likelihood of the
    mixture that truncated EM ended with, and ``model`` what one exact M-step makes of it.

    Parameters
    ----------
    start : Mixture
    source : Source
        Rows without missing values.
    executor : Executor
        Of this process: the best component of each row is kept here, four bytes a row.
    n_candidates : int
        Components that are considered for each row.
    tol, on_degenerate, on_iteration, convergence
        As in ``fit_em``.
    max_iter : int
        Of all iterations, the exact one included.
    """
    rows = truncated_block_rows(source.n_rows, source.n_features, start.n_components)
    found = fit_em(
        TruncatedMixture.of(start, n_candidates),  # type: ignore[arg-type]  # it has all that the loop asks of a model
        assigned(source.partitions(rows), source.n_rows, rows),
        executor,
        tol=tol,
        max_iter=max(max_iter - 1, 0),
        on_degenerate=on_degenerate,
        on_iteration=None if on_iteration is None else Listener(on_iteration),  # type: ignore[arg-type]
        convergence=convergence,
    )
    truncated: TruncatedMixture = found.model  # type: ignore[assignment]
    exact = fit_em(
        truncated.mixture,
        source.partitions(block_rows(source.n_rows, source.n_features, start.n_components)),
        executor,
        tol=0.0,
        max_iter=min(max_iter, 1),
        on_degenerate=on_degenerate,
    )
    history = [*found.history, *exact.history]
    if on_iteration is not None and exact.history:
        on_iteration(len(history), history[-1], exact.model)
    collapses = [*found.collapses, *(replace(c, iteration=len(history)) for c in exact.collapses)]
    return FitResult(exact.model, history, found.converged, collapses, found.convergence)


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
    """Return a start for a truncated fit: k-means++ in two steps, then passes of diagonal covariances, on a sample.

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
        False: components start at rows drawn at random.
    """
    K, D = n_components, source.n_features
    sample = sample_rows(source, max(2 * K, min(_SEED_ROWS * K, _SEED_VALUES // D)), rng)
    X = sample.take(np.arange(sample.n_rows))
    weight = (
        np.ones(len(X)) if sample.sample_weight is None else sample.sample_weight / sample.sample_weight.max()
    )
    Z = (X - X.mean(axis=0, dtype=np.float64)) / unit
    seeds = _spread_out(Z, weight, K, rng) if spread_out else _any_rows(weight, K, rng)
    means = X[seeds].astype(np.float64)
    variance = np.full((K, D), _distance_of_seeds(Z, seeds)) * unit**2
    diagonal = resolve_family("diag", D)
    prior_of_start = Flat(_LEAST_VARIANCE * unit**2, prior.floor, equal_weights=False)
    weights = np.full(K, 1.0 / K)
    model = Mixture.from_parameters(weights, means, variance, diagonal, prior_of_start)
    rows = truncated_block_rows(sample.n_rows, D, K)
    found = fit_em(
        TruncatedMixture.of(model, n_candidates),  # type: ignore[arg-type]
        assigned(sample.partitions(rows), sample.n_rows, rows),
        executor,
        tol=0.0,
        max_iter=_SEED_PASSES,
    )
    refined: Mixture = found.model.mixture  # type: ignore[attr-defined]
    alive = np.maximum(
        refined.weights, 0.01 / K
    )  # one that lost its rows to the sample may find some among all
    alive /= alive.sum()
    return Mixture(
        alive, refined.means, family.embed(refined.covariances, alive), family, prior, np.zeros(K, bool)
    )


def _any_rows(weight: Float64Array, n_rows: int, rng: np.random.Generator) -> IntArray:
    possible = np.flatnonzero(weight > 0)
    return rng.choice(possible, n_rows, replace=len(possible) < n_rows)


def _spread_out(Z: Float64Array, weight: Float64Array, n_seeds: int, rng: np.random.Generator) -> IntArray:
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
    share = mass ** (D / (D + 2)) * mean_square ** (
        D / (D + 2)
    )  # p^(D/(D+2)) integrated over a cell of this size
    share *= (n_seeds - n_cells) / max(share.sum(), _TINY)
    wanted = 1 + np.floor(share).astype(np.int64)
    short = n_seeds - int(wanted.sum())
    wanted[np.argsort(np.floor(share) - share, kind="stable")[:short]] += 1
    wanted = np.minimum(wanted, [np.count_nonzero(weight[cell] > 0) for cell in cells])
    parts = [
        cell[k_means_plus_plus(Z[cell], weight[cell], int(n), rng, n_trials=1)]
        for cell, n in zip(cells, wanted, strict=True)
        if n
    ]
    seeds = np.concatenate(parts)
    return np.concatenate([seeds, _any_rows(weight, n_seeds - len(seeds), rng)])


def _distance_of_seeds(Z: Float64Array, seeds: IntArray) -> float:
    """Return the mean squared distance of some seeds to the nearest other one, over D; at least 1e-6."""
    points = Z[seeds]
    some = np.ascontiguousarray(points[:: max(len(points) // _MEASURED, 1)])
    second: Float64Array = np.partition(squared_distances(some, points), 1, axis=1)[:, 1]
    return max(float(second.mean()) / int(Z.shape[1]), _LEAST_VARIANCE)
