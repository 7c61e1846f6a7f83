"""Very many components: truncated passes beside exact ones, and what they cost in likelihood.

Rows of 2,000 overlapping clusters of different shapes and sizes in 16 features, float32. Truncated and exact EM begin
at the same start and take the same number of iterations; at 5,000 components the exact passes are timed on some of
the rows only, and the time is scaled up, unless the whole grid is asked for. Then the likelihoods are compared too,
for full covariances after fewer passes: an exact one takes minutes.

And the start: 500 well-separated clusters in 8 features, where exact EM starts from scikit-learn's k-means.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from sklearn.cluster import KMeans

from benchmark.clock import elapsed
from benchmark.data import Array
from benchmark.settings import Settings, say
from benchmark.table import ITSELF, OURS, Bar, Row, at_least
from benchmark.yardstick import cores
from gaussmix import GaussianMixture, Mixture
from gaussmix.covariance import resolve_family
from gaussmix.estimator.threads import executor_for
from gaussmix.fit import fit_em
from gaussmix.fit.truncated import fit_truncated
from gaussmix.fit.truncated_start import start_truncated
from gaussmix.prior import FLOOR, Flat
from gaussmix.source import ArraySource
from gaussmix.source.blocks import block_rows

_D: Final = 16
_CLUSTERS: Final = 2_000
_SEPARATED: Final = 500
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
    """State one comparison.

    ``in_full`` says whether exact EM runs on all rows even in the small grid, ``n_passes`` how long the likelihoods
    that are compared have risen.
    """

    n_rows: int
    n_components: int
    covariance_type: str
    n_candidates: int
    in_full: bool
    n_passes: int = _PASSES


_CASES: Final = (
    Case(100_000, 500, "diag", 32, True),
    Case(100_000, 500, "full", 64, True),
    Case(1_000_000, 5_000, "diag", 64, False),
    Case(1_000_000, 5_000, "full", 128, False, 8),
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


def separated(draw: int) -> Array:
    """Return rows of well-separated clusters with axes of different lengths."""
    rng = np.random.default_rng([_SEED, draw, 1])
    centres = 10.0 * rng.standard_normal((_SEPARATED, 8))
    scales = np.exp(rng.uniform(-0.5, 0.5, (_SEPARATED, 8)))
    label = rng.choice(_SEPARATED, 100 * _SEPARATED, p=rng.dirichlet(np.full(_SEPARATED, 5.0)))
    return np.asarray(centres[label] + scales[label] * rng.standard_normal((len(label), 8)), np.float32)


def measure(settings: Settings) -> Iterator[Row]:
    """Yield the time of a pass and the likelihood lost for each case, one whole fit, and what the start is worth."""
    for case in _CASES:
        yield from _case(case, settings)
    N = settings.rows(100_000, _LEAST_ROWS)
    whole = f"truncation: whole fit from its own start, {N:,} × {_D} float32, K=500, full, 32 candidates"
    if settings.wants(whole):
        say(whole)
        X = clusters(N, 250, settings.draw)
        model = GaussianMixture(500, truncation=32, random_state=0, max_iter=100, tol=1e-3)
        seconds = elapsed(lambda: _quietly(model, X))
        say(f"{model.n_iter_} passes, {model.lower_bound_:.4f} nats a row")
        yield Row(whole, {OURS: 1e3 * seconds})
    for kind in ("diag", "full"):
        yield from _from_k_means(kind, settings)


def _case(case: Case, settings: Settings) -> Iterator[Row]:
    N, K = settings.rows(case.n_rows, _LEAST_ROWS), case.n_components
    shape = f"{N:,} × {_D} float32, K={K:,}, {case.covariance_type}, {case.n_candidates} candidates"
    one = f"truncation: one pass, {shape}"
    lost = f"truncation: likelihood over exact EM's after {case.n_passes} passes, {shape}"
    if not (settings.wants(one) or settings.wants(lost)):
        return
    say(one)
    comparison = _compared(clusters(N, min(_CLUSTERS, max(K // 2, 200)), settings.draw), case, settings)
    bars = [Bar(ITSELF, 15.0, "≥ 15× exact")] if K == 5_000 else []
    yield Row(one, {OURS: comparison.truncated, ITSELF: comparison.exact}, bars=bars)
    if comparison.gain is not None:
        yield Row(lost, {OURS: comparison.gain}, unit="nats", bars=[at_least(-0.02, "nats")])


def _from_k_means(covariance_type: str, settings: Settings) -> Iterator[Row]:
    """Yield the least gain of three draws over exact EM from k-means, and the start's part of the fit's time."""
    row = (
        f"truncation: likelihood over exact EM from k-means, K={_SEPARATED} well-separated, {covariance_type}"
    )
    if not settings.wants(row):
        return
    say(row)
    gains = [_gain_over_k_means(covariance_type, draw) for draw in range(3)]
    yield Row(row, {OURS: min(gains)}, unit="nats", bars=[at_least(-0.02, "nats")])


def _gain_over_k_means(covariance_type: str, draw: int) -> float:
    X = separated(draw)
    labels = KMeans(_SEPARATED, n_init=1, random_state=draw).fit(X).labels_
    options: dict[str, Any] = {"covariance_type": covariance_type, "tol": 1e-4, "random_state": draw}
    exact = GaussianMixture(_SEPARATED, init_params=labels, max_iter=100, **options)
    truncated = GaussianMixture(_SEPARATED, truncation=32, max_iter=100, **options)
    start = GaussianMixture(_SEPARATED, truncation=32, max_iter=0, **options)
    _quietly(exact, X)
    whole, first = elapsed(lambda: _quietly(truncated, X)), elapsed(lambda: _quietly(start, X))
    gain = truncated.score(X) - exact.score(X)
    say(f"draw {draw}: {gain:+.4f} nats a row; the start takes {first:.2f} of {whole:.2f} s")
    return float(gain)


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
    size = block_rows(len(X), _D, K)

    def truncated(n_passes: int) -> Any:
        return fit_truncated(
            start, source, executor, n_candidates=case.n_candidates, tol=0.0, max_iter=n_passes
        )

    last = elapsed(lambda: truncated(1))  # the exact pass at the end of every fit
    ours = (elapsed(lambda: truncated(_PASSES)) - last) / (_PASSES - 1)
    if not (case.in_full or settings.whole_grid):
        return Compared(1e3 * ours, 1e3 * _scaled(start, X, size, executor), None)
    found: list[Any] = []
    blocks = source.partitions(size)
    theirs = elapsed(lambda: found.append(fit_em(start, blocks, executor, tol=0.0, max_iter=case.n_passes)))
    scores = [_score(result.model, X) for result in (truncated(case.n_passes), *found)]
    say(f"truncated {scores[0]:.4f}, exact {scores[1]:.4f} nats a row; the start {_score(start, X):.4f}")
    return Compared(1e3 * ours, 1e3 * theirs / case.n_passes, scores[0] - scores[1])


def _scaled(start: Mixture, X: Array, size: int, executor: Any) -> float:
    """Return the seconds of an exact pass, from those on some of its blocks."""
    some = ArraySource(X[: size * _TIMED_BLOCKS])
    moments = start.e_step(X[:1000])
    m_step = elapsed(lambda: start.m_step(moments))  # takes the same time for few rows and for many
    rounds = [
        elapsed(lambda: fit_em(start, some.partitions(size), executor, tol=0.0, max_iter=1))
        for _ in range(_ROUNDS)
    ]
    return (min(rounds) - m_step) * len(X) / len(some.X) + m_step


def _score(mixture: Mixture, X: Array) -> float:
    """Return the exact mean log-likelihood."""
    blocks = (X[first : first + _JUDGED] for first in range(0, len(X), _JUDGED))
    return sum(float(mixture.log_prob(block).sum(dtype=np.float64)) for block in blocks) / len(X)


def _quietly(model: GaussianMixture, X: Array) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(X)
