"""The same start and the same number of iterations give scikit-learn's numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import sklearn.mixture
from sklearn.datasets import load_iris

from gaussmix import GaussianMixture

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

K = 3
TYPES = ("full", "tied", "diag", "spherical")
PARAMETERS = ("weights_", "means_", "covariances_", "precisions_", "precisions_cholesky_")
PRECISIONS = {
    "full": lambda D: np.repeat(np.eye(D)[None], K, axis=0),
    "tied": np.eye,
    "diag": lambda D: np.ones((K, D)),
    "spherical": lambda D: np.ones(K),
}


def overlapping() -> Any:
    rng = np.random.default_rng(5)
    centres = rng.normal(size=(K, 6))
    return centres[rng.integers(K, size=1500)] + rng.normal(size=(1500, 6)) @ rng.normal(size=(6, 6)) / 2


DATA = {"iris": load_iris().data, "overlapping": overlapping()}


def both(name: str, X: Any) -> tuple[Any, Any]:
    """Return ours and theirs after 20 iterations from the same start."""
    options = {
        "covariance_type": name,
        "tol": 0.0,
        "reg_covar": 0.0,
        "max_iter": 20,
        "weights_init": [0.5, 0.3, 0.2],
        "means_init": X[[10, 60, 120]],
        "precisions_init": PRECISIONS[name](X.shape[1]),
    }
    return GaussianMixture(K, **options).fit(X), sklearn.mixture.GaussianMixture(K, **options).fit(X)


@pytest.mark.parametrize("data", DATA)
@pytest.mark.parametrize("name", TYPES)
def test_twenty_iterations_agree(name: str, data: str) -> None:
    X = DATA[data]
    ours, theirs = both(name, X)
    assert ours.n_iter_ == theirs.n_iter_ == 20
    for attribute in PARAMETERS:
        expected = getattr(theirs, attribute)
        np.testing.assert_allclose(getattr(ours, attribute), expected, 1e-8, 1e-8 * np.abs(expected).max())


@pytest.mark.parametrize("data", DATA)
@pytest.mark.parametrize("name", TYPES)
def test_densities_and_posteriors_agree(name: str, data: str) -> None:
    X = DATA[data]
    ours, theirs = both(name, X)
    np.testing.assert_allclose(ours.score_samples(X), theirs.score_samples(X), atol=1e-8)
    np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), atol=1e-8)
    np.testing.assert_array_equal(ours.predict(X), theirs.predict(X))
    for method in ("score", "bic", "aic"):
        assert getattr(ours, method)(X) == pytest.approx(getattr(theirs, method)(X), rel=1e-10)
    np.testing.assert_allclose(
        ours.lower_bounds_, getattr(theirs, "lower_bounds_", ours.lower_bounds_), 1e-10
    )


@pytest.mark.parametrize("name", TYPES)
def test_parameters_and_attributes_have_scikit_learns_names(name: str) -> None:
    ours, theirs = both(name, DATA["iris"])
    assert set(theirs.get_params()) <= set(ours.get_params())
    public = {attribute for attribute in vars(theirs) if attribute.endswith("_")}
    assert public <= set(vars(ours))
