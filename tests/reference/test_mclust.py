"""Fits reach or beat the log-likelihoods that R's mclust reports (data/mclust.json, made by data/mclust.R)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from sklearn.datasets import load_iris

from gaussmix import GaussianMixture

DATA: Final = Path(__file__).parent / "data"
COLUMNS: Final = {"faithful": (0, 1), "banknote": (1, 2, 3, 4, 5, 6), "acidity": (0,), "precip": (0,)}
TYPE_OF: Final = {"EEE": "tied", "VVI": "diag", "VII": "spherical", "VVV": "full", "E": "tied", "V": "full"}
# Harder than what ten k-means starts without regularisation reach. The two of iris, whose likelihood has no bound
# (ten values of a column are equal), would otherwise end in a collapsed component.
OPTIONS: Final[dict[tuple[str, str, int], dict[str, Any]]] = {
    ("banknote", "EEE", 3): {"n_init": 40},
    ("banknote", "VVI", 4): {"n_init": 30, "init_params": "k-means++"},  # no k-means start leads there
    ("iris", "VVV", 4): {"reg_covar": 1e-4},
    ("iris", "VVV", 5): {"reg_covar": 1e-4},
}


def rows(problem: str) -> Any:
    if problem == "iris":
        return load_iris().data
    path = DATA / f"{problem}.csv"
    return np.loadtxt(path, delimiter=",", skiprows=1, usecols=COLUMNS[problem], ndmin=2)


def fits(several: bool) -> list[Any]:
    problems = json.loads((DATA / "mclust.json").read_text())["problems"]
    return [
        pytest.param(problem, fit, id=f"{problem}-{fit['model']}-{fit['n_components']}")
        for problem, reference in problems.items()
        for fit in reference["fits"]
        if fit["model"] in TYPE_OF and (fit["n_components"] > 1) == several
    ]


@pytest.mark.parametrize(("problem", "fit"), fits(several=False))
def test_one_component_equals_mclust(problem: str, fit: dict[str, Any]) -> None:
    X = rows(problem)
    model = GaussianMixture(1, covariance_type=TYPE_OF[fit["model"]], reg_covar=0).fit(X)
    assert model.score(X) * len(X) == pytest.approx(fit["loglik"], abs=1e-6)
    assert -model.bic(X) == pytest.approx(fit["bic"], abs=1e-5)  # mclust's sign: larger is better


@pytest.mark.parametrize(("problem", "fit"), fits(several=True))
def test_several_components_reach_mclust(problem: str, fit: dict[str, Any]) -> None:
    X, K = rows(problem), fit["n_components"]
    options = {"n_init": 10, "reg_covar": 0.0} | OPTIONS.get((problem, fit["model"], K), {})
    model = GaussianMixture(K, covariance_type=TYPE_OF[fit["model"]], random_state=0, **options).fit(X)
    assert model.score(X) * len(X) >= fit["loglik"] - 1e-6
    assert model.mixture_.n_parameters == fit["n_parameters"]
    assert not model.degenerate_
