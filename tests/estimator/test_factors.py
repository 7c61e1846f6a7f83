"""Mixtures of factor analysers: equal to known methods where these exist, and the same with and without matrices."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.decomposition import PCA, FactorAnalysis

from gaussmix import GaussianMixture, GaussianMixtureSearch
from gaussmix.covariance import FACTOR_FAMILIES, low_rank, low_rank_family, resolve_family
from gaussmix.errors import DataError, ParameterError
from gaussmix.persistence import dumps, loads
from gaussmix.prior import NormalWishart


@pytest.fixture(params=[False, True], ids=["matrices", "factors"])
def wide(request, monkeypatch):
    """Run a test with D × D matrices, as up to 128 features, and without, as beyond."""
    if request.param:
        for module in (low_rank, low_rank_family):
            monkeypatch.setattr(module, "MOST_DENSE", 4)
    return request.param


def factor_rows(n=400, D=12, q=2, K=1, seed=0):
    rng = np.random.default_rng(seed)
    groups = [
        rng.standard_normal((n // K, q)) @ rng.standard_normal((q, D))
        + rng.standard_normal((n // K, D)) * np.sqrt(rng.uniform(0.2, 1.2, D))
        + 6.0 * rng.standard_normal(D)
        for _ in range(K)
    ]
    return np.concatenate(groups)


def fitted(X, K=1, q=2, covariance_type="mfa", **options):
    options = {"tol": 1e-9, "reg_covar": 0.0, "max_iter": 5000, "random_state": 0, "n_jobs": 1} | options
    return GaussianMixture(K, covariance_type=covariance_type, n_factors=q, **options).fit(X)


@pytest.mark.filterwarnings("ignore:Best performing")  # that no tolerance ends the run is meant
def test_one_component_of_equal_noise_is_probabilistic_pca(wide):
    X = factor_rows()
    theirs = PCA(2).fit(X)
    theirs.explained_variance_ *= 399 / 400  # scikit-learn divides by N − 1
    theirs.noise_variance_ *= 399 / 400
    model = fitted(X, covariance_type="ppca", tol=0.0, max_iter=100)
    np.testing.assert_allclose(model.score_samples(X), theirs.score_samples(X), rtol=0, atol=1e-8)
    np.testing.assert_allclose(model.noise_variance_, theirs.noise_variance_, rtol=1e-7)


def test_one_component_is_factor_analysis(wide):
    X = factor_rows()
    theirs = FactorAnalysis(2, tol=1e-14, max_iter=20_000, svd_method="lapack").fit(X)
    model = fitted(X, tol=1e-13)
    np.testing.assert_allclose(model.score(X), theirs.score(X), rtol=0, atol=1e-8)
    np.testing.assert_allclose(model.noise_variance_[0], theirs.noise_variance_, rtol=1e-4)


@pytest.mark.parametrize("name", FACTOR_FAMILIES)
def test_the_bound_never_falls(name, wide):
    X = factor_rows(300, 8, 2, 3)
    options = {"init_params": "kmeans", "acceleration": None, "max_iter": 40}
    model = GaussianMixture(3, covariance_type=name, n_factors=2, tol=0.0, random_state=0, **options)
    with pytest.warns(match="did not converge"):
        model.fit(X)
    assert np.diff(model.lower_bounds_).min() > -1e-10


def test_with_and_without_matrices_the_same_optimum_is_found(monkeypatch):
    X = factor_rows(600, 10, 2, 3)
    one = fitted(X, 3, init_params="kmeans")
    for module in (low_rank, low_rank_family):
        monkeypatch.setattr(module, "MOST_DENSE", 4)
    other = fitted(X, 3, init_params="kmeans")
    assert other.score(X) == pytest.approx(one.score(X), abs=1e-6)
    np.testing.assert_array_equal(other.predict(X), one.predict(X))


def test_groups_are_found_and_sampled_in_many_dimensions():
    X = factor_rows(300, 150, 2, 3)
    model = fitted(X, 3, reg_covar=1e-6)
    labels = model.predict(X).reshape(3, 100)
    assert all(len(set(group)) == 1 for group in labels)
    assert not hasattr(model, "covariances_")
    assert model.loadings_.shape == (3, 150, 2)
    drawn, _ = model.sample(4000)
    np.testing.assert_allclose(drawn.mean(axis=0), model.weights_ @ model.means_, atol=0.5)
    assert model.diagnosis_ is not None
    assert model.bic(X) > model.aic(X)


def test_attributes_follow_the_family():
    X = factor_rows(200, 6, 1, 2)
    model = fitted(X, 2, 1, init_params="kmeans")
    dense = model.loadings_ @ model.loadings_.transpose(0, 2, 1)
    dense += model.noise_variance_[:, :, None] * np.eye(6)
    np.testing.assert_allclose(model.covariances_, dense, rtol=1e-12)
    model.set_params(covariance_type="diag").fit(X)
    assert not hasattr(model, "loadings_")


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_threads_and_repeats_give_the_same_bits(dtype):
    X = factor_rows(3000, 150, 2, 3).astype(dtype)
    one, two = (fitted(X, 3, reg_covar=1e-6, tol=1e-5, n_jobs=n_jobs) for n_jobs in (1, 2))
    np.testing.assert_array_equal(one.loadings_, two.loadings_)
    assert one.lower_bounds_ == two.lower_bounds_


def test_weights_count_as_repeated_rows(wide):
    X = factor_rows(200, 8, 1)
    weight = np.random.default_rng(0).integers(0, 3, 200)
    weighted = GaussianMixture(1, covariance_type="mfa", tol=1e-9, n_jobs=1).fit(X, sample_weight=weight)
    repeated = fitted(np.repeat(X, weight, axis=0), q=1, reg_covar=1e-6)
    np.testing.assert_allclose(weighted.score(X), repeated.score(X), atol=1e-7)


@pytest.mark.parametrize("scale", [1e-100, 1e100])
def test_units_do_not_matter(wide, scale):
    X = factor_rows(300, 8, 2, 2)
    one = fitted(X, 2, init_params="kmeans", reg_covar=1e-6)
    units = scale * np.exp(np.random.default_rng(1).standard_normal(8))
    other = fitted(X * units, 2, init_params="kmeans", reg_covar=1e-6)
    assert other.score(X * units) == pytest.approx(one.score(X) - np.log(units).sum(), abs=1e-5)


def test_a_model_comes_back_from_its_file(wide):
    model = fitted(factor_rows(200, 8, 2, 2), 2, tol=1e-4, init_params="kmeans").mixture_
    saved = loads(dumps(model)).mixture
    np.testing.assert_array_equal(saved.covariances.loadings, model.covariances.loadings)
    np.testing.assert_array_equal(saved.log_prob(model.means), model.log_prob(model.means))
    assert saved.n_parameters == model.n_parameters


@pytest.mark.filterwarnings("ignore:Best performing")
@pytest.mark.parametrize("policy", ["floor", "drop", "restart"])
def test_components_that_collapse_are_treated(wide, policy):
    X = np.concatenate([factor_rows(60, 8), np.full((30, 8), 50.0)])
    with pytest.warns(match="collapsed"):
        model = fitted(X, 2, on_degenerate=policy, init_params="kmeans", max_iter=50, tol=1e-3)
    assert model.degenerate_[0]["action"] == policy
    assert np.isfinite(model.score(X))


def test_wrong_numbers_of_factors_are_refused():
    X = factor_rows(50, 5)
    with pytest.raises(ParameterError, match=r"n_factors=5 needs more than 5 feature\(s\), but there are 5"):
        fitted(X, q=5)
    with pytest.raises(ValueError, match="'n_factors' parameter"):
        fitted(X, q=0)
    model = fitted(X, q=2)
    with pytest.raises(ParameterError, match="components of 2 factors"):
        model.set_params(warm_start=True, n_factors=3).fit(X)


def test_what_many_features_exclude_is_said(wide):
    X = factor_rows(50, 6)
    X[0, 0] = np.nan
    if not wide:
        assert np.isfinite(fitted(X, reg_covar=1e-6, tol=1e-3).lower_bound_)
        return
    with pytest.raises(DataError, match="takes no missing values where there are 6 features"):
        fitted(X)
    with pytest.raises(ParameterError, match="prior is not possible for covariance_type='mfa'"):
        fitted(factor_rows(50, 6), prior=NormalWishart())
    with pytest.raises(ParameterError, match="precisions_init is not possible"):
        fitted(factor_rows(50, 6), precisions_init=np.eye(6)[None])


def test_missing_values_of_new_rows_are_left_out_of_the_density(wide):
    X = factor_rows(100, 6)
    mixture = fitted(X, tol=1e-4).mixture_
    some = X[:3].copy()
    some[:, 2] = np.nan
    rest = np.array([0, 1, 3, 4, 5])
    expected = mixture.marginal(rest).log_prob(X[:3, rest])
    np.testing.assert_allclose(mixture.log_prob(some), expected, rtol=1e-10)


def test_the_number_of_factors_can_be_chosen_by_bic():
    X = factor_rows(1500, 10, 3)
    families = [resolve_family("mfa", n_factors=q) for q in (1, 2, 3, 4)]
    bics = [fitted(X, covariance_type=family, tol=1e-5).bic(X) for family in families]
    assert int(np.argmin(bics)) + 1 == 3


def test_a_search_compares_numbers_of_factors():
    X = factor_rows(300, 8, 2, 2, seed=3)
    families = [resolve_family("mfa", n_factors=q) for q in (1, 2)]
    search = GaussianMixtureSearch([2], covariance_type=families, effort="low", random_state=0, n_jobs=1).fit(
        X
    )
    assert list(search.results_["covariance_type"]) == ["mfa-1", "mfa-2"]
    assert search.best_estimator_.mixture_.family.n_factors == 2
    with pytest.raises(ParameterError, match="of 140 features cannot be searched"):
        GaussianMixtureSearch(covariance_type=families[:1]).fit(np.ones((300, 140)) * np.arange(300)[:, None])


def test_bic_chooses_the_number_of_factors_of_several_families():
    X = factor_rows(600, 8, 2)
    search = GaussianMixtureSearch(
        1, covariance_type=["mfa", "diag"], n_factors=range(1, 4), random_state=0
    ).fit(X)
    assert list(search.results_["covariance_type"]) == ["mfa-1", "mfa-2", "mfa-3", "diag"]
    assert (search.best_covariance_type_, search.best_n_factors_) == ("mfa", 2)
    assert repr(search.best_estimator_.mixture_.family) == "Factors('mfa', n_factors=2)"
    again = GaussianMixture(1, covariance_type="mfa", n_factors=2, random_state=0).fit(X)
    assert search.best_estimator_.bic(X) == pytest.approx(again.bic(X))


def test_cells_of_too_many_factors_are_unsupported():
    X = factor_rows(200, 3, 1)
    grid = {"covariance_type": ["mfa", "diag"], "effort": "low", "random_state": 0, "n_jobs": 1}
    search = GaussianMixtureSearch([1, 2], n_factors=range(1, 5), **grid).fit(X)
    assert search.results_["status"].tolist() == ["ok", "ok", "unsupported", "unsupported", "ok"] * 2
    assert "n_factors=3 needs more than 3 feature(s)" in search.results_["message"][2]
    assert np.isnan(search.results_["bic"][2])
    with pytest.raises(ParameterError, match="n_factors=4 needs more than 4"):
        GaussianMixtureSearch(1, covariance_type="mfa", n_factors=[4, 5]).fit(X)
    assert search.set_params(covariance_type="diag").fit(X).best_n_factors_ is None


def test_the_bootstrap_tests_the_best_number_of_factors():
    X = factor_rows(100, 5, 2)
    search = GaussianMixtureSearch(1, covariance_type="mfa", n_factors=2, random_state=0, n_jobs=1).fit(X)
    assert search.bootstrap_test(X, [1], n_bootstrap=2)[0].n_components == 1


@pytest.mark.parametrize("n_factors", [[], [0], [1.5], [True]])
def test_numbers_of_factors_that_are_none_are_refused(n_factors):
    with pytest.raises(ValueError, match="n_factors should be a positive integer or several"):
        GaussianMixtureSearch(1, covariance_type="mfa", n_factors=n_factors).fit(np.eye(5))
