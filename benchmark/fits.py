"""Whole fits, seeding included: gaussmix with ``init_params="kmeans"`` beside scikit-learn's defaults.

Time alone would reward stopping early, so the likelihoods reached are compared, seed by seed.
"""

from __future__ import annotations

import statistics
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import sklearn.mixture
from sklearn.exceptions import ConvergenceWarning

import gaussmix
from benchmark.clock import Patience, elapsed, least_times
from benchmark.data import Array, Parameters, clustered, mean_log_likelihood
from benchmark.settings import Settings, say
from benchmark.table import OURS, Bar, Row, seeds, times

_THEIRS: Final = "scikit-learn"
_EQUAL: Final = 1e-6  # nats a row: gaussmix's own default tol; two fits this close found the same optimum


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
        held = sum(fit[OURS].log_likelihood >= fit[_THEIRS].log_likelihood - _EQUAL for fit in fits), n_seeds
    return Row(title, medians, bars=case.bars, seeds=held)


@dataclass(frozen=True)
class _Outcome:
    seconds: float
    log_likelihood: float  # nats a row
    n_iterations: int

    def __str__(self) -> str:
        return f"{self.seconds:.3g} s, {self.n_iterations} iterations, {self.log_likelihood:.6f} nats a row"


def _fit(X: Array, case: Fit, seed: int, with_theirs: bool) -> dict[str, _Outcome]:
    """Return what each package took for one seed, and what it reached."""
    K = case.n_components
    models: dict[str, Any] = {OURS: gaussmix.GaussianMixture(K, init_params="kmeans", random_state=seed)}
    if with_theirs:
        models[_THEIRS] = sklearn.mixture.GaussianMixture(K, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # scikit-learn's max_iter is 100
        stopwatches = {name: partial(elapsed, partial(model.fit, X)) for name, model in models.items()}
        seconds = least_times(stopwatches, Patience(case.rounds))
    return {
        name: _Outcome(
            seconds[name],
            mean_log_likelihood(X, Parameters("full", model.weights_, model.means_, model.covariances_)),
            model.n_iter_,
        )
        for name, model in models.items()
    }
