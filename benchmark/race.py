"""Whole fits of several estimators on the same rows: what each took, and what it reached.

Time alone would reward stopping early, so the likelihoods reached are always compared.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from sklearn.exceptions import ConvergenceWarning

from benchmark.clock import Patience, elapsed, least_times
from benchmark.data import Array, Parameters, mean_log_likelihood

EQUAL: Final = 1e-6  # nats a row: gaussmix's own default tol; two fits this close found the same optimum
_DIGITS: Final = 6


@dataclass(frozen=True)
class Finish:
    """Hold what an estimator took and reached.

    Attributes
    ----------
    seconds : float
    log_likelihood : float
        In nats a row.
    n_iterations : int
    """

    seconds: float
    log_likelihood: float
    n_iterations: int

    def __str__(self) -> str:
        return f"{self.seconds:.3g} s, {self.n_iterations} iterations, {self.log_likelihood:.{_DIGITS}f} nats a row"

    def not_below(self, other: Finish) -> bool:
        """Return whether the likelihood is that of the other or more."""
        return self.log_likelihood >= other.log_likelihood - EQUAL


def race(models: Mapping[str, Any], X: Array, rounds: int = 1) -> dict[str, Finish]:
    """Return how each estimator ended; each is fitted ``rounds`` times, taking turns, and the least time counts."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # scikit-learn's max_iter is 100
        stopwatches = {name: partial(elapsed, partial(model.fit, X)) for name, model in models.items()}
        seconds = least_times(stopwatches, Patience(rounds))
    return {
        name: Finish(seconds[name], mean_log_likelihood(X, _parameters(model)), model.n_iter_)
        for name, model in models.items()
    }


def _parameters(model: Any) -> Parameters:
    return Parameters(model.covariance_type, model.weights_, model.means_, model.covariances_)
