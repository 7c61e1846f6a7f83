"""The search over K and families: how long the whole table takes, and whether its choice is as good as mclust's."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any, Final

import gaussmix
from benchmark.clock import elapsed
from benchmark.data import Array
from benchmark.outcome import least_eigenvalue, scales
from benchmark.reference import floor_of, mclust, rows
from benchmark.settings import Settings, say
from benchmark.table import OURS, Row, at_least, at_most

_NAME: Final = "search"
_LARGEST: Final = {
    "iris": 5,
    "faithful": 5,
    "banknote": 4,
    "acidity": 4,
    "precip": 4,
}  # K up to which mclust searched
_TIMED: Final = {"iris": 5.0}  # seconds
_ROUNDING: Final = 0.1  # of BIC: mclust stops a little earlier
_MOST_SEEDS: Final = 3


def measure(settings: Settings) -> Iterator[Row]:
    """Yield two rows for each data set: the BIC of the choice over mclust's, and the time."""
    for problem, largest in _LARGEST.items():
        title = f"{_NAME}: {problem}, all families × K=1..{largest}"
        if not settings.wants(title):
            continue
        if missing():
            say(f"{title} is left out: {missing()}")
            continue
        gains, seconds = zip(
            *(_search(title, problem, largest, seed) for seed in range(min(settings.n_seeds, _MOST_SEEDS))),
            strict=True,
        )
        bar = at_least(-_ROUNDING, "BIC")
        yield Row(f"{title}: BIC over mclust's, least of {len(gains)}", {OURS: min(gains)}, "BIC", [bar])
        bars = [at_most(_TIMED[problem], "s")] if problem in _TIMED else []
        yield Row(f"{title}: time, least", {OURS: min(seconds)}, "s", bars)


def missing() -> str:
    """Return why there is nothing to search with, or nothing."""
    return "" if hasattr(gaussmix, "GaussianMixtureSearch") else "this gaussmix has no GaussianMixtureSearch"


def search(X: Array, largest: int, seed: int) -> tuple[Any, float]:
    """Return the best model of all families with up to ``largest`` components by BIC, and the seconds it took."""
    searcher = gaussmix.GaussianMixtureSearch(
        n_components=range(1, largest + 1), covariance_type="all", criterion="bic", random_state=seed
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of cells that did not converge or collapsed; its table tells them
        seconds = elapsed(lambda: searcher.fit(X), settle=0.0)
    return searcher.best_estimator_, seconds


def _search(title: str, problem: str, largest: int, seed: int) -> tuple[float, float]:
    """Return by how much our choice beats mclust's in BIC, minus infinity if it is spurious, and the seconds."""
    X = rows(problem)
    best, seconds = search(X, largest, seed)
    theirs = max((fit for fit in mclust() if fit.problem == problem), key=lambda fit: fit.bic or 0.0)
    assert theirs.bic is not None
    gain = -best.bic(X) - theirs.bic
    floor = floor_of(problem, best.n_components, one_scale=False)
    sound = least_eigenvalue(best, scales(X, "full")) >= floor
    say(
        f"{title}, seed {seed}: {best.covariance_type} with K={best.n_components}, mclust {theirs.model} with "
        f"K={theirs.n_components}; BIC {gain:+.2f}{'' if sound else ' (spurious)'}; {seconds:.2f} s"
    )
    return (gain if sound else float("-inf")), seconds
