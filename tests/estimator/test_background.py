from __future__ import annotations

import numpy as np
import pytest

from gaussmix import GaussianMixture
from gaussmix.errors import DataError, ParameterError


def make(n=300, noise=100, seed=0):
    rng = np.random.default_rng(seed)
    clusters = rng.normal(size=(n, 2)) * 0.3 + np.where(np.arange(n) < n / 2, -3, 3)[:, None]
    return np.vstack([clusters, rng.uniform(-6, 6, size=(noise, 2))])


def test_noise_is_labelled_minus_one():
    X = make()
    model = GaussianMixture(2, background="uniform", random_state=0).fit(X)
    labels = model.predict(X)
    assert set(labels) == {-1, 0, 1}
    assert (labels[:300] >= 0).mean() > 0.98
    assert (labels[300:] < 0).mean() > 0.9
    assert model.background_.share == pytest.approx(0.25, abs=0.05)
    np.testing.assert_allclose(np.sort(model.means_[:, 0]), [-3, 3], atol=0.1)


def test_probabilities_have_a_column_for_the_background():
    X = make()
    model = GaussianMixture(2, background="uniform", random_state=0).fit(X)
    posterior = model.predict_proba(X)
    assert posterior.shape == (400, 3)
    np.testing.assert_allclose(posterior.sum(axis=1), 1.0)
    assert model.score(X) == pytest.approx(model.score_samples(X).mean())
    assert model.weights_.sum() == pytest.approx(1.0)


def test_bic_prefers_the_background_where_there_is_noise():
    X = make()
    plain = GaussianMixture(2, random_state=0).fit(X)
    assert GaussianMixture(2, background="uniform", random_state=0).fit(X).bic(X) < plain.bic(X)


@pytest.mark.parametrize("density", ["hull", lambda X: np.full(len(X), -np.log(144.0))])
def test_other_backgrounds(density):
    X = make()
    model = GaussianMixture(2, background=density, random_state=0).fit(X)
    assert model.background_.share == pytest.approx(0.25, abs=0.05)
    assert (np.diff(model.lower_bounds_) > -1e-6).all()


def test_rows_of_no_weight_do_not_widen_the_box():
    X = np.vstack([make(), [[1e3, 1e3]]])
    weight = np.append(np.ones(400), 0.0)
    model = GaussianMixture(2, background="uniform", random_state=0).fit(X, sample_weight=weight)
    plain = GaussianMixture(2, background="uniform", random_state=0).fit(X[:400])
    assert model.background_.background.log_volume == plain.background_.background.log_volume


def test_what_a_background_does_not_go_with_is_refused():
    X = make()
    missing = X.copy()
    missing[0, 0] = np.nan
    with pytest.raises(ParameterError, match="without NaN"):
        GaussianMixture(2, background="uniform").fit(missing)
    with pytest.raises(DataError, match="one value a row"):
        GaussianMixture(2, background=lambda X: np.zeros(3)).fit(X)
    with pytest.raises(DataError, match="should return log-densities"):
        GaussianMixture(2, background=lambda X: np.full(len(X), np.nan)).fit(X)
    with pytest.raises(DataError, match="takes too long"):
        GaussianMixture(2, background="hull").fit(np.tile(X, 4))
    with pytest.raises(ValueError, match="background"):
        GaussianMixture(2, background="gaussian").fit(X)


def test_standard_errors_are_refused_and_a_diagnosis_leaves_the_noise_out():
    X = make()
    model = GaussianMixture(2, background="uniform", random_state=0).fit(X)
    with pytest.raises(ParameterError, match="with a background are not available"):
        model.uncertainty(X)
    assert "not normally distributed" not in str(model.diagnosis_)
    assert "not normally distributed" not in str(model.diagnose(X))


def test_columns_that_follow_from_others_take_up_the_box_along_the_features():
    X = make()
    model = GaussianMixture(2, background="uniform", random_state=0).fit(np.c_[X, X.sum(axis=1)])
    assert np.isfinite(model.lower_bound_)


def test_a_fit_without_background_forgets_an_earlier_one():
    X = make()
    model = GaussianMixture(2, background="uniform", random_state=0).fit(X)
    model.set_params(background=None).fit(X)
    assert model.background_ is None
    assert model.predict(X).min() == 0


def test_frozen_means_stay_where_they_are():
    means = [[-3.0, -3.0], [3.0, 3.0]]
    model = GaussianMixture(2, background="uniform", means_init=means, frozen="means").fit(make())
    np.testing.assert_array_equal(model.means_, means)
    assert model.background_.share == pytest.approx(0.25, abs=0.05)


@pytest.mark.parametrize("policy", ["drop", "restart"])
def test_components_that_collapse_are_treated_as_without_a_background(policy):
    X = np.vstack([make(), np.repeat([[5.0, 5.0]], 20, axis=0)])
    parameters = {"init_params": "random", "reg_covar": 0, "max_iter": 200, "tol": 1e-3, "random_state": 1}
    model = GaussianMixture(25, background="uniform", on_degenerate=policy, **parameters)
    with pytest.warns(UserWarning, match="collapsed|did not converge"):
        model.fit(X)
    assert {event["action"] for event in model.degenerate_} == {policy}
    assert (len(model.means_) == 25) == (policy == "restart")
