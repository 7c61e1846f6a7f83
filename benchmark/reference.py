"""Real data sets with known fits: R's mclust, and the best optima that long searches have found."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
from sklearn.datasets import load_iris

from benchmark.data import Array
from benchmark.environment import ROOT
from benchmark.outcome import ONE_SCALE, Task, spurious_floor
from gaussmix.covariance import FAMILIES

_BEST_KNOWN: Final = Path(__file__).parent / "data" / "best_known.json"
_SHARED: Final = ROOT / "tests" / "reference" / "data"
_COLUMNS: Final = {"faithful": (0, 1), "banknote": (1, 2, 3, 4, 5, 6), "acidity": (0,), "precip": (0,)}
_TYPES: Final = {"VVV": "full", "V": "full", "EEE": "tied", "E": "tied", "VVI": "diag", "VII": "spherical"}


@dataclass(frozen=True)
class ReferenceFit:
    """State a fit that is known.

    Attributes
    ----------
    problem : str
        The data set.
    model : str
        mclust's name of the family.
    n_components : int
    log_likelihood : float
        Of all rows, in nats.
    n_parameters : int, optional
    bic : float, optional
        In mclust's sign: larger is better.
    """

    problem: str
    model: str
    n_components: int
    log_likelihood: float
    n_parameters: int | None = None
    bic: float | None = None

    @property
    def title(self) -> str:
        """The names, as in ``iris/VVV/3``."""
        return f"{self.problem}/{self.model}/{self.n_components}"

    @property
    def covariance_type(self) -> str | None:
        """gaussmix's name of the family, or None if it has no such family."""
        name = canonical(self.model)
        return name if name in FAMILIES else None


def canonical(model: str) -> str:
    """Return scikit-learn's name of a family that has one; other names pass through."""
    return _TYPES.get(model, model)


@cache
def rows(problem: str) -> Array:
    """Return the rows of a data set, (N, D)."""
    if problem == "iris":
        return np.asarray(load_iris().data, np.float64)
    path = _SHARED / f"{problem}.csv"
    return np.loadtxt(path, delimiter=",", skiprows=1, usecols=_COLUMNS[problem], ndmin=2)


@cache
def floor_of(problem: str, n_components: int, *, one_scale: bool) -> float:
    """Return the least eigenvalue under which an optimum is spurious; see ``spurious_floor``."""
    return spurious_floor(rows(problem), n_components, "spherical" if one_scale else "full")


def best_known() -> Iterator[ReferenceFit]:
    """Yield the fits whose best optimum was searched for."""
    for title, found in json.loads(_BEST_KNOWN.read_text()).items():
        problem, model, n_components = title.split("/")
        yield ReferenceFit(problem, model, int(n_components), found["loglik"])


def mclust() -> Iterator[ReferenceFit]:
    """Yield the fits of mclust, all families."""
    problems: dict[str, Any] = json.loads((_SHARED / "mclust.json").read_text())["problems"]
    for problem, reference in problems.items():
        for fit in reference["fits"]:
            yield ReferenceFit(
                problem, fit["model"], fit["n_components"], fit["loglik"], fit["n_parameters"], fit["bic"]
            )


def tasks(fits: Sequence[ReferenceFit], n_seeds: int, options: Mapping[str, Any]) -> Iterator[Task]:
    """Yield the fits to be tried, every fit with every seed."""
    for fit in fits:
        X, kind = rows(fit.problem), fit.covariance_type
        assert kind is not None
        floor = floor_of(fit.problem, fit.n_components, one_scale=kind in ONE_SCALE)
        for seed in range(n_seeds):
            yield Task(fit.title, X, fit.n_components, kind, seed, floor, dict(options))
