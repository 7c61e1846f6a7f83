"""Rows measured with noise of known covariance: extreme deconvolution."""

from __future__ import annotations

import numpy as np
import pytest

from gaussmix import GaussianMixture, Mixture
from gaussmix.covariance import FAMILIES
from gaussmix.errors import DataError

TRUTH = Mixture.from_parameters(
    [0.4, 0.6], [[-1.0, 0.0], [2.0, 1.0]], [[[0.3, 0.2], [0.2, 0.4]], [[0.2, -0.05], [-0.05, 0.1]]]
)


def make(n=4000, seed=0):
    rng = np.random.default_rng(seed)
    X, _ = TRUTH.sample(n, rng, shuffle=True)
    roots = 0.5 * rng.normal(size=(n, 2, 2))
    noisy = X + np.einsum("nij,nj->ni", roots, rng.normal(size=(n, 2)))
    return X, noisy, roots @ roots.transpose(0, 2, 1)


def test_the_density_without_noise_is_found_within_three_standard_errors():
    points = np.concatenate([TRUTH.means, [[0.5, 0.5], [-1.5, -0.5], [2.5, 0.8]]])
    found = []
    for seed in range(12):
        _, noisy, noise = make(4000, seed)
        model = GaussianMixture(2, init_params="kmeans", random_state=0).fit(noisy, noise=noise)
        found.append(model.mixture_.pdf(points))
    error = np.std(found, axis=0, ddof=1) / np.sqrt(len(found))
    assert (abs(np.mean(found, axis=0) - TRUTH.pdf(points)) < 3 * error).all()


@pytest.mark.parametrize("family", ["full", "tied", "diag", "spherical", "VEE", "EII"])
def test_the_bound_never_falls(family):
    assert family in FAMILIES
    _, noisy, noise = make(400)
    model = GaussianMixture(2, covariance_type=family, reg_covar=0, acceleration=None, random_state=0)
    assert (np.diff(model.fit(noisy, noise=noise).lower_bounds_) > -1e-10).all()


def test_without_noise_the_fit_is_the_ordinary_one():
    X, _, _ = make(300)
    plain = GaussianMixture(2, random_state=0).fit(X)
    found = GaussianMixture(2, random_state=0).fit(X, noise=np.zeros_like(X))
    np.testing.assert_allclose(found.means_, plain.means_, rtol=1e-5)
    np.testing.assert_allclose(found.mixture_.log_prob(X, noise=np.zeros_like(X)), found.mixture_.log_prob(X))


def test_densities_of_measured_rows_sum_up_to_the_bound():
    _, noisy, noise = make(300)
    model = GaussianMixture(2, random_state=0, tol=1e-10).fit(noisy, noise=noise)
    assert model.mixture_.log_prob(noisy, noise=noise).mean() == pytest.approx(model.lower_bound_, abs=1e-8)
    np.testing.assert_allclose(model.mixture_.posterior(noisy, noise=noise).sum(axis=1), 1.0)


def test_denoised_rows_are_nearer_and_draws_have_the_spread_of_rows_without_noise():
    X, noisy, noise = make()
    assert np.square(TRUTH.denoise(noisy, noise) - X).mean() < 0.5 * np.square(noisy - X).mean()
    drawn = TRUTH.denoise(noisy, noise, draw=True, random_state=0)
    np.testing.assert_allclose(np.cov(drawn.T), TRUTH.covariance, atol=0.15)
    np.testing.assert_array_equal(TRUTH.denoise(X[:5], np.zeros((5, 2))).round(12), X[:5].round(12))


def test_noise_and_missing_values_do_not_go_together():
    _, noisy, noise = make(50)
    noisy[3, 0] = np.nan
    with pytest.raises(DataError, match="do not go together"):
        GaussianMixture(2).fit(noisy, noise=noise)
    with pytest.raises(DataError, match="noise of row 0"):
        GaussianMixture(2).fit(noisy[:3], noise=-noise[:3])
