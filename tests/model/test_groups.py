from __future__ import annotations

import numpy as np
import pytest

from gaussmix.covariance import FAMILIES
from gaussmix.model.groups import Groups
from gaussmix.moments import DIAGONAL, FULL, POOLED, TRACE

from ..mixtures import REPRESENTATIVES, assert_same_mixture, flat, make_mixture, make_rows

SCATTERS = {scatter.name: scatter for scatter in (FULL, POOLED, DIAGONAL, TRACE)}
OF_DENSE = {  # what groups keep of one matrix (D, D)
    "full": lambda matrix: matrix,
    "pooled": lambda matrix: matrix,
    "diagonal": np.diag,
    "trace": lambda matrix: np.trace(matrix) / len(matrix),
}


@pytest.fixture(params=list(SCATTERS))
def kind(request):
    return request.param


def groups_of(kind, n=90, K=5, D=3, seed=0):
    """Return groups of random rows, and the rows with their labels and weights."""
    X, labels = make_rows(n=n, K=K, D=D, seed=seed)
    weight = np.random.default_rng(seed).uniform(0.1, 2.0, n)
    return Groups.from_labels(X, weight, labels, K, SCATTERS[kind]), X, labels, weight


def moments_of(X, weight, kind):
    """Return weight, mean and covariance by NumPy."""
    covariance = np.cov(X.T, aweights=weight, bias=True).reshape(X.shape[1], -1)
    return weight.sum(), np.average(X, axis=0, weights=weight), OF_DENSE[kind](covariance)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("offset", [0.0, 1e4])
def test_groups_of_labels_have_the_rows_moments(kind, dtype, offset):
    X, labels = make_rows(n=90, K=3, D=3)
    X, weight = (X + offset).astype(dtype), np.random.default_rng(1).uniform(0.1, 2.0, 90)
    groups = Groups.from_labels(X, weight, labels, 3, SCATTERS[kind])
    for k in range(3):
        rows = labels == k
        total, mean, covariance = moments_of(X[rows].astype(float), weight[rows], kind)
        rtol = 1e-10 if dtype == np.float64 else 1e-5
        assert groups.weights[k] == pytest.approx(total, rel=1e-12)
        np.testing.assert_allclose(groups.means[k], mean, rtol=rtol, atol=rtol)
        np.testing.assert_allclose(groups.covariances[k], covariance, rtol=rtol, atol=rtol)


def test_rows_without_label_or_weight_belong_to_no_group(kind):
    groups, X, labels, weight = groups_of(kind)
    more = np.concatenate([X, np.full((4, 3), 1e3)])
    others = Groups.from_labels(
        more, np.append(weight, [1, 1, 0, 0]), np.append(labels, [-1, -1, 0, 0]), 5, SCATTERS[kind]
    )
    np.testing.assert_allclose(others.weights, groups.weights, rtol=1e-14)
    np.testing.assert_allclose(others.means, groups.means, rtol=1e-12)
    np.testing.assert_allclose(others.covariances, groups.covariances, rtol=1e-10, atol=1e-12)


def test_a_group_without_rows_has_weight_zero(kind):
    groups = Groups.from_labels(np.eye(3), np.array([1.0, 1.0, 0.0]), np.array([0, 0, 3]), 4, SCATTERS[kind])
    assert groups.weights.tolist() == [2, 0, 0, 0]
    assert not groups.covariances[1:].any()
    assert np.isfinite(groups.means).all()


def test_merging_keeps_the_joint_moments(kind):
    groups, X, labels, weight = groups_of(kind)
    merged = groups.merged(1, [0, 3])
    for number, other in enumerate((0, 3)):
        rows = (labels == 1) | (labels == other)
        total, mean, covariance = moments_of(X[rows], weight[rows], kind)
        assert merged.weights[number] == pytest.approx(total, rel=1e-13)
        np.testing.assert_allclose(merged.means[number], mean, rtol=1e-12)
        np.testing.assert_allclose(merged.covariances[number], covariance, rtol=1e-11, atol=1e-12)


def log_volume(covariance, D):
    """Return log|Σ| of one group's covariance."""
    if np.ndim(covariance) == 2:
        return np.linalg.slogdet(covariance)[1]
    return np.log(np.broadcast_to(covariance, D)).sum()


def test_the_cost_of_merging_is_the_loss_of_log_volume(kind):
    groups, X, labels, weight = groups_of(kind)
    costs = groups.merging_costs()
    for i in range(5):
        for j in range(i + 1, 5):
            expected = 0.0
            for members, sign in (([i, j], 1), ([i], -1), ([j], -1)):
                rows = np.isin(labels, members)
                total, _, covariance = moments_of(X[rows], weight[rows], kind)
                expected += sign * 0.5 * total * log_volume(covariance, 3)
            assert costs[i, j] == pytest.approx(expected, rel=1e-10)
    assert np.isinf(costs[np.tril_indices(5)]).all()


def test_the_cost_of_merging_by_hand():
    """Unit variances at 0 and 4, weights 1 and 3: variance 1 + 3/16 · 16 = 4, cost ½ · 4 · log 4."""
    groups = Groups(np.array([1.0, 3.0]), np.array([[0.0], [4.0]]), np.ones((2, 1, 1)))
    assert groups.merging_costs()[0, 1] == pytest.approx(2 * np.log(4))
    assert groups.merged(0, [1]).means.tolist() == [[3.0]]


def test_merging_flat_groups_costs_nothing():
    groups = Groups(np.ones(3), np.zeros((3, 2)), np.zeros((3, 2, 2)))
    assert groups.merging_costs()[np.triu_indices(3, 1)].tolist() == [0, 0, 0]


@pytest.mark.parametrize("n_left", [1, 2, 4, 5])
def test_reducing_merges_whole_groups(kind, n_left):
    groups, X, labels, weight = groups_of(kind)
    reduced, member = groups.reduced(n_left)
    assert len(reduced) == n_left
    assert set(member.tolist()) == set(range(n_left))
    expected = Groups.from_labels(X, weight, member[labels], n_left, SCATTERS[kind])
    np.testing.assert_allclose(reduced.weights, expected.weights, rtol=1e-12)
    np.testing.assert_allclose(reduced.means, expected.means, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(reduced.covariances, expected.covariances, rtol=1e-10, atol=1e-12)


def test_reducing_takes_the_cheapest_pair_each_time(kind):
    groups, *_ = groups_of(kind, K=6)
    expected = groups
    for _ in range(4):
        i, j = divmod(int(np.argmin(expected.merging_costs())), len(expected))
        rest = [g for g in range(len(expected)) if g not in (i, j)]
        expected = expected.merged(i, [j]).joined(expected.take(rest))
    reduced, _ = groups.reduced(2)
    order, other = np.argsort(reduced.weights), np.argsort(expected.weights)
    np.testing.assert_allclose(reduced.weights[order], expected.weights[other], rtol=1e-12)
    np.testing.assert_allclose(reduced.covariances[order], expected.covariances[other], rtol=1e-10)


def test_lending_draws_towards_the_pooled_covariance(kind):
    groups, *_ = groups_of(kind)
    pooled = (
        sum(w * c for w, c in zip(groups.weights, groups.covariances, strict=True)) / groups.weights.sum()
    )
    lent = groups.lent(2.0)
    np.testing.assert_array_equal(lent.means, groups.means)
    np.testing.assert_allclose(lent.weights, groups.weights + 2)
    for w, own, after in zip(groups.weights, groups.covariances, lent.covariances, strict=True):
        np.testing.assert_allclose(after, (w * own + 2 * pooled) / (w + 2), rtol=1e-13)


def test_raising_adds_to_the_diagonals(kind):
    groups, *_ = groups_of(kind)
    added = np.array([1.0, 2.0, 6.0])
    raised = groups.raised(added).covariances - groups.covariances
    np.testing.assert_allclose(raised, np.stack([OF_DENSE[kind](np.diag(added))] * 5), atol=1e-12)
    assert groups.raised(None) is groups


@pytest.mark.parametrize("name", REPRESENTATIVES)
def test_a_mixtures_groups_give_the_mixture_back(name):
    mixture = make_mixture(name, K=4, D=3)
    again = Groups.from_mixture(mixture).as_mixture(FAMILIES[name], flat(3))
    assert_same_mixture(again, mixture, rtol=1e-13)


@pytest.mark.parametrize("name", FAMILIES)
def test_groups_give_a_mixture_of_any_family(name):
    kind = FAMILIES[name].scatter.name
    groups, X, *_ = groups_of(kind)
    mixture = groups.as_mixture(FAMILIES[name], flat(3))
    np.testing.assert_allclose(mixture.weights, groups.weights / groups.weights.sum(), rtol=1e-13)
    assert (np.linalg.eigvalsh(mixture.covariances.to_dense()) > 0).all()
    assert np.isfinite(mixture.log_prob(X)).all()


@pytest.mark.parametrize("name", REPRESENTATIVES)
def test_flat_groups_stand_on_the_floor(name):
    family = FAMILIES[name]
    one = Groups.from_labels(np.ones((4, 2)), np.ones(4), np.array([0, 0, 1, 1]), 2, family.scatter)
    mixture = one.as_mixture(family, flat(2, floor=0.25))
    np.testing.assert_allclose(mixture.covariances.standard_deviations(), 0.5)
