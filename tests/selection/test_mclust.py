"""BIC, ICL and parameter counts are mclust's where the fits are the same (reference/data/mclust.json)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from sklearn.datasets import load_iris

from gaussmix import GaussianMixtureSearch

MCLUST = Path(__file__).parents[1] / "reference" / "data" / "mclust.json"


def test_the_table_of_iris():
    fits = json.loads(MCLUST.read_text())["problems"]["iris"]["fits"]
    search = GaussianMixtureSearch((1, 2), init_params="kmeans", reg_covar=0.0, random_state=0)
    results = search.fit(load_iris().data).results_
    names = ("n_components", "covariance_type", "log_likelihood", "n_parameters", "bic", "icl")
    ours = {row[:2]: row[2:] for row in zip(*(results[name].tolist() for name in names), strict=True)}
    theirs = [fit for fit in fits if fit["n_components"] < 3]
    assert len(theirs) == 28
    for fit in theirs:
        log_likelihood, n_parameters, bic, icl = ours[fit["n_components"], fit["model"]]
        assert n_parameters == fit["n_parameters"]
        assert log_likelihood >= fit["loglik"] - 1e-3
        if log_likelihood < fit["loglik"] + 1e-3:  # the same optimum, each as far as its EM went
            assert bic == pytest.approx(-fit["bic"], abs=2e-3)
            assert icl == pytest.approx(
                -fit["icl"], abs=4e-2
            )  # where mclust stopped, labels are a little surer
    assert (search.best_n_components_, search.best_covariance_type_) == (2, "VEV")
