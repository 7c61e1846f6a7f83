from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import sqrtm

from gaussmix import Mixture
from gaussmix.errors import ParameterError
from gaussmix.model.distribution.overlap import overlap
from tests.mixtures import make_mixture


def quadrature(p, q):
    """Return the entropy of p and its divergence from q by the trapezoidal rule, D = 1 or 2."""
    means = np.concatenate([p.means, q.means])
    reach = 9 * np.concatenate([m.covariances.standard_deviations() for m in (p, q)]).max(axis=0)
    n = 20_001 if p.n_features == 1 else 601
    axes = np.linspace(means.min(axis=0) - reach, means.max(axis=0) + reach, n)
    grid = np.stack(np.meshgrid(*axes.T, indexing="ij"), axis=-1).reshape(-1, p.n_features)
    log_p, log_q = p.log_prob(grid), q.log_prob(grid)
    mass = np.exp(log_p) * np.prod(axes[1] - axes[0])
    return -mass @ log_p, mass @ (log_p - log_q)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("D", [1, 2])
def test_entropy_and_divergence_against_quadrature(D, seed):
    p, q = make_mixture("full", 3, D, seed, spread=1.5), make_mixture("full", 2, D, seed + 50, spread=1.5)
    exact = quadrature(p, q)
    drawn = p.entropy(n_draws=20_000), p.kl_divergence(q, n_draws=20_000)
    for estimate, value in zip(drawn, exact, strict=True):
        assert abs(estimate.value - value) < 3 * estimate.standard_error
        assert estimate.lower - 1e-9 <= value <= estimate.upper + 1e-9


def test_one_component_is_exact():
    p, q = make_mixture("full", 1, 3, 0), make_mixture("full", 1, 3, 1)
    S, T = p.covariances.to_dense()[0], q.covariances.to_dense()[0]
    shift = q.means[0] - p.means[0]
    trace, square = np.trace(np.linalg.solve(T, S)), shift @ np.linalg.solve(T, shift)
    log_ratio = np.linalg.slogdet(T)[1] - np.linalg.slogdet(S)[1]
    entropy, divergence = p.entropy(), p.kl_divergence(q)
    np.testing.assert_allclose(entropy.value, 0.5 * np.linalg.slogdet(2 * np.pi * np.e * S)[1], rtol=1e-12)
    np.testing.assert_allclose(divergence.value, 0.5 * (log_ratio + trace + square - 3), rtol=1e-12)
    for estimate in (entropy, divergence):
        assert estimate.standard_error == 0
        assert estimate.lower == estimate.value == estimate.upper


def test_bounds_close_where_components_lie_far_apart():
    """Then the entropy is that of the labels plus the components' own (Kolchinsky & Tracey 2017)."""
    mixture = Mixture.from_parameters([0.25, 0.75], [[0.0], [1e3]], [1.0, 4.0], "spherical")
    labels = -np.sum(mixture.weights * np.log(mixture.weights))
    own = mixture.weights @ (0.5 * np.log(2 * np.pi * np.e * np.array([1.0, 4.0])))
    estimate = mixture.entropy(n_draws=1_000)
    np.testing.assert_allclose([estimate.lower, estimate.upper], labels + own, rtol=1e-12)


def test_a_mixture_does_not_diverge_from_itself():
    mixture = make_mixture("full", 3, 2)
    estimate = mixture.kl_divergence(mixture, n_draws=100)
    assert estimate.value == estimate.standard_error == estimate.lower == 0
    assert estimate.upper < 1e-12


def test_draws_repeat_unless_asked_otherwise():
    mixture = make_mixture("full", 3, 2)
    assert mixture.entropy(n_draws=100) == mixture.entropy(n_draws=100)
    assert mixture.entropy(n_draws=100, random_state=1) != mixture.entropy(n_draws=100)


@pytest.mark.parametrize("n_draws", [99, 1e3 + 0.5])
def test_too_few_draws(n_draws):
    with pytest.raises(ParameterError, match="n_draws should be a whole number of at least 100"):
        make_mixture("full", 2).entropy(n_draws=n_draws)


def test_other_features_are_refused():
    one, other = make_mixture("full", 2, 2), make_mixture("full", 2, 3)
    for method in (one.kl_divergence, one.wasserstein, one.bhattacharyya, one.hellinger):
        with pytest.raises(ParameterError, match=r"2 feature\(s\) like this one, got 3"):
            method(other)


@pytest.mark.parametrize("name", ["full", "tied", "diag", "spherical"])
def test_wasserstein_of_a_translated_mixture_is_the_translation(name):
    here = make_mixture(name, 5, 2)
    there = Mixture.from_parameters(
        here.weights, here.means + np.array([3, 4]), here.covariances.parameters(), name
    )
    moved = here.wasserstein(there)
    np.testing.assert_allclose(moved.distance, 5, rtol=1e-12)
    np.testing.assert_allclose(moved.plan, np.diag(here.weights), atol=1e-12)
    assert here.wasserstein(here).distance < 1e-12


def test_wasserstein_of_two_gaussians():
    """|Δμ|² + tr(S + T − 2 (S^½ T S^½)^½)."""
    p, q = make_mixture("full", 1, 3, 0), make_mixture("full", 1, 3, 1)
    S, T = p.covariances.to_dense()[0], q.covariances.to_dense()[0]
    root = sqrtm(S)
    bures = np.trace(S + T - 2 * sqrtm(root @ T @ root).real)
    expected = np.sqrt(np.sum((p.means - q.means) ** 2) + bures)
    np.testing.assert_allclose(p.wasserstein(q).distance, expected, rtol=1e-10)


def test_wasserstein_is_a_distance_with_a_plan():
    p, q, r = (make_mixture("full", K, 2, seed=K) for K in (3, 4, 5))
    there, back = p.wasserstein(q), q.wasserstein(p)
    np.testing.assert_allclose(there.plan.sum(axis=1), p.weights, atol=1e-12)
    np.testing.assert_allclose(there.plan.sum(axis=0), q.weights, atol=1e-12)
    np.testing.assert_allclose(there.distance, back.distance, rtol=1e-9)
    assert p.wasserstein(r).distance <= there.distance + q.wasserstein(r).distance


def test_affinities_of_components_against_quadrature():
    one, other = make_mixture("spherical", 2, 1, 0), make_mixture("spherical", 3, 1, 1)
    x = np.linspace(-40, 40, 40_001)[:, None]
    roots = [np.exp(0.5 * (m.log_joint(x) - m.log_weights)) for m in (one, other)]
    affinity = roots[0].T @ roots[1] * (x[1] - x[0])
    np.testing.assert_allclose(one.bhattacharyya(other), -np.log(affinity), atol=1e-9)
    np.testing.assert_allclose(one.hellinger(other), np.sqrt(1 - affinity), atol=1e-9)


def test_affinities_among_own_components():
    mixture = make_mixture("full", 4, 3)
    for matrix in (mixture.bhattacharyya(), mixture.hellinger()):
        np.testing.assert_allclose(matrix, matrix.T, atol=1e-12)
        np.testing.assert_allclose(np.diag(matrix), 0, atol=1e-7)  # the root of rounding


@pytest.mark.parametrize("scale", [1e150, 1e-150])
def test_only_distances_have_units(scale):
    here, other = make_mixture("diag", 3, 2), make_mixture("diag", 2, 2, seed=1)
    there, far = (
        Mixture.from_parameters(m.weights, scale * m.means, scale**2 * m.covariances.parameters(), "diag")
        for m in (here, other)
    )
    np.testing.assert_allclose(there.bhattacharyya(far), here.bhattacharyya(other), rtol=1e-9)
    np.testing.assert_allclose(there.wasserstein(far).distance / scale, here.wasserstein(other).distance)
    np.testing.assert_allclose(
        there.entropy(n_draws=100).lower, here.entropy(n_draws=100).lower + 2 * np.log(scale)
    )
    np.testing.assert_allclose(there.kl_divergence(far).value, here.kl_divergence(other).value, rtol=1e-9)


def test_overlap_is_the_method_of_the_function():
    mixture = make_mixture("full", 3, 2)
    np.testing.assert_array_equal(mixture.overlap(), overlap(mixture))
