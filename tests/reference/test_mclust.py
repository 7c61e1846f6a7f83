"""Fits reach or beat the log-likelihoods that R's mclust reports (data/mclust.json, made by data/mclust.R)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from sklearn.datasets import load_iris

from gaussmix import GaussianMixture
from gaussmix.covariance import resolve_family

DATA: Final = Path(__file__).parent / "data"
PROBLEMS: Final = json.loads((DATA / "mclust.json").read_text())["problems"]
COLUMNS: Final = {"faithful": (0, 1), "banknote": (1, 2, 3, 4, 5, 6), "acidity": (0,), "precip": (0,)}
TYPE_OF: Final = {"EEE": "tied", "VVI": "diag", "VII": "spherical", "VVV": "full", "E": "tied", "V": "full"}
# Ten values of a column of iris are equal: without regularisation, these likelihoods have no bound.
OPTIONS: Final[dict[tuple[str, str, int], dict[str, Any]]] = {
    ("iris", "VVV", 4): {"reg_covar": 1e-4},
    ("iris", "VVV", 5): {"reg_covar": 1e-4},
}


def rows(problem: str) -> Any:
    if problem == "iris":
        return load_iris().data
    path = DATA / f"{problem}.csv"
    return np.loadtxt(path, delimiter=",", skiprows=1, usecols=COLUMNS[problem], ndmin=2)


def fits() -> list[Any]:
    return [
        pytest.param(problem, fit, id=f"{problem}-{fit['model']}-{fit['n_components']}")
        for problem, reference in PROBLEMS.items()
        for fit in reference["fits"]
    ]


def one_component() -> list[Any]:
    """Return the fits of one component, for all families."""
    return [case for case in fits() if case.values[1]["n_components"] == 1]


def several_components() -> list[Any]:
    """Return the fits of several components, for the families that scikit-learn has."""
    return [
        case for case in fits() if case.values[1]["n_components"] > 1 and case.values[1]["model"] in TYPE_OF
    ]


@pytest.mark.parametrize(("problem", "fit"), one_component())
def test_one_component_equals_mclust(problem: str, fit: dict[str, Any]) -> None:
    X = rows(problem)
    model = GaussianMixture(1, covariance_type=fit["model"], reg_covar=0).fit(X)
    assert model.score(X) * len(X) == pytest.approx(fit["loglik"], abs=1e-6)
    assert -model.bic(X) == pytest.approx(fit["bic"], abs=1e-5)  # mclust's sign: larger is better
    assert (
        fit["icl"] == fit["bic"]
    )  # ICL is BIC less twice the entropy of the posteriors, which are all 1 here


@pytest.mark.parametrize("problem", PROBLEMS)
def test_parameters_are_counted_as_mclust_does(problem: str) -> None:
    D = PROBLEMS[problem]["d"]
    for fit in PROBLEMS[problem]["fits"]:
        K = fit["n_components"]
        covariances = resolve_family(fit["model"], D).n_parameters(K, D)
        assert covariances + K * D + K - 1 == fit["n_parameters"]


@pytest.mark.parametrize(("problem", "fit"), several_components())
def test_several_components_reach_mclust(problem: str, fit: dict[str, Any]) -> None:
    X, K = rows(problem), fit["n_components"]
    options = {"reg_covar": 0.0} | OPTIONS.get((problem, fit["model"], K), {})
    model = GaussianMixture(K, covariance_type=TYPE_OF[fit["model"]], random_state=0, **options).fit(X)
    assert model.score(X) * len(X) >= fit["loglik"] - 1e-6
    assert model.mixture_.n_parameters == fit["n_parameters"]
    assert not model.degenerate_
