from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from gaussmix.errors import DataError
from gaussmix.source import ArraySource, check_values
from gaussmix.source.finite import examine


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", "g", "O"])
def test_first_non_finite_value_is_found(value, dtype):
    X = np.zeros((70_000, 4), dtype)
    X[65_999, 2:] = value
    X[66_000, 0] = value
    with pytest.raises(DataError, match=f"row 65999, column 2 is {'NaN' if np.isnan(value) else value}"):
        check_values(ArraySource(X), missing=False)


def test_finite_values_pass():
    extremes = np.array([[1e308, -1e308], [5e-324, -0.0]])  # whose sum would overflow
    assert not check_values(ArraySource(extremes), missing=False)


def test_search_allocates_little():
    source = ArraySource(np.zeros((300_000, 4), np.int16))
    tracemalloc.start()
    check_values(source, missing=False)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4_000_000  # as float64 the array takes 9.6 MB


def test_message_names_row_and_column():
    source = ArraySource([[1, 2], [3, np.nan]], feature_names=("x1", "x2"))
    with pytest.raises(DataError, match="row 1, column 'x2' is NaN"):
        check_values(source, missing=False)


def test_value_too_large_for_float64_is_reported():
    if np.finfo(np.longdouble).max == np.finfo(np.float64).max:
        pytest.skip("longdouble is float64 here")
    with pytest.raises(DataError, match=r"row 0, column 0 is inf \(infinite, or too large for float64\)"):
        check_values(ArraySource(np.array([["1e4000"]]).astype(np.longdouble)), missing=False)


def test_rows_with_missing_values_only_come_after_infinities():
    X = np.array([[1.0, 2.0], [np.nan, np.nan], [np.inf, 1.0]])
    absent, unusable = examine(X, missing=True)
    assert absent
    assert "row 12, column 0 is inf" in str(unusable.error(10))
    absent, unusable = examine(X[:2], missing=True)
    assert str(unusable.error(10)) == "row 11 (rows count from 0) has missing values only: drop it"
    assert examine(X[:1], missing=True) == (False, None)
