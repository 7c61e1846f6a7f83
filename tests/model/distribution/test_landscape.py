from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.optimize import minimize
from scipy.stats import chi2

from gaussmix import Mixture
from gaussmix.errors import DegenerateError, ParameterError
from gaussmix.model.distribution.region import _drawn_level
from tests.mixtures import make_mixture


def grid_maxima(mixture, n=401):
    """Return the points of a fine grid that are higher than their eight neighbours, and the grid's spacing."""
    sd = mixture.covariances.standard_deviations().max(axis=0)
    axes = np.linspace(mixture.means.min(axis=0) - 2 * sd, mixture.means.max(axis=0) + 2 * sd, n)
    grid = np.stack(np.meshgrid(*axes.T, indexing="ij"), axis=-1)
    height = mixture.log_prob(grid.reshape(-1, 2)).reshape(n, n)
    inner = height[1:-1, 1:-1]
    shifts = [(i, j) for i in range(3) for j in range(3) if (i, j) != (1, 1)]
    higher = [inner > height[i : i + n - 2, j : j + n - 2] for i, j in shifts]
    return grid[1:-1, 1:-1][np.all(higher, axis=0)], axes[1] - axes[0]


def assert_modes_are_the_grids(mixture):
    """A narrow oblique ridge has maxima on a grid that are none in the plane: ascents from them decide."""
    found, (highest, spacing) = mixture.modes(), grid_maxima(mixture)
    ends = np.array([minimize(lambda x: -mixture.log_prob([x])[0], x, tol=1e-8).x for x in highest])
    from_ends = np.linalg.norm(ends[:, None] - found.points, axis=2)
    assert (from_ends.min(axis=1) < 1e-4).all()
    assert set(from_ends.argmin(axis=1)) == set(range(len(found)))
    assert (np.abs(highest[:, None] - found.points) / spacing).max(axis=2).min(axis=0).max() <= 1
    assert (np.diff(found.log_density) <= 0).all()


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("K", [2, 4, 6])
def test_modes_of_random_mixtures(K, seed):
    assert_modes_are_the_grids(make_mixture("full", K, seed=seed, spread=1.5))


def test_two_crossed_components_have_three_modes():
    crossed = Mixture.from_parameters([0.5, 0.5], [[4, 0], [0, 4]], [[9, 0.1], [0.1, 9]], "diag")
    assert_modes_are_the_grids(crossed)
    assert len(crossed.modes()) == 3


def test_three_round_components_have_four_modes():
    """Carreira-Perpiñán & Williams (2003, §5): the fourth is in the middle of the triangle."""
    corners = [[np.cos(turn), np.sin(turn)] for turn in 2 * np.pi * np.arange(3) / 3]
    mixture = Mixture.from_parameters(np.full(3, 1 / 3), corners, np.full(3, 0.715**2), "spherical")
    modes = mixture.modes()
    assert len(modes) == 4
    assert np.abs(modes.points).max(axis=1).min() < 1e-9


@pytest.mark.parametrize(("apart", "expected"), [(1.99, 1), (2.0, 1), (2.01, 2)])
def test_two_equal_components_are_bimodal_from_two_standard_deviations(apart, expected):
    mixture = Mixture.from_parameters([0.5, 0.5], [[0.0], [apart]], [1.0, 1.0], "spherical")
    modes = mixture.modes()
    assert len(modes) == expected
    np.testing.assert_allclose(modes.points.mean(), apart / 2, atol=1e-3)  # flat to x⁴ at 2


def test_a_mean_at_a_saddle_climbs_on():
    mixture = Mixture.from_parameters([0.49, 0.02, 0.49], [[-3, 0], [0, 0], [3, 0]], [1, 4, 1], "spherical")
    modes = mixture.modes()
    assert len(modes) == 2
    assert modes.of_component[1] in (0, 1)
    np.testing.assert_allclose(np.abs(modes.points), [[3, 0], [3, 0]], atol=0.05)


def test_one_component_and_components_without_weight():
    modes = Mixture.from_parameters([0.0, 1.0], [[9.0, 9.0], [1.0, 2.0]], [1.0, 2.0], "spherical").modes()
    np.testing.assert_allclose(modes.points, [[1.0, 2.0]])
    assert modes.of_component.tolist() == [0, 0]


@pytest.mark.parametrize(("scale", "shift"), [(1e150, 0.0), (1e-150, 0.0), (1.0, 1e8)])
def test_modes_follow_units_and_offset(scale, shift):
    here = make_mixture("diag", 4, 3, spread=1.5)
    there = Mixture.from_parameters(
        here.weights, scale * here.means + shift, scale**2 * here.covariances.parameters(), "diag"
    )
    found = (there.modes().points - shift) / scale
    np.testing.assert_allclose(found, here.modes().points, atol=1e-7 if shift else 1e-12)


def test_a_singular_component_is_named():
    mixture = make_mixture("full", 2)
    singular = mixture.covariances.with_parameters(np.stack([np.eye(2), np.ones((2, 2))]))
    flat = Mixture(
        *(mixture.weights, mixture.means, singular), mixture.family, mixture.prior, mixture.collapsed
    )
    with pytest.raises(DegenerateError, match="component 1 "):
        flat.modes()


@pytest.mark.parametrize("D", [1, 2, 5])
def test_region_of_one_component_is_exact(D):
    region = make_mixture("full", 1, D).hdr(0.8)
    mixture = region.mixture
    edge = mixture.means + mixture.covariances.colorize(np.eye(1, D) * np.sqrt(chi2.ppf(0.8, D)), 0)
    assert region.standard_error == 0
    np.testing.assert_allclose(mixture.log_prob(edge), region.level, rtol=1e-12)
    inside = mixture.means + np.array([[0.999], [1.001]]) * (edge - mixture.means)
    assert region.contains(inside).tolist() == [True, False]


@pytest.mark.parametrize("alpha", [1e-3, 0.5, 0.9, 0.999])
def test_region_of_one_feature_is_exact(alpha):
    mixture = make_mixture("spherical", 4, 1, seed=1, spread=4.0)
    region = mixture.hdr(alpha)
    intervals = region.intervals()
    mass = sum(
        quad(lambda x: np.exp(mixture.log_prob([[x]])[0]), *pair, epsabs=1e-13)[0] for pair in intervals
    )
    np.testing.assert_allclose(mass, alpha, atol=1e-10)
    np.testing.assert_allclose(mixture.log_prob(intervals.reshape(-1, 1)), region.level, atol=1e-10)
    assert region.standard_error == 0


def test_a_drawn_level_is_within_its_error():
    mixture = make_mixture("spherical", 3, 1)
    levels = np.array([_drawn_level(mixture, 0.9, 2_000, seed) for seed in range(20)])
    z = (levels[:, 0] - mixture.hdr(0.9).level) / levels[:, 1]
    assert np.abs(z).max() < 5
    assert 0.5 < z.std() < 1.7


def test_region_of_several_features_holds_its_probability():
    mixture = make_mixture("full", 3, 3)
    inside = mixture.hdr(0.7).contains(mixture.sample(100_000, 1)[0]).mean()
    assert abs(inside - 0.7) < 5 * np.sqrt(2 * 0.21 / 100_000)


def test_bad_requests_for_a_region():
    mixture = make_mixture("full", 2, 2)
    for alpha in (0.0, 1.0, np.nan):
        with pytest.raises(ParameterError, match="alpha"):
            mixture.hdr(alpha)
    with pytest.raises(ParameterError, match="n_draws of at least 100000"):
        mixture.hdr(0.9999, n_draws=1_000)
    with pytest.raises(ParameterError, match="one feature"):
        mixture.hdr(0.5).intervals()


@pytest.mark.parametrize("name", ["full", "tied", "diag", "spherical"])
def test_outlines_lie_at_the_chi_square_radius(name):
    mixture = make_mixture(name, 3, 4)
    found = mixture.ellipses(0.9, features=(3, 1))
    covariances = mixture.covariances.to_dense()[:, [[3], [1]], [3, 1]]
    shift = found.points(50) - mixture.means[:, None, [3, 1]]
    square = np.einsum("kna,kab,knb->kn", shift, np.linalg.inv(covariances), shift)
    np.testing.assert_allclose(square, chi2.ppf(0.9, 2), rtol=1e-9)
    np.testing.assert_array_equal(found.points(50)[:, 0], found.points(50)[:, -1])
    np.testing.assert_allclose(
        found.axes @ found.axes.transpose(0, 2, 1), np.broadcast_to(np.eye(2), (3, 2, 2)), atol=1e-14
    )


def test_ellipses_are_as_matplotlib_draws_them():
    patches = pytest.importorskip("matplotlib.patches", reason="matplotlib is not installed")
    found = make_mixture("full", 3, 2).ellipses()
    for k in range(len(found)):
        patch = patches.Ellipse(found.centers[k], *2 * found.half_lengths[k], angle=found.angles[k])
        corners = patch.get_patch_transform().transform([[0, 0], [1, 0], [0, 1]])
        expected = found.centers[k] + np.stack([[0, 0], *(found.half_lengths[k][:, None] * found.axes[k])])
        np.testing.assert_allclose(corners, expected, atol=1e-12)


def test_bad_requests_for_ellipses():
    mixture = make_mixture("full", 2, 3)
    for features in ((0, 0), (0, 3), (-1, 0), (0, 1, 2)):
        with pytest.raises(ParameterError, match="two different numbers from 0 to 2"):
            mixture.ellipses(features=features)
    with pytest.raises(ParameterError, match="level"):
        mixture.ellipses(1.0)
