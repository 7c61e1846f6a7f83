from __future__ import annotations

import numpy as np
import pytest

from gaussmix.covariance import FAMILIES, Spherical
from gaussmix.errors import ParameterError


def test_the_variance_is_the_mean_over_rows_and_features():
    covariances = Spherical().estimate(np.array([12.0, 6.0]), np.array([2.0, 3.0]), 2)
    assert covariances.parameters().tolist() == [3, 1]
    assert covariances.to_dense().tolist() == [[[3, 0], [0, 3]], [[1, 0], [0, 1]]]


def test_a_component_without_rows_keeps_the_variance_it_had():
    previous = Spherical().estimate(np.array([8.0, 4.0]), np.ones(2), 2)
    now = Spherical().estimate(np.array([8.0, 0.0]), np.array([2.0, 0.0]), 2, previous)
    assert now.parameters().tolist() == [2, 2]


def test_one_parameter_a_component():
    assert Spherical().n_parameters(5, 7) == 5


@pytest.mark.parametrize(
    ("variances", "message"),
    [
        ([[1.0]], r"shape \(1,\), but got \(1, 1\)"),
        ([np.inf], "finite"),
        ([0.0], "positive"),
        ([-1.0], "positive"),
    ],
)
def test_what_is_no_variance_is_refused(variances, message):
    with pytest.raises(ParameterError, match=message):
        Spherical().from_parameters(np.array(variances), 1, 2)


def test_one_variance_for_all_is_the_mean_over_all_rows():
    covariances = FAMILIES["EII"].estimate(np.array([12.0, 8.0]), np.array([2.0, 3.0]), 2)
    assert covariances.parameters().tolist() == [2, 2]
    assert FAMILIES["EII"].n_parameters(5, 7) == 1
