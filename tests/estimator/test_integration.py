"""Life among scikit-learn's other tools: pipelines, searches, names of columns, copies."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pytest
import sklearn
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, KFold, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import get_tags

import gaussmix
from gaussmix import GaussianMixture

NAMES = ["a", "b", "c"]


@pytest.fixture
def fitted(X: Any) -> GaussianMixture:
    return GaussianMixture(3, random_state=0).fit(X)


def test_pipeline(X: Any) -> None:
    pipeline = make_pipeline(StandardScaler(), GaussianMixture(3, random_state=0)).fit(X)
    Z = StandardScaler().fit_transform(X)
    expected = GaussianMixture(3, random_state=0).fit(Z)
    np.testing.assert_array_equal(pipeline.predict(X), expected.predict(Z))
    np.testing.assert_array_equal(pipeline.score_samples(X), expected.score_samples(Z))


def test_a_pipeline_may_give_dataframes(X: Any) -> None:
    pipeline = make_pipeline(StandardScaler(), GaussianMixture(3, random_state=0))
    pipeline.set_output(transform="pandas").fit(pd.DataFrame(X, columns=NAMES))
    assert list(pipeline[-1].feature_names_in_) == NAMES


def test_grid_search_finds_the_three_groups(X: Any) -> None:
    grid = {"n_components": [1, 2, 3], "covariance_type": ["full", "spherical"]}
    cv = KFold(3, shuffle=True, random_state=0)
    search = GridSearchCV(GaussianMixture(random_state=0), grid, cv=cv).fit(X)
    assert search.best_params_ == {"n_components": 3, "covariance_type": "full"}
    assert search.best_estimator_.score(X) == search.score(X)


@pytest.mark.parametrize("backend", ["threading", pytest.param("loky", marks=pytest.mark.slow)])
def test_cross_validate_in_parallel(X: Any, backend: str) -> None:
    model = GaussianMixture(3, random_state=0, n_jobs=2)
    alone = cross_validate(model, X, cv=3)["test_score"]
    with joblib.parallel_config(backend, n_jobs=2):
        np.testing.assert_array_equal(cross_validate(model, X, cv=3)["test_score"], alone)


@pytest.mark.parametrize("scored", [True, False])
def test_sample_weight_is_routed(X: Any, scored: bool) -> None:
    weight = np.arange(len(X)) % 2.0
    with sklearn.config_context(enable_metadata_routing=True):
        model = GaussianMixture(1).set_fit_request(sample_weight=True).set_score_request(sample_weight=scored)
        found = cross_validate(
            model,
            X,
            cv=KFold(2),
            params={"sample_weight": weight},
            return_estimator=True,
            error_score="raise",
        )
    np.testing.assert_allclose(found["estimator"][0].means_[0], X[301::2].mean(axis=0))
    held_out = X[1:300:2] if scored else X[:300]
    assert found["test_score"][0] == pytest.approx(found["estimator"][0].score(held_out))


def test_sample_weight_goes_through_a_pipeline(X: Any) -> None:
    weight = np.arange(len(X), dtype=float)
    with sklearn.config_context(enable_metadata_routing=True):
        model = GaussianMixture(1).set_fit_request(sample_weight=True)
        scaler = StandardScaler().set_fit_request(sample_weight=False)
        pipeline = make_pipeline(scaler, model).fit(X, sample_weight=weight)
    Z = StandardScaler().fit_transform(X)
    np.testing.assert_allclose(pipeline[-1].means_[0], np.average(Z, axis=0, weights=weight), atol=1e-12)


@pytest.mark.parametrize("frame", [pd.DataFrame, lambda X, columns: pl.DataFrame(X, schema=columns)])
def test_column_names_are_kept_and_compared(X: Any, frame: Any) -> None:
    model = GaussianMixture(3, random_state=0).fit(frame(X, columns=NAMES))
    assert list(model.feature_names_in_) == NAMES
    assert model.n_features_in_ == 3
    np.testing.assert_array_equal(model.predict(frame(X, columns=NAMES)), model.fit(X).predict(X))
    assert not hasattr(model, "feature_names_in_")


@pytest.mark.parametrize("frame", [pd.DataFrame, lambda X, columns: pl.DataFrame(X, schema=columns)])
@pytest.mark.parametrize("columns", [["b", "a", "c"], ["a", "b"], ["a", "b", "c", "d"], ["a", "b", "x"]])
def test_other_columns_are_refused(X: Any, frame: Any, columns: list[str]) -> None:
    model = GaussianMixture(3, random_state=0).fit(frame(X, columns=NAMES))
    other = np.resize(X, (10, len(columns)))
    with pytest.raises(ValueError, match="feature names should match"):
        model.predict(frame(other, columns=columns))


def test_rows_without_names_warn_where_names_were_fitted(X: Any) -> None:
    model = GaussianMixture(3, random_state=0).fit(pd.DataFrame(X, columns=NAMES))
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        model.predict(X)


def test_files_are_compared_by_column_names(X: Any, tmp_path: Path) -> None:
    path, other = tmp_path / "rows.csv", tmp_path / "other.csv"
    pd.DataFrame(X, columns=NAMES).to_csv(path, index=False)
    pd.DataFrame(X, columns=["a", "b", "x"]).to_csv(other, index=False)
    model = GaussianMixture(3, random_state=0).fit(path)
    assert list(model.feature_names_in_) == NAMES
    assert len(model.predict(path)) == len(X)
    with pytest.raises(ValueError, match="feature names should match"):
        model.predict(other)


@pytest.mark.parametrize("data", ["arrow", "polars", "pandas"])
def test_predictions_from_tables_are_arrays(X: Any, data: str) -> None:
    frame = pd.DataFrame(X, columns=NAMES)
    table = {"pandas": frame, "polars": pl.from_pandas(frame), "arrow": pl.from_pandas(frame).to_arrow()}[
        data
    ]
    model = GaussianMixture(3, random_state=0).fit(table)
    assert isinstance(model.predict_proba(table), np.ndarray)


def copied_by_joblib(model: GaussianMixture, path: Path) -> Any:
    joblib.dump(model, path)
    return joblib.load(path)


COPIES = {
    "pickle": lambda model, path: pickle.loads(pickle.dumps(model)),
    "deepcopy": lambda model, path: copy.deepcopy(model),
    "joblib": copied_by_joblib,
}


@pytest.mark.parametrize("way", COPIES)
def test_copies_predict_the_same(fitted: GaussianMixture, X: Any, way: str, tmp_path: Path) -> None:
    twin = COPIES[way](fitted, tmp_path / "model.joblib")
    np.testing.assert_array_equal(twin.predict_proba(X), fitted.predict_proba(X))
    np.testing.assert_array_equal(twin.score_samples(X), fitted.score_samples(X))
    assert twin.set_params(warm_start=True).fit(X).converged_


def test_a_clone_is_not_fitted(fitted: GaussianMixture, X: Any) -> None:
    twin = clone(fitted)
    assert twin.get_params() == fitted.get_params()
    with pytest.raises(NotFittedError, match="not fitted yet"):
        twin.predict(X)
    np.testing.assert_array_equal(twin.fit(X).means_, fitted.means_)


def test_parameters_go_round(X: Any) -> None:
    family = gaussmix.GaussianMixture().fit(X).mixture_.family
    model = GaussianMixture(2, covariance_type=family, init_params="random", n_jobs=1)
    twin = GaussianMixture().set_params(**model.get_params())
    assert twin.get_params() == model.get_params()
    assert twin.fit(X).mixture_.covariance_type == "full"


def test_representations(fitted: GaussianMixture) -> None:
    assert repr(fitted) == "GaussianMixture(n_components=3, random_state=0)"
    assert "GaussianMixture" in fitted._repr_html_()
    assert get_tags(fitted).estimator_type == "density_estimator"
