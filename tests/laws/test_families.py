"""Laws 2 and 3: a family's estimate is the best of the family, and its free parameters are counted right.

And what follows where families contain each other, and where components have no rows or no scatter.
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gaussmix.covariance import FAMILIES, is_nested

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
    np.testing.assert_allclose(estimate(FAMILIES[name], W, 4 * count).to_dense(), once / 4, rtol=1e-12)
    np.testing.assert_allclose(estimate(FAMILIES[name], 4 * W, count).to_dense(), 4 * once, rtol=1e-12)


@families
def test_a_member_is_its_own_estimate(name):
    covariances = make_mixture(name, K=3, D=4).covariances
    count = np.array([2.0, 3.0, 4.0])
    again = estimate(FAMILIES[name], count[:, None, None] * covariances.to_dense(), count)
    np.testing.assert_allclose(again.parameters(), covariances.parameters(), rtol=1e-12, atol=1e-13)


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


PAIRS = [(poorer, richer) for poorer in FAMILIES for richer in FAMILIES if poorer != richer]


@pytest.mark.parametrize(("poorer", "richer"), PAIRS)
def test_a_family_contains_another_where_its_letters_say_so(poorer, richer):
    covariances, weights = make_mixture(poorer, K=3, D=3).covariances, np.array([0.2, 0.3, 0.5])
    carried = FAMILIES[richer].embed(covariances, weights)
    same = np.allclose(carried.to_dense(), covariances.to_dense(), rtol=1e-11, atol=1e-12)
    assert same == is_nested(FAMILIES[poorer], FAMILIES[richer])


@families
def test_a_family_contains_itself(name):
    assert is_nested(FAMILIES[name], FAMILIES[name])


@families
@pytest.mark.parametrize("weights", [[1.0, 0.0, 0.0], [0.5, 0.5, 0.0]])
def test_components_of_no_weight_are_carried_over_too(name, weights):
    covariances = make_mixture("spherical", K=3, D=3).covariances
    carried = FAMILIES[name].embed(covariances, np.array(weights))
    assert not carried.singular.any()
    if is_nested(FAMILIES["spherical"], FAMILIES[name]):
        np.testing.assert_allclose(carried.to_dense(), covariances.to_dense(), rtol=1e-9, atol=1e-12)


@families
@pytest.mark.parametrize("seed", range(4))
def test_an_estimate_is_no_worse_than_what_was_before(name, seed):
    rng, family = np.random.default_rng(seed), FAMILIES[name]
    W, count = random_scatter(rng, 4, 4), rng.uniform(1.0, 20.0, 4)
    for size in (1e-4, 1e-2, 1.0):
        before = estimate(family, (1 - size) * W + size * random_scatter(rng, 4, 4), count)
        after = estimate(family, W, count, before)
        gain = objective(after, W, count) - objective(before, W, count)
        assert gain >= -1e-11 * abs(objective(before, W, count))


def bad_statistics(K=4, D=3):
    """Return scatter matrices and counts that have no best member, or none of full rank."""
    W, count, row = random_scatter(np.random.default_rng(0), K, D), np.full(K, 9.0), np.ones((D, 1))
    point, line, column = W.copy(), W.copy(), W.copy()
    point[1] = 0.0
    line[1] = row @ row.T
    column[:, 0, :] = column[:, :, 0] = 0.0
    noise = W - 1e-15
    noise[1] = -1e-18 * (row @ row.T)
    bad = [point, line, column, noise, np.zeros_like(W), np.repeat((row @ row.T)[None], K, axis=0)]
    return [(matrices, count) for matrices in bad]


@families
@pytest.mark.parametrize("warm", [False, True])
@pytest.mark.parametrize("scale", [1e-300, 1.0, 1e290])
def test_there_is_never_a_nan(name, warm, scale):
    family, mixed = FAMILIES[name], random_scatter(np.random.default_rng(1), 4, 3)
    previous = estimate(family, scale * mixed, np.ones(4)) if warm else None
    cases = bad_statistics() + [(W * np.sign(count)[:, None, None], count) for W, count in counts_of_zero()]
    for W, count in cases:
        covariances = estimate(family, scale * W, count, previous)
        for values in (covariances.parameters(), covariances.precision, covariances.log_det):
            assert np.isfinite(values).all()
        assert (scale != 1.0) or not covariances.floored(np.full(3, 1e-3)).singular.any()


def counts_of_zero():
    W = random_scatter(np.random.default_rng(0), 4, 3)
    return [(W, np.array(count)) for count in ([9.0, 0.0, 9.0, 9.0], [0.0, 0.0, 9.0, 0.0])]


@families
def test_components_without_rows_do_not_change_the_others(name):
    family = FAMILIES[name]
    (W, count), _ = counts_of_zero()
    W[1] = 0.0
    previous = estimate(family, random_scatter(np.random.default_rng(2), 4, 3), np.full(4, 9.0))
    live = count > 0
    found = estimate(family, W, count, previous)
    alone = estimate(family, W[live], count[live], previous.select(np.flatnonzero(live)))
    np.testing.assert_allclose(found.to_dense()[live], alone.to_dense(), rtol=1e-9, atol=1e-10)
    assert not found.singular.any()
