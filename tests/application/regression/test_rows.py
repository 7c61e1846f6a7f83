from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pytest

from gaussmix import MixtureRegressor
from gaussmix.errors import DataError, ParameterError

NAMES = ["width", "height", "age"]


def table(n=200, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, 3)) @ np.array([[1.0, 0.4, 0.3], [0.0, 0.8, -0.5], [0.0, 0.0, 2.0]])
    return pd.DataFrame(X, columns=NAMES).assign(price=X.sum(axis=1) ** 2 + rng.standard_normal(n))


@pytest.fixture(scope="module")
def rows():
    return table()


@pytest.fixture(scope="module")
def model(rows):
    return MixtureRegressor(3, effort="low", random_state=0).fit(rows[NAMES], rows["price"])


@pytest.mark.parametrize("features", [[1], [0, 2], [2, 0]])
def test_inputs_left_out_are_integrated_out(model, rows, features):
    X = rows[NAMES].to_numpy()[:9, features]
    mean, std = model.predict(X, return_std=True, features=features)
    for i, row in enumerate(X):
        given = model.mixture_.marginal([*features, 3]).condition(range(len(features)), row)
        assert mean[i] == pytest.approx(given.mean[0], rel=1e-10)
        assert std[i] == pytest.approx(np.sqrt(given.covariance[0, 0]), rel=1e-8)


def test_all_inputs_in_another_order(model, rows):
    X = rows[NAMES].to_numpy()
    np.testing.assert_allclose(
        model.predict(X[:, [2, 0, 1]], features=[2, 0, 1]), model.predict(rows[NAMES]), rtol=1e-9
    )


def test_names_and_numbers_mean_the_same(model, rows):
    expected = model.predict(rows[["age", "width"]].to_numpy(), features=[2, 0])
    names = ["age", "width"]
    for X in (rows[names], rows[["width", "age"]], rows, pl.DataFrame(rows), rows[names].to_numpy()):
        np.testing.assert_array_equal(model.predict(X, features=names), expected)
    np.testing.assert_array_equal(model.predict(rows, features=[2, 0]), expected)
    one = model.predict(rows, features="age")
    np.testing.assert_array_equal(one, model.predict(rows[["age"]].to_numpy(), features=2))


def test_every_prediction_takes_features(model, rows):
    X, y = rows[["age"]], rows["price"]
    assert model.predict_quantiles(X, 0.5, features=["age"]).shape == (200,)
    assert model.sample(X, features=["age"]).shape == (1, 200)
    assert len(model.predict_mixtures(X, features=["age"])) == 200
    assert model.score_samples(X, y, features=["age"]).shape == (200,)
    assert model.log_score(X, y, features=["age"]) < model.log_score(rows[NAMES], y)


@pytest.mark.parametrize(
    ("features", "message"),
    [
        (["weight"], "'weight' is unknown: the inputs are"),
        (["age", "age"], "2 is repeated"),
        (["price"], "'price' is a target"),
        ([3], "feature 3 is a target"),
        ([4], "from 0 to 2, got 4"),
        ([-1], "from 0 to 2, got -1"),
        ([], "at least one"),
        ([0.5], "whole numbers"),
    ],
)
def test_bad_features_are_named(model, rows, features, message):
    with pytest.raises(ParameterError, match=message):
        model.predict(rows, features=features)


def test_rows_must_have_the_features(model, rows):
    with pytest.raises(DataError, match="X has 3 columns, but features names 2"):
        model.predict(rows[NAMES].to_numpy(), features=[0, 1])
    with pytest.raises(DataError, match="age"):
        model.predict(rows[["width"]], features=["age"])


def test_names_need_a_fit_with_names(rows):
    model = MixtureRegressor(1).fit(rows[NAMES].to_numpy(), rows["price"].to_numpy())
    with pytest.raises(ParameterError, match="had no names, so give their numbers"):
        model.predict(rows[["age"]], features=["age"])
    assert model.predict(rows[["age"]], features=[2]).shape == (200,)


def test_a_target_cannot_be_an_input(rows):
    with pytest.raises(DataError, match="'price' is an input and a target: drop it from X"):
        MixtureRegressor(1).fit(rows, rows["price"])


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
def test_targets_keep_their_names(rows, frame):
    X, y = frame(rows[["width", "height"]]), frame(rows[["age", "price"]])
    model = MixtureRegressor(1).fit(X, y)
    assert model.target_names_ == ["age", "price"]
    assert model.predict(X).shape == (200, 2)


def test_a_file_of_inputs(rows, tmp_path):
    np.save(tmp_path / "X.npy", rows[NAMES].to_numpy())
    model = MixtureRegressor(1).fit(tmp_path / "X.npy", rows["price"])
    np.testing.assert_array_equal(model.predict(tmp_path / "X.npy"), model.predict(rows[NAMES].to_numpy()))


def test_float32_rows(rows):
    X, y = rows[NAMES].to_numpy(np.float32), rows["price"].to_numpy(np.float32)
    model = MixtureRegressor(1).fit(X, y)
    assert model.predict(X).dtype == np.float64
    np.testing.assert_allclose(
        model.predict(X), MixtureRegressor(1).fit(X.astype(float), y).predict(X), rtol=1e-3, atol=1e-4
    )
