"""Rows and weights that cannot be used: one clear error, and an estimator that is as it was.

The numbers are those of the catalogue of bad inputs: A1 to A22 and A27.
"""

from __future__ import annotations

import datetime
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse

from gaussmix import GaussianMixture
from gaussmix.errors import DegenerateWarning

from .conftest import assert_finite, refused, rows

FRAMES = [
    pytest.param(pd.DataFrame, id="pandas"),
    pytest.param(lambda data: pl.DataFrame(data, strict=False), id="polars"),
]


def spoiled(value: Any, dtype: Any = np.float64) -> Any:
    X = rows().astype(dtype)
    X[7, 1] = value
    return X


@pytest.mark.parametrize("dtype", [np.float32, np.float64, object])
@pytest.mark.parametrize("value", [np.inf, -np.inf])
def test_a2_infinite_value_is_named(value: float, dtype: Any) -> None:
    refused(spoiled(value, dtype), ValueError, r"row 7, column 1 is .*inf")


@pytest.mark.parametrize("frame", FRAMES)
def test_a2_infinite_value_in_a_table_is_named(frame: Any) -> None:
    refused(frame(dict(zip("abc", spoiled(np.inf).T, strict=True))), ValueError, "row 7, column 'b' is inf")


@pytest.mark.parametrize("dtype", [np.float32, np.float64, object])
def test_a1_nan_is_a_missing_value(dtype: Any) -> None:
    assert_finite(GaussianMixture(2, random_state=0).fit(spoiled(np.nan, dtype)))


@pytest.mark.parametrize("frame", FRAMES)
def test_a1_nan_in_a_table_is_a_missing_value(frame: Any) -> None:
    table = frame(dict(zip("abc", spoiled(np.nan).T, strict=True)))
    assert_finite(GaussianMixture(2, random_state=0).fit(table))


def test_a1_row_of_nan() -> None:
    X = rows()
    X[7] = np.nan
    refused(X, ValueError, r"row 7 \(rows count from 0\) has missing values only: drop it")


def test_a1_infinite_value_among_missing_ones_is_named() -> None:
    X = spoiled(np.nan)
    X[9, 2] = np.inf
    refused(X, ValueError, "row 9, column 2 is inf")


def test_a3_column_of_nan() -> None:
    X = rows()
    X[:, 2] = np.nan
    refused(X, ValueError, "column 2 has missing values only: drop it")


def test_a3_column_of_nan_in_a_table() -> None:
    frame = pd.DataFrame(rows(), columns=["a", "b", "c"]).assign(b=np.nan)
    refused(frame, ValueError, "column 'b' has missing values only: drop it")


def test_a4_objects_that_are_numbers_are_accepted() -> None:
    expected = GaussianMixture(2, random_state=0).fit(rows()).means_
    np.testing.assert_array_equal(
        GaussianMixture(2, random_state=0).fit(rows().astype(object)).means_, expected
    )


@pytest.mark.parametrize("value", ["text", {"a": 1}])
def test_a5_objects_that_are_not_numbers(value: Any) -> None:
    refused(spoiled(value, object), (ValueError, TypeError), "text|dict|not a number|could not")


@pytest.mark.parametrize("value", [None, pd.NA, np.nan])
@pytest.mark.parametrize("wrap", [np.asarray, pd.DataFrame], ids=["array", "table"])
def test_a5_none_and_na_are_missing_values(value: Any, wrap: Any) -> None:
    expected = GaussianMixture(2, random_state=0).fit(spoiled(np.nan)).means_
    model = GaussianMixture(2, random_state=0).fit(wrap(spoiled(value, object)))
    np.testing.assert_array_equal(model.means_, expected)


@pytest.mark.parametrize(
    ("values", "column"),
    [(["x", "y"] * 20, "b"), (pd.Series(["x", "y"] * 20, dtype="category"), "b"), ([None] * 40, "b")],
)
def test_a5_a16_table_with_a_column_of_other_things_names_it(values: Any, column: str) -> None:
    frame = pd.DataFrame({"a": rows()[:, 0], "b": values})
    refused(frame, (ValueError, TypeError), f"'{column}'")


def test_a5_missing_value_of_a_nullable_column() -> None:
    frame = pd.DataFrame({"a": pd.array([1, None, 3, 4], dtype="Int64"), "b": [1.0, 2.0, 3.0, 5.0]})
    assert_finite(GaussianMixture(1).fit(frame))
    assert_finite(GaussianMixture(1).fit(frame.astype({"b": "Float32"})))


def test_a5_masked_values_are_not_taken_for_missing() -> None:
    refused(np.ma.MaskedArray(spoiled(np.nan), mask=False), TypeError, "masked array")


def test_a6_complex() -> None:
    refused(rows() + 1j, ValueError, r"(?i)complex data not supported")


@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (0, 0)])
def test_a7_empty(shape: tuple[int, int]) -> None:
    refused(np.empty(shape), ValueError, "0 (sample|feature|rows)|at least one|minimum")


def test_a8_one_dimension() -> None:
    refused(rows()[:, 0], ValueError, r"[Rr]eshape your data")


def test_a9_three_dimensions() -> None:
    refused(np.zeros((4, 3, 2)), ValueError, "dim 3|3 dimensions")


def test_a10_fewer_rows_than_components() -> None:
    refused(rows(4), ValueError, "n_components = 5, n_samples = 4", GaussianMixture(5))


def test_a11_as_many_rows_as_components(covariance_type: str) -> None:
    with pytest.warns(DegenerateWarning, match="as many components as rows"):
        model = GaussianMixture(5, covariance_type=covariance_type, random_state=0).fit(rows(5))
    assert_finite(model)


def test_a12_one_row() -> None:
    refused(rows(1), ValueError, "minimum of 2 is required", GaussianMixture(1))


@pytest.mark.parametrize("name", ["csr", "csc", "coo"])
@pytest.mark.parametrize("kind", ["array", "matrix"])
def test_a13_sparse(name: str, kind: str) -> None:
    refused(getattr(scipy.sparse, f"{name}_{kind}")(rows()), TypeError, "(?i)sparse")


@pytest.mark.parametrize("mask", [False, True])
def test_a14_masked_array(mask: bool) -> None:
    refused(np.ma.MaskedArray(rows(), mask=mask), TypeError, "masked array")


@pytest.mark.parametrize("dtype", [np.int8, np.uint64, np.float16, np.longdouble, np.float32])
def test_a15_other_types_of_numbers(dtype: Any) -> None:
    X = np.rint(10 * np.abs(rows()))
    model = GaussianMixture(1).fit(X.astype(dtype))
    np.testing.assert_allclose(model.means_[0], X.mean(axis=0), rtol=1e-6)


def test_a15_booleans() -> None:
    X = rows() > 0
    np.testing.assert_allclose(GaussianMixture(1).fit(X).means_[0], X.mean(axis=0))


def test_a15_integers_beyond_float64_are_rounded() -> None:
    X = np.array([[2**63 + 5], [2**63 + 2**40], [2**62]], np.uint64)
    assert GaussianMixture(1).fit(X).means_[0, 0] == pytest.approx(float(X.astype(float).mean()))


@pytest.mark.parametrize(
    "X",
    [
        np.array([["a", "b"]] * 5),
        np.array([[b"a", b"b"]] * 5),
        np.array([["2020-01-01"]] * 5, "datetime64[D]"),
        np.array([[1]] * 5, "timedelta64[s]"),
        np.array([[datetime.datetime(2020, 1, 1)]] * 5, object),
    ],
)
def test_a16_types_that_are_no_numbers(X: Any) -> None:
    refused(X, (ValueError, TypeError), "number|convert|float|date|text|dtype|DType")


def test_a17_structured() -> None:
    X = np.zeros(5, [("a", float), ("b", float)])
    refused(X, (ValueError, TypeError), "structured|dimension|1D|float|dtype")


def test_a18_ragged() -> None:
    refused([[1, 2], [3], [4, 5]], ValueError, "inhomogeneous|same number")


def test_a19_two_columns_of_one_name() -> None:
    frame = pd.DataFrame(rows(), columns=["a", "b", "a"])
    refused(frame, ValueError, "same name|both named")


@pytest.mark.parametrize("n_features", [1, 2, 4])
@pytest.mark.parametrize("method", ["predict", "predict_proba", "score_samples", "score", "bic", "aic"])
def test_a21_other_number_of_features(method: str, n_features: int) -> None:
    model = GaussianMixture(2, random_state=0).fit(rows())
    with pytest.raises(ValueError, match=f"X has {n_features} features, but GaussianMixture is expecting 3"):
        getattr(model, method)(rows(n_features=n_features))


METHODS = ["predict", "predict_proba", "score_samples", "score", "bic", "aic", "impute"]


@pytest.mark.parametrize("method", METHODS)
def test_a2_infinite_value_to_predict_is_named(method: str) -> None:
    model = GaussianMixture(2, random_state=0).fit(rows())
    with pytest.raises(ValueError, match="row 7, column 1 is inf"):
        getattr(model, method)(spoiled(np.inf))


@pytest.mark.parametrize("method", METHODS)
def test_a1_missing_value_to_predict(method: str) -> None:
    model = GaussianMixture(2, random_state=0).fit(rows())
    assert np.isfinite(getattr(model, method)(spoiled(np.nan))).all()


def weights(row: int | None = None, value: float = 1.0) -> Any:
    weight = np.ones(40)
    if row is not None:
        weight[row] = value
    return weight


@pytest.mark.parametrize(
    ("weight", "match"),
    [
        (weights(3, -1.0), "row 3"),
        (weights(3, np.nan), "row 3"),
        (weights(3, np.inf), "row 3"),
        (np.zeros(40), "zero"),
        (np.ones(39), r"\(39,\).*\(40,\)"),
        (np.ones((40, 1)), r"\(40, 1\)"),
        (["a"] * 40, "numbers"),
        (2.0, "one value for each row|one weight"),
        (np.full(40, 1e307), "divide"),
        (np.ma.MaskedArray(np.ones(40), mask=True), "mask"),
    ],
)
def test_a22_bad_weights(weight: Any, match: str) -> None:
    refused(rows(), (ValueError, TypeError), match, sample_weight=weight)


def test_a22_fewer_rows_of_positive_weight_than_components() -> None:
    weight = np.zeros(40)
    weight[[3, 5]] = 1.0
    with pytest.warns(DegenerateWarning):
        model = GaussianMixture(3, random_state=0).fit(rows(), sample_weight=weight)
    assert_finite(model)


def test_a27_generator() -> None:
    refused((row for row in rows()), (ValueError, TypeError), "(?i)once|scalar|array")


@pytest.mark.parametrize("X", [None, 3.0, "no-such-file.npy", {"a": 1}, object()])
def test_things_that_are_no_rows(X: Any) -> None:
    refused(X, (ValueError, TypeError, OSError), "(?i)array|2D|no-such-file|expected|dict")


def test_input_is_not_changed() -> None:
    X, weight = rows(), weights()
    before = X.copy(), weight.copy()
    GaussianMixture(2, random_state=0).fit(X, sample_weight=weight).predict(X)
    np.testing.assert_array_equal(X, before[0])
    np.testing.assert_array_equal(weight, before[1])
