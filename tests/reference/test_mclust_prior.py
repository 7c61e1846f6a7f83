"""Fits under ``NormalWishart`` are those of R's mclust with its default prior (data/mclust_prior.json and .R)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from sklearn.datasets import load_iris

from gaussmix import GaussianMixture
from gaussmix.prior import NormalWishart, Prior
from gaussmix.prior.conjugate import Conjugate

from ..mixtures import flat

DATA: Final = Path(__file__).parent / "data"
FITS: Final = json.loads((DATA / "mclust_prior.json").read_text())["fits"]
# Of the other families mclust's pseudo-counts are no density's; the test below gives them by hand.
SAME: Final = ("E", "V", "VII", "VVI", "EEE", "VVV")


def rows(problem: str) -> Any:
    if problem == "iris":
        return load_iris().data
    faithful = np.loadtxt(DATA / "faithful.csv", delimiter=",", skiprows=1, usecols=(0, 1))
    return faithful if problem == "faithful" else faithful[:, 1:]


def cases(same: bool) -> list[Any]:
    return [
        pytest.param(fit, id=f"{fit['problem']}-{fit['model']}")
        for fit in FITS
        if (fit["model"] in SAME) is same
    ]


def again(fit: dict[str, Any], prior: Any) -> Any:
    """Return a fit that starts at mclust's, of which EM should not move."""
    X, model = rows(fit["problem"]), fit["model"]
    dense = np.reshape(fit["covariances"], (fit["n_components"], X.shape[1], X.shape[1]))
    of_model = dense[0] if model == "EEE" else dense
    if model in ("E", "V", "EII", "VII"):
        of_model = dense[:, 0, 0]
    elif model[2] == "I":
        of_model = np.einsum("kdd->kd", dense)
    matrices = of_model.ndim > 1 and of_model.shape[-1] == of_model.shape[-2] and model[2] != "I"
    start = {
        "weights_init": np.array(fit["weights"]) / np.sum(fit["weights"]),
        "means_init": fit["means"],
        "precisions_init": np.linalg.inv(of_model) if matrices else 1 / of_model,
    }
    mixture = GaussianMixture(
        fit["n_components"], covariance_type=model, prior=prior, reg_covar=0, tol=1e-12, **start
    )
    fitted = mixture.fit(X)
    digits = 5e-3 if model == "EEI" else 1e-5  # mclust leaves the means of EEI where the rows have theirs
    assert fitted.score(X) * len(X) == pytest.approx(fit["loglik"], abs=digits)
    np.testing.assert_allclose(fitted.mixture_.covariances.to_dense(), dense, rtol=digits, atol=digits)
    assert fitted.mixture_.n_parameters == fit["n_parameters"]
    return fitted


@pytest.mark.parametrize("fit", cases(same=True))
def test_the_prior_is_mclusts(fit: dict[str, Any]) -> None:
    again(fit, NormalWishart(scale="mclust"))


def prior_with_counts_of_mclust(fit: dict[str, Any]) -> Prior:
    """Return the prior of which mclust's M-step gives the mode, as its numbers show."""
    X, K, model = rows(fit["problem"]), fit["n_components"], fit["model"]
    D = X.shape[1]
    freedom = D + 2
    kind = GaussianMixture(K, covariance_type=model, reg_covar=0).fit(X).mixture_.family.scatter
    count = {
        "EII": 1 + (freedom + 2) / (K * D),
        "EEI": (freedom + 2) / K,
        "VEI": (freedom + 3) / D,
        "EVI": (freedom + 2) / K,
        "EEV": (freedom + D + 2) / K,
        "VEV": 0.0,
    }[model]
    one = {"EII": 0.0, "EEI": 1 / K}.get(model, 1.0) * np.array(fit["scale"])
    scale = np.broadcast_to(one, kind.shape(K, D))
    mean = np.repeat(X.mean(axis=0)[None], K, axis=0)
    return Conjugate(flat(D), mean, np.full(K, 0.01), kind, scale, np.full(K, count))


@pytest.mark.parametrize("fit", cases(same=False))
def test_families_reproduce_mclust_given_its_pseudo_counts(fit: dict[str, Any]) -> None:
    again(fit, prior_with_counts_of_mclust(fit))
