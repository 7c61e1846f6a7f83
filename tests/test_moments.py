from __future__ import annotations

import numpy as np
import pytest

from gaussmix.moments import DIAGONAL, FULL, POOLED, TRACE, Moments, buffer_size

from .mixtures import REDUCE

KINDS = [FULL, POOLED, DIAGONAL, TRACE]


def moments_of(X, responsibilities, reference, scatter):
    """Return the moments by their definition."""
    difference = X[:, None, :] - reference  # (n, K, D)
    first = np.einsum("nk,nkd->kd", responsibilities, difference)
    second = np.einsum("nk,nkd,nke->kde", responsibilities, difference, difference)
    parts = ([0.0, responsibilities.sum()], responsibilities.sum(axis=0), first, REDUCE[scatter.name](second))
    return Moments(np.concatenate([np.ravel(part) for part in parts]), reference, scatter)


def example(scatter, n=20, K=2, D=3):
    rng = np.random.default_rng(0)
    X, responsibilities = rng.standard_normal((n, D)), rng.dirichlet(np.ones(K), n)
    return X, responsibilities, moments_of(X, responsibilities, rng.standard_normal((K, D)), scatter)


@pytest.mark.parametrize("scatter", KINDS, ids=lambda kind: kind.name)
def test_the_buffer_is_read_in_its_order(scatter):
    K, D = 2, 3
    size = buffer_size(scatter, K, D)
    moments = Moments(np.arange(size, dtype=float), np.zeros((K, D)), scatter)
    assert (moments.log_likelihood, moments.weight) == (0.0, 1.0)
    assert moments.count.tolist() == [2, 3]
    assert moments.first.tolist() == [[4, 5, 6], [7, 8, 9]]
    assert moments.second.shape == scatter.shape(K, D)
    assert moments.second.ravel().tolist() == list(range(10, size))


def test_moments_of_two_rows_by_hand():
    reference = np.array([[1.0]])
    moments = Moments(np.array([0.0, 2.0, 2.0, 2.0, 10.0]), reference, FULL)  # rows 0 and 4: -1 and 3
    count, means, scatter = moments.about_means()
    assert count.tolist() == [2.0]
    assert means.tolist() == [[2.0]]
    assert scatter.tolist() == [[[8.0]]]


@pytest.mark.parametrize("scatter", KINDS, ids=lambda kind: kind.name)
def test_about_means_is_the_scatter_about_the_means(scatter):
    X, responsibilities, moments = example(scatter)
    _, means, about_means = moments.about_means()
    weighted = responsibilities / responsibilities.sum(axis=0)
    np.testing.assert_allclose(means, weighted.T @ X, rtol=1e-13)
    direct = moments_of(X, responsibilities, means, scatter)
    np.testing.assert_allclose(about_means, direct.second, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("scatter", KINDS, ids=lambda kind: kind.name)
def test_add_diagonal_adds_the_variance_of_each_row(scatter):
    variance, count = np.array([1.0, 2.0, 4.0]), np.array([3.0, 5.0])
    zero = np.zeros(scatter.shape(2, 3))
    added = scatter.add_diagonal(zero, count, variance)
    expected = REDUCE[scatter.name](count[:, None, None] * np.diag(variance))
    np.testing.assert_array_equal(added, expected)
    assert not zero.any()  # the argument is left alone


def test_a_component_without_rows_keeps_its_reference():
    moments = Moments(np.zeros(buffer_size(TRACE, 1, 2)), np.array([[5.0, 7.0]]), TRACE)
    count, means, scatter = moments.about_means()
    assert (count.tolist(), means.tolist(), scatter.tolist()) == ([0.0], [[5.0, 7.0]], [0.0])


def test_times_a_number_multiplies_every_weight():
    X, responsibilities, moments = example(FULL)
    doubled = moments_of(X, 2 * responsibilities, moments.reference, FULL)
    np.testing.assert_allclose((moments * 2.0).buffer, doubled.buffer, rtol=1e-14)


def test_different_references_do_not_add():
    _, _, moments = example(FULL)
    moved = Moments(moments.buffer, moments.reference + 1e-9, FULL)
    with pytest.raises(ValueError, match="different reference points"):
        moments + moved


def test_different_kinds_do_not_add():
    _, _, moments = example(DIAGONAL)
    trace = Moments(np.zeros(buffer_size(TRACE, 2, 3)), moments.reference, TRACE)
    with pytest.raises(ValueError, match="different kinds"):
        moments + trace


def test_adding_changes_neither_term():
    _, _, moments = example(POOLED)
    before = moments.buffer.copy()
    total = moments + moments
    np.testing.assert_array_equal(moments.buffer, before)
    np.testing.assert_array_equal(total.buffer, 2 * before)
