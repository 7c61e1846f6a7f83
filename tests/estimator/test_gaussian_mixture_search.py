from __future__ import annotations

import sys

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from gaussmix import GaussianMixture, GaussianMixtureSearch
from gaussmix.errors import (
    DataError,
    ExecutorError,
    MissingDependencyError,
    ParameterError,
    UnfinishedWarning,
)
from gaussmix.estimator.cells import CellFitter

from .conftest import three_blobs

IRIS = load_iris().data
QUICK = {"init_params": "kmeans", "random_state": 0, "n_jobs": 1}
FOUR = ["spherical", "diag", "tied", "full"]


def search(n_components=(1, 2, 3), covariance_type=("VVI", "VVV"), **options):
    return GaussianMixtureSearch(n_components, covariance_type=covariance_type, **QUICK | options)


def without_seconds(results):
    return {name: values.tolist() for name, values in results.items() if name not in ("seconds", "message")}


@pytest.fixture(scope="module")
def fitted():
    return search((1, 2, 3, 4), FOUR).fit(three_blobs())


def test_the_best_cell_has_the_lowest_criterion(fitted):
    results = fitted.results_
    assert (fitted.best_n_components_, results["status"].tolist()) == (3, ["ok"] * 16)
    assert fitted.best_score_ == results["bic"].min() == results["bic"][results["rank"] == 1][0]
    assert sorted(results["rank"]) == list(range(1, 17))
    assert results["covariance_type"][fitted.best_index_] == fitted.best_covariance_type_


def test_the_table_agrees_with_the_estimator(fitted):
    X, best, row = three_blobs(), fitted.best_estimator_, fitted.best_index_
    assert fitted.results_["bic"][row] == pytest.approx(best.bic(X))
    assert fitted.results_["aic"][row] == pytest.approx(best.aic(X))
    assert fitted.results_["log_likelihood"][row] == pytest.approx(best.score(X) * len(X))
    assert fitted.results_["n_iter"][row] == best.n_iter_


def test_the_search_is_the_best_mixture(fitted):
    X, best = three_blobs(), fitted.best_estimator_
    np.testing.assert_array_equal(fitted.predict(X), best.predict(X))
    np.testing.assert_array_equal(fitted.predict_proba(X), best.predict_proba(X))
    np.testing.assert_array_equal(fitted.score_samples(X), best.score_samples(X))
    assert (fitted.score(X), fitted.bic(X), fitted.aic(X)) == (best.score(X), best.bic(X), best.aic(X))
    np.testing.assert_array_equal(fitted.sample(5)[0], best.sample(5)[0])
    np.testing.assert_array_equal(clone(fitted).fit_predict(X), fitted.predict(X))


def test_the_best_estimator_can_be_fitted_again(fitted):
    X, best = three_blobs(), fitted.best_estimator_
    again = clone(best).fit(X)
    assert again.score(X) == pytest.approx(best.score(X), abs=1e-6)


@pytest.mark.parametrize("init_params", ["kmeans", "auto"])
def test_threads_do_not_change_the_table(init_params):
    X, options = three_blobs(90), {"init_params": init_params, "effort": "low"}
    one, three = (search((1, 2, 3), [*FOUR, "EEI"], n_jobs=n, **options).fit(X) for n in (1, 3))
    assert str(without_seconds(one.results_)) == str(without_seconds(three.results_))


@pytest.mark.parametrize("equal_weights", [False, "both"])
def test_nested_cells_have_nested_likelihoods(equal_weights):
    table = search(range(1, 5), FOUR, equal_weights=equal_weights).fit(IRIS).results_
    names = ("n_components", "covariance_type", "equal_weights")
    cells = zip(*(table[name].tolist() for name in names), strict=True)
    value = dict(zip(cells, table["log_likelihood"].tolist(), strict=True))
    for (K, family, equal), likelihood in value.items():
        poorer = [value.get((K, "diag", equal))] if family == "full" else []
        poorer += [value.get((K - 1, family, False))] if not equal else []
        assert all(other is None or likelihood >= other - 1e-6 for other in poorer)


def test_all_means_the_fourteen_families_or_two():
    assert len(search((2,), "all").fit(IRIS[::3]).results_["bic"]) == 14
    assert search((1, 2), "all").fit(IRIS[:, :1]).results_["covariance_type"].tolist() == ["E", "V"] * 2


def test_a_family_under_two_names_counts_once():
    assert search((1,), ["full", "VVV"]).fit(IRIS).results_["covariance_type"].tolist() == ["full"]


def test_cross_validation_and_stability():
    table = search(criterion=["cv", "stability"], n_resamples=2, cv=3).fit(IRIS).results_
    assert np.isfinite(table["cv"]).all()
    assert (table["cv_standard_error"] > 0).all()
    assert np.isnan(table["stability"]).tolist() == [True, True, False, False, False, False]
    assert table["rank"][table["cv"].argmin()] == 1
    assert (table["cv"] > -table["log_likelihood"] / 150).all()  # optimism


def test_folds_of_the_users_own():
    halves = [(np.arange(0, 150, 2), np.arange(1, 150, 2))] * 2
    given = search(criterion="cv", cv=halves).fit(IRIS).results_
    own = search().fit(IRIS[::2])
    assert given["cv"][own.best_index_] == pytest.approx(-own.score(IRIS[1::2]), rel=0.2)
    assert search((1,), criterion="cv", cv=KFold(3)).fit(IRIS).best_score_ > 0


def test_the_bootstrap_test_rejects_one_component_for_two_groups():
    X = np.concatenate([np.random.default_rng(0).normal(c, 1, (40, 1)) for c in (0, 8)])
    tests = search((1, 2), ["E"]).fit(X).bootstrap_test(X, n_bootstrap=19)
    assert tests[0].p_value == 0.05
    assert tests[-1].p_value > 0.05
    assert all((test.simulated > -1e-6).all() for test in tests)


def test_weights_count_rows():
    weight = np.arange(150) % 3
    weighted = search(init_params=by_first_feature).fit(IRIS, sample_weight=weight).results_
    repeated = search(init_params=by_first_feature).fit(np.repeat(IRIS, weight, axis=0)).results_
    for name in ("bic", "aic", "icl", "nec", "log_likelihood"):
        np.testing.assert_allclose(weighted[name], repeated[name], rtol=1e-6, atol=1e-6)


def by_first_feature(X, n_components, rng):
    return np.searchsorted([5.4, 6.3][: n_components - 1], X[:, 0])


def test_in_a_pipeline_and_a_grid_search():
    pipeline = make_pipeline(StandardScaler(), search()).fit(IRIS)
    assert pipeline.predict(IRIS).shape == (150,)
    grid = GridSearchCV(search(), {"criterion": ["bic", "icl"]}, cv=2).fit(IRIS)
    assert np.isfinite(grid.cv_results_["mean_test_score"]).all()
    single = GridSearchCV(GaussianMixture(**QUICK), {"n_components": [1, 2]}, cv=2).fit(IRIS[::-1])
    assert np.isfinite(single.best_score_)


def test_results_frame(fitted, monkeypatch):
    frame = fitted.results_frame()
    assert list(frame["rank"]) == list(range(1, 17))
    assert list(frame.columns) == list(fitted.results_)
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(MissingDependencyError, match="pip install pandas"):
        fitted.results_frame()


def test_cells_that_the_rows_cannot_support_are_marked():
    results = search((1, 2, 3), ["VVV", "VVI"]).fit(IRIS[:12]).results_
    assert results["status"].tolist() == ["ok", "ok", "ok", "ok", "failed", "ok"]
    assert "12 distinct rows in 4 dimensions leave 3 'VVV' components" in results["message"][4]
    assert results["rank"][4] == 6


def test_more_components_than_distinct_rows():
    X = np.repeat(IRIS[[0, 60]], 10, axis=0)
    results = search((1, 2, 3), ["EII"], reg_covar=1e-3).fit(X).results_
    assert results["status"].tolist() == ["ok", "failed", "failed"]
    with pytest.raises(
        DataError, match=r"none of the 1 cells .* 3 × EII: 3 components need as many distinct rows"
    ):
        search(3, ["EII"]).fit(X)


def test_a_budget_too_small_for_one_cell_fits_one():
    with pytest.warns(
        UnfinishedWarning, match="budget of the search is over: 15 of 16 cells were not fitted"
    ):
        model = search(range(1, 9), time_budget=1e-9).fit(IRIS)
    assert model.n_skipped_ == 15
    assert model.results_["status"].tolist() == ["ok"] + ["skipped: time budget"] * 15
    assert model.predict(IRIS).shape == (150,)


def interrupted_after(n_fits, monkeypatch, error=KeyboardInterrupt):
    calls, fit = [], CellFitter.fit

    def interrupted(self, cell):
        calls.append(cell)
        if len(calls) > n_fits:
            raise error
        return fit(self, cell)

    monkeypatch.setattr(CellFitter, "fit", interrupted)


@pytest.mark.parametrize("types", [["VVI", "VVV"], [*FOUR, "VEV"]])
def test_an_interrupted_search_returns_what_it_has(types, monkeypatch):
    interrupted_after(3, monkeypatch)
    with pytest.warns(UnfinishedWarning, match=r"interrupted: \d+ of \d+ cells"):
        model = search((1, 2, 3), types, init_params="auto", effort="low").fit(IRIS)
    assert model.n_skipped_ == len(model.results_["status"]) - 3
    assert model.results_["status"].tolist().count("ok") == 3
    assert "skipped: interrupted" in model.results_["status"]
    assert model.predict(IRIS).shape == (150,)


def test_an_interrupt_before_anything_is_done_is_raised(monkeypatch):
    interrupted_after(0, monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        search().fit(IRIS)


@pytest.mark.parametrize("types", [["VVI", "VVV"], [*FOUR, "VEV"]])
def test_lost_workers_end_a_search_with_what_it_has(types, monkeypatch):
    interrupted_after(2, monkeypatch, ExecutorError("no workers"))
    with pytest.warns(UnfinishedWarning, match=r"interrupted \(no workers\): \d+ of \d+ cells"):
        model = search((1, 2, 3), types, init_params="auto", effort="low").fit(IRIS)
    assert model.results_["message"][-1] == "no workers"
    interrupted_after(0, monkeypatch, ExecutorError("no workers"))
    with pytest.raises(ExecutorError, match="no workers"):
        search().fit(IRIS)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_components": (0, 1)}, "n_components should be a positive integer or several"),
        ({"n_components": (1.5,)}, "n_components should be a positive integer or several"),
        ({"n_components": ()}, "n_components should be a positive integer or several"),
        ({"criterion": ["bic", "dic"]}, "criterion should be one or more of 'bic'"),
        ({"covariance_type": ["full", "round"]}, "covariance_type must be one of"),
        ({"criterion": "cv", "cv": 100}, "cv=100 folds need at least 200 rows"),
    ],
)
def test_bad_parameters(options, message):
    with pytest.raises(ParameterError, match=message):
        search(**options).fit(IRIS)


def test_lines_are_printed_if_asked_for(capsys):
    search((1, 2), ["EII"], verbose=2).fit(IRIS)
    assert capsys.readouterr().out.startswith("1 × EII: ok, ")
    search((1, 2), ["EII"], verbose=1).fit(IRIS)
    assert capsys.readouterr() == ("", "")


@pytest.mark.filterwarnings(
    "ignore::gaussmix.errors.DegenerateWarning", "ignore::sklearn.exceptions.ConvergenceWarning"
)
@parametrize_with_checks([GaussianMixtureSearch((1,), covariance_type=("diag", "full"))])
def test_scikit_learns_checks(estimator, check):
    check(estimator)


def test_the_best_estimator_can_be_diagnosed(fitted):
    assert str(fitted.best_estimator_.diagnosis_)
    assert str(fitted.best_estimator_.diagnose(three_blobs()))
