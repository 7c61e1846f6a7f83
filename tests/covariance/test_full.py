from __future__ import annotations

import numpy as np
import pytest

from gaussmix.covariance import Full
from gaussmix.errors import ParameterError

W = np.array([[[8.0, 2.0], [2.0, 4.0]], [[3.0, 0.0], [0.0, 6.0]]])


def test_the_covariance_is_scatter_over_count():
    covariances = Full().estimate(W, np.array([2.0, 3.0]), 2).parameters()
    assert covariances.tolist() == [[[4, 1], [1, 2]], [[1, 0], [0, 2]]]


def test_a_component_without_rows_keeps_the_covariance_it_had():
    previous = Full().estimate(W, np.array([1.0, 1.0]), 2)
    now = Full().estimate(W, np.array([2.0, 0.0]), 2, previous)
    assert now.parameters().tolist() == [[[4, 1], [1, 2]], [[3, 0], [0, 6]]]


def test_six_parameters_for_two_planes():
    assert Full().n_parameters(2, 2) == 6


@pytest.mark.parametrize(
    ("matrices", "message"),
    [
        (np.eye(2), r"shape \(1, 2, 2\), but got \(2, 2\)"),
        ([[[1.0, 0.0], [0.0, np.nan]]], "finite"),
        ([[[1.0, 0.5], [0.4, 1.0]]], "symmetric, positive-definite"),
        ([[[1.0, 2.0], [2.0, 1.0]]], "symmetric, positive-definite"),
        ([[[1.0, 1.0], [1.0, 1.0]]], "symmetric, positive-definite"),
        ([[[-1.0, 0.0], [0.0, 1.0]]], "symmetric, positive-definite"),
    ],
)
def test_what_is_no_covariance_is_refused(matrices, message):
    with pytest.raises(ParameterError, match=message):
        Full().from_parameters(np.array(matrices), 1, 2)
