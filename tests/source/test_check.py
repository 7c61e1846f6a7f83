from __future__ import annotations

import numpy as np
import pytest

from gaussmix.errors import DataError, DataTypeError, ParameterError
from gaussmix.source import check_sample_weight
from gaussmix.source.check import choose_columns, listed, place


@pytest.mark.parametrize(
    "weight", [[1, 2, 3], [True, False, True], np.ones(3, ">f4"), np.ones(6)[::2], (1e-300, 0, 1e300)]
)
def test_weights_become_contiguous_float64(weight):
    checked = check_sample_weight(weight, 3)
    assert checked.dtype == np.float64
    assert checked.dtype.isnative
    assert checked.flags.c_contiguous
    assert np.array_equal(checked, np.asarray(weight, float))


def test_weights_are_not_copied_without_need():
    weight = np.ones(3)
    assert check_sample_weight(weight, 3) is weight


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        ([1, -1, -2], r"sample_weight of row 1 \(rows count from 0\) is -1.0"),
        ([1, 1, np.nan], "sample_weight of row 2 .* is nan"),
        ([np.inf, 1, 1], "sample_weight of row 0 .* is inf"),
        ([0, 0, 0], "sums to zero"),
        ([1e308, 1e308, 0], "more than float64 can hold"),
        ([1, 2], r"shape \(2,\): expected one weight for each row, \(3,\)"),
        ([[1], [2], [3]], r"shape \(3, 1\)"),
        (2.0, r"shape \(\)"),
        (["a", "b", "c"], "numbers"),
        ([1, None, 2], "row 1"),
        ([1j, 1, 1], "complex"),
    ],
)
def test_bad_weights_are_refused(weight, message):
    with pytest.raises(DataError, match=message):
        check_sample_weight(weight, 3)


def test_masked_weights_are_refused():
    with pytest.raises(DataTypeError, match="mask"):
        check_sample_weight(np.ma.masked_equal([1, 2, 3], 2), 3)


def test_columns_come_in_the_order_asked_for():
    assert choose_columns(["a", "b", "c"], None) == ["a", "b", "c"]
    assert choose_columns(["a", "b", "c"], ("c", "a")) == ["c", "a"]
    assert choose_columns(["ab", "b"], "ab") == ["ab"]


@pytest.mark.parametrize(
    ("names", "columns", "error", "message"),
    [
        (["a", "a"], None, DataError, "two columns are both named 'a'"),
        (["a", "b"], ["z", "a"], DataError, "no column 'z': the columns are 'a', 'b'"),
        (["a", "b"], [], ParameterError, "at least one"),
        (["a", "b"], ["a", "a"], ParameterError, "only once"),
    ],
)
def test_impossible_choices_are_refused(names, columns, error, message):
    with pytest.raises(error, match=message):
        choose_columns(names, columns)


def test_long_lists_are_shortened():
    assert listed([f"x{i}" for i in range(100)]).endswith("'x11' and 88 more")


def test_place_of_unnamed_column():
    assert place(17, 2, None) == "row 17, column 2"
