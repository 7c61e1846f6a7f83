"""Conformal ranks on scores that can be counted by hand."""

from __future__ import annotations

import numpy as np
import pytest

from gaussmix.application.outliers.conformal import Calibration
from gaussmix.errors import DataError, ParameterError

NINE = Calibration.of([np.arange(9.0)[::-1]])


def test_p_values_count_scores_below_and_ties():
    np.testing.assert_array_equal(
        NINE.p_values(np.array([-1.0, 0.0, 0.5, 8.0, np.inf, -np.inf])),
        np.array([1, 2, 2, 10, 10, 1]) / 10,
    )
    tied = Calibration.of([np.zeros(9)])
    np.testing.assert_array_equal(tied.p_values(np.array([-1.0, 0.0])), [0.1, 1.0])


@pytest.mark.parametrize("level", [0.1, 0.15, 0.2, 0.3, 0.7, 0.9])
def test_threshold_is_where_p_values_pass_the_level(level):
    scores = np.linspace(-1, 9, 101)
    np.testing.assert_array_equal(scores < NINE.threshold(level), NINE.p_values(scores) <= level)


def test_folds_are_ranked_under_their_own_models():
    folds = Calibration.of([np.array([1.0, 3.0]), np.array([2.0])])
    np.testing.assert_array_equal(folds.p_values(np.array([2.0]), np.array([1.0])), [2 / 4])


@pytest.mark.parametrize(("level", "n_rows"), [(0.05, 19), (0.01, 99), (0.09, 11)])
def test_too_few_rows_say_how_many_it_takes(level, n_rows):
    with pytest.raises(ParameterError, match=f"at least {n_rows} calibration rows, but there are 9"):
        NINE.threshold(level)
    Calibration.of([np.arange(float(n_rows))]).threshold(level)


@pytest.mark.parametrize("level", [0.0, 1.0, np.nan])
def test_levels_that_are_refused(level):
    with pytest.raises(ParameterError, match="between 0 and 1"):
        NINE.rank(level)


def test_no_rows():
    with pytest.raises(DataError, match="no calibration rows"):
        Calibration.of([np.empty(0)])
