from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import eigh
from scipy.stats import ortho_group

from gaussmix.covariance import FAMILIES
from gaussmix.fit.spurious import LEAST_RATIO, is_spurious, least_eigenvalue_ratios
from gaussmix.model import Mixture

from ..mixtures import REPRESENTATIVES, make_mixture


def mixture_of(weights, covariances, name="full"):
    covariances = np.asarray(covariances, float)
    D = covariances.shape[1] if covariances.ndim > 1 else 2
    return Mixture.from_parameters(weights, np.zeros((len(weights), D)), covariances, name)


def with_thin_component(ratio, name, K=3, D=3):
    """Return a mixture whose first component has about ``ratio`` of the others' variances."""
    mixture = make_mixture(name, K, D)
    parameters = mixture.covariances.parameters().copy()
    parameters[0] = ratio * parameters[1]
    return Mixture.from_parameters(mixture.weights, mixture.means, parameters, name)


def test_ratios_by_hand():
    """W = diag(½ · 1 + ½ · 3, ½ · 4 + ½ · 2) = diag(2, 3)."""
    variances = np.array([[1.0, 4.0], [3.0, 2.0]])
    expected = [1 / 2, 2 / 3]
    full = mixture_of([0.5, 0.5], [np.diag(row) for row in variances])
    np.testing.assert_allclose(least_eigenvalue_ratios(full), expected, rtol=1e-14)
    np.testing.assert_allclose(
        least_eigenvalue_ratios(mixture_of([0.5, 0.5], variances, "diag")), expected, rtol=1e-14
    )


def test_ratios_of_spheres_by_hand():
    mixture = mixture_of([0.25, 0.75], [1.0, 5.0], "spherical")
    np.testing.assert_allclose(least_eigenvalue_ratios(mixture), [0.25, 1.25], rtol=1e-14)


def test_ratios_are_generalised_eigenvalues():
    mixture = make_mixture("full", K=4, D=5)
    dense = mixture.covariances.to_dense()
    pooled = np.tensordot(mixture.weights, dense, 1)
    expected = [eigh(matrix, pooled, eigvals_only=True)[0] for matrix in dense]
    np.testing.assert_allclose(least_eigenvalue_ratios(mixture), expected, rtol=1e-10)


def test_a_tied_covariance_is_never_thin():
    mixture = make_mixture("tied")
    np.testing.assert_allclose(least_eigenvalue_ratios(mixture), 1.0, rtol=1e-12)
    assert not is_spurious(mixture)


@pytest.mark.parametrize("units", [[1.0, 1.0, 1.0], [1e-6, 1.0, 1e8]])
def test_units_and_rotations_do_not_matter(units):
    mixture = with_thin_component(1e-2, "full")
    turn = ortho_group.rvs(3, random_state=0) * np.array(units)[:, None]
    turned = turn @ mixture.covariances.to_dense() @ turn.T
    turned = (turned + turned.transpose(0, 2, 1)) / 2
    other = Mixture.from_parameters(mixture.weights, mixture.means @ turn.T, turned, "full")
    np.testing.assert_allclose(least_eigenvalue_ratios(other), least_eigenvalue_ratios(mixture), rtol=1e-7)


@pytest.mark.parametrize("name", [name for name in REPRESENTATIVES if name != "tied"])
@pytest.mark.parametrize("ratio", [1e-1, 3e-3, 1.5e-3, 5e-4, 1e-5, 1e-12])
def test_spurious_is_what_has_a_small_ratio(name, ratio):
    mixture = with_thin_component(ratio, name)
    assert is_spurious(mixture) == bool((least_eigenvalue_ratios(mixture) < LEAST_RATIO).any())


@pytest.mark.parametrize("name", FAMILIES)
def test_all_families_agree_with_their_ratios(name):
    mixture = make_mixture(name)
    assert not is_spurious(mixture)
    assert least_eigenvalue_ratios(mixture).min() > LEAST_RATIO


def test_a_component_flat_in_one_oblique_direction_is_spurious():
    thin = np.array([[1.0, 1.0 - 1e-5], [1.0 - 1e-5, 1.0]])
    assert is_spurious(mixture_of([0.1, 0.9], [thin, np.eye(2)]))
    assert not is_spurious(mixture_of([0.5, 0.5], [thin, thin]))  # all are: so the clusters lie
