"""BayesianGaussianMixture: what it finds, its options, and what it refuses."""

from __future__ import annotations

import pickle
import warnings

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

from gaussmix import BayesianGaussianMixture, Mixture
from gaussmix.errors import DegenerateWarning, ParameterError
from gaussmix.model.variational import PRECISIONS
from tests.variational import rows

SMALL = {"n_jobs": 1, "random_state": 0}


def five_clusters(n_rows=500, n_features=3, seed=0, distance=8.0):
    """Return rows of five spherical groups whose centres are at least ``distance`` standard deviations apart."""
    rng = np.random.default_rng(seed)
    centres = np.empty((0, n_features))
    while len(centres) < 5:
        centre = distance * rng.normal(size=n_features)
        if (np.linalg.norm(centres - centre, axis=1) > distance).all():
            centres = np.vstack([centres, centre])
    labels = rng.integers(0, 5, n_rows)
    return centres[labels] + rng.normal(size=(n_rows, n_features)), labels


@pytest.mark.parametrize("kind", ["dirichlet_process", "dirichlet_distribution"])
@pytest.mark.parametrize("name", ["full", "diag"])
def test_five_of_thirty_components_are_used(name, kind):
    X, labels = five_clusters()
    model = BayesianGaussianMixture(
        30, covariance_type=name, weight_concentration_prior_type=kind, **SMALL
    ).fit(X)
    assert model.n_components_effective_ == 5
    pairs = set(zip(labels.tolist(), model.predict(X).tolist(), strict=True))
    assert len(pairs) == 5


@pytest.mark.slow
@pytest.mark.parametrize("name", PRECISIONS)
def test_five_of_thirty_components_are_used_in_19_of_20_seeds(name):
    found = []
    for seed in range(20):
        X, _ = five_clusters(1000, seed=seed)
        model = BayesianGaussianMixture(30, covariance_type=name, n_jobs=1, random_state=seed).fit(X)
        found.append(model.n_components_effective_)
    assert found.count(5) >= 19


@pytest.mark.parametrize("name", PRECISIONS)
def test_attributes_have_scikit_learns_shapes(name):
    X = rows()
    model = BayesianGaussianMixture(3, covariance_type=name, **SMALL).fit(X)
    shapes = {"full": (3, 2, 2), "tied": (2, 2), "diag": (3, 2), "EEI": (3, 2)}
    assert model.covariances_.shape == model.precisions_.shape == shapes.get(name, (3,))
    assert model.weights_.shape == model.mean_precision_.shape == (3,)
    assert np.ndim(model.degrees_of_freedom_) == (0 if name in ("tied", "EEI", "EII") else 1)
    assert [part.shape for part in model.weight_concentration_] == [(3,), (3,)]
    assert np.diff(model.lower_bounds_).min(initial=0) > -1e-12
    assert isinstance(model.mixture_, Mixture)
    np.testing.assert_array_equal(model.mixture_.means, model.means_)


def test_pruning_drops_components_without_rows():
    X = rows()
    kept, pruned = (BayesianGaussianMixture(8, prune=prune, **SMALL).fit(X) for prune in (False, True))
    assert len(pruned.weights_) == kept.n_components_effective_ == pruned.n_components_effective_ < 8
    assert pruned.weights_.sum() == pytest.approx(1)
    assert pruned.predict_proba(X).shape == (len(X), len(pruned.weights_))


def test_the_predictive_density_lies_above_scikit_learns_and_integrates_to_one():
    X = rows()[:, :1]
    model = BayesianGaussianMixture(4, **SMALL).fit(X)
    grid = np.linspace(-200, 200, 400_001)[:, None]
    assert np.exp(model.score_samples(grid, predictive=True)).sum() * 1e-3 == pytest.approx(1, abs=1e-3)
    assert (model.score_samples(X, predictive=True) > model.score_samples(X)).all()
    assert model.score(X) == pytest.approx(model.score_samples(X).mean())


@pytest.mark.parametrize("kind", ["dirichlet_process", "dirichlet_distribution"])
def test_a_concentration_is_learnt(kind):
    X, _ = five_clusters(200)
    fixed = BayesianGaussianMixture(10, weight_concentration_prior_type=kind, **SMALL).fit(X)
    learnt = clone(fixed).set_params(weight_concentration_hyper_prior=(1.0, 1.0)).fit(X)
    assert fixed.weight_concentration_prior_ == pytest.approx(0.1)
    assert 0.1 < learnt.weight_concentration_prior_ < 3
    assert learnt.n_components_effective_ == 5


def test_a_repeated_row_is_one_of_weight_two():
    X = rows()
    weight = np.where(np.arange(len(X)) < 50, 2.0, 1.0)
    labels = np.arange(len(X)) % 3
    once = BayesianGaussianMixture(3, init_params=labels, **SMALL).fit(X, sample_weight=weight)
    repeated = np.repeat(np.arange(len(X)), weight.astype(int))
    twice = BayesianGaussianMixture(3, init_params=labels[repeated], **SMALL).fit(X[repeated])
    np.testing.assert_allclose(once.means_, twice.means_, rtol=1e-7)
    np.testing.assert_allclose(once.mean_precision_, twice.mean_precision_, rtol=1e-7)


def test_rescaled_and_shifted_rows_give_the_same_fit():
    X = rows()
    one = BayesianGaussianMixture(4, **SMALL).fit(X)
    other = BayesianGaussianMixture(4, **SMALL).fit(1e6 + 1e-3 * X)
    np.testing.assert_allclose((other.means_ - 1e6) * 1e3, one.means_, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(other.weights_, one.weights_, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("unit", [1e-100, 1e100])
@pytest.mark.parametrize("name", PRECISIONS)
def test_no_number_depends_on_the_units(name, unit):
    X = rows()
    one, other = (BayesianGaussianMixture(5, covariance_type=name, **SMALL).fit(s * X) for s in (1, unit))
    np.testing.assert_allclose(other.means_ / unit, one.means_, rtol=1e-7, atol=1e-7)
    assert other.lower_bound_ + 2 * np.log(unit) == pytest.approx(one.lower_bound_, abs=1e-7)


def test_threads_and_blocks_do_not_change_the_fit():
    X, _ = five_clusters(3000)
    one, two = (BayesianGaussianMixture(8, random_state=0, n_jobs=n).fit(X) for n in (1, 2))
    np.testing.assert_array_equal(one.means_, two.means_)


def test_float32_rows():
    X = rows()
    double, single = (BayesianGaussianMixture(4, **SMALL).fit(X.astype(t)) for t in (np.float64, np.float32))
    np.testing.assert_allclose(np.sort(single.weights_), np.sort(double.weights_), atol=1e-3)
    assert single.predict_proba(X.astype(np.float32)).dtype == np.float32
    assert np.isfinite(single.score_samples(X.astype(np.float32), predictive=True)).all()


def test_warm_start_goes_on():
    X = rows()
    labels = np.arange(len(X)) % 4
    model = BayesianGaussianMixture(4, init_params=labels, max_iter=5, warm_start=True, **SMALL)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(X)
        first = model.lower_bounds_[-1]
        model.fit(X)
        whole = BayesianGaussianMixture(4, init_params=labels, max_iter=10, **SMALL).fit(X)
    assert model.lower_bounds_[0] > first
    np.testing.assert_allclose(model.means_, whole.means_, rtol=1e-9)


def test_no_iterations_keep_the_start():
    X = rows()
    labels = np.repeat([0, 1], [50, len(X) - 50])
    model = BayesianGaussianMixture(2, init_params=labels, max_iter=0, order_components=False, **SMALL).fit(X)
    np.testing.assert_allclose(model.mean_precision_, [51, len(X) - 49])
    assert model.n_iter_ == 0


def test_samples_and_pickles():
    X = rows()
    model = BayesianGaussianMixture(4, **SMALL).fit(X)
    drawn, labels = model.sample(20)
    assert drawn.shape == (20, 2)
    assert (np.diff(labels) >= 0).all()
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))


@pytest.mark.parametrize("name", PRECISIONS)
def test_constant_and_repeated_columns(name):
    X = np.column_stack([rows(), np.full(200, 7.0), rows()[:, 0]])
    with pytest.warns(DegenerateWarning, match="constant"):
        model = BayesianGaussianMixture(3, covariance_type=name, **SMALL).fit(X)
    assert np.isfinite(model.score_samples(X)).all()
    assert np.isfinite(model.lower_bound_)


def test_more_features_than_rows():
    X = np.random.default_rng(0).normal(size=(10, 30))
    with pytest.warns(DegenerateWarning, match="covariance_prior"):
        model = BayesianGaussianMixture(2, **SMALL).fit(X)
    assert np.isfinite(model.score_samples(X, predictive=True)).all()


BAD = [
    ({"degrees_of_freedom_prior": 1.0}, "'degrees_of_freedom_prior' should be greater than 1, but got 1.000"),
    (
        {"degrees_of_freedom_prior": 0.5, "covariance_type": "diag", "convention": "scikit-learn"},
        "greater than 1",
    ),
    ({"mean_prior": [1.0]}, r"'mean_prior' should have the shape of \(2,\), but got \(1,\)"),
    ({"mean_prior": [1.0, np.nan]}, "mean_prior"),
    ({"covariance_prior": np.eye(3)}, r"'covariance_prior' should have the shape of \(2, 2\)"),
    ({"covariance_prior": 1.0}, r"shape of \(2, 2\), but got \(\)"),
    ({"covariance_prior": [[1.0, 2.0], [2.0, 1.0]]}, "symmetric, positive-definite"),
    ({"covariance_prior": [1.0, -1.0], "covariance_type": "diag"}, "should be positive"),
    ({"covariance_prior": [1.0, 2.0], "covariance_type": "spherical"}, r"shape of \(\), but got \(2,\)"),
    ({"weight_concentration_prior": 0.0}, "weight_concentration_prior"),
    ({"mean_precision_prior": -1.0}, "mean_precision_prior"),
    ({"weight_concentration_hyper_prior": (1.0,)}, "shape and rate of a Gamma distribution"),
    ({"weight_concentration_hyper_prior": (1.0, 0.0)}, "shape and rate of a Gamma distribution"),
    ({"weight_concentration_hyper_prior": ("a", "b")}, "shape and rate of a Gamma distribution"),
    ({"weight_concentration_prior_type": "dirichlet"}, "weight_concentration_prior_type"),
    ({"covariance_type": "VVE"}, "covariance_type"),
    ({"convention": "bishop"}, "convention"),
    ({"init_params": np.zeros(3, int)}, "init_params should give labels"),
]


@pytest.mark.parametrize(("parameters", "message"), BAD)
def test_bad_priors_are_one_clear_sentence(parameters, message):
    with pytest.raises(ValueError, match=message):
        BayesianGaussianMixture(2).set_params(**parameters).fit(rows())


def test_gamma_priors_need_fewer_degrees_of_freedom():
    model = BayesianGaussianMixture(2, covariance_type="diag", degrees_of_freedom_prior=0.5, **SMALL)
    assert model.fit(rows()).degrees_of_freedom_prior_ == 0.5


def test_missing_values_and_too_few_rows_are_refused():
    X = rows()
    with pytest.raises(ValueError, match="n_samples >= n_components"):
        BayesianGaussianMixture(300).fit(X)
    X[3, 1] = np.nan
    with pytest.raises(ValueError, match="row 3"):
        BayesianGaussianMixture(2).fit(X)


def test_a_warm_start_of_another_kind_is_refused():
    model = BayesianGaussianMixture(3, warm_start=True, **SMALL).fit(rows())
    with pytest.raises(ParameterError, match="warm_start"):
        model.set_params(covariance_type="diag").fit(rows())
