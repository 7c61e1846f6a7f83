from __future__ import annotations

import numpy as np
import pytest

from gaussmix import Mixture
from gaussmix.prior import Flat
from gaussmix.selection.diagnosis.conditioning import conditioning, flattest_features


@pytest.mark.parametrize("unit", [1.0, 1e100])
def test_two_correlated_features(unit):
    """The eigenvalues of a correlation matrix of two are 1 ± ρ."""
    scale = np.array([unit, 1.0])
    covariance = np.array([[1.0, 0.9], [0.9, 1.0]]) * scale[:, None] * scale
    mixture = Mixture.from_parameters([0.5, 0.5], np.zeros((2, 2)), [covariance, np.diag(scale**2)])
    found = conditioning(mixture)
    np.testing.assert_allclose(found.condition_number, [1.9 / 0.1, 1.0])
    np.testing.assert_array_equal(found.share_added, 0.0)


@pytest.mark.parametrize(
    ("name", "covariances"),
    [("tied", np.eye(2)), ("diag", [[1e-9, 1.0]] * 3), ("spherical", [1.0, 1e-9, 5.0])],
)
def test_scale_alone_is_no_ill_condition(name, covariances):
    mixture = Mixture.from_parameters(np.full(3, 1 / 3), np.zeros((3, 2)), covariances, name)
    np.testing.assert_allclose(conditioning(mixture).condition_number, 1.0)


@pytest.mark.parametrize("name", ["full", "tied"])
def test_what_reg_covar_holds_up(name):
    """A singular matrix of two equal features, raised by 1e-6: the least eigenvalue is 1e-6."""
    covariance = np.ones((2, 2)) + 1e-6 * np.eye(2)
    prior = Flat(np.full(2, 1e-6), np.full(2, 1e-8))
    given = covariance if name == "tied" else covariance[None]
    mixture = Mixture.from_parameters([1.0], np.zeros((1, 2)), given, name, prior)
    found = conditioning(mixture)
    np.testing.assert_allclose(found.condition_number, 2e6, rtol=1e-5)
    np.testing.assert_allclose(found.share_added, 1.0, rtol=1e-6)
    assert sorted(flattest_features(mixture, 0)) == [0, 1]


def test_a_constant_feature_is_held_up_by_reg_covar():
    prior = Flat(np.array([1e-6, 1e-6]), np.full(2, 1e-8))
    mixture = Mixture.from_parameters([1.0], np.zeros((1, 2)), [[1.0, 1e-6]], "diag", prior)
    np.testing.assert_allclose(conditioning(mixture).share_added, 1.0)
