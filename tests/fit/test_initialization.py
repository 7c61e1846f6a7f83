from __future__ import annotations

import numpy as np
import pytest

from gaussmix.covariance import FAMILIES
from gaussmix.fit import STARTS, Sample, start_from_labels, start_from_responsibilities
from gaussmix.source import ArraySource

from ..mixtures import flat, make_rows

NAMES = list(FAMILIES)


def sample_of(X, weight=None):
    return Sample(X, np.ones(len(X)) if weight is None else weight, X.std(axis=0, dtype=float))


@pytest.mark.parametrize("K", [1, 3, 8])
@pytest.mark.parametrize("name", STARTS)
def test_every_start_gives_labels_or_responsibilities(name, K):
    X, _ = make_rows(n=50, dtype=np.float32)
    grouping = np.asarray(STARTS[name](sample_of(X), K, np.random.default_rng(0)))
    if grouping.ndim == 1:
        assert grouping.dtype == np.int64
        assert set(grouping) <= set(range(K))
    else:
        assert grouping.shape == (50, K)
        np.testing.assert_allclose(grouping.sum(axis=1), 1.0)


@pytest.mark.parametrize("name", STARTS)
def test_a_start_follows_its_generator_and_no_other(name):
    X, _ = make_rows(n=80)
    groupings = [STARTS[name](sample_of(X), 3, np.random.default_rng(4)) for _ in range(2)]
    np.testing.assert_array_equal(*groupings)


@pytest.mark.parametrize("name", STARTS)
def test_a_start_does_not_depend_on_units_and_origin(name):
    X, _ = make_rows(n=80)
    grouping = STARTS[name](sample_of(X), 3, np.random.default_rng(4))
    other = STARTS[name](sample_of(X * [1e-3, 1e6] + 1e3), 3, np.random.default_rng(4))
    np.testing.assert_array_equal(grouping, other)


@pytest.mark.parametrize("name", [name for name in STARTS if name != "random"])
def test_rows_of_weight_zero_found_no_group(name):
    X = np.concatenate([make_rows(n=60)[0], np.full((5, 2), 1e3)])
    weight = np.repeat([1.0, 0.0], [60, 5])
    sample = Sample(X, weight, X[:60].std(axis=0))
    for seed in range(5):
        labels = STARTS[name](sample, 3, np.random.default_rng(seed))
        assert len(set(labels[:60].tolist())) == 3


def test_two_labelled_groups_by_hand():
    X = np.array([[0.0], [2.0], [10.0], [14.0]])
    blocks = ArraySource(X).partitions(3)
    mixture = start_from_labels(blocks, np.array([0, 0, 1, 1]), 2, FAMILIES["full"], flat(1))
    assert mixture.means.tolist() == [[1.0], [12.0]]
    assert mixture.weights.tolist() == [0.5, 0.5]
    lent = 0.01 * 2  # a hundredth of an average group's rows
    pooled = (2 + 8) / 4
    expected = [(2 + lent * pooled) / (2 + lent), (8 + lent * pooled) / (2 + lent)]
    assert mixture.covariances.parameters().ravel() == pytest.approx(expected)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", NAMES)
def test_labels_are_responsibilities_of_zero_and_one(name, dtype):
    X, labels = make_rows(dtype=dtype)
    blocks = ArraySource(X).partitions(100)
    one = start_from_labels(blocks, labels, 3, FAMILIES[name], flat(2))
    other = start_from_responsibilities(blocks, np.eye(3)[labels], 3, FAMILIES[name], flat(2))
    np.testing.assert_array_equal(one.means, other.means)
    np.testing.assert_array_equal(one.covariances.parameters(), other.covariances.parameters())


@pytest.mark.parametrize("name", NAMES)
def test_weights_count_as_repeated_rows(name):
    X, labels = make_rows(n=60)
    weight = np.random.default_rng(0).integers(0, 4, 60)
    weighted = start_from_labels(
        ArraySource(X, weight.astype(float)).partitions(25), labels, 3, FAMILIES[name], flat(2)
    )
    repeated = start_from_labels(
        ArraySource(X.repeat(weight, axis=0)).partitions(25),
        labels.repeat(weight),
        3,
        FAMILIES[name],
        flat(2),
    )
    np.testing.assert_allclose(weighted.means, repeated.means, rtol=1e-12)
    np.testing.assert_allclose(
        weighted.covariances.to_dense(), repeated.covariances.to_dense(), rtol=1e-12, atol=1e-14
    )


@pytest.mark.parametrize("name", NAMES)
def test_groups_of_one_row_start_with_a_sound_covariance(name):
    X = np.concatenate([make_rows(n=30)[0], [[50.0, 50.0]]])
    labels = np.repeat([0, 1], [30, 1])
    mixture = start_from_labels(ArraySource(X).partitions(10), labels, 2, FAMILIES[name], flat(2))
    assert not mixture.collapsed.any()
    assert mixture.means[1].tolist() == [50.0, 50.0]


@pytest.mark.parametrize("name", NAMES)
def test_a_start_far_from_the_origin_keeps_its_digits(name):
    X, labels = make_rows()
    X = np.round(X * 1024) / 1024
    near = start_from_labels(ArraySource(X).partitions(100), labels, 3, FAMILIES[name], flat(2))
    far = start_from_labels(ArraySource(X + 2.0**26).partitions(100), labels, 3, FAMILIES[name], flat(2))
    np.testing.assert_allclose(far.covariances.to_dense(), near.covariances.to_dense(), rtol=1e-6, atol=1e-7)
