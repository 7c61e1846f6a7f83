from __future__ import annotations

import numpy as np
import pytest
from scipy.special import ndtr

from gaussmix import Mixture
from gaussmix.model.distribution.overlap import n_draws, overlap


@pytest.mark.parametrize("weight", [0.5, 0.8])
def test_two_components_of_one_covariance(weight):
    """Maitra & Melnykov (2010, §2): Φ(−δ/2 ± log(π_i/π_j)/δ)."""
    covariance = np.array([[2.0, 0.5], [0.5, 1.0]])
    means = np.array([[0.0, 0.0], [2.0, 1.0]])
    delta = np.sqrt(means[1] @ np.linalg.solve(covariance, means[1]))
    ratio = np.log(weight / (1 - weight)) / delta
    expected = np.array([[0, ndtr(-delta / 2 - ratio)], [ndtr(-delta / 2 + ratio), 0]])
    found = overlap(Mixture.from_parameters([weight, 1 - weight], means, covariance, "tied"))
    np.testing.assert_allclose(found, expected, atol=4 * 0.5 / np.sqrt(n_draws(2, 2)))


def test_equal_components_share_all_rows():
    found = overlap(Mixture.from_parameters([0.5, 0.5], [[1.0], [1.0]], [[4.0], [4.0]], "diag"))
    np.testing.assert_allclose(found, [[0, 0.5], [0.5, 0]])


def test_the_same_every_time_and_far_components_share_nothing():
    mixture = Mixture.from_parameters([0.3, 0.3, 0.4], [[0.0], [1.0], [1e6]], [1.0, 2.0, 3.0], "spherical")
    found = overlap(mixture)
    np.testing.assert_array_equal(found, overlap(mixture))
    assert not found[2].any()
    assert found[0, 1] > 0.1


def test_one_component():
    assert overlap(Mixture.from_parameters([1.0], [[0.0]], [[1.0]], "diag")).tolist() == [[0.0]]


def test_work_is_bounded():
    assert n_draws(2, 2) == 4_000
    assert n_draws(500, 50) == 64
