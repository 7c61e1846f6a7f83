from __future__ import annotations

import numpy as np
import pytest

from gaussmix.covariance import Diag
from gaussmix.errors import ParameterError


def test_the_variance_is_scatter_over_count():
    covariances = Diag().estimate(np.array([[8.0, 4.0], [3.0, 6.0]]), np.array([2.0, 3.0]), 2)
    assert covariances.parameters().tolist() == [[4, 2], [1, 2]]
    assert covariances.to_dense().tolist() == [[[4, 0], [0, 2]], [[1, 0], [0, 2]]]


def test_a_component_without_rows_keeps_the_variances_it_had():
    previous = Diag().estimate(np.array([[8.0], [3.0]]), np.ones(2), 1)
    now = Diag().estimate(np.array([[8.0], [0.0]]), np.array([2.0, 0.0]), 1, previous)
    assert now.parameters().tolist() == [[4], [3]]


def test_four_parameters_for_two_planes():
    assert Diag().n_parameters(2, 2) == 4


@pytest.mark.parametrize(
    ("variances", "message"),
    [
        ([1.0, 2.0], r"shape \(1, 2\), but got \(2,\)"),
        ([[1.0, np.nan]], "finite"),
        ([[1.0, 0.0]], "positive"),
    ],
)
def test_what_is_no_variance_is_refused(variances, message):
    with pytest.raises(ParameterError, match=message):
        Diag().from_parameters(np.array(variances), 1, 2)
