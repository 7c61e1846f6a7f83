from __future__ import annotations

from unittest.mock import patch

import numpy as np
import pytest

from gaussmix.fit.k_means import k_means, k_means_plus_plus, nearest, squared_distances

from ..mixtures import make_rows


def test_distances_by_hand():
    Z = np.array([[0.0, 0.0], [3.0, 4.0]])
    distances = squared_distances(Z, np.array([[0.0, 0.0], [3.0, 0.0]]))
    np.testing.assert_allclose(distances, [[0, 9], [25, 16]], rtol=1e-15)


def test_distances_keep_their_digits_far_from_the_origin():
    Z = np.array([[1e8], [1e8 + 1]])
    np.testing.assert_allclose(squared_distances(Z, Z), [[0, 1], [1, 0]], rtol=1e-15)


def test_the_nearest_and_the_first_of_equals():
    assert nearest(np.array([[0.0], [1.0], [1.9], [2.0]]), np.array([[0.0], [2.0]])).tolist() == [0, 0, 1, 1]


def lloyd(Z, weight, centres, n_iter=100):
    """Return the labels of plain Lloyd iterations."""
    for _ in range(n_iter):
        labels = np.square(Z[:, None] - centres).sum(axis=2).argmin(axis=1)
        moved = np.stack(
            [np.average(Z[labels == k], axis=0, weights=weight[labels == k]) for k in range(len(centres))]
        )
        if np.abs(moved - centres).max() < 1e-4:
            centres = moved
            break
        centres = moved
    return np.square(Z[:, None] - centres).sum(axis=2).argmin(axis=1)


@pytest.mark.parametrize("K", [1, 3, 6])
@pytest.mark.parametrize("weighted", [False, True])
def test_hard_spherical_steps_are_lloyds(K, weighted):
    Z, _ = make_rows(n=400, K=5, D=3)
    weight = np.random.default_rng(0).uniform(0.5, 2.0, 400) if weighted else np.ones(400)
    centres = Z[k_means_plus_plus(Z, weight, K, np.random.default_rng(3))]
    expected = lloyd(Z, weight, centres)
    np.testing.assert_array_equal(k_means(Z, weight, K, np.random.default_rng(3)), expected)


def test_separated_groups_are_found():
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(6), 30)
    Z = 20.0 * np.array([[k % 3, k // 3] for k in labels]) + rng.standard_normal((180, 2))
    found = k_means(Z, np.ones(180), 6, rng)
    assert len(set(zip(labels.tolist(), found.tolist(), strict=True))) == 6


def test_seeds_are_spread_and_different():
    Z = np.repeat([[0.0], [10.0], [20.0], [30.0]], 50, axis=0)
    chosen = k_means_plus_plus(Z, np.ones(200), 4, np.random.default_rng(0))
    assert sorted(Z[chosen, 0].tolist()) == [0, 10, 20, 30]


def test_rows_of_weight_zero_are_no_seeds():
    Z = np.arange(20.0)[:, None]
    weight = (Z[:, 0] < 5).astype(float)
    for seed in range(20):
        assert (k_means_plus_plus(Z, weight, 4, np.random.default_rng(seed)) < 5).all()


def test_fewer_distinct_rows_than_clusters():
    Z = np.repeat([[0.0], [1.0]], 10, axis=0)
    labels = k_means(Z, np.ones(20), 5, np.random.default_rng(0))
    assert len(set(labels[:10])) == 1
    assert labels[0] != labels[-1]


def test_empty_clusters_move_to_the_farthest_rows():
    Z = np.concatenate([np.zeros((50, 1)), [[1.0], [100.0]]])
    with patch(
        "gaussmix.fit.k_means.k_means_plus_plus", lambda *_: np.array([0, 1, 2])
    ):  # three equal centres
        labels = k_means(Z, np.ones(52), 3, np.random.default_rng(0))
    assert len(set(labels.tolist())) == 3
