"""Moves out of a local optimum: merge two components that cost little, split a third that gains much.

EM cannot move a component from a region that has too many to one that has too few (Ueda, Nakano, Ghahramani &
Hinton 2000, SMEM). Here the pairs are ranked by what their merger costs in likelihood, the splits by what a mixture
of two gains on the component's own rows, and the most promising combinations are tried for a few iterations.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product
from typing import Final

import numpy as np

from gaussmix.covariance import FAMILIES
from gaussmix.executor import Executor
from gaussmix.fit.k_means import k_means_plus_plus, nearest
from gaussmix.fit.level import Level, Run
from gaussmix.fit.portfolio import Portfolio
from gaussmix.model import Mixture
from gaussmix.model.groups import Groups
from gaussmix.moments import DIAGONAL, FULL, POOLED, TRACE
from gaussmix.prior import Flat
from gaussmix.source import ArraySource
from gaussmix.types import Float64Array, FloatArray, IntArray

_LOCAL_SEEDS: Final = 2  # local starts by k-means++
_LOCAL_CUTS: Final = 2  # local starts by a cut across a random direction
_LOCAL_PURSUITS: Final = 2  # local starts by a cut across a direction in which the rows are skewed
_CUT: Final = (0.2, 0.8)  # quantiles between which it cuts
_PURSUIT_ITERATIONS: Final = 10
_LOCAL_ITERATIONS: Final = 15
_LOCAL_ROWS: Final = 4_000  # of one component: more tell no more about where to split it
_PAIRS: Final = 10
_FEW_ROWS: Final = 5.0  # times D + 2: below, a component's covariance is uncertain
_SHRINKAGES: Final = (1.0, 4.0, 16.0)  # pseudo-rows of the pooled covariance, times D + 2
_ITERATIONS: Final = (5, 10)  # of all candidates, then of the better half, before the best goes on
_BATCHES: Final = 2  # of candidates that are tried before a round gives up
_FOLLOWED: Final = 1  # of each batch
_TWINS: Final = {  # the family without ties between components that looks at the same moments
    FULL.name: "full",
    POOLED.name: "tied",
    DIAGONAL.name: "diag",
    TRACE.name: "spherical",
}


@dataclass(frozen=True, eq=False)
class Split:
    """Hold the best division of one component's rows into two.

    Attributes
    ----------
    gain : float
        Total log-likelihood (nats) by which two components describe these rows better than one.
    halves : Groups
        Weights sum to 1.
    """

    gain: float
    halves: Groups


def split_and_merge(
    run: Run,
    level: Level,
    portfolio: Portfolio,
    executor: Executor,
    rng: np.random.Generator,
    *,
    n_candidates: int,
    max_rounds: int,
    max_passes: float,
) -> tuple[Run, float]:
    """Return the run after all moves that raised its likelihood, and the passes over the sample that it took.

    Parameters
    ----------
    run : Run
        Converged on the level.
    level : Level
    portfolio : Portfolio
        Of the level's rows.
    executor : Executor
    rng : numpy.random.Generator
    n_candidates : int
        Moves tried in each round.
    max_rounds : int
        At most this many moves are made.
    max_passes : float
        Passes over the sample after which no further move is tried.
    """
    passes = 0.0
    known: dict[bytes, Split | None] = {}
    for _ in range(max_rounds):
        if passes >= max_passes:
            break
        splits = _splits(run.model, portfolio, level, executor, rng, known)
        passes += (_LOCAL_SEEDS + _LOCAL_CUTS + _LOCAL_PURSUITS) * _LOCAL_ITERATIONS * 2 / level.n_components
        moved = _shrunk(run.model, portfolio)
        moved += _candidates(run.model, splits, portfolio, _BATCHES * n_candidates)
        for first in range(0, len(moved), n_candidates):
            end, taken = _best_of(moved[first : first + n_candidates], run, level, executor)
            passes += taken
            if end is not None:
                break
        else:
            break
        run = replace(end, n_hits=1)
    return run, passes


def _shrunk(model: Mixture, portfolio: Portfolio) -> list[Mixture]:
    """Return the mixture with covariances shrunk towards the pooled one, where a component has few rows.

    Such a component fits its rows too closely to let go of any, or to take up another.
    """
    components = Groups.from_mixture(model)
    unit = (model.n_features + 2) / len(portfolio.possible)
    if components.weights.min() > _FEW_ROWS * unit:
        return []
    return [
        components.lent(part * unit).as_mixture(portfolio.family, portfolio.prior) for part in _SHRINKAGES
    ]


def _best_of(moved: list[Mixture], run: Run, level: Level, executor: Executor) -> tuple[Run | None, float]:
    """Return the converged run from the best of the moved mixtures if it is better than ``run``, and the passes."""
    tried = level.map(lambda model: level.run(model, _ITERATIONS[0]), moved, executor)
    passes = sum(trial.n_iter for trial in tried)
    tried = sorted((trial for trial in tried if trial.sound), key=lambda trial: -trial.bound)
    tried = level.map(
        lambda trial: level.run(trial.model, _ITERATIONS[1]), tried[: (len(moved) + 1) // 2], executor
    )
    passes += sum(trial.n_iter for trial in tried)
    for best in sorted((trial for trial in tried if trial.sound), key=lambda trial: -trial.bound)[:_FOLLOWED]:
        end = level.converged(best.model, executor)
        passes += end.n_iter
        if end.sound and end.bound > run.bound + 2 * level.tol:
            return end, passes
    return None, passes


def _candidates(
    model: Mixture, splits: list[Split | None], portfolio: Portfolio, n_candidates: int
) -> list[Mixture]:
    """Return the mixtures after the most promising moves: merge i and j, split l."""
    components = Groups.from_mixture(model)
    total = float(portfolio.sample.weight.sum())
    costs = total * components.merging_costs()
    pairs = [divmod(int(flat), len(costs)) for flat in np.argsort(costs, axis=None)[:_PAIRS]]
    gains = np.array([-np.inf if split is None else split.gain for split in splits])
    moves = [
        (gains[k] - costs[i, j], i, j, k)
        for (i, j), k in product(pairs, np.flatnonzero(np.isfinite(gains)).tolist())
        if k not in (i, j) and np.isfinite(costs[i, j])
    ]
    moves.sort(key=lambda move: -move[0])
    return [_moved(components, splits, move[1:], portfolio) for move in moves[:n_candidates]]


def _moved(
    components: Groups, splits: list[Split | None], move: tuple[int, int, int], portfolio: Portfolio
) -> Mixture:
    i, j, k = move
    split = splits[k]
    assert split is not None
    rest = [c for c in range(len(components)) if c not in move]
    halves = Groups(
        components.weights[k] * split.halves.weights, split.halves.means, split.halves.covariances
    )
    groups = components.take(rest).joined(components.merged(i, [j])).joined(halves)
    return groups.as_mixture(portfolio.family, portfolio.prior)


def _splits(
    model: Mixture,
    portfolio: Portfolio,
    level: Level,
    executor: Executor,
    rng: np.random.Generator,
    known: dict[bytes, Split | None],
) -> list[Split | None]:
    """Return the best split of each component; one whose rows did not change since ``known`` is not tried again."""
    sample = portfolio.sample
    labels = model.predict(sample.X)
    rows = [np.flatnonzero((labels == k) & (sample.weight > 0)) for k in range(model.n_components)]
    keys = [part.tobytes() for part in rows]
    new = [k for k, key in enumerate(keys) if key not in known]
    tasks = list(zip(new, rng.spawn(len(new)), strict=True))

    def split(task: tuple[int, np.random.Generator]) -> Split | None:
        k, own = task
        part = rows[k] if len(rows[k]) <= _LOCAL_ROWS else np.sort(own.choice(rows[k], _LOCAL_ROWS, False))
        total = float(sample.weight[rows[k]].sum())
        return _best_split(sample.X[part], sample.weight[part], total, portfolio, own)

    found = level.map(split, tasks, executor)
    known.update(zip([keys[k] for k in new], found, strict=True))
    return [known[key] for key in keys]


def _best_split(
    X: FloatArray, weight: Float64Array, total: float, portfolio: Portfolio, rng: np.random.Generator
) -> Split | None:
    """Return the best of a few mixtures of two on a component's rows, or None if they are too few."""
    n, D = X.shape
    if n < 2 * (D + 2):
        return None
    family = FAMILIES[_TWINS[portfolio.family.scatter.name]]
    prior = Flat(portfolio.prior.added_variance, portfolio.prior.floor)
    whole = Groups.from_labels(X, weight, np.zeros(n, np.int64), 1, family.scatter).raised(
        prior.added_variance
    )
    whole_bound = -0.5 * (D * (np.log(2 * np.pi) + 1) + whole.log_volumes()[0])
    level, ends = Level(ArraySource(X, weight), 2, 1.0), []
    for labels in _divisions(X, weight, whole, rng):
        groups = Groups.from_labels(X, weight, labels, 2, family.scatter)
        if not groups.weights.all():
            continue
        start = groups.lent(weight.mean()).raised(prior.added_variance).as_mixture(family, prior)
        ends.append(level.run(start, _LOCAL_ITERATIONS))
    for end in sorted(ends, key=lambda end: -end.bound):
        if end.sound:
            return Split(total * (end.bound - whole_bound), Groups.from_mixture(end.model))
    return None


def _divisions(
    X: FloatArray, weight: Float64Array, whole: Groups, rng: np.random.Generator
) -> Iterator[IntArray]:
    """Yield labels 0 and 1 of different divisions of the rows."""
    Z = _standardized(X, whole)
    for _ in range(_LOCAL_SEEDS):
        yield nearest(Z, Z[k_means_plus_plus(Z, weight, 2, rng, n_trials=1)])
    for _ in range(_LOCAL_CUTS):
        line = Z @ rng.standard_normal(Z.shape[1])
        yield _nearer(line, int(rng.uniform(*_CUT) * len(line)))
    for _ in range(_LOCAL_PURSUITS):
        line = Z @ _skewed_direction(Z, weight, rng)
        yield _nearer(-line, _best_cut(np.sort(line)[::-1], Z.shape[1] + 2))


def _nearer(distance: Float64Array, size: int) -> IntArray:
    """Return 1 for the ``size`` rows of least distance, 0 for the others."""
    labels = np.zeros(len(distance), np.int64)
    labels[np.argpartition(distance, size - 1)[:size]] = 1
    return labels


def _skewed_direction(Z: Float64Array, weight: Float64Array, rng: np.random.Generator) -> Float64Array:
    """Return a direction in which the rows are skewed: a small group to one side shows there, whatever D is.

    A fixed point of w ← Σ z (wᵀz)², the power iteration of the third moments (Anandkumar et al. 2014).
    """
    direction = np.asarray(rng.standard_normal(Z.shape[1]))
    for _ in range(_PURSUIT_ITERATIONS):
        moved = (weight * np.square(Z @ direction)) @ Z
        direction = moved / max(float(np.linalg.norm(moved)), np.finfo(float).tiny)
    return direction


def _best_cut(line: Float64Array, least: int) -> int:
    """Return how many of the first values to cut off so that two normals describe the two parts best."""
    n = len(line)
    count = np.arange(least, n - least + 1)
    sums, squares = np.cumsum(line), np.cumsum(np.square(line))
    total = np.zeros(len(count))
    for size, first, second in (
        (count, sums[count - 1], squares[count - 1]),
        (n - count, sums[-1] - sums[count - 1], squares[-1] - squares[count - 1]),
    ):
        variance = np.maximum(second / size - np.square(first / size), np.finfo(float).eps)
        total += size * (np.log(size) - 0.5 * np.log(variance))
    return int(count[np.argmax(total)])


def _standardized(X: FloatArray, whole: Groups) -> Float64Array:
    """Return rows about their mean, whitened where the covariance is known."""
    Z = X - whole.means[0]
    covariance = whole.covariances[0]
    if covariance.ndim == 2:
        sd = np.sqrt(np.diagonal(covariance))
        variances, axes = np.linalg.eigh(covariance / sd[:, None] / sd)
        floor = np.maximum(variances, np.finfo(float).eps * variances[-1])
        return np.ascontiguousarray((Z / sd) @ (axes / np.sqrt(floor)))
    return np.ascontiguousarray(Z / np.sqrt(covariance), dtype=np.float64)
