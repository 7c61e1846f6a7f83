"""What must hold for any fit: closed forms, and relations between methods and between fits."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone

from gaussmix import GaussianMixture

PARAMETERS = ("weights_", "means_", "covariances_", "precisions_", "precisions_cholesky_")


def same_bits(one: GaussianMixture, other: GaussianMixture) -> bool:
    return one.lower_bounds_ == other.lower_bounds_ and all(
        np.array_equal(getattr(one, name), getattr(other, name)) for name in PARAMETERS
    )


def assert_close(one: GaussianMixture, other: GaussianMixture, rtol: float) -> None:
    for name in PARAMETERS:
        expected = getattr(other, name)
        np.testing.assert_allclose(getattr(one, name), expected, rtol, rtol * np.abs(expected).max())


def start(X: Any, covariance_type: str, **options: Any) -> GaussianMixture:
    """Return three components that start from given parameters, without regularisation."""
    identity = np.eye(X.shape[1])
    precisions = {
        "full": np.repeat(identity[None], 3, axis=0),
        "tied": identity,
        "diag": np.ones((3, X.shape[1])),
        "spherical": np.ones(3),
    }
    given = {
        "weights_init": np.full(3, 1 / 3),
        "means_init": X[:3],
        "precisions_init": precisions[covariance_type],
    }
    return GaussianMixture(3, covariance_type=covariance_type, **({"reg_covar": 0.0} | given | options))


def test_one_component_is_mean_and_covariance(X: Any, covariance_type: str) -> None:
    model = GaussianMixture(1, covariance_type=covariance_type, reg_covar=0).fit(X)
    covariance = np.cov(X.T, bias=True)
    expected = {
        "full": covariance[None],
        "tied": covariance,
        "diag": X.var(axis=0)[None],
        "spherical": [X.var(axis=0).mean()],
    }
    np.testing.assert_allclose(model.means_[0], X.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(model.covariances_, expected[covariance_type], rtol=1e-12, atol=1e-12)
    assert model.weights_ == [1.0]


def test_the_same_seed_gives_the_same_bits(X: Any, covariance_type: str) -> None:
    models = [
        GaussianMixture(3, covariance_type=covariance_type, n_init=3, random_state=7).fit(X) for _ in range(2)
    ]
    assert same_bits(*models)


def test_seeds_may_differ_in_kind(X: Any) -> None:
    for random_state in (0, np.random.RandomState(0), None):
        assert GaussianMixture(3, random_state=random_state).fit(X).converged_


def test_fit_predict_is_fit_and_predict(X: Any, covariance_type: str) -> None:
    model = GaussianMixture(3, covariance_type=covariance_type, random_state=0)
    labels = clone(model).fit_predict(X)
    assert labels.dtype == np.int64
    np.testing.assert_array_equal(labels, model.fit(X).predict(X))


def test_methods_agree(X: Any, covariance_type: str) -> None:
    model = GaussianMixture(3, covariance_type=covariance_type, random_state=0).fit(X)
    posterior = model.predict_proba(X)
    np.testing.assert_array_equal(model.predict(X), posterior.argmax(axis=1))
    np.testing.assert_allclose(posterior.sum(axis=1), 1.0, rtol=4e-16 * 3)
    assert posterior.min() >= 0
    assert model.score(X) == pytest.approx(model.score_samples(X).mean(), rel=1e-13)
    np.testing.assert_array_equal(model.score_samples(X), model.mixture_.log_prob(X))


def test_attributes_agree(X: Any, covariance_type: str) -> None:
    model = GaussianMixture(3, covariance_type=covariance_type, random_state=0).fit(X)
    K, D = 3, X.shape[1]
    shape = {"full": (K, D, D), "tied": (D, D), "diag": (K, D), "spherical": (K,)}[covariance_type]
    covariances, precisions, factors = model.covariances_, model.precisions_, model.precisions_cholesky_
    assert covariances.shape == precisions.shape == factors.shape == shape
    assert model.weights_.sum() == pytest.approx(1.0, abs=1e-12)
    if covariance_type in ("full", "tied"):
        np.testing.assert_allclose(factors @ np.swapaxes(factors, -1, -2), precisions, rtol=1e-12, atol=1e-12)
        expected = np.broadcast_to(np.eye(D), shape)
        np.testing.assert_allclose(precisions @ covariances, expected, atol=1e-10)
        np.testing.assert_allclose(covariances, np.swapaxes(covariances, -1, -2), rtol=1e-14, atol=1e-14)
    else:
        np.testing.assert_allclose([factors**2, precisions], [1 / covariances] * 2, rtol=1e-12)


def test_information_criteria(X: Any, covariance_type: str) -> None:
    model = GaussianMixture(3, covariance_type=covariance_type, random_state=0).fit(X)
    K, (N, D) = 3, X.shape
    of_covariances = {"full": K * D * (D + 1) // 2, "tied": D * (D + 1) // 2, "diag": K * D, "spherical": K}
    n_parameters = of_covariances[covariance_type] + K * D + K - 1
    log_likelihood = model.score_samples(X).sum()
    assert model.bic(X) == pytest.approx(-2 * log_likelihood + n_parameters * math.log(N), rel=1e-12)
    assert model.aic(X) == pytest.approx(-2 * log_likelihood + 2 * n_parameters, rel=1e-12)


def test_the_lower_bound_never_falls(X: Any, covariance_type: str) -> None:
    with pytest.warns(match="did not converge"):
        model = start(X, covariance_type, tol=0, max_iter=60).fit(X)
    assert np.diff(model.lower_bounds_).min() > -1e-10
    assert model.lower_bound_ == model.lower_bounds_[-1]
    assert model.n_iter_ == len(model.lower_bounds_) == 60


def test_a_converged_fit_is_a_fixed_point(X: Any, covariance_type: str) -> None:
    model = start(X, covariance_type, tol=1e-14, max_iter=5000).fit(X)
    again = clone(model).set_params(
        tol=0,
        max_iter=1,
        weights_init=model.weights_,
        means_init=model.means_,
        precisions_init=model.precisions_,
    )
    with pytest.warns(match="did not converge"):
        assert_close(again.fit(X), model, 1e-6)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_warm_start_goes_on_where_the_last_fit_ended(X: Any, covariance_type: str) -> None:
    whole = start(X, covariance_type, tol=0, max_iter=7).fit(X)
    parts = start(X, covariance_type, tol=0, max_iter=3, warm_start=True).fit(X)
    first = parts.lower_bounds_
    parts.set_params(max_iter=4).fit(X)
    assert first + parts.lower_bounds_ == whole.lower_bounds_
    parts.lower_bounds_ = whole.lower_bounds_
    assert same_bits(parts, whole)


def test_warm_start_in_single_iterations_stops_where_one_fit_does(X: Any, covariance_type: str) -> None:
    whole = start(X, covariance_type).fit(X)
    steps = start(X, covariance_type, max_iter=1, warm_start=True)
    for n_iter in range(1, whole.n_iter_):
        with pytest.warns(match="did not converge"):
            steps.fit(X)
        assert not steps.converged_, n_iter
    assert steps.fit(X).converged_
    np.testing.assert_array_equal(steps.means_, whole.means_)


def test_duplicated_rows_change_nothing(X: Any, covariance_type: str) -> None:
    once, twice = (start(X, covariance_type).fit(rows) for rows in (X, np.repeat(X, 2, axis=0)))
    assert_close(once, twice, 1e-10)


def test_the_order_of_rows_changes_nothing(X: Any, covariance_type: str) -> None:
    model = start(X, covariance_type)
    shuffled = np.random.default_rng(0).permutation(X)
    assert_close(clone(model).fit(X), model.fit(shuffled), 1e-10)


def test_the_order_of_columns_goes_through(X: Any, covariance_type: str) -> None:
    order = [2, 0, 1]
    model = start(X, covariance_type).fit(X)
    permuted = start(X[:, order], covariance_type).fit(X[:, order])
    np.testing.assert_allclose(permuted.means_, model.means_[:, order], rtol=1e-9)
    np.testing.assert_allclose(permuted.predict_proba(X[:, order]), model.predict_proba(X), atol=1e-9)


def test_start_parameters_may_be_in_fortran_order(X: Any, covariance_type: str) -> None:
    plain = start(X, covariance_type)
    fortran = clone(plain)
    for name in ("means_init", "precisions_init"):
        fortran.set_params(**{name: np.asfortranarray(getattr(plain, name))})
    assert same_bits(plain.fit(X), fortran.fit(X))


def test_relabelled_starts_give_relabelled_fits(X: Any, covariance_type: str) -> None:
    order = [2, 0, 1]
    model = start(X, covariance_type).fit(X)
    relabelled = start(X, covariance_type, means_init=X[order]).fit(X)
    np.testing.assert_allclose(relabelled.means_, model.means_[order], rtol=1e-9)
    np.testing.assert_allclose(relabelled.predict_proba(X), model.predict_proba(X)[:, order], atol=1e-9)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_more_starts_are_never_worse(X: Any, covariance_type: str) -> None:
    model = GaussianMixture(
        4, covariance_type=covariance_type, init_params="random_from_data", random_state=3, tol=1e-3
    )
    bounds = [clone(model).set_params(n_init=n_init).fit(X).lower_bound_ for n_init in (1, 3, 6)]
    assert bounds == sorted(bounds)


def test_zero_iterations_keep_the_start(X: Any, covariance_type: str) -> None:
    model = start(X, covariance_type, max_iter=0).fit(X)
    np.testing.assert_array_equal(model.means_, X[[0, 1, 2]])
    assert (model.n_iter_, model.lower_bounds_, model.converged_) == (0, [], False)


def test_sample_follows_the_fit(X: Any, covariance_type: str) -> None:
    model = GaussianMixture(3, covariance_type=covariance_type, random_state=0).fit(X)
    rows, labels = model.sample(60_000)
    assert rows.shape == (60_000, 3)
    for k, covariance in enumerate(model.mixture_.covariances.to_dense()):
        own = rows[labels == k]
        error = 6 * np.sqrt(np.diagonal(covariance) / len(own))
        assert (np.abs(own.mean(axis=0) - model.means_[k]) < error).all()
    np.testing.assert_array_equal(model.sample(50)[0], model.sample(50)[0])


def test_fitted_attributes_are_read_only_as_the_mixture_is_frozen():
    model = GaussianMixture(2, random_state=0).fit(np.random.default_rng(0).normal(size=(30, 2)))
    for values in (model.means_, model.weights_, model.covariances_):
        with pytest.raises(ValueError, match="read-only"):
            values[0] = 1.0
    assert repr(model.mixture_) == "Mixture(n_components=2, n_features=2, covariance_type='full')"
