from __future__ import annotations

import numpy as np
import pytest

from gaussmix.covariance import Tied
from gaussmix.errors import ParameterError


def test_the_covariance_is_pooled_scatter_over_all_rows():
    covariances = Tied().estimate(np.array([[10.0, 5.0], [5.0, 15.0]]), np.array([2.0, 3.0]), 2)
    assert covariances.parameters().tolist() == [[2, 1], [1, 3]]
    assert covariances.to_dense().tolist() == [[[2, 1], [1, 3]]] * 2


def test_components_without_rows_do_not_matter():
    covariances = Tied().estimate(np.array([[10.0]]), np.array([5.0, 0.0]), 1)
    assert covariances.parameters().tolist() == [[2.0]]


def test_three_parameters_for_any_number_of_planes():
    assert Tied().n_parameters(7, 2) == 3


@pytest.mark.parametrize(
    ("matrix", "message"),
    [
        (np.eye(2)[None], r"shape \(2, 2\), but got \(1, 2, 2\)"),
        ([[1.0, 0.0], [0.0, np.inf]], "finite"),
        ([[1.0, 0.5], [0.4, 1.0]], "symmetric, positive-definite"),
        ([[1.0, 2.0], [2.0, 1.0]], "symmetric, positive-definite"),
    ],
)
def test_what_is_no_covariance_is_refused(matrix, message):
    with pytest.raises(ParameterError, match=message):
        Tied().from_parameters(np.array(matrix), 3, 2)
