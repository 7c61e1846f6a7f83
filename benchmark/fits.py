"""Whole fits, seeding included: gaussmix with ``init_params="kmeans"`` beside scikit-learn's defaults."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import sklearn.mixture

import gaussmix
from benchmark.data import Array, clustered
from benchmark.race import Finish, race
from benchmark.settings import Settings, say
from benchmark.table import OURS, Bar, Row, seeds, times

_THEIRS: Final = "scikit-learn"


@dataclass(frozen=True)
class Fit:
    """State one data set and what to reach.

    Attributes
    ----------
    n_rows, n_features, n_components : int
    bars : sequence of Bar
    rounds : int
        Times each seed is timed; the least counts.
    most_seeds : int
        Where 20 seeds of the slowest package would take hours.
    """

    n_rows: int
    n_features: int
    n_components: int
    bars: Sequence[Bar]
    rounds: int = 1
    most_seeds: int = 20

    def title(self, n_rows: int) -> str:
        """Return the row's title."""
        return f"fit: full {n_rows:,} × {self.n_features}, K={self.n_components}"


FITS: Final = [
    Fit(200, 2, 3, [times(_THEIRS, 10)], rounds=5),
    Fit(200_000, 10, 10, [times(_THEIRS, 15), seeds(0.9)]),
    Fit(200_000, 20, 8, [times(_THEIRS, 15), seeds(0.9)]),
    Fit(2_000_000, 8, 16, [times(_THEIRS, 15), seeds(0.9)], most_seeds=3),
]


def measure(settings: Settings) -> Iterator[Row]:
    """Yield a row for each data set: medians over the seeds."""
    for case in FITS:
        n_rows = settings.rows(case.n_rows, 50 * case.n_components)
        if settings.wants(case.title(n_rows)):
            yield _row(case, n_rows, settings)


def _row(case: Fit, n_rows: int, settings: Settings) -> Row:
    title = case.title(n_rows)
    X = clustered(n_rows, case.n_features, case.n_components)
    n_seeds = min(settings.n_seeds, case.most_seeds)
    fits = []
    for seed in range(n_seeds):
        fits.append(_fit(X, case, seed, settings.has(_THEIRS)))
        say(f"{title}, seed {seed}: " + ", ".join(f"{name} {one}" for name, one in fits[-1].items()))
    medians = {name: 1e3 * statistics.median(fit[name].seconds for fit in fits) for name in fits[0]}
    held = None
    if settings.has(_THEIRS):
        held = sum(fit[OURS].not_below(fit[_THEIRS]) for fit in fits), n_seeds
    return Row(title, medians, bars=case.bars, seeds=held)


def _fit(X: Array, case: Fit, seed: int, with_theirs: bool) -> dict[str, Finish]:
    """Return what each package took for one seed, and what it reached."""
    K = case.n_components
    models: dict[str, Any] = {OURS: gaussmix.GaussianMixture(K, init_params="kmeans", random_state=seed)}
    if with_theirs:
        models[_THEIRS] = sklearn.mixture.GaussianMixture(K, random_state=seed)
    return race(models, X, case.rounds)
