from __future__ import annotations

import numpy as np
import pytest

from gaussmix.fit.exchange import Groups, exchanged

LEAST = 1e-6


def others(K):
    """Return for each of K components all the others."""
    return (np.arange(K)[:, None] + np.arange(1, K)) % K


def clusters(centres, n=40, seed=0):
    """Return rows of narrow clusters and which cluster each is of."""
    rng = np.random.default_rng(seed)
    label = np.repeat(np.arange(len(centres)), n)
    return np.asarray(centres, float)[label] + 0.1 * rng.standard_normal((len(label), 2)), label


CENTRES = [[0, 0], [4, 0], [0, 4], [4, 4]]


def test_a_component_with_two_clusters_gets_one_of_two_that_share_a_cluster():
    Z, cluster = clusters(CENTRES)
    label = np.array([0, 0, 1, 3])[cluster]  # component 0 has the clusters 0 and 1, ...
    label[(cluster == 2) & (Z[:, 0] > 0)] = 2  # ... and 1 and 2 have halves of cluster 2
    groups, changed = exchanged(Z, np.ones(len(Z)), label, others(4), LEAST)
    assert changed.tolist() == [0, 1, 2]
    means = np.array([Z[cluster == c].mean(axis=0) for c in range(4)])
    found = np.square(groups.means[:, None] - means).sum(axis=2)
    assert sorted(found.argmin(axis=1)) == [0, 1, 2, 3]
    np.testing.assert_allclose(found.min(axis=1), 0, atol=1e-20)
    np.testing.assert_allclose(groups.count, 40)


def test_components_of_one_cluster_each_stay():
    Z, cluster = clusters(CENTRES, n=200)
    groups, changed = exchanged(Z, np.ones(len(Z)), cluster, others(4), LEAST)
    assert not len(changed)
    np.testing.assert_allclose(groups.means, [Z[cluster == c].mean(axis=0) for c in range(4)])


def test_a_component_without_rows_goes_where_it_is_needed():
    Z, cluster = clusters(CENTRES[:3])
    label = np.array([0, 0, 1])[cluster]
    groups, changed = exchanged(Z, np.ones(len(Z)), label, others(3), LEAST)
    assert {0, 2} <= set(changed.tolist())
    np.testing.assert_allclose(np.sort(groups.count), 40)


def test_weights_count_rows():
    Z, cluster = clusters(CENTRES)
    label = np.array([0, 0, 1, 2])[cluster]
    weight = np.random.default_rng(1).integers(1, 4, len(Z))
    weighted, _ = exchanged(Z, weight.astype(float), label, others(4), LEAST)
    repeated, _ = exchanged(
        np.repeat(Z, weight, axis=0), np.ones(weight.sum()), np.repeat(label, weight), others(4), LEAST
    )
    np.testing.assert_allclose(weighted.count, repeated.count)
    np.testing.assert_allclose(weighted.means, repeated.means)


@pytest.mark.parametrize("count", [(3.0, 5.0), (0.0, 5.0), (2.0, 0.0), (0.0, 0.0)])
def test_joined_groups_have_the_moments_of_all_their_rows(count):
    rng = np.random.default_rng(0)
    rows = [rng.standard_normal((max(int(n), 1), 2)) for n in count]
    groups = [
        Groups(np.array([n]), r.mean(axis=0)[None], r.var(axis=0)[None] + LEAST)
        for n, r in zip(count, rows, strict=True)
    ]
    joined = groups[0].joined(groups[1])
    together = np.concatenate([r for n, r in zip(count, rows, strict=True) if n > 0] or [rows[0]])
    np.testing.assert_allclose(joined.count, sum(count))
    np.testing.assert_allclose(joined.means[0], together.mean(axis=0))
    np.testing.assert_allclose(joined.variances[0], together.var(axis=0) + LEAST)
