"""Laws 2 and 3: a family's estimate is the best of the family, and its free parameters are counted right."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gaussmix.covariance import FAMILIES

from ..mixtures import estimate, make_mixture, random_scatter

families = pytest.mark.parametrize("name", FAMILIES)


def objective(covariances, W, count):
    """Return −½ Σ_k [n_k log|Σ_k| + tr(Σ_k⁻¹ W_k)]."""
    dense = covariances.to_dense()
    return -0.5 * (count @ np.linalg.slogdet(dense)[1] + np.einsum("kde,ked->", np.linalg.inv(dense), W))


@families
@given(K=st.integers(1, 4), D=st.integers(1, 5), seed=st.integers(0, 99))
@settings(derandomize=True, deadline=None, max_examples=15)
def test_no_member_of_the_family_beats_the_estimate(name, K, D, seed):
    rng, family = np.random.default_rng(seed), FAMILIES[name]
    W, count = random_scatter(rng, K, D), rng.uniform(1.0, 20.0, K)
    best = objective(estimate(family, W, count), W, count)
    for size in (1e-3, 1e-2, 0.1, 0.5, 1.0):
        other = (1 - size) * W + size * random_scatter(rng, K, D)
        assert objective(estimate(family, other, count), W, count) <= best + 1e-12 * abs(best)


@families
def test_the_estimate_is_homogeneous(name):
    W, count = random_scatter(np.random.default_rng(0), 3, 2), np.array([3.0, 4.0, 5.0])
    once = estimate(FAMILIES[name], W, count).to_dense()
    np.testing.assert_allclose(estimate(FAMILIES[name], W, 4 * count).to_dense(), once / 4, rtol=1e-14)
    np.testing.assert_allclose(estimate(FAMILIES[name], 4 * W, count).to_dense(), 4 * once, rtol=1e-14)


@families
def test_a_member_is_its_own_estimate(name):
    covariances = make_mixture(name, K=3, D=4).covariances
    count = np.array([2.0, 3.0, 4.0])
    again = estimate(FAMILIES[name], count[:, None, None] * covariances.to_dense(), count)
    np.testing.assert_allclose(again.parameters(), covariances.parameters(), rtol=1e-14, atol=1e-15)


@families
def test_parameters_build_the_same_covariances(name):
    covariances = make_mixture(name, K=3, D=4).covariances
    again = FAMILIES[name].from_parameters(covariances.parameters(), 3, 4)
    assert type(again) is type(covariances)
    np.testing.assert_array_equal(again.to_dense(), covariances.to_dense())


def jacobian(family, W, count):
    """Return ∂ covariance / ∂ scatter over all symmetric changes of the scatter."""
    K, D, _ = W.shape
    columns = []
    for k in range(K):
        for a, b in zip(*np.triu_indices(D), strict=True):
            change = np.zeros_like(W)
            change[k, a, b] = change[k, b, a] = 1e-4
            up, down = (estimate(family, W + sign * change, count).to_dense() for sign in (1, -1))
            columns.append((up - down).ravel() / 2e-4)
    return np.stack(columns, axis=1)


@families
@pytest.mark.parametrize(("K", "D"), [(1, 1), (1, 3), (3, 1), (2, 3), (4, 2)])
def test_free_parameters_are_the_rank_of_the_map(name, K, D):
    family, rng = FAMILIES[name], np.random.default_rng(K * 10 + D)
    W, count = random_scatter(rng, K, D), rng.uniform(1.0, 5.0, K)
    rank = np.linalg.matrix_rank(jacobian(family, W, count), tol=1e-6)
    assert family.n_parameters(K, D) == rank
    assert make_mixture(name, K, D).n_parameters == rank + K * D + K - 1
