"""Whole fits with the defaults of both packages: gaussmix searches for the best optimum, scikit-learn runs once.

A run that ends below scikit-learn's likelihood counts as one that never ended. A second, smaller grid asks how the
search compares with ten starts of scikit-learn.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, Final

import sklearn.mixture

import gaussmix
from benchmark.data import Array, clustered
from benchmark.race import Finish, race
from benchmark.settings import Settings, say
from benchmark.table import OURS, Bar, Row, at_least, seeds, times
from benchmark.tally import percentage

THEIRS: Final = "scikit-learn"
_TEN: Final = "scikit-learn, n_init=10"
_NAME: Final = "defaults"
_MOST_SEEDS: Final = 2  # unless the whole grid is asked for, which takes a day
_MANY, _FEW = 200_000, 20_000  # rows: for time, and for ten starts


@dataclass(frozen=True)
class Cell:
    """State one cell of the grid."""

    covariance_type: str
    n_features: int
    n_components: int

    def title(self, n_rows: int) -> str:
        """Return the row's title."""
        return f"{_NAME}: {self.covariance_type} {n_rows:,} × {self.n_features}, K={self.n_components}"


_WHOLE: Final = [
    Cell(*cell) for cell in product(("full", "tied", "diag", "spherical"), (2, 8, 32), (5, 16, 64))
]
# Every pair of D and K once, and every family; those that take scikit-learn minutes are left to the whole grid.
_PART: Final = [
    Cell("full", 2, 5),
    Cell("diag", 2, 16),
    Cell("tied", 2, 64),
    Cell("tied", 8, 5),
    Cell("full", 8, 16),
    Cell("spherical", 8, 64),
    Cell("spherical", 32, 5),
    Cell("diag", 32, 16),
]
_SMALL: Final = Cell("full", 2, 3)  # of 200 rows
_LARGE: Final = Cell("full", 8, 16)  # of two million


def measure(settings: Settings) -> Iterator[Row]:
    """Yield a row for each cell, and the share of runs above ten starts of scikit-learn."""
    yield from _cell(_SMALL, 200, settings, [Bar(THEIRS, 0.5, f"≤ 2× {THEIRS}")], rounds=5)
    cells = _WHOLE if settings.whole_grid else _PART
    for cell in cells:
        yield from _cell(cell, _MANY, settings, [times(THEIRS, 10), seeds(0.95)])
    if settings.whole_grid:
        yield from _cell(_LARGE, 2_000_000, settings, [times(THEIRS, 30), seeds(0.95)])
    if settings.has(THEIRS):
        yield from _ten_starts(cells, settings)


def compare(
    title: str,
    X: Array,
    cell: Cell,
    settings: Settings,
    *,
    bars: Sequence[Bar] = (),
    n_seeds: int = 1,
    rounds: int = 1,
) -> Row:
    """Return the row of whole fits with defaults: medians over the seeds."""
    runs = []
    for seed in range(n_seeds):
        runs.append(race(_models(cell, settings, seed), X, rounds))
        say(f"{title}, seed {seed}: " + "; ".join(f"{name} {one}" for name, one in runs[-1].items()))
    if not settings.has(THEIRS):
        return Row(title, {OURS: 1e3 * statistics.median(run[OURS].seconds for run in runs)}, bars=bars)
    values = {
        OURS: statistics.median(1e3 * _unless_below(run[OURS], run[THEIRS]) for run in runs),
        THEIRS: statistics.median(1e3 * run[THEIRS].seconds for run in runs),
    }
    held = sum(run[OURS].not_below(run[THEIRS]) for run in runs)
    return Row(title, values, bars=bars, seeds=(held, n_seeds))


def _models(cell: Cell, settings: Settings, seed: int) -> dict[str, Any]:
    """Return the estimators that are compared."""
    kind: dict[str, Any] = {"covariance_type": cell.covariance_type, "random_state": seed}
    models: dict[str, Any] = {OURS: gaussmix.GaussianMixture(cell.n_components, **kind, **settings.options)}
    if settings.has(THEIRS):
        models[THEIRS] = sklearn.mixture.GaussianMixture(cell.n_components, **kind)
    return models


def _unless_below(ours: Finish, theirs: Finish) -> float:
    """Return our seconds, infinite if our likelihood is below theirs."""
    return ours.seconds if ours.not_below(theirs) else math.inf


def _cell(cell: Cell, n_rows: int, settings: Settings, bars: Sequence[Bar], rounds: int = 1) -> Iterator[Row]:
    n_rows = settings.rows(n_rows, _least(cell))
    title = cell.title(n_rows)
    if settings.wants(title):
        X = clustered(n_rows, cell.n_features, cell.n_components)
        yield compare(title, X, cell, settings, bars=bars, n_seeds=_n_seeds(settings), rounds=rounds)


def _ten_starts(cells: Sequence[Cell], settings: Settings) -> Iterator[Row]:
    """Yield the share of runs whose likelihood is above that of ten starts of scikit-learn."""
    above, ratios = [], []
    for cell in cells:
        n_rows = settings.rows(_FEW, _least(cell))
        title = f"{cell.title(n_rows)}, beside ten starts"
        if not settings.wants(title):
            continue
        X = clustered(n_rows, cell.n_features, cell.n_components)
        for seed in range(_n_seeds(settings)):
            models = _models(cell, settings, seed)
            models[_TEN] = models.pop(THEIRS).set_params(n_init=10)
            run = race(models, X)
            say(f"{title}, seed {seed}: " + "; ".join(f"{name} {one}" for name, one in run.items()))
            above.append(run[OURS].log_likelihood > run[_TEN].log_likelihood)
            ratios.append(run[_TEN].seconds / run[OURS].seconds)
    if above:
        title = f"{_NAME}: above ten starts of scikit-learn, {len(above)} runs"
        yield Row(title, {OURS: percentage(above)}, "%", [at_least(50, "%")])
        yield Row(
            f"{_NAME}: time of ten starts of scikit-learn, median", {OURS: statistics.median(ratios)}, "×"
        )


def _n_seeds(settings: Settings) -> int:
    return settings.n_seeds if settings.whole_grid else min(settings.n_seeds, _MOST_SEEDS)


def _least(cell: Cell) -> int:
    """Return the fewest rows that support the cell's components."""
    return 4 * cell.n_components * cell.n_features
