from __future__ import annotations

import numpy as np
import pytest

from gaussmix.covariance import FAMILIES

EEI, VEI, EVI = (FAMILIES[name] for name in ("EEI", "VEI", "EVI"))
COUNT = np.array([2.0, 3.0])


def test_one_variance_of_each_feature_is_pooled():
    covariances = EEI.estimate(np.array([[8.0, 4.0], [2.0, 6.0]]), COUNT, 2)
    assert covariances.parameters().tolist() == [[2, 2], [2, 2]]


def test_one_profile_at_two_volumes_is_found():
    profile = np.array([[1.0, 4.0], [3.0, 12.0]])
    covariances = VEI.estimate(COUNT[:, None] * profile, COUNT, 2)
    np.testing.assert_allclose(covariances.parameters(), profile, rtol=1e-14)


def test_one_volume_with_two_profiles_by_hand():
    # Geometric means of the scatter 4 and 6, the volume (4 + 6) / 5.
    covariances = EVI.estimate(np.array([[2.0, 8.0], [12.0, 3.0]]), COUNT, 2)
    np.testing.assert_allclose(covariances.parameters(), [[1.0, 4.0], [4.0, 1.0]], rtol=1e-14)


def test_a_component_without_rows_keeps_what_is_its_own():
    previous = VEI.estimate(np.array([[1.0, 1.0], [9.0, 9.0]]), np.ones(2), 2)
    scatter, count = np.array([[2.0, 8.0], [0.0, 0.0]]), np.array([2.0, 0.0])
    own_volume = VEI.estimate(scatter, count, 2, previous).parameters()
    np.testing.assert_allclose(own_volume, [[1.0, 4.0], [4.5, 18.0]], rtol=1e-14)
    own_shape = EVI.estimate(scatter, count, 2, previous).parameters()
    np.testing.assert_allclose(own_shape, [[1.0, 4.0], [2.0, 2.0]], rtol=1e-14)


def test_a_component_of_one_column_is_singular_alone():
    scatter = np.array([[2.0, 8.0], [12.0, 0.0]])
    assert EVI.estimate(scatter, COUNT, 2).singular.tolist() == [False, True]
    assert VEI.estimate(scatter, COUNT, 2).singular.tolist() == [False, False]


@pytest.mark.parametrize(("family", "expected"), [(EEI, 3), (VEI, 7), (EVI, 11)])
def test_parameters_of_five_components_of_three_features(family, expected):
    assert family.n_parameters(5, 3) == expected
