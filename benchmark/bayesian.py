"""One update of variational Bayes beside scikit-learn's BayesianGaussianMixture.

As in ``passes``, an update is the difference between a long and a short run, divided by the updates between them.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Final

import numpy as np
from sklearn import mixture
from sklearn.exceptions import ConvergenceWarning

from benchmark.clock import elapsed, least_times
from benchmark.data import Array, clustered
from benchmark.settings import Settings, say
from benchmark.table import OURS, Row, times
from gaussmix import BayesianGaussianMixture

_THEIRS: Final = "scikit-learn"
_SHAPE: Final = (200_000, 10, 20)  # rows, features, components
_TYPES: Final = ("full", "tied", "diag", "spherical")
_LONG: Final = {OURS: 21, _THEIRS: 4}  # updates
_SHORT: Final = 1
_RUNS: Final = ("long", "short")


def measure(settings: Settings) -> Iterator[Row]:
    """Yield one row for each type of covariance."""
    N, D, K = settings.rows(_SHAPE[0], 10 * _SHAPE[2]), *_SHAPE[1:]
    for name in _TYPES:
        title = f"bayesian: {name} {N:,} × {D}, K={K}, one update"
        if settings.wants(title):
            say(title)
            milliseconds = _milliseconds(clustered(N, D, K), name, K, settings)
            yield Row(title, milliseconds, bars=[times(_THEIRS, 20)])


def _milliseconds(X: Array, name: str, n_components: int, settings: Settings) -> dict[str, float]:
    """Return the milliseconds of one update of each contender."""
    labels = np.random.default_rng(0).integers(0, n_components, len(X))
    shared = {"n_components": n_components, "covariance_type": name, "tol": 0.0}
    makers: dict[str, Callable[[int], Any]] = {
        OURS: lambda n: BayesianGaussianMixture(**shared, max_iter=n, init_params=labels)
    }
    if settings.has(_THEIRS):
        makers[_THEIRS] = lambda n: mixture.BayesianGaussianMixture(
            **shared, max_iter=n, init_params="random", random_state=0
        )
    runs = {
        f"{who}, {length}": partial(elapsed, partial(_fit, make, n, X))
        for who, make in makers.items()
        for length, n in zip(_RUNS, (_LONG[who], _SHORT), strict=True)
    }
    least = least_times(runs, settings.patience)
    return {
        who: 1e3 * (least[f"{who}, long"] - least[f"{who}, short"]) / (_LONG[who] - _SHORT) for who in makers
    }


def _fit(make: Callable[[int], Any], n_updates: int, X: Array) -> None:
    """Run a number of updates, which do not converge."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        make(n_updates).fit(X)
