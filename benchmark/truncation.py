"""Very many components: truncated passes beside exact ones, and what they cost in likelihood.

Rows of 2,000 overlapping clusters of different shapes and sizes in 16 features, float32. Truncated and exact EM begin
at the same start and take the same number of iterations; at 5,000 components the exact passes are timed on some of
the rows only, and the time is scaled up, unless the whole grid is asked for.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from benchmark.clock import elapsed
from benchmark.data import Array
from benchmark.settings import Settings, say
from benchmark.table import ITSELF, OURS, Bar, Row, at_least
from benchmark.yardstick import cores
from gaussmix import GaussianMixture, Mixture
from gaussmix.covariance import resolve_family
from gaussmix.estimator.threads import executor_for
from gaussmix.fit import fit_em
from gaussmix.fit.truncated import fit_truncated, start_truncated
from gaussmix.prior import FLOOR, Flat
from gaussmix.source import ArraySource
from gaussmix.source.blocks import block_rows

_D: Final = 16
_CLUSTERS: Final = 2_000
_SPREAD: Final = (
    1.5  # of the clusters' centres: of a row, the true cluster has 0.9 of the probability on average
)
_PASSES: Final = 20  # the exact one at the end included
_SEED: Final = 0
_LEAST_ROWS: Final = 20_000
_TIMED_BLOCKS: Final = 2 * cores()  # of an exact pass whose time is scaled up
_ROUNDS: Final = 2
_JUDGED: Final = 16_000  # rows at a time


@dataclass(frozen=True)
class Case:
    """State one comparison; ``in_full`` whether exact EM runs on all rows as long as truncated EM does."""

    n_rows: int
    n_components: int
    covariance_type: str
    n_candidates: int
    in_full: bool


_CASES: Final = (
    Case(100_000, 500, "diag", 32, True),
    Case(100_000, 500, "full", 64, True),
    Case(1_000_000, 5_000, "diag", 32, False),
    Case(1_000_000, 5_000, "diag", 64, False),
    Case(1_000_000, 5_000, "full", 64, False),
)


def clusters(n_rows: int, n_clusters: int, seed: int) -> Array:
    """Return rows of clusters with random centres, shapes and weights; the clusters do not depend on ``n_rows``."""
    rng = np.random.default_rng(_SEED)
    centres = _SPREAD * rng.standard_normal((n_clusters, _D)) * np.linspace(1.5, 0.5, _D)
    axes = np.linalg.qr(rng.standard_normal((n_clusters, _D, _D)))[0]
    roots = axes * np.exp(rng.uniform(-0.7, 0.5, (n_clusters, 1, _D)))
    weights = rng.dirichlet(np.full(n_clusters, 2.0))
    rng = np.random.default_rng([_SEED, seed])
    counts = rng.multinomial(n_rows, weights)
    X = np.empty((n_rows, _D), np.float32)
    ends = np.cumsum(counts)
    for centre, root, n, end in zip(centres, roots, counts, ends, strict=True):
        X[end - n : end] = rng.standard_normal((n, _D)) @ root.T + centre
    return np.asarray(X[rng.permutation(n_rows)])


def measure(settings: Settings) -> Iterator[Row]:
    """Yield the time of a pass and the likelihood lost for each case, and one whole fit."""
    for case in _CASES:
        N, K = settings.rows(case.n_rows, _LEAST_ROWS), case.n_components
        shape = f"{N:,} × {_D} float32, K={K:,}, {case.covariance_type}, {case.n_candidates} candidates"
        one, lost = f"truncation: one pass, {shape}", f"truncation: final likelihood over exact EM's, {shape}"
        if not (settings.wants(one) or settings.wants(lost)):
            continue
        say(one)
        comparison = _compared(clusters(N, min(_CLUSTERS, max(K // 2, 200)), settings.draw), case, settings)
        bars = [Bar(ITSELF, 15.0, "≥ 15× exact")] if K == 5_000 else []
        yield Row(one, {OURS: comparison.truncated, ITSELF: comparison.exact}, bars=bars)
        if comparison.gain is not None:
            yield Row(lost, {OURS: comparison.gain}, unit="nats", bars=[at_least(-0.02, "nats")])
    N = settings.rows(100_000, _LEAST_ROWS)
    whole = f"truncation: whole fit from its own start, {N:,} × {_D} float32, K=500, full, 32 candidates"
    if settings.wants(whole):
        say(whole)
        X = clusters(N, 250, settings.draw)
        model = GaussianMixture(500, truncation=32, random_state=0, max_iter=100, tol=1e-3)
        seconds = elapsed(lambda: _quietly(model, X))
        say(f"{model.n_iter_} passes, {model.lower_bound_:.4f} nats a row")
        yield Row(whole, {OURS: 1e3 * seconds})


@dataclass(frozen=True)
class Compared:
    """Hold milliseconds a pass, and the truncated fit's likelihood less the exact one's, in nats a row."""

    truncated: float
    exact: float
    gain: float | None


def _compared(X: Array, case: Case, settings: Settings) -> Compared:
    source, executor, unit = ArraySource(X), executor_for(None), X.std(axis=0).astype(np.float64)
    prior, family = Flat(1e-6 * unit**2, FLOOR * unit**2), resolve_family(case.covariance_type, _D)
    rng, K = np.random.default_rng(settings.draw), case.n_components
    start = start_truncated(source, K, family, prior, unit, executor, rng, n_candidates=case.n_candidates)
    found: list[Any] = []
    size = block_rows(len(X), _D, K)

    def truncated(n_passes: int) -> Any:
        return fit_truncated(
            start, source, executor, n_candidates=case.n_candidates, tol=0.0, max_iter=n_passes
        )

    def exact(rows: ArraySource, n_passes: int) -> Any:
        blocks = rows.partitions(size)
        return fit_em(start, blocks, executor, tol=0.0, max_iter=n_passes)

    last = elapsed(lambda: truncated(1))  # the exact pass at the end of every fit
    ours = (elapsed(lambda: found.append(truncated(_PASSES))) - last) / (_PASSES - 1)
    if not (case.in_full or settings.whole_grid):
        some = ArraySource(X[: size * _TIMED_BLOCKS])
        m_step = start.m_step  # the M-step takes the same time for few rows and for many
        moments = start.e_step(X[:1000])
        step = elapsed(lambda: m_step(moments))
        e_step = min(elapsed(lambda: exact(some, 1)) for _ in range(_ROUNDS)) - step
        theirs = e_step * len(X) / len(some.X) + step
        say(
            f"bounds {found[0].history[0]:.4f} to {found[0].history[-2]:.4f}, then exact {found[0].history[-1]:.4f}"
        )
        return Compared(1e3 * ours, 1e3 * theirs, None)
    theirs = elapsed(lambda: found.append(exact(source, _PASSES))) / _PASSES
    scores = [_score(result.model, X) for result in found]
    say(f"truncated {scores[0]:.4f}, exact {scores[1]:.4f} nats a row; the start {_score(start, X):.4f}")
    return Compared(1e3 * ours, 1e3 * theirs, scores[0] - scores[1])


def _score(mixture: Mixture, X: Array) -> float:
    """Return the exact mean log-likelihood."""
    blocks = (X[first : first + _JUDGED] for first in range(0, len(X), _JUDGED))
    return sum(float(mixture.log_prob(block).sum(dtype=np.float64)) for block in blocks) / len(X)


def _quietly(model: GaussianMixture, X: Array) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(X)
