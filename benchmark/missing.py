"""Missing values: what a pass costs, whether the fit is that of complete rows, and how well holes are filled.

Passes: rows whose values are missing by 100 patterns, beside the same rows complete, in the same run.

Estimates: 30 % of all values are removed completely at random. EM from the fit of the complete rows (full
covariances, defaults) stays at the same optimum; its weights, means and covariances are compared with that fit, each
in bootstrap standard errors of the incomplete fit (50 refits to random weights). The rise of the likelihood is that
of plain EM without ``reg_covar`` from a start of its own. What the search finds by itself may be a better optimum of
what is left; for how many holes it is as good is printed without a bar.

Imputation: 30 % of all values are removed, and filled in by conditional means of the mixture with the lowest BIC
among 1 to 5 components, full or tied, each searched with little effort on the incomplete rows; by column means; and
by scikit-learn's IterativeImputer with its defaults. The error is the root mean square over the values removed, in
standard deviations of their features, a mean over seeds with the same holes for all.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from typing import Final

import numpy as np
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris, load_wine
from sklearn.experimental import enable_iterative_imputer  # noqa: F401  # IterativeImputer hides behind it
from sklearn.impute import IterativeImputer, SimpleImputer

from benchmark.clock import elapsed, least_times
from benchmark.data import Array, clustered
from benchmark.reference import rows
from benchmark.settings import Settings, say
from benchmark.table import OURS, Row, at_least, at_most
from gaussmix import GaussianMixture, GaussianMixtureSearch
from gaussmix.executor import local_executor
from gaussmix.fit import EStep, is_spurious
from gaussmix.model import Mixture
from gaussmix.source import ArraySource, IncompleteRows
from gaussmix.source.blocks import block_rows

_NAME: Final = "missing"
_PART: Final = 0.3  # of all values
_MOST_SEEDS: Final = 3
_ROWS, _D, _K, _PATTERNS = 200_000, 10, 10, 100
_FITS: Final = {"iris": 3, "banknote": 2}
_RESAMPLES: Final = 50
_FAMILIES, _LARGEST = ("full", "tied"), 5
_PICO: Final = 1e12
_SAME: Final = 1e-5  # nats a row
_SETS: Final[dict[str, Callable[[], Array]]] = {
    "iris": lambda: load_iris().data,
    "wine": lambda: load_wine().data,
    "banknote": lambda: rows("banknote"),
    "diabetes": lambda: load_diabetes().data,
    "breast cancer, means": lambda: load_breast_cancer().data[:, :10],
}


def measure(settings: Settings) -> Iterator[Row]:
    """Yield the rows of passes, fits and imputation."""
    n_seeds = min(settings.n_seeds, _MOST_SEEDS)
    for n_threads in (1, 2):
        title = f"{_NAME}: pass over {_PATTERNS} patterns for one over complete rows, {n_threads} threads"
        if settings.wants(title):
            yield _pass(title, n_threads, settings)
    for problem in _FITS:
        if settings.wants(f"{_NAME}: {problem}: "):
            yield from _fits(problem, n_seeds)
    imputed = [name for name in _SETS if settings.wants(f"{_NAME}: impute {name}")]
    errors = [_imputed(name, n_seeds) for name in imputed]
    for name, row in zip(imputed, errors, strict=True):
        title = f"{_NAME}: impute {name} (column means {row[1]:.3f}, IterativeImputer {row[2]:.3f})"
        yield Row(title, {OURS: row[0]}, "sd")
    if len(errors) == len(_SETS):
        better = sum(row[0] < min(row[1:]) for row in errors)
        title = f"{_NAME}: sets imputed better than by both, of {len(_SETS)}"
        yield Row(title, {OURS: float(better)}, "sets", [at_least(4, "sets")])


def removed(X: Array, seed: int) -> Array:
    """Return the rows with values removed completely at random, of none all."""
    rng = np.random.default_rng(seed)
    missing = rng.random(X.shape) < _PART
    missing[np.arange(len(X)), rng.integers(X.shape[1], size=len(X))] = False
    return np.where(missing, np.nan, X)


def _pass(title: str, n_threads: int, settings: Settings) -> Row:
    """Return the time of an E-step over incomplete rows for one over the same rows complete."""
    X = clustered(settings.rows(_ROWS, 50 * _PATTERNS), _D, _K, seed=settings.draw)
    rng = np.random.default_rng(settings.draw)
    patterns = rng.random((_PATTERNS, _D)) < _PART
    patterns[patterns.all(axis=1), 0] = False
    holed = np.where(patterns[rng.integers(_PATTERNS, size=len(X))], np.nan, X)
    mixture = Mixture.from_parameters(np.full(_K, 1 / _K), X[:_K], np.tile(np.cov(X.T), (_K, 1, 1)))
    size, executor = block_rows(len(X), _D, _K), local_executor(n_threads)
    partitions = {
        "complete": ArraySource(X).partitions(size),
        "incomplete": IncompleteRows.of(ArraySource(holed)).partitions(size),
    }
    stopwatches = {
        name: partial(elapsed, partial(executor.map_reduce, EStep(mixture), parts))
        for name, parts in partitions.items()
    }
    seconds = least_times(stopwatches, settings.patience)
    say(f"{title}: {1e3 * seconds['incomplete']:.1f} ms for {1e3 * seconds['complete']:.1f} ms")
    return Row(title, {OURS: seconds["incomplete"] / seconds["complete"]}, "×", [at_most(5, "×")])


def _fits(problem: str, n_seeds: int) -> Iterator[Row]:
    """Yield the largest fall of plain EM's likelihood, and the largest distance from the complete fit."""
    X, K = rows(problem), _FITS[problem]
    complete = GaussianMixture(K, random_state=0).fit(X)
    falls, distances, as_good = [], [], 0
    for seed in range(n_seeds):
        holed = removed(X, seed)
        plain = GaussianMixture(K, random_state=seed, reg_covar=0, acceleration=None, max_iter=10_000).fit(
            holed
        )
        falls.append(max(0.0, -float(np.diff(plain.lower_bounds_).min())))
        near = GaussianMixture(
            K,
            weights_init=complete.weights_,
            means_init=complete.means_,
            precisions_init=complete.precisions_,
            random_state=seed,
        ).fit(holed)
        distances.append(_distance(near, complete, holed))
        searched = GaussianMixture(K, random_state=seed).fit(holed)
        as_good += searched.lower_bound_ >= near.lower_bound_ - _SAME and not is_spurious(searched.mixture_)
        say(f"{_NAME}: {problem}: seed {seed}: {distances[-1]:.2f} standard errors")
    title = f"{_NAME}: {problem}: largest fall of the likelihood of observed values"
    yield Row(title, {OURS: _PICO * max(falls)}, "pnats a row", [at_most(100, "pnats a row")])
    title = f"{_NAME}: {problem}: largest distance of an estimate from the complete fit"
    yield Row(title, {OURS: max(distances)}, "standard errors", [at_most(3, "standard errors")])
    title = f"{_NAME}: {problem}: holes for which the search is as good, of {n_seeds}"
    yield Row(title, {OURS: float(as_good)}, "")


def _distance(model: GaussianMixture, complete: GaussianMixture, holed: Array) -> float:
    """Return the largest difference of a weight, mean or covariance, in its bootstrap standard error."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of resamples in which a component is hard to tell
        errors = model.uncertainty(holed, method="bootstrap", n_resamples=_RESAMPLES)
    largest = 0.0
    for name in ("weights", "means", "covariances"):
        difference = np.abs(getattr(model, f"{name}_") - getattr(complete, f"{name}_"))
        largest = max(largest, float((difference / getattr(errors, f"{name}_error")).max()))
    return largest


def _imputed(name: str, n_seeds: int) -> list[float]:
    """Return the mean errors of gaussmix, column means and IterativeImputer."""
    X = np.asarray(_SETS[name](), np.float64)
    errors = np.array([_errors(X, seed) for seed in range(n_seeds)]).mean(axis=0)
    say(f"{_NAME}: impute {name}: " + ", ".join(f"{error:.3f}" for error in errors))
    return [float(error) for error in errors]


def _errors(X: Array, seed: int) -> list[float]:
    holed, sd = removed(X, seed), X.std(axis=0)
    search = GaussianMixtureSearch(
        range(1, _LARGEST + 1), covariance_type=_FAMILIES, effort="low", random_state=seed
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of iterations, of small groups: the table has the result
        filled = [
            search.fit(holed).best_estimator_.impute(holed),
            SimpleImputer().fit_transform(holed),
            IterativeImputer(random_state=seed).fit_transform(holed),
        ]
    missing = np.isnan(holed)
    return [math.sqrt(np.square((part - X) / sd)[missing].mean()) for part in filled]
