"""What acceleration saves: passes over the rows until EM stops, from the same start, with and without it."""

from __future__ import annotations

import math
import statistics
import warnings
from collections.abc import Iterator
from itertools import product
from typing import Any, Final

from sklearn.exceptions import ConvergenceWarning

from benchmark.data import Array, Parameters, clustered, mean_log_likelihood, start_for
from benchmark.settings import Settings, say
from benchmark.table import OURS, Row, at_least, at_most
from gaussmix import GaussianMixture

_NAME: Final = "acceleration"
_TOLERANCE: Final = 1e-6
_MOST_ITERATIONS: Final = 5_000
_GRID: Final = list(product(("full", "tied", "diag", "spherical"), (2, 8, 32), (5, 16, 64)))
_ROWS: Final = 4_000
_APART: Final = 4.0  # typical distance of two centres: as many dimensions as there are, neighbours overlap
_MICRO: Final = 1e6


def measure(settings: Settings) -> Iterator[Row]:
    """Yield the median saving over the grid, and the largest loss of likelihood."""
    savings, losses = [], []
    for cell in _GRID:
        kind, D, K = cell
        n_rows = settings.rows(max(_ROWS, 8 * K * D), 4 * K * D)
        title = f"{_NAME}: {kind} {n_rows:,} × {D}, K={K}"
        if settings.wants(title):
            X = clustered(n_rows, D, K, seed=settings.draw, spread=_APART / math.sqrt(2 * D))
            saving, loss = _compare(title, X, K, kind)
            savings.append(saving)
            losses.append(loss)
    if savings:
        title = f"{_NAME}: passes of plain EM for one, median of {len(savings)}"
        yield Row(title, {OURS: statistics.median(savings)}, "×", [at_least(1.5, "×")])
        yield Row(f"{_NAME}: the same, least", {OURS: min(savings)}, "×")
        title, unit = f"{_NAME}: largest loss of likelihood", "µnats a row"
        yield Row(title, {OURS: _MICRO * max(losses)}, unit, [at_most(100, unit)])


def _compare(title: str, X: Array, n_components: int, covariance_type: str) -> tuple[float, float]:
    """Return how many passes plain EM needs for each of ours, and by how much we end below it, in nats a row."""
    start = start_for(X, n_components, covariance_type)
    passes, reached = zip(*(_run(X, start, choice) for choice in ("auto", None)), strict=True)
    say(f"{title}: {passes[0]:g} passes instead of {passes[1]:g}, {reached[0] - reached[1]:+.2e} nats a row")
    return passes[1] / passes[0], reached[1] - reached[0]


def _run(X: Array, start: Parameters, acceleration: str | None) -> tuple[float, float]:
    """Return the passes until EM stops, and the log-likelihood reached in nats a row."""
    model: Any = GaussianMixture(
        len(start.weights),
        covariance_type=start.covariance_type,
        weights_init=start.weights,
        means_init=start.means,
        precisions_init=start.precisions,
        tol=_TOLERANCE,
        max_iter=_MOST_ITERATIONS,
        acceleration=acceleration,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(X)
    found = Parameters(start.covariance_type, model.weights_, model.means_, model.covariances_)
    return getattr(model, "n_passes_", model.n_iter_), mean_log_likelihood(X, found)
