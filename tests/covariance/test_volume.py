from __future__ import annotations

import numpy as np
import pytest

from gaussmix.covariance import volume


def stationary(variances, scatter, count):
    """Return by how much λ_k = tr(W_k B⁻¹) / (n_k D) and B = Σ_k W_k / (n λ_k) fail to hold, relatively."""
    by_component = (scatter / variances).mean(axis=1) / count
    by_feature = (scatter / variances).sum(axis=0) / count.sum()
    return max(np.abs(by_component - 1).max(), np.abs(by_feature - 1).max())


@pytest.mark.parametrize("spread", [0.0, 1.0, 3.0])
@pytest.mark.parametrize(("K", "D"), [(1, 3), (4, 1), (2, 2), (7, 5)])
def test_volumes_and_profile_fulfil_both_equations(K, D, spread):
    rng = np.random.default_rng(K + D)
    scatter, count = np.exp(spread * rng.standard_normal((K, D))), rng.uniform(1.0, 9.0, K)
    assert stationary(volume.one_shape(scatter, count), scatter, count) < 1e-12


def test_features_of_very_different_units():
    scatter = np.array([[1e-280, 1.0, 1e280], [3e-280, 2.0, 1e280]])
    count = np.array([1.0, 2.0])
    assert stationary(volume.one_shape(scatter, count), scatter, count) < 1e-12


def test_volumes_without_an_optimum_end_in_numbers():
    scatter, count = np.array([[1.0, 0.0], [0.0, 1.0]]), np.array([1.0, 2.0])
    assert np.isfinite(volume.one_shape(scatter, count)).all()


def test_one_volume_where_nothing_is_sound():
    scatter, count = np.array([[4.0, 0.0], [0.0, 0.0]]), np.array([2.0, 0.0])
    assert volume.one_volume(scatter, count, None).tolist() == [[2, 0], [0, 0]]
