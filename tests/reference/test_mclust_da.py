"""Classes fitted as R's mclust fits them (data/mclust_da.json, made by data/mclust_da.R)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from sklearn.datasets import load_iris, load_wine

from gaussmix import MixtureClassifier

DATA: Final = Path(__file__).parent / "data"
PROBLEMS: Final = json.loads((DATA / "mclust_da.json").read_text())["problems"]


def rows(problem: str) -> tuple[Any, Any]:
    if problem != "banknote":
        X, y = {"iris": load_iris, "wine": load_wine}[problem](return_X_y=True)
        return X, y
    columns = np.loadtxt(DATA / "banknote.csv", delimiter=",", skiprows=1, dtype=str)
    return columns[:, 1:].astype(float), np.char.strip(columns[:, 0], '"')


@pytest.mark.parametrize("problem", PROBLEMS)
def test_one_component_a_class_equals_mclust(problem: str) -> None:
    X, y = rows(problem)
    theirs = PROBLEMS[problem]["fits"]["EDDA"]
    model = MixtureClassifier(covariance_type="all", reg_covar=0.0).fit(X, y)
    assert {mixture.covariance_type for mixture in model.mixtures_} == {theirs["classes"][0]["model"]}
    assert model.n_parameters_ == theirs["n_parameters"] + len(model.classes_) - 1  # and the proportions
    assert model.log_likelihood_ >= theirs["joint"] - 1e-6
    assert (model.predict(X) != y).sum() <= theirs["errors"]


def test_log_likelihood_of_iris() -> None:
    X, y = rows("iris")
    model = MixtureClassifier(covariance_type="VEV", reg_covar=0.0).fit(X, y)
    assert model.n_parameters_ == 38
    assert model.marginal_log_likelihood_ == pytest.approx(-187.7097, abs=1e-3)
    assert model.marginal_log_likelihood_ == pytest.approx(
        PROBLEMS["iris"]["fits"]["EDDA"]["loglik"], abs=1e-6
    )


@pytest.mark.parametrize(
    "n_components", [{"counterfeit": 2, "genuine": 1}, pytest.param("auto", marks=pytest.mark.slow)]
)
def test_mixtures_of_the_banknotes(n_components: Any) -> None:
    X, y = rows("banknote")
    family = "all" if n_components == "auto" else "EVE"
    model = MixtureClassifier(
        n_components, covariance_type=family, shared=False, reg_covar=0.0, random_state=0
    ).fit(X, y)
    theirs = PROBLEMS["banknote"]["fits"]["MclustDA"]
    assert model.n_parameters_ == 67 == theirs["n_parameters"] + 1
    assert model.marginal_log_likelihood_ >= -646.0801 - 1e-4
    assert model.log_likelihood_ >= theirs["joint"] - 1e-6
    assert (model.predict(X) == y).all()


@pytest.mark.parametrize("problem", ["iris", "wine"])
def test_held_out_errors_are_at_most_those_of_mclust(problem: str) -> None:
    X, y = rows(problem)
    errors = 0
    for fold in np.array(PROBLEMS[problem]["folds"][:1]):
        for f in range(10):
            model = MixtureClassifier(covariance_type="all").fit(X[fold != f], y[fold != f])
            errors += (model.predict(X[fold == f]) != y[fold == f]).sum()
    fits = PROBLEMS[problem]["fits"].values()
    assert errors <= min(fit["held_out_errors"][0] for fit in fits)
