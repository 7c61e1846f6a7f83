from __future__ import annotations

import numpy as np
import pytest

from gaussmix.covariance import FAMILIES

EEV, VEV = FAMILIES["EEV"], FAMILIES["VEV"]
COUNT = np.array([2.0, 3.0])
UPRIGHT, LYING = np.diag([1.0, 4.0]), np.diag([4.0, 1.0])


def test_one_ellipse_in_two_positions():
    covariances = EEV.estimate(COUNT[:, None, None] * np.stack([UPRIGHT, LYING]), COUNT, 2)
    np.testing.assert_allclose(covariances.to_dense(), [UPRIGHT, LYING], rtol=1e-14, atol=1e-15)


def test_eigenvalues_are_pooled_in_their_order():
    covariances = EEV.estimate(np.stack([np.diag([2.0, 12.0]), np.diag([8.0, 3.0])]), COUNT, 2)
    np.testing.assert_allclose(covariances.to_dense(), [UPRIGHT, LYING], rtol=1e-14, atol=1e-15)


def test_one_ellipse_in_two_sizes_and_positions():
    matrices = np.stack([UPRIGHT, 5 * LYING])
    covariances = VEV.estimate(COUNT[:, None, None] * matrices, COUNT, 2)
    np.testing.assert_allclose(covariances.to_dense(), matrices, rtol=1e-14, atol=1e-15)


def test_a_component_without_rows_keeps_its_axes_and_volume():
    previous = VEV.estimate(np.stack([UPRIGHT, 25 * LYING]), np.ones(2), 2)
    scatter, count = np.stack([np.diag([1.0, 16.0]), np.zeros((2, 2))]), np.array([1.0, 0.0])
    found = VEV.estimate(scatter, count, 2, previous).to_dense()
    np.testing.assert_allclose(found[1], np.diag([200.0, 12.5]), rtol=1e-13, atol=1e-13)  # of product 50²
    turned = EEV.estimate(scatter, count, 2, previous).to_dense()
    np.testing.assert_allclose(turned[1], np.diag([16.0, 1.0]), rtol=1e-13, atol=1e-13)


def test_fewer_rows_than_features_do_not_matter_where_others_have_enough():
    row = np.array([[1.0], [1.0]])
    covariances = EEV.estimate(np.stack([row @ row.T, 4 * np.eye(2)]), COUNT, 2)
    assert not covariances.singular.any()


@pytest.mark.parametrize(("family", "expected"), [(EEV, 18), (VEV, 22)])
def test_parameters_of_five_components_of_three_features(family, expected):
    assert family.n_parameters(5, 3) == expected
