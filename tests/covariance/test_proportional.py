from __future__ import annotations

import numpy as np
import pytest

from gaussmix.covariance import FAMILIES

from ..mixtures import random_scatter

VEE = FAMILIES["VEE"]


@pytest.mark.parametrize(("K", "D"), [(1, 3), (4, 1), (2, 2), (6, 5)])
@pytest.mark.parametrize("spread", [1.0, 30.0])
def test_volumes_and_matrix_fulfil_both_equations(K, D, spread):
    rng = np.random.default_rng(K + D)
    skewed = np.diag(spread ** rng.uniform(-1, 1, D))
    W, count = random_scatter(rng, K, D), rng.uniform(1.0, 9.0, K)
    W[0] = skewed @ W[0] @ skewed
    inside = np.linalg.inv(VEE.estimate(W, count, D).to_dense()) @ W  # Σ_k⁻¹ W_k
    np.testing.assert_allclose(np.einsum("kdd->k", inside), count * D, rtol=1e-11)
    np.testing.assert_allclose(inside.sum(axis=0), count.sum() * np.eye(D), rtol=1e-9, atol=1e-9)


def test_a_component_without_rows_keeps_its_volume():
    previous = VEE.estimate(np.stack([np.eye(2), 9 * np.eye(2)]), np.ones(2), 2)
    scatter, count = np.stack([np.diag([2.0, 8.0]), np.zeros((2, 2))]), np.array([2.0, 0.0])
    found = VEE.estimate(scatter, count, 2, previous).to_dense()
    np.testing.assert_allclose(found, [np.diag([1.0, 4.0]), np.diag([4.5, 18.0])], rtol=1e-14)


def test_a_component_without_scatter_is_singular_alone():
    covariances = VEE.estimate(np.stack([np.eye(2), np.zeros((2, 2))]), np.array([1.0, 2.0]), 2)
    assert covariances.singular.tolist() == [False, True]


def test_parameters_of_five_components_of_three_features():
    assert VEE.n_parameters(5, 3) == 10
