"""Components before uniform noise: R mclust's likelihoods, parameter counts and volume."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from gaussmix import GaussianMixture

DATA = Path(__file__).parent / "data"
X = np.loadtxt(DATA / "faithful_noise.csv", delimiter=",", skiprows=1)
MCLUST = json.loads((DATA / "mclust_noise.json").read_text())


@pytest.mark.parametrize("code", MCLUST["fits"])
def test_likelihood_is_at_least_that_of_mclust(code):
    model = GaussianMixture(
        2, covariance_type=code, background="uniform", reg_covar=1e-12, random_state=0
    ).fit(X)
    expected = MCLUST["fits"][code]
    assert model.lower_bound_ * len(X) >= expected["log_likelihood"] - 1e-3
    assert model.lower_bound_ * len(X) == pytest.approx(expected["log_likelihood"], abs=0.1)
    assert model.background_.n_parameters == expected["n_parameters"]
    assert np.exp(model.background_.background.log_volume) == pytest.approx(MCLUST["volume"], rel=1e-9)
