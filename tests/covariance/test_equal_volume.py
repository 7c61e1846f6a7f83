from __future__ import annotations

import numpy as np

from gaussmix.covariance import FAMILIES

EVV = FAMILIES["EVV"]
COUNT = np.array([2.0, 3.0])


def test_one_volume_by_hand():
    # Determinants of the scatter 16 and 36, the volume (4 + 6) / 5.
    scatter = np.array([[[5.0, 3.0], [3.0, 5.0]], [[12.0, 0.0], [0.0, 3.0]]])
    covariances = EVV.estimate(scatter, COUNT, 2)
    expected = [[[2.5, 1.5], [1.5, 2.5]], [[4.0, 0.0], [0.0, 1.0]]]
    np.testing.assert_allclose(covariances.to_dense(), expected, rtol=1e-14)


def test_a_component_without_rows_keeps_its_shape():
    previous = EVV.estimate(np.stack([np.eye(2), np.diag([1.0, 4.0])]), np.ones(2), 2)
    scatter, count = np.stack([9 * np.eye(2), np.zeros((2, 2))]), np.array([3.0, 0.0])
    found = EVV.estimate(scatter, count, 2, previous).to_dense()
    np.testing.assert_allclose(found, [3 * np.eye(2), np.diag([1.5, 6.0])], rtol=1e-14)


def test_a_singular_component_is_marked_and_leaves_the_others():
    row = np.array([[1.0], [1.0]])
    covariances = EVV.estimate(np.stack([row @ row.T, 6 * np.eye(2)]), COUNT, 2)
    assert covariances.singular.tolist() == [True, False]
    np.testing.assert_allclose(covariances.to_dense()[1], 2 * np.eye(2), rtol=1e-14)


def test_parameters_of_five_components_of_three_features():
    assert EVV.n_parameters(5, 3) == 26
