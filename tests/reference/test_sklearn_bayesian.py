"""scikit-learn's BayesianGaussianMixture: the same parameters after the same updates from the same start."""

from __future__ import annotations

from unittest import mock

import numpy as np
import pytest
from sklearn.mixture import BayesianGaussianMixture as Theirs

from gaussmix import BayesianGaussianMixture

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

TYPES = ("full", "tied", "diag", "spherical")
KINDS = ("dirichlet_process", "dirichlet_distribution")
NAMES = (
    "weights_", "means_", "covariances_", "precisions_", "precisions_cholesky_", "mean_precision_",
    "degrees_of_freedom_", "mean_prior_", "covariance_prior_", "weight_concentration_prior_",
    "mean_precision_prior_", "degrees_of_freedom_prior_",
)  # fmt: skip
K = 4


def rows():
    """Return correlated rows whose features have variance 1: then ``reg_covar`` has the same unit in both."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 3)) @ rng.normal(size=(3, 3)) + 3.0 * rng.integers(0, 3, (400, 1))
    return np.ascontiguousarray((X - X.mean(axis=0)) / X.std(axis=0))


def fit_both(X, n_updates, **parameters):
    """Return both estimators after some updates from the same random responsibilities."""
    shares = np.random.default_rng(1).dirichlet(np.ones(K), len(X))
    shared = {"n_components": K, "tol": 0.0, "max_iter": n_updates, **parameters}
    theirs = Theirs(**{"reg_covar": 0.0, **shared})

    def start(X, random_state, xp=None):
        theirs._initialize(X, shares)

    with mock.patch.object(theirs, "_initialize_parameters", start):
        theirs.fit(X)
    ours = BayesianGaussianMixture(
        init_params=shares, convention="scikit-learn", order_components=False, **shared
    )
    return ours.fit(X), theirs


def assert_same(ours, theirs, X):
    for name in NAMES:
        one, other = getattr(ours, name), getattr(theirs, name)
        assert np.shape(one) == np.shape(other), name
        np.testing.assert_allclose(one, other, rtol=1e-8, atol=1e-8, err_msg=name)
    np.testing.assert_allclose(ours.weight_concentration_, theirs.weight_concentration_, rtol=1e-8)
    np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), rtol=1e-8, atol=1e-8)
    np.testing.assert_allclose(ours.score_samples(X), theirs.score_samples(X), rtol=1e-8)


@pytest.mark.parametrize("reg_covar", [0.0, 1e-3])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", TYPES)
def test_same_parameters_after_the_same_updates(name, kind, reg_covar):
    X = rows()
    kinds = {"covariance_type": name, "weight_concentration_prior_type": kind, "reg_covar": reg_covar}
    assert_same(*fit_both(X, 25, **kinds), X)


@pytest.mark.parametrize("name", TYPES)
def test_same_parameters_for_given_priors(name):
    X = rows()
    covariance = {"full": 2 * np.eye(3), "tied": 2 * np.eye(3), "diag": [1.0, 2.0, 3.0], "spherical": 0.5}[
        name
    ]
    priors = {
        "weight_concentration_prior": 3.0,
        "mean_precision_prior": 0.2,
        "mean_prior": [1.0, 0.0, -1.0],
        "degrees_of_freedom_prior": 5.5,
        "covariance_prior": covariance,
    }
    assert_same(*fit_both(X, 10, covariance_type=name, **priors), X)


@pytest.mark.parametrize("kind", KINDS)
def test_full_covariances_need_no_convention(kind):
    X = rows()
    theirs_too, _ = fit_both(X, 10, weight_concentration_prior_type=kind)
    exact = BayesianGaussianMixture(**{**theirs_too.get_params(), "convention": "exact"}).fit(X)
    np.testing.assert_array_equal(exact.means_, theirs_too.means_)
    np.testing.assert_array_equal(exact.lower_bounds_, theirs_too.lower_bounds_)


def test_other_conventions_lose_lower_bound():
    X = rows()
    theirs_too, _ = fit_both(X, 300, covariance_type="diag")
    exact = BayesianGaussianMixture(**{**theirs_too.get_params(), "convention": "exact"}).fit(X)
    assert exact.lower_bound_ > theirs_too.lower_bound_
