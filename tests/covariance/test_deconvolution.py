from __future__ import annotations

import numpy as np
import pytest

from gaussmix.covariance import Dense, Diagonal, Shared
from gaussmix.covariance.deconvolution import denoised, noise_matrices, noisy_moments
from gaussmix.covariance.representations import Spherical
from gaussmix.errors import DataError

MEANS = np.array([[0.0, 0.0], [3.0, 1.0]])
STORED = {
    "dense": Dense.from_covariances(np.array([[[2.0, 0.5], [0.5, 1.0]], [[1.0, 0.0], [0.0, 3.0]]])),
    "shared": Shared.from_covariance(np.array([[2.0, 0.5], [0.5, 1.0]]), 2),
    "diagonal": Diagonal.from_variances(np.array([[2.0, 1.0], [1.0, 3.0]])),
    "spherical": Spherical.from_variances(np.array([2.0, 1.0]), 2),
}


@pytest.mark.parametrize("kind", STORED)
def test_without_noise_moments_are_the_ordinary_ones(kind):
    rng = np.random.default_rng(0)
    X, log_weights = rng.normal(size=(30, 2)) + 1, np.log([0.3, 0.7])
    stored = STORED[kind]
    found = noisy_moments(stored, X, None, np.zeros((30, 2, 2)), (log_weights, MEANS), hard=False)
    expected = stored.moments(X, None, log_weights, MEANS)
    assert found.scatter is expected.scatter
    np.testing.assert_allclose(found.buffer, expected.buffer, rtol=1e-11, atol=1e-11)


def test_equal_noise_and_spread_halve_the_way_to_the_mean():
    mean, covariance = denoised(np.eye(1), np.zeros(1), np.array([[2.0]]), np.ones((1, 1, 1)))
    np.testing.assert_allclose(mean, [[1.0]])
    np.testing.assert_allclose(covariance, [[[0.5]]])


def test_variances_are_diagonal_covariances():
    noise = noise_matrices([[1.0, 4.0]], 1, 2)
    np.testing.assert_array_equal(noise, [[[1.0, 0.0], [0.0, 4.0]]])


@pytest.mark.parametrize(
    ("noise", "message"),
    [
        ([[1.0]], r"shape \(2, 2\) or covariances of shape \(2, 2, 2\), got \(1, 1\)"),
        ([[1.0, 1.0], [1.0, -1.0]], "noise of row 1"),
        ([[1.0, 1.0], [np.nan, 1.0]], "noise of row 1"),
        ([[[1.0, 0.0], [0.0, 1.0]], [[1.0, 2.0], [2.0, 1.0]]], "noise of row 1"),
        ([[[1.0, 0.5], [0.0, 1.0]], [[1.0, 0.0], [0.0, 1.0]]], "noise of row 0"),
        ("large", "real numbers"),
    ],
)
def test_what_is_no_covariance_is_refused(noise, message):
    with pytest.raises(DataError, match=message):
        noise_matrices(noise, 2, 2)
