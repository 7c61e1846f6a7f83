"""Classes as mixtures against R's mclust: its EDDA and MclustDA on three data sets, with the same folds.

``tests/reference/data/mclust_da.json`` holds what mclust finds.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import numpy as np
from sklearn.datasets import load_iris, load_wine

from benchmark.environment import ROOT
from benchmark.outcome import in_processes
from benchmark.settings import Settings, say
from benchmark.table import OURS, Row, at_least, at_most
from gaussmix import MixtureClassifier

_NAME: Final = "classification"
_SHARED: Final = ROOT / "tests" / "reference" / "data"
_FOLDS: Final = 10
_ROUNDING: Final = 1e-3  # nats
# Ours, and what it is compared with: one component a class, and up to three with one among the candidates.
_KINDS: Final[dict[str, tuple[dict[str, Any], str]]] = {
    "one component": ({}, "EDDA"),
    "mixtures": ({"n_components": (1, 2, 3), "effort": "low"}, "MclustDA"),
}


@dataclass(frozen=True)
class _Task:
    """State which rows are held out of a fit: those of a fold of one repeat, or none."""

    problem: str
    kind: str
    repeat: int | None = None
    fold: int = 0


def measure(settings: Settings) -> Iterator[Row]:
    """Yield, for each data set, the likelihood of one component a class, and the errors of both kinds."""
    for problem, reference in _reference().items():
        for kind, (_, theirs) in _KINDS.items():
            title = f"{_NAME}: {problem}, {kind}"
            if not settings.wants(title):
                continue
            fit = reference["fits"][theirs]
            model = _fitted(_Task(problem, kind))
            X, y = rows(problem)
            say(f"{title}: {_described(model)}; mclust's BIC of the joint density {_bic(problem, fit):.1f}")
            if kind == "one component":
                gain = model.log_likelihood_ - fit["joint"]
                yield Row(
                    f"{title}: likelihood over mclust's", {OURS: gain}, "nats", [at_least(-_ROUNDING, "nats")]
                )
            yield _errors(f"{title}: training errors", int((model.predict(X) != y).sum()), fit["errors"])
            repeats = range(min(settings.n_seeds, len(reference["folds"])))
            tasks = [_Task(problem, kind, repeat, fold) for repeat in repeats for fold in range(_FOLDS)]
            held_out = sum(in_processes(_held_out, tasks, settings.n_processes))
            work = f"{title}: held-out errors, {len(repeats)} × {_FOLDS} folds"
            yield _errors(work, held_out, sum(fit["held_out_errors"][repeat] for repeat in repeats))


def rows(problem: str) -> tuple[Any, Any]:
    """Return the rows of a data set, (N, D), and their classes, (N,)."""
    if problem == "banknote":
        columns = np.loadtxt(_SHARED / "banknote.csv", delimiter=",", skiprows=1, dtype=str)
        return columns[:, 1:].astype(np.float64), columns[:, 0]
    X, y = {"iris": load_iris, "wine": load_wine}[problem](return_X_y=True)
    return X, y


@cache
def _reference() -> Any:
    return json.loads((_SHARED / "mclust_da.json").read_text())["problems"]


def _errors(work: str, ours: int, theirs: int) -> Row:
    return Row(f"{work} (mclust {theirs})", {OURS: float(ours)}, "rows", [at_most(theirs, "rows")])


def _fitted(task: _Task) -> Any:
    """Return the classifier of the task, all families, fitted to the rows that are not held out."""
    X, y = rows(task.problem)
    if task.repeat is not None:
        kept = np.array(_reference()[task.problem]["folds"][task.repeat]) != task.fold
        X, y = X[kept], y[kept]
    options = _KINDS[task.kind][0]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of candidates that did not converge or collapsed
        return MixtureClassifier(covariance_type="all", random_state=0, **options).fit(X, y)


def _held_out(task: _Task) -> int:
    """Return how many of the rows held out are given a wrong class."""
    X, y = rows(task.problem)
    held = np.array(_reference()[task.problem]["folds"][task.repeat]) == task.fold
    return int((_fitted(task).predict(X[held]) != y[held]).sum())


def _described(model: Any) -> str:
    """Return families and components of the classes, and the BIC."""
    parts = [f"{mixture.covariance_type} × {mixture.n_components}" for mixture in model.mixtures_]
    return f"{', '.join(parts)}, BIC {model.bic_:.1f}"


def _bic(problem: str, fit: Any) -> float:
    """Return mclust's fit's BIC in our sign, of rows with their classes, whose proportions count as parameters."""
    n_rows, n_classes = _reference()[problem]["n"], len(fit["classes"])
    return float(-2 * fit["joint"] + (fit["n_parameters"] + n_classes - 1) * np.log(n_rows))
