from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pytest

from gaussmix import GaussianMixture, GaussianMixtureSearch
from gaussmix.covariance import FAMILIES
from gaussmix.errors import DataError
from gaussmix.model import Mixture
from gaussmix.persistence import load, save
from gaussmix.source import ArraySource

from ..incompleteness import with_holes
from ..mixtures import REPRESENTATIVES, make_mixture, make_rows

NAN = np.nan
families = pytest.mark.parametrize("name", FAMILIES)
representatives = pytest.mark.parametrize("name", REPRESENTATIVES)


def holed(n=200, D=3, name="full", dtype=np.float64):
    """Return rows with holes, and the same without."""
    X, _ = make_rows(n, D=D, name=name, dtype=dtype)
    return with_holes(X, 0.2), X


def same(one, other, rtol=0.0):
    for name in ("weights_", "means_", "covariances_"):
        np.testing.assert_allclose(getattr(one, name), getattr(other, name), rtol=rtol, atol=rtol)


@families
def test_the_bound_rises_to_the_likelihood_of_the_observed_values(name):
    X, _ = holed(name=name)
    model = GaussianMixture(
        3,
        covariance_type=name,
        random_state=0,
        reg_covar=0,
        acceleration=None,
        init_params="kmeans",
        tol=1e-8,
    ).fit(X)
    assert np.diff(model.lower_bounds_).min() >= -1e-10
    assert model.lower_bound_ == pytest.approx(model.score(X), abs=1e-6)
    assert model.score(X) == pytest.approx(model.score_samples(X).mean(), rel=1e-13)


@representatives
def test_a_single_component_has_the_moments_of_maximum_likelihood(name):
    """The gradient of the observed likelihood vanishes."""
    X, _ = holed(name=name)
    model = GaussianMixture(1, covariance_type=name, reg_covar=0, tol=1e-12, max_iter=5000).fit(X)
    for d in range(3):
        step = 1e-4 * np.eye(3)[d]
        scores = [
            Mixture.from_parameters([1.0], model.means_ + sign * step, model.covariances_, name).log_prob(X)
            for sign in (1, -1)
        ]
        assert abs((scores[0] - scores[1]).mean()) / 2e-4 < 1e-5


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_labels_probabilities_and_scores_of_incomplete_rows(dtype):
    X, _ = holed(dtype=dtype)
    model = GaussianMixture(3, random_state=0).fit(X)
    probabilities = model.predict_proba(X)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0, rtol=1e-6)
    np.testing.assert_array_equal(model.predict(X), probabilities.argmax(axis=1))
    np.testing.assert_array_equal(model.fit_predict(X), model.predict(X))
    assert probabilities.dtype == model.score_samples(X).dtype == model.impute(X).dtype == dtype
    assert model.bic(X) - model.aic(X) == pytest.approx(model._n_parameters() * (np.log(200) - 2))


def test_complete_rows_give_the_bits_that_they_gave():
    X, _ = make_rows(D=3)
    one = GaussianMixture(3, random_state=0).fit(X)
    same(GaussianMixture(3, random_state=0).fit(ArraySource(X, incomplete=False)), one)
    same(GaussianMixture(3, random_state=0).fit(ArraySource(X, incomplete=True)), one, rtol=1e-6)


@representatives
def test_threads_do_not_change_the_bits(name):
    X, _ = holed(3000, name=name)
    one, two = (GaussianMixture(3, covariance_type=name, random_state=0, n_jobs=n).fit(X) for n in (1, 2))
    same(one, two)
    np.testing.assert_array_equal(one.score_samples(X), two.score_samples(X))


@representatives
def test_rows_in_another_order_give_the_same_optimum(name):
    X, _ = holed(name=name)
    start = make_mixture(name, D=3)
    given = {"weights_init": start.weights, "means_init": start.means}
    given["precisions_init"] = start.covariances.precisions()
    one, other = (GaussianMixture(3, covariance_type=name, **given).fit(rows) for rows in (X, X[::-1]))
    same(one, other, rtol=1e-8)


def test_rescaled_features_give_the_rescaled_fit():
    X, _ = holed()
    scale = np.array([2.0**-100, 1.0, 2.0**100])
    one, other = (GaussianMixture(3, random_state=0).fit(rows) for rows in (X, X * scale))
    np.testing.assert_allclose(other.means_ / scale, one.means_, rtol=1e-6)
    np.testing.assert_allclose(other.impute(X * scale) / scale, one.impute(X), rtol=1e-6)


def test_rows_of_no_weight_do_not_matter():
    X, _ = holed()
    more, weight = np.concatenate([X, 5 + X[:50]]), np.repeat([1.0, 0.0], [200, 50])
    start = make_mixture(D=3)
    given = {"weights_init": start.weights, "means_init": start.means}
    given["precisions_init"] = start.covariances.precisions()
    one, both = GaussianMixture(3, **given).fit(X), GaussianMixture(3, **given)
    same(both.fit(more, sample_weight=weight), one, rtol=1e-9)


def two_groups(n, seed):
    """Return rows of two well-known groups in the plane."""
    rng = np.random.default_rng(seed)
    truth = Mixture.from_parameters(
        [0.4, 0.6], [[0, 0], [4, 4]], [[[1.0, 0.8], [0.8, 1.0]], [[1.0, 0.6], [0.6, 2.0]]]
    )
    return truth, truth.sample(n, rng)[0]


@pytest.mark.parametrize("mechanism", ["completely at random", "at random"])
def test_parameters_are_recovered(mechanism):
    """Values at random are missing where the other one is large: then complete rows alone mislead."""
    truth, X = two_groups(5000, 1)
    rng, n = np.random.default_rng(2), len(X)
    chance = 0.4 if mechanism == "completely at random" else np.where(X[:, 0] > 0.5, 0.8, 0.05)
    X[rng.random(n) < chance, 1] = NAN
    order = [0, 1]
    model = GaussianMixture(2, random_state=0, means_init=truth.means).fit(X)
    complete = GaussianMixture(2, means_init=truth.means).fit(X[~np.isnan(X).any(axis=1)])
    error = np.sqrt(np.einsum("kdd->kd", truth.covariances.to_dense()) / (0.2 * n * truth.weights[:, None]))
    assert (np.abs(model.means_[order] - truth.means) < 4 * error).all()
    assert abs(model.weights_[0] - 0.4) < 0.03
    np.testing.assert_allclose(model.covariances_, truth.covariances.to_dense(), atol=0.2)
    if mechanism == "at random":
        assert abs(complete.weights_[0] - 0.4) > 0.1


def test_imputation_by_one_component_is_linear_regression():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(500, 2)) @ [[1.0, 2.0], [0.0, 0.5]] + 7.0
    X[200:, 1] = NAN
    model = GaussianMixture(1, reg_covar=0, tol=1e-13, max_iter=10_000).fit(X)
    slope, intercept = np.polyfit(X[:200, 0], X[:200, 1], 1)
    np.testing.assert_allclose(model.impute(X)[200:, 1], intercept + slope * X[200:, 0], rtol=1e-6)


@pytest.mark.parametrize("draw", [False, True])
def test_imputation_fills_the_holes_only(draw):
    X, _ = holed()
    before = X.copy()
    filled = GaussianMixture(3, random_state=0).fit(X).impute(X, draw=draw, random_state=0)
    observed = ~np.isnan(X)
    np.testing.assert_array_equal(filled[observed], X[observed])
    assert np.isfinite(filled).all()
    np.testing.assert_array_equal(X, before)


def test_imputation_is_better_than_means():
    X, complete = holed(500)
    missing = np.isnan(X)
    filled = GaussianMixture(3, random_state=0).fit(X).impute(X)
    by_means = np.where(missing, np.nanmean(X, axis=0), X)
    assert np.abs(filled - complete)[missing].mean() < 0.7 * np.abs(by_means - complete)[missing].mean()


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
def test_empty_cells_of_tables(frame):
    X, _ = holed()
    names = ["a", "b", "c"]
    cells = {
        name: [None if np.isnan(v) else v for v in column] for name, column in zip(names, X.T, strict=True)
    }
    one, table = GaussianMixture(3, random_state=0).fit(X), frame(cells)
    other = GaussianMixture(3, random_state=0).fit(table)
    same(other, one)
    assert other.feature_names_in_.tolist() == names
    np.testing.assert_array_equal(other.predict(table), one.predict(X))


def test_files(tmp_path):
    X, _ = holed()
    pd.DataFrame(X, columns=["a", "b", "c"]).to_csv(tmp_path / "rows.csv", index=False)
    np.save(tmp_path / "rows.npy", X)
    one = GaussianMixture(3, random_state=0).fit(X)
    for path in ("rows.csv", "rows.npy"):
        same(GaussianMixture(3, random_state=0).fit(tmp_path / path), one)
        np.testing.assert_array_equal(one.score_samples(tmp_path / path), one.score_samples(X))


def test_a_saved_model_knows_incomplete_rows(tmp_path):
    X, _ = holed()
    model = GaussianMixture(3, random_state=0).fit(X)
    save(model.mixture_, tmp_path / "model.safetensors")
    loaded = load(tmp_path / "model.safetensors").mixture
    np.testing.assert_array_equal(loaded.log_prob(X), model.mixture_.log_prob(X))
    np.testing.assert_array_equal(loaded.impute(X), model.impute(X))


@representatives
def test_hard_assignment_and_weights(name):
    X, _ = holed(name=name)
    model = GaussianMixture(3, covariance_type=name, assignment="hard", equal_weights=True, random_state=0)
    model.fit(X, sample_weight=np.linspace(0, 2, 200))
    assert np.diff(model.lower_bounds_).min(initial=0.0) >= -1e-10
    assert model.weights_.tolist() == [1 / 3] * 3


@pytest.mark.parametrize("init", ["kmeans", "k-means++", "random", "random_from_data"])
def test_all_starts(init):
    model = GaussianMixture(3, init_params=init, random_state=0).fit(holed()[0])
    assert model.converged_


@pytest.mark.parametrize("D", [1, 70])
def test_few_and_many_features(D):
    X = with_holes(make_rows(300, D=max(D, 2))[0], 0.2)[:, :D]
    X = X[~np.isnan(X).all(axis=1)]
    assert GaussianMixture(2, covariance_type="diag", random_state=0).fit(X).converged_


def test_more_rows_than_a_start_looks_at():
    truth, X = two_groups(60_000, 0)
    model = GaussianMixture(2, random_state=0).fit(with_holes(X, 0.3))
    order = np.argsort(model.means_[:, 0])
    np.testing.assert_allclose(model.means_[order], truth.means, atol=0.1)


def test_the_diagnosis_looks_at_rows_filled_in_by_the_fit():
    X, _ = holed(1000)
    model = GaussianMixture(3, random_state=0).fit(X)
    assert "normal" not in str(model.diagnose(X))
    assert model.diagnosis_.as_dict()


def test_constant_observed_values_are_told():
    X, _ = holed()
    X[~np.isnan(X[:, 1]), 1] = 4.0
    with pytest.warns(UserWarning, match="column 1 is constant"):
        model = GaussianMixture(2, random_state=0).fit(X)
    np.testing.assert_allclose(model.means_[:, 1], 4.0)


@pytest.mark.parametrize("weighted", [False, True])
def test_columns_of_which_nothing_is_known_are_named(weighted):
    X, _ = holed()
    X[:100, 2] = NAN
    X[100:, 2] = 1.0 if weighted else NAN
    X = np.where(np.isnan(X).all(axis=1)[:, None], [1.0, 1.0, NAN], X)
    weight = np.repeat([1.0, 0.0], 100) if weighted else None
    with pytest.raises(DataError, match="column 2 has missing values only: drop it"):
        GaussianMixture(2).fit(X, sample_weight=weight)


def test_columns_of_which_nothing_is_known_are_named_by_name():
    frame = pd.DataFrame({"height": [1.0, 2.0, 3.0], "width": [NAN] * 3})
    with pytest.raises(DataError, match="column 'width' has missing values only"):
        GaussianMixture(1).fit(frame)


@pytest.mark.parametrize("method", ["fit", "predict", "predict_proba", "score_samples", "score", "impute"])
def test_rows_of_which_nothing_is_known_are_named(method):
    X, _ = holed()
    model = GaussianMixture(3, random_state=0).fit(X)
    X[41] = NAN
    with pytest.raises(DataError, match=r"row 41 \(rows count from 0\) has missing values only: drop it"):
        getattr(model, method)(X)


def test_the_search_takes_incomplete_rows():
    X, _ = holed(300)
    search = GaussianMixtureSearch(
        range(1, 5), covariance_type=["EII", "VVI", "VVV"], criterion=["bic", "icl"], random_state=0
    ).fit(X)
    assert search.best_n_components_ == 3
    best = search.best_index_
    assert search.results_["log_likelihood"][best] == pytest.approx(300 * search.score(X), rel=1e-9)
    assert search.best_score_ == pytest.approx(search.bic(X), rel=1e-9)
    assert search.predict(X).shape == (300,)


def test_the_search_refits_incomplete_rows():
    X, _ = holed(300)
    search = GaussianMixtureSearch(
        [1, 3], covariance_type="diag", criterion=["cv", "stability"], cv=3, n_resamples=2, random_state=0
    ).fit(X)
    assert search.best_n_components_ == 3
    assert np.isfinite(search.results_["cv"]).all()


def test_the_bootstrap_test_needs_complete_rows():
    X, _ = holed()
    search = GaussianMixtureSearch([1, 2], covariance_type="diag", random_state=0).fit(X)
    with pytest.raises(DataError, match="is NaN"):
        search.bootstrap_test(X)
