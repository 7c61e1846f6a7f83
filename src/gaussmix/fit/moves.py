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
from gaussmix.fit.groups import Groups
from gaussmix.fit.k_means import k_means_plus_plus, nearest
from gaussmix.fit.level import Level, Run
from gaussmix.fit.portfolio import Portfolio
from gaussmix.fit.spurious import is_spurious
from gaussmix.model import Mixture
from gaussmix.moments import DIAGONAL, FULL, POOLED, TRACE
from gaussmix.prior import Flat
from gaussmix.types import Float64Array, FloatArray, IntArray

_LOCAL_SEEDS: Final = 2  # local starts by k-means++
_LOCAL_CUTS: Final = 4  # local starts by a cut across a random direction
_CUT: Final = (0.2, 0.8)  # quantiles between which it cuts
_LOCAL_ITERATIONS: Final = 15
_LOCAL_ROWS: Final = 4_000  # of one component: more tell no more about where to split it
_PAIRS: Final = 10
_ITERATIONS: Final = 15  # of each candidate before the best goes on
_MAX_ITER: Final = 500
_MAX_ROUNDS: Final = 10
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
    max_rounds: int = _MAX_ROUNDS,
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
    """
    passes = 0.0
    known: dict[bytes, Split | None] = {}
    for _ in range(max_rounds):
        splits = _splits(run.model, portfolio, level, executor, rng, known)
        passes += (_LOCAL_SEEDS + _LOCAL_CUTS) * _LOCAL_ITERATIONS * 2 / level.n_components
        moved = _candidates(run.model, splits, portfolio, n_candidates)
        tried = level.map(lambda model: level.run(model, _ITERATIONS), moved, executor)
        passes += sum(trial.n_iter for trial in tried)
        sound = [trial for trial in tried if trial.sound]
        if not sound:
            break
        best = max(sound, key=lambda trial: trial.bound)
        end = level.run(best.model, _MAX_ITER, level.tol, executor)
        passes += end.n_iter
        if not (end.sound and end.bound > run.bound + 2 * level.tol):
            break
        run = replace(end, n_hits=1)
    return run, passes


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
    best: Split | None = None
    for labels in _divisions(X, weight, whole, rng):
        groups = Groups.from_labels(X, weight, labels, 2, family.scatter)
        if not groups.weights.all():
            continue
        start = groups.lent(weight.mean()).raised(prior.added_variance).as_mixture(family, prior)
        end, bounds, _ = start.em_steps(X, weight, _LOCAL_ITERATIONS)
        if len(bounds) < _LOCAL_ITERATIONS or is_spurious(end):
            continue
        gain = total * (bounds[-1] - whole_bound)
        if best is None or gain > best.gain:
            best = Split(gain, Groups.from_mixture(end))
    return best


def _divisions(
    X: FloatArray, weight: Float64Array, whole: Groups, rng: np.random.Generator
) -> Iterator[IntArray]:
    """Yield labels 0 and 1 of different divisions of the rows."""
    Z = _standardized(X, whole)
    for _ in range(_LOCAL_SEEDS):
        yield nearest(Z, Z[k_means_plus_plus(Z, weight, 2, rng, n_trials=1)])
    for _ in range(_LOCAL_CUTS):
        line = Z @ rng.standard_normal(Z.shape[1])
        order = np.argsort(line)
        labels = np.zeros(len(line), np.int64)
        labels[order[int(rng.uniform(*_CUT) * len(line)) :]] = 1
        yield labels


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
