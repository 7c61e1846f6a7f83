"""Mixtures of t distributions: a pass beside that of a Gaussian mixture, and whole fits beside ``studenttmixture``.

Theirs starts by k-means and estimates the degrees of freedom too. Ours is timed from k-means, and with its defaults,
which search; the likelihoods compared are those of the defaults.
"""

from __future__ import annotations

import importlib
import importlib.util
import warnings
from collections.abc import Iterator
from functools import partial
from typing import Any, Final

import numpy as np
from sklearn.datasets import load_iris, load_wine

from benchmark.clock import elapsed, least_times
from benchmark.data import Array, clustered, start_for
from benchmark.settings import Settings, say
from benchmark.table import OURS, Row, at_least, at_most, times
from gaussmix import Mixture, StudentTMixture
from gaussmix.model import StudentMixture

_THEIRS: Final = "studenttmixture"
_PASSES: Final = [("full", 10, 10), ("full", 2, 5), ("full", 50, 20), ("tied", 20, 64), ("diag", 20, 64)]
_PASS_ROWS: Final = 50_000
_FITS: Final = [(20_000, 2, 3), (200_000, 5, 4)]  # rows, features, components


def measure(settings: Settings) -> Iterator[Row]:
    """Yield a row a pass, a row a fit, and one of likelihoods."""
    for name, D, K in _PASSES:
        title = f"student: a pass over a Gaussian's, {_PASS_ROWS:,} × {D}, K={K}, {name}, one thread"
        if settings.wants(title):
            say(title)
            ratio = _pass_ratio(name, settings.rows(_PASS_ROWS, 1000), D, K, settings)
            yield Row(title, {OURS: ratio}, unit="×", bars=[at_most(1.6, "×")])
    theirs = _their_class(settings)
    for N, D, K in _FITS:
        for start in ("kmeans", "auto"):
            title = f"student: a fit of {N:,} × {D}, K={K}, init_params={start!r}"
            if settings.wants(title):
                say(title)
                X = _heavy_tailed(settings.rows(N, 1000), D, K)
                fits = {OURS: partial(_our_fit, X, K, start)}
                if theirs is not None:
                    fits[_THEIRS] = partial(_their_fit, theirs, X, K)
                stopwatches = {name: partial(elapsed, fit) for name, fit in fits.items()}
                taken = least_times(stopwatches, settings.patience)
                yield Row(title, {n: 1e3 * s for n, s in taken.items()}, bars=[times(_THEIRS, 10)])
    title = "student: least gain over studenttmixture in log-likelihood, in all"
    if settings.wants(title) and theirs is not None:
        say(title)
        yield Row(title, {OURS: _least_gain(theirs)}, unit="nats", bars=[at_least(-0.01, "nats")])


def _pass_ratio(name: str, N: int, D: int, K: int, settings: Settings) -> float:
    """Return the time of an E-step of t distributions over that of a Gaussian mixture of the same parameters."""
    X = clustered(N, D, K)
    start = start_for(X, K, name)
    gaussian = Mixture.from_parameters(start.weights, start.means, start.covariances, name)
    student = StudentMixture.from_mixture(gaussian, np.full(K, 5.0), "component")
    passes = {OURS: partial(student.e_step, X), "Gaussian": partial(gaussian.e_step, X)}
    stopwatches = {n: partial(elapsed, run, settle=0.0) for n, run in passes.items()}
    taken = least_times(stopwatches, settings.patience)
    return taken[OURS] / taken["Gaussian"]


def _heavy_tailed(N: int, D: int, K: int) -> Array:
    """Return rows of a mixture of t distributions of 3 to 10 degrees of freedom."""
    rng = np.random.default_rng(0)
    roots = rng.standard_normal((K, D, D + 2))
    scatters = roots @ roots.transpose(0, 2, 1) / (D + 2)
    means, degrees = 4 * rng.standard_normal((K, D)), rng.uniform(3, 10, K)
    X, _ = StudentMixture.from_parameters(np.full(K, 1 / K), means, scatters, degrees).sample(N, 1)
    return np.asarray(rng.permutation(X))


def _our_fit(X: Array, K: int, start: str = "auto") -> StudentTMixture:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return StudentTMixture(K, init_params=start, random_state=0).fit(X)


def _their_fit(theirs: Any, X: Array, K: int) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = theirs(n_components=K, fixed_df=False, random_state=0)
        model.fit(X)  # returns nothing
        return model


def _least_gain(theirs: Any) -> float:
    """Return the least difference of total log-likelihoods over data of theirs and real data."""
    rng = np.random.default_rng(0)
    groups = np.concatenate([rng.standard_normal((300, 2)) + centre for centre in ([0, 0], [6, 1], [2, 6])])
    outliers = np.concatenate([groups, rng.uniform(-30, 30, (100, 2))])  # as in its tutorial
    wine = load_wine().data
    sets = [
        (outliers, 3),
        (load_iris().data, 3),
        (wine / wine.std(axis=0), 3),
        (_heavy_tailed(5000, 5, 4), 4),
    ]
    return min(len(X) * (_our_fit(X, K).score(X) - float(_their_fit(theirs, X, K).score(X))) for X, K in sets)


def _their_class(settings: Settings) -> Any:
    if not settings.peers:
        return None
    if importlib.util.find_spec(_THEIRS) is None:
        say(f"{_THEIRS} is left out: it is not installed")
        return None
    return importlib.import_module(_THEIRS).EMStudentMixture  # has no types, and is optional
