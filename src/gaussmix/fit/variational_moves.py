"""Moves out of a local optimum of variational Bayes: merge components, divide one into a place that is free.

Coordinate ascent empties a superfluous component by tiny steps, and cannot move one from a region that has too many
to one that has too few. A move is kept only if it raises the lower bound (Hughes & Sudderth 2013).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any, Final

import numpy as np

from gaussmix.executor import Executor, Serial
from gaussmix.fit.em import EStep, fit_em
from gaussmix.fit.initialization import moments_of_responsibilities
from gaussmix.fit.k_means import k_means_plus_plus, nearest
from gaussmix.model.variational import VariationalMixture
from gaussmix.model.variational.regrouping import divided, entropy_losses, merge_gains, merged
from gaussmix.moments import Moments
from gaussmix.source import ArraySource, Partition
from gaussmix.source.blocks import block_rows
from gaussmix.types import Float64Array, FloatArray, IntArray

_SETTLING: Final = 20  # iterations before the first moves
_TRIAL: Final = 10  # iterations of a candidate before it is judged
_TOL: Final = 1e-7  # per row: gains below it are none
_PAIRS: Final = 1000  # of nearest components, of which mergers are judged
_FEWEST_PAIRS: Final = 20
_PAIR_NUMBERS: Final = 2_000_000  # of the matrices of all pairs: 16 MB
_ENTROPY_ROWS: Final = 4_000  # from which the entropy that a merger costs is estimated
_DIVISION_ITERATIONS: Final = 15
_LEAST_ROWS: Final = 2  # times D + 1: a component with fewer is not divided
_LOCAL_ROWS: Final = 2_000  # of one component: more tell no more about where to divide it


@dataclass(frozen=True)
class Moves:
    """Say how many moves are tried.

    Attributes
    ----------
    seeds : int
        Divisions of each component that are compared.
    failures : int
        Divisions that may fail before the search ends.
    reluctant : int
        Mergers that are tried although they seem to lower the bound.
    """

    seeds: int
    failures: int
    reluctant: int


MOVES: Final[dict[str, Moves | None]] = {"low": None, "default": Moves(2, 2, 2), "high": Moves(6, 6, 8)}


@dataclass(eq=False)
class VariationalSearch:
    """Improve a variational posterior by moves.

    Parameters
    ----------
    partitions : sequence of Partition
    executor : Executor
    X : ndarray of shape (n, D)
        Rows to look at: all or a sample.
    weight : ndarray of shape (n,)
        How many rows each of them stands for.
    moves : Moves
    rng : numpy.random.Generator
    n_passes : float
        Passes over all rows that the search has taken.
    """

    partitions: Sequence[Partition]
    executor: Executor
    X: FloatArray
    weight: Float64Array
    moves: Moves
    rng: np.random.Generator
    n_passes: float = field(default=0.0, init=False)

    def improve(self, model: VariationalMixture) -> VariationalMixture:
        """Return a posterior of at least the lower bound that coordinate ascent reaches from ``model``, or nearly."""
        model = self._merge(self._run(model, _SETTLING)[0])
        failures = 0
        while failures < self.moves.failures:
            moments, bound = self._look(model)
            candidates = self._divisions(model, moments)
            for candidate in candidates[: self.moves.failures - failures]:
                tried, reached = self._run(model.m_step(candidate), _TRIAL)
                if reached > bound + _TOL:
                    model = self._merge(tried)
                    break
                failures += 1
            else:
                break
        return model

    def _run(self, model: VariationalMixture, max_iter: int) -> tuple[VariationalMixture, float]:
        """Return the model after some iterations, and a bound that it reaches at least."""
        result = fit_em(model, self.partitions, self.executor, tol=_TOL, max_iter=max_iter)
        self.n_passes += len(result.history)
        return result.model, result.history[-1]

    def _look(self, model: VariationalMixture) -> tuple[Moments, float]:
        """Return the moments of all rows, and the bound."""
        moments = self.executor.map_reduce(EStep(model), self.partitions)
        self.n_passes += 1
        return moments, model.lower_bound(moments)

    def _merge(self, model: VariationalMixture) -> VariationalMixture:
        """Return the posterior after all mergers that raise the bound: many at a time, fewer where that fails."""
        while len(model.used()) > 1:
            moments, bound = self._look(model)
            pairs, gains = self._mergers(model, moments)
            for batch in self._batches(pairs, gains):
                tried, reached = self._run(model.m_step(merged(moments, batch)), _TRIAL)
                if reached > bound + _TOL:
                    model = tried
                    break
            else:
                break
        return model

    def _batches(self, pairs: IntArray, gains: Float64Array) -> Iterator[IntArray]:
        """Yield pairs to be merged at once: all that seem to gain, or the better half of them; then doubtful ones."""
        chosen = _disjoint(pairs[gains > 0])
        while len(chosen):
            yield chosen
            chosen = chosen[: len(chosen) // 2]
        doubtful = pairs[gains <= 0]
        for p in range(min(self.moves.reluctant, len(doubtful))):
            yield doubtful[p : p + 1]

    def _mergers(self, model: VariationalMixture, moments: Moments) -> tuple[IntArray, Float64Array]:
        """Return pairs of components with rows, and what merging them seems to gain, the best first."""
        used = model.used()
        pairs = np.array(list(combinations(used.tolist(), 2)))
        most = max(_FEWEST_PAIRS, min(_PAIRS, _PAIR_NUMBERS // model.n_features**2))
        if len(pairs) > most:
            pairs = pairs[np.argsort(_distances(model, pairs), kind="stable")[:most]]
        step = -(-len(self.X) // _ENTROPY_ROWS)
        X, weight = np.ascontiguousarray(self.X[::step]), self.weight[::step]
        weight = weight * (self.weight.sum() / weight.sum())
        responsibilities = model.posterior(X).astype(np.float64)
        gains = merge_gains(model, moments, pairs) - entropy_losses(responsibilities, weight, pairs)
        order = np.argsort(-gains, kind="stable")
        return pairs[order], gains[order]

    def _divisions(self, model: VariationalMixture, moments: Moments) -> list[Moments]:
        """Return the moments after dividing one component, for those where that seems to gain, the best first."""
        count = moments.count
        empty = int(count.argmin())
        if len(model.used()) == model.n_components:
            return []
        labels = model.predict(self.X)
        found = []
        for k in model.used():
            rows = np.flatnonzero(labels == k)
            if len(rows) > _LOCAL_ROWS:
                rows = rows[np.arange(_LOCAL_ROWS) * len(rows) // _LOCAL_ROWS]
            if len(rows) < _LEAST_ROWS * (model.n_features + 1):
                continue
            weight = np.full(len(rows), float(count[k]) / len(rows))
            gain, halves = self._division(model, int(k), np.ascontiguousarray(self.X[rows]), weight)
            if gain > 0:
                found.append((gain, int(k), halves))
        found.sort(key=lambda each: -each[0])
        return [divided(moments, k, empty, halves) for _, k, halves in found]

    def _division(
        self, model: VariationalMixture, component: int, X: FloatArray, weight: Float64Array
    ) -> tuple[float, Moments]:
        """Return what two components gain on the rows of one, in nats, and their moments."""
        one = _local(model, X, weight, np.zeros(len(X), np.int64), 1)
        alone, _ = one
        Z = np.ascontiguousarray(
            (X - model.means[component]) / model.covariances.standard_deviations()[component]
        )
        Z = Z.astype(np.float64)
        best = None
        for _ in range(self.moves.seeds):
            seeds = k_means_plus_plus(Z, weight, 2, self.rng, n_trials=1)
            two = _local(model, X, weight, nearest(Z, Z[seeds]), 2)
            if best is None or two[0] > best[0]:
                best = two
        assert best is not None
        return best[0] - alone, best[1]


def _local(
    model: VariationalMixture, X: FloatArray, weight: Float64Array, labels: IntArray, n_components: int
) -> tuple[float, Moments]:
    """Return bound (a total) and moments of a fit of few components to few rows."""
    K = n_components
    weights = model.weight_posterior.select(np.arange(K)).updated(np.zeros(K))
    before = VariationalMixture.before(model.belief, weights, model.convention)
    blocks = ArraySource(X, weight).partitions(block_rows(len(X), X.shape[1], K))
    kind = model.belief.family.scatter
    start: Any = before.m_step(moments_of_responsibilities(blocks, labels, K, kind, np.eye(K)))
    n_iter = _DIVISION_ITERATIONS if K > 1 else 1
    local: Any = fit_em(start, blocks, Serial(), tol=_TOL, max_iter=n_iter).model
    moments = Serial().map_reduce(EStep(local), blocks)
    return local.lower_bound(moments) * moments.weight, moments


def _disjoint(pairs: IntArray) -> IntArray:
    """Return those of the pairs, best first, of which no better one has a component."""
    taken: set[int] = set()
    chosen = []
    for pair in pairs.tolist():
        if taken.isdisjoint(pair):
            taken.update(pair)
            chosen.append(pair)
    return np.array(chosen, np.int64).reshape(-1, 2)


def _distances(model: VariationalMixture, pairs: IntArray) -> Float64Array:
    """Return squared distances between the means of pairs, in standard deviations."""
    first, second = pairs.T
    sd = model.covariances.standard_deviations()[first]
    distances: Float64Array = np.square((model.means[first] - model.means[second]) / sd).sum(axis=1)
    return distances
