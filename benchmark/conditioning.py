"""Conditioning many rows of a mixture at once, beside gmr, which conditions one row a call.

gmr's loop over rows is timed on some of the rows, and the time is scaled up to all; its ``predict``, which gives the
conditional means alone, takes all rows at once and is a row of its own.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Final

import numpy as np

from benchmark.clock import elapsed, least_times
from benchmark.data import Array, clustered, start_for
from benchmark.settings import Settings, say
from benchmark.table import OURS, Row, times
from gaussmix import Mixture

_THEIRS: Final = "gmr"
_SHAPE: Final = (100_000, 6, 5)  # rows, features, components
_GIVEN: Final = [0, 1, 2]
_LOOPED: Final = 500  # rows of gmr's loop that are timed


def measure(settings: Settings) -> Iterator[Row]:
    """Yield two rows: weights, means and covariances of every row, and conditional means alone."""
    N, D, K = settings.rows(_SHAPE[0], _LOOPED), *_SHAPE[1:]
    shape = f"{len(_GIVEN)} of {D} features, {N:,} rows, K={K}"
    loop = f"conditioning: {shape}, gmr on {_LOOPED} rows"
    means = f"conditioning: means alone, {shape}"
    if not (settings.wants(loop) or settings.wants(means)):
        return
    mixture, theirs = _mixtures(D, K, settings)
    X = np.ascontiguousarray(clustered(N, D, K)[:, _GIVEN])
    if settings.wants(loop):
        say(loop)
        contenders = {OURS: partial(elapsed, lambda: mixture.condition_rows(_GIVEN, X))}
        if theirs is not None:
            contenders[_THEIRS] = partial(_seconds_of_loop, theirs.condition, X)
        yield Row(loop, _milliseconds(contenders, settings), bars=[times(_THEIRS, 20)])
    if settings.wants(means):
        say(means)
        contenders = {OURS: partial(elapsed, lambda: mixture.condition_rows(_GIVEN, X).mean())}
        if theirs is not None:
            contenders[_THEIRS] = partial(elapsed, lambda: theirs.predict(_GIVEN, X))
        yield Row(means, _milliseconds(contenders, settings))


def _mixtures(n_features: int, n_components: int, settings: Settings) -> tuple[Mixture, Any]:
    """Return the mixture as ours and as gmr's; the latter is None where gmr is not measured."""
    start = start_for(clustered(10_000, n_features, n_components), n_components, "full")
    ours = Mixture.from_parameters(start.weights, start.means, start.covariances)
    if not settings.peers:
        return ours, None
    if importlib.util.find_spec(_THEIRS) is None:
        say(f"{_THEIRS} is left out: it is not installed")
        return ours, None
    gmr = importlib.import_module(_THEIRS)  # has no types, and is optional
    theirs = gmr.GMM(n_components, start.weights, start.means, start.covariances)
    row = start.means[0, _GIVEN]
    np.testing.assert_allclose(  # the same work
        ours.condition(_GIVEN, row).mean, theirs.predict(np.array(_GIVEN), row[None])[0], rtol=1e-9, atol=1e-9
    )
    return ours, theirs


def _seconds_of_loop(condition: Callable[..., object], X: Array) -> float:
    """Return the seconds that all rows would take, one call each."""
    given, some = np.array(_GIVEN), X[:_LOOPED]
    return elapsed(lambda: [condition(given, x) for x in some]) * len(X) / len(some)


def _milliseconds(contenders: dict[str, Callable[[], float]], settings: Settings) -> dict[str, float]:
    return {name: 1e3 * s for name, s in least_times(contenders, settings.patience).items()}
