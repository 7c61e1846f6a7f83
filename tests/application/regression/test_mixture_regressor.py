from __future__ import annotations

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.linear_model import LinearRegression

from gaussmix import GaussianMixture, MixtureRegressor
from gaussmix.errors import DataError, ParameterError

QUICK = {"effort": "low", "random_state": 0, "n_jobs": 1}


def linear(n=200, T=2, seed=0):
    """Return three correlated inputs and T targets that are linear in them but for noise."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, 3)) @ np.array([[1.0, 0.4, 0.0], [0.0, 0.8, -0.5], [0.0, 0.0, 2.0]])
    return X, X @ rng.standard_normal((3, T)) + 5.0 + rng.standard_normal((n, T)) @ np.triu(np.ones((T, T)))


def bent(n=300, seed=0):
    """Return two inputs and a target that bends with the first, with noise that grows with it."""
    rng = np.random.default_rng(seed)
    X = rng.uniform(-2, 2, (n, 2))
    return X, np.abs(X[:, 0]) + 0.5 * X[:, 1] + rng.normal(0, 0.05 + 0.05 * (X[:, 0] > 0), n)


def inverse_problem(n, seed):
    """Return the inputs and targets of Bishop (1994): three answers y to some of the x = y + 0.3 sin(2πy)."""
    rng = np.random.default_rng(seed)
    y = rng.uniform(0, 1, n)
    return (y + 0.3 * np.sin(2 * np.pi * y) + rng.uniform(-0.1, 0.1, n))[:, None], y


@pytest.fixture(scope="module")
def fitted():
    X, y = bent()
    return MixtureRegressor(4, **QUICK).fit(X, y), X, y


@pytest.mark.parametrize("T", [1, 2])
def test_one_component_is_least_squares(T):
    X, y = linear(T=T)
    y = y[:, 0] if T == 1 else y
    model, line = MixtureRegressor(1, reg_covar=0.0).fit(X, y), LinearRegression().fit(X, y)
    np.testing.assert_allclose(model.predict(X), line.predict(X), rtol=1e-10)
    assert model.score(X, y) == pytest.approx(line.score(X, y), rel=1e-10)
    mean, cov = model.predict(X[:2], return_cov=True)
    residual = (y - line.predict(X)).reshape(len(y), T)
    np.testing.assert_allclose(cov, [residual.T @ residual / len(y)] * 2, rtol=1e-10)
    np.testing.assert_array_equal(mean, model.predict(X[:2]))


def test_weighted_least_squares():
    X, y = linear()
    weight = np.random.default_rng(1).uniform(0, 2, len(X))
    model = MixtureRegressor(1, reg_covar=0.0).fit(X, y, weight)
    line = LinearRegression().fit(X, y, weight)
    np.testing.assert_allclose(model.predict(X), line.predict(X), rtol=1e-10)


def test_mean_and_deviation_are_those_of_the_conditional_mixture(fitted):
    model, X, _ = fitted
    mean, std = model.predict(X[:5], return_std=True)
    for i, row in enumerate(X[:5]):
        given = model.mixture_.condition([0, 1], row)
        second = given.weights @ (given.covariances.to_dense()[:, 0, 0] + given.means[:, 0] ** 2)
        expected = given.weights @ given.means[:, 0]
        assert mean[i] == pytest.approx(expected, rel=1e-10)
        assert std[i] == pytest.approx(np.sqrt(second - expected**2), rel=1e-8)


def test_conditional_density_is_joint_over_marginal(fitted):
    model, X, y = fitted
    joint, inputs = model.mixture_.log_prob(np.c_[X, y]), model.mixture_.marginal([0, 1]).log_prob(X)
    np.testing.assert_allclose(model.score_samples(X, y), joint - inputs, rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(model.score_samples(X), inputs, rtol=1e-12)
    weight = np.arange(len(y))
    assert model.log_score(X, y, weight) == pytest.approx(np.average(joint - inputs, weights=weight))


def test_quantiles_invert_the_distribution_function(fitted):
    model, X, _ = fitted
    q = np.array([0.001, 0.25, 0.5, 0.9])
    quantiles = model.predict_quantiles(X[:20], q)
    given = model.predict_mixtures(X[:20])
    assert quantiles.shape == (4, 20)
    np.testing.assert_array_equal(model.predict_quantiles(X[:20], 0.25), quantiles[1])
    for value, row in zip(q, quantiles, strict=True):
        np.testing.assert_allclose(given.cdf(row[:, None])[:, 0], value, rtol=1e-10)


def test_several_answers_to_one_input():
    X, y = inverse_problem(600, 0)
    new_X, new_y = inverse_problem(600, 1)
    many = MixtureRegressor((1, 3, 5, 6), **QUICK).fit(X, y)
    one = MixtureRegressor(1).fit(X, y)
    assert many.n_components_ > 3
    assert many.log_score(new_X, new_y) > one.log_score(new_X, new_y) + 0.5
    assert many.criterion_values_[many.n_components_] == min(many.criterion_values_.values())


def test_draws_have_the_conditional_moments(fitted):
    model, X, _ = fitted
    draws = model.sample(np.repeat(X[:3], 5_000, axis=0), 2, random_state=0).reshape(2, 3, 5_000)
    mean, std = model.predict(X[:3], return_std=True)
    np.testing.assert_array_less(np.abs(draws.mean(axis=(0, 2)) - mean), 5 * std / 100)
    np.testing.assert_allclose(draws.std(axis=(0, 2)), std, rtol=0.1)
    np.testing.assert_array_equal(model.sample(X[:3], 2), model.sample(X[:3], 2))


def test_shapes_of_several_targets():
    X, y = linear()
    model = MixtureRegressor(1).fit(X, y)
    assert model.predict(X, return_std=True)[1].shape == (200, 2)
    assert model.predict_quantiles(X, [0.1, 0.5, 0.9]).shape == (3, 200, 2)
    assert model.predict_quantiles(X, 0.1).shape == model.sample(X)[0].shape == (200, 2)
    assert len(model.predict_mixtures(X)) == 200
    assert model.score_samples(X, y).shape == (200,)
    assert MixtureRegressor(1).fit(X, y[:, :1]).predict(X).shape == (200, 1)


def test_rescaled_data_give_the_rescaled_predictions(fitted):
    model, X, y = fitted
    units, unit = np.array([1e-20, 1e20]), 1e10
    scaled = clone(model).fit(X * units, y * unit)
    mean, std = model.predict(X, return_std=True)
    scaled_mean, scaled_std = scaled.predict(X * units, return_std=True)
    np.testing.assert_allclose(scaled_mean, unit * mean, rtol=1e-6)
    np.testing.assert_allclose(scaled_std, unit * std, rtol=1e-6)


def test_blocks_do_not_matter(fitted, monkeypatch):
    model, X, y = fitted
    methods = [
        lambda: model.predict(X, return_std=True)[1],
        lambda: model.predict_quantiles(X, [0.1, 0.9]),
        lambda: model.score_samples(X, y),
    ]
    whole = [method() for method in methods]
    monkeypatch.setattr("gaussmix.application.regression.prediction.block_rows", lambda *shape: 37)
    for method, expected in zip(methods, whole, strict=True):
        np.testing.assert_allclose(method(), expected, rtol=1e-12, atol=1e-12)


def test_inputs_far_from_everything_give_numbers(fitted):
    model, _, _ = fitted
    far = np.array([[1e4, -1e4], [-1e8, 0.0]])
    for values in (*model.predict(far, return_std=True), model.predict_quantiles(far, 0.9)):
        assert np.isfinite(values).all()


def test_agrees_with_gmr(fitted):
    gmr = pytest.importorskip("gmr")
    model, X, _ = fitted
    mixture = model.mixture_
    other = gmr.GMM(4, mixture.weights, mixture.means, mixture.covariances.to_dense(), random_state=0)
    np.testing.assert_allclose(model.predict(X), other.predict(np.arange(2), X)[:, 0], rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("name", ["tied", "diag", "spherical", "VVE"])
def test_every_kind_of_covariance_regresses(name):
    X, y = bent()
    model = MixtureRegressor(3, covariance_type=name, **QUICK).fit(X, y)
    assert model.score(X, y) > 0.3
    assert np.isfinite(model.log_score(X, y))


def test_attributes():
    X, y = linear(T=2)
    model = MixtureRegressor(2, **QUICK).fit(X, y)
    assert isinstance(model.joint_, GaussianMixture)
    assert (model.n_features_in_, model.n_components_, model.criterion_values_) == (3, 2, {})
    assert model.mixture_ is model.joint_.mixture_
    np.testing.assert_array_equal(model.target_, [3, 4])
    assert model.target_names_ == ["y0", "y1"]


def test_bad_arguments_are_named(fitted):
    model, X, y = fitted
    with pytest.raises(ParameterError, match="return_std and return_cov"):
        model.predict(X, return_std=True, return_cov=True)
    with pytest.raises(ParameterError, match="n_draws should be a positive whole number"):
        model.sample(X, 0)
    with pytest.raises(DataError, match=r"y has 2 target\(s\), but the fit had 1"):
        model.score_samples(X, np.c_[y, y])
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        model.score_samples(X, y[1:])
    with pytest.raises(DataError, match="row 1, column 0 is NaN"):
        model.predict([[0.0, 0.0], [np.nan, 0.0]])


def test_a_failed_fit_changes_nothing(fitted):
    model, X, y = fitted
    before = dict(vars(model))
    with pytest.raises(ValueError, match="Input y contains NaN"):
        model.fit(X[:, :1], np.where(y > 0, y, np.nan))
    assert vars(model) == before
