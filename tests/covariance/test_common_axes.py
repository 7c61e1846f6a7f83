from __future__ import annotations

import numpy as np
import pytest

from gaussmix.covariance import FAMILIES
from gaussmix.covariance.joint_diagonalization import shared_eigenvectors

from ..mixtures import random_scatter

EVE, VVE = FAMILIES["EVE"], FAMILIES["VVE"]
families = pytest.mark.parametrize("family", [EVE, VVE], ids=["EVE", "VVE"])


@families
@pytest.mark.parametrize(("K", "D"), [(1, 4), (3, 2), (4, 5), (3, 9), (2, 20)])
def test_the_axes_fulfil_flury_and_gautschis_equations(family, K, D):
    """d_jᵀ (Σ_k n_k (1 / ω_kj − 1 / ω_kl) W_k) d_l = 0 for each pair of axes; ω are the variances."""
    rng = np.random.default_rng(K + D)
    W, count = random_scatter(rng, K, D), rng.uniform(5.0, 9.0, K)
    dense = family.estimate(W, count, D).to_dense()
    axes = shared_eigenvectors(dense)
    along = axes.T @ dense @ axes
    variances = np.einsum("kdd->kd", along)
    np.testing.assert_allclose(along, variances[:, :, None] * np.eye(D), atol=1e-12 * along.max())
    Q = ((axes.T @ W @ axes) / variances[:, None, :]).sum(axis=0)
    np.testing.assert_allclose(Q, Q.T, atol=1e-6 * count.sum())


@families
def test_axes_in_common_are_found(family):
    axes = np.linalg.qr(np.random.default_rng(0).standard_normal((3, 3)))[0]
    variances = np.array([[1.0, 2.0, 4.0], [4.0, 1.0, 2.0], [8.0, 1.0, 1.0]])
    matrices = (axes * variances[:, None]) @ axes.T
    np.testing.assert_allclose(
        family.estimate(matrices, np.ones(3), 3).to_dense(), matrices, rtol=1e-12, atol=1e-12
    )


def test_a_component_without_rows_keeps_what_the_family_allows():
    previous = VVE.estimate(np.stack([np.diag([1.0, 3.0]), np.diag([1.0, 4.0])]), np.ones(2), 2)
    scatter, count = np.stack([np.diag([8.0, 2.0]), np.zeros((2, 2))]), np.array([2.0, 0.0])
    own = VVE.estimate(scatter, count, 2, previous).to_dense()
    np.testing.assert_allclose(own, [np.diag([4.0, 1.0]), np.diag([1.0, 4.0])], rtol=1e-14, atol=1e-15)
    one_volume = EVE.estimate(scatter, count, 2, previous).to_dense()
    np.testing.assert_allclose(one_volume, own, rtol=1e-14, atol=1e-15)  # which is 2 for both


@pytest.mark.parametrize(("family", "expected"), [(EVE, 14), (VVE, 18)])
def test_parameters_of_five_components_of_three_features(family, expected):
    assert family.n_parameters(5, 3) == expected
