from __future__ import annotations

import numpy as np
import pytest
from scipy import integrate

from gaussmix.covariance import FAMILIES
from gaussmix.errors import ParameterError
from gaussmix.model import Mixture

from ...mixtures import REPRESENTATIVES, assert_same_mixture, make_mixture, make_rows

ROTATION = np.array([[0.6, -0.8], [0.8, 0.6]])


def same_components(one, other, rtol=1e-12):
    """Compare mixtures of which the components may be in another order."""
    order, other_order = np.lexsort(one.means.T), np.lexsort(other.means.T)
    assert_same_mixture(one.select(order), other.select(other_order), rtol)


@pytest.mark.parametrize("name", FAMILIES)
def test_moments_of_the_whole(name):
    mixture = make_mixture(name, D=3)
    dense, mean = mixture.covariances.to_dense(), mixture.weights @ mixture.means
    second = sum(
        w * (C + np.outer(m, m)) for w, C, m in zip(mixture.weights, dense, mixture.means, strict=True)
    )
    np.testing.assert_allclose(mixture.mean, mean, rtol=1e-14)
    np.testing.assert_allclose(mixture.covariance, second - np.outer(mean, mean), rtol=1e-11)


def test_the_covariance_does_not_suffer_from_an_offset():
    near = make_mixture("full", D=2)
    offset = 2.0**30
    means = np.round(near.means * 2**10) / 2**10  # so that adding the offset does not round
    at, far = (
        Mixture.from_parameters(near.weights, means + shift, near.covariances.parameters())
        for shift in (0, offset)
    )
    np.testing.assert_allclose(far.covariance, at.covariance, rtol=1e-6)


@pytest.mark.parametrize("features", [[2, 0], np.array([2, 0]), (np.int64(2), 0)])
@pytest.mark.parametrize("name", FAMILIES)
def test_a_marginal_has_the_named_features_in_their_order(name, features):
    mixture = make_mixture(name, D=3)
    marginal = mixture.marginal(features)
    np.testing.assert_array_equal(marginal.means, mixture.means[:, [2, 0]])
    expected = mixture.covariances.to_dense()[:, [[2], [0]], [2, 0]]
    np.testing.assert_array_equal(marginal.covariances.to_dense(), expected)
    np.testing.assert_array_equal(marginal.weights, mixture.weights)


def test_a_mask_names_features():
    mixture = make_mixture(D=3)
    same_components(mixture.marginal([True, False, True]), mixture.marginal([0, 2]), 0)
    same_components(mixture.marginal(1), mixture.marginal([False, True, False]), 0)


@pytest.mark.parametrize(
    ("features", "message"),
    [
        ([0, 3], "features should be from 0 to 2, got 3"),
        ([-1], "features should be from 0 to 2, got -1"),
        ([1, 1], "features should name each feature once, but 1 is repeated"),
        ([], "at least one feature"),
        ([False, False, False], "at least one feature"),
        ([True, False], r"mask should have shape \(3,\).* got \(2,\)"),
        ([0.5], "features should be whole numbers"),
        (["height"], "features should be whole numbers"),
    ],
)
def test_features_that_do_not_exist(features, message):
    mixture = make_mixture(D=3)
    for operation in (mixture.marginal, lambda f: mixture.condition(f, [0.0])):
        with pytest.raises(ParameterError, match=message):
            operation(features)


@pytest.mark.parametrize("name", FAMILIES)
def test_the_identity_changes_nothing(name):
    mixture = make_mixture(name, D=3)
    image = mixture.affine(np.eye(3))
    assert_same_mixture(image, mixture, 1e-14)
    assert image.covariances.scatter is mixture.covariances.scatter


@pytest.mark.parametrize("name", REPRESENTATIVES)
@pytest.mark.parametrize(
    "A", [ROTATION, [[1.0, 1.0]], [[0.0, 2.0], [-3.0, 0.0]], [[1e-150, 0.0], [0.0, 1e140]]]
)
def test_affine_maps_means_and_covariances(name, A):
    mixture, A = make_mixture(name), np.array(A)
    image = mixture.affine(A, np.arange(len(A)))
    np.testing.assert_allclose(image.means, mixture.means @ A.T + np.arange(len(A)), rtol=1e-14)
    expected = A @ mixture.covariances.to_dense() @ A.T
    sd = np.sqrt(np.diagonal(expected, axis1=1, axis2=2))
    error = (image.covariances.to_dense() - expected) / sd[:, :, None] / sd[:, None, :]
    np.testing.assert_allclose(error, 0.0, atol=1e-15)


@pytest.mark.parametrize(
    ("name", "A", "expected"),
    [
        ("full", ROTATION, "full"),
        ("tied", ROTATION, "tied"),
        ("diag", ROTATION, "full"),
        ("diag", [[0.0, 2.0], [1.0, 0.0]], "diag"),
        ("diag", [[1.0, 1.0]], "diag"),
        ("spherical", 3 * ROTATION, "spherical"),
        ("spherical", [[2.0, 0.0], [0.0, 1.0]], "diag"),
        ("spherical", [[2.0, 1.0], [0.0, 1.0]], "full"),
    ],
)
def test_affine_keeps_the_structure_that_the_map_leaves(name, A, expected):
    assert make_mixture(name).affine(A).covariance_type == expected


def test_affine_there_and_back():
    mixture = make_mixture(D=3)
    A = np.random.default_rng(0).standard_normal((3, 3))
    back = np.linalg.inv(A)
    assert_same_mixture(
        mixture.affine(A, [1.0, 2.0, 3.0]).affine(back, -back @ [1.0, 2.0, 3.0]), mixture, 1e-12
    )


@pytest.mark.parametrize(
    ("A", "b", "message"),
    [
        ([1.0, 1.0], None, r"A should have shape \(R, 2\) with R from 1 to 2, got \(2,\)"),
        (np.ones((3, 2)), None, r"A should have shape \(R, 2\) with R from 1 to 2, got \(3, 2\)"),
        (np.eye(2), [1.0], r"b should have shape \(2,\).* got \(1,\)"),
        ([[np.nan, 0.0]], None, "A should be finite numbers"),
        ([["a", "b"]], None, "A should be an array of real numbers"),
        ([[1.0, 2.0], [2.0, 4.0]], None, "rows of A should be linearly independent"),
        ([[0.0, 0.0]], None, "rows of A should be linearly independent"),
    ],
)
@pytest.mark.parametrize("name", REPRESENTATIVES)
def test_maps_that_are_refused(name, A, b, message):
    with pytest.raises(ParameterError, match=message):
        make_mixture(name).affine(A, b)


@pytest.mark.parametrize("other", REPRESENTATIVES)
@pytest.mark.parametrize("name", REPRESENTATIVES)
def test_a_product_is_proportional_to_the_densities(name, other):
    p, q, X = make_mixture(name, K=2), make_mixture(other, K=3, seed=1), make_rows(n=50)[0]
    product, log_normaliser = p.product(q)
    assert product.n_components == 6
    expected = p.log_prob(X) + q.log_prob(X) - log_normaliser
    np.testing.assert_allclose(product.log_prob(X), expected, rtol=1e-11, atol=1e-11)
    family = {("tied", "tied"): "tied", ("spherical", "spherical"): "spherical"}.get((name, other))
    independent = {name, other} <= {"diag", "spherical"}
    assert product.covariance_type == (family or ("diag" if independent else "full"))


@pytest.mark.parametrize("name", REPRESENTATIVES)
def test_the_normaliser_of_a_product_is_its_integral(name):
    p, q = make_mixture(name, D=1, K=2), make_mixture(name, D=1, K=3, seed=1)
    total, _ = integrate.quad(lambda x: p.pdf([[x]])[0] * q.pdf([[x]])[0], -40, 40, limit=500, epsabs=1e-13)
    assert p.product(q)[1] == pytest.approx(np.log(total), rel=1e-9)


@pytest.mark.parametrize("name", REPRESENTATIVES)
def test_a_product_of_mixtures_far_apart_is_a_mixture(name):
    near = make_mixture(name)
    far = near.affine(np.eye(2), [1e6, 1e6])
    product, log_normaliser = near.product(far)
    assert product.weights.sum() == pytest.approx(1.0, abs=1e-15)
    assert -np.inf < log_normaliser < -1e9


def test_a_product_needs_the_same_features():
    with pytest.raises(ParameterError, match="same features, but one has 2, the other 3"):
        make_mixture(D=2).product(make_mixture(D=3))


@pytest.mark.parametrize("n_components", [1, 2, 4])
@pytest.mark.parametrize("name", REPRESENTATIVES)
def test_merging_as_full_covariances_keeps_mean_and_covariance(name, n_components):
    mixture = make_mixture(name, K=5, D=3)
    reduced = mixture.reduce(n_components, "full")
    assert reduced.n_components == n_components
    np.testing.assert_allclose(reduced.mean, mixture.mean, rtol=1e-12)
    np.testing.assert_allclose(reduced.covariance, mixture.covariance, rtol=1e-12)


@pytest.mark.parametrize("name", FAMILIES)
def test_merging_stays_in_the_family(name):
    mixture = make_mixture(name, K=5, D=3)
    assert mixture.reduce(2).family is mixture.family
    assert_same_mixture(mixture.reduce(5), mixture, 1e-6)
    np.testing.assert_allclose(mixture.reduce(3).mean, mixture.mean, rtol=1e-12)


def test_near_components_are_merged_first():
    mixture = Mixture.from_parameters([0.2, 0.3, 0.5], [[0.0], [9.0], [0.1]], [[[1.0]]] * 3)
    np.testing.assert_allclose(np.sort(mixture.reduce(2).weights), [0.3, 0.7])


def test_components_without_weight_are_dropped_before_any_is_merged():
    mixture = Mixture.from_parameters([0.5, 0.0, 0.0, 0.5], [[0.0], [1.0], [2.0], [3.0]], [[[1.0]]] * 4)
    np.testing.assert_allclose(mixture.reduce(3).means, [[0.0], [3.0]])
    assert mixture.reduce(1).means == pytest.approx(1.5)


@pytest.mark.parametrize("n_components", [0, 4, 1.5])
def test_a_reduction_has_between_one_and_k_components(n_components):
    with pytest.raises(ParameterError, match=f"whole number from 1 to 3, got {n_components}"):
        make_mixture(K=3).reduce(n_components)
