from __future__ import annotations

import pickle
from collections import Counter

import numpy as np
import pytest

from gaussmix.errors import DataError
from gaussmix.source import ArraySource, IncompleteRows, as_source, by_pattern, check_values, incomplete

NAN = np.nan


def holed(n=200, D=4, part=0.3, seed=0, dtype=np.float64):
    """Return rows with values missing at random, none of them all."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, D)).astype(dtype)
    missing = rng.random((n, D)) < part
    missing[missing.all(axis=1), rng.integers(D)] = False
    X[missing] = NAN
    return X


@pytest.fixture(params=[1, 30, 10**9], ids=["own groups", "both", "one group"])
def own_rows(request, monkeypatch):
    """Try rare patterns in groups of their own, in one group, and some so and some so."""
    monkeypatch.setattr(incomplete, "_OWN_ROWS", request.param)


def rows_of(partitions, D):
    """Return how often each row comes up, as a tuple with NaN for None, and its weight."""
    found = Counter()
    for partition in partitions:
        X, weight = partition.load()
        features = range(D) if partition.known.features is None else partition.known.features
        whole = np.full((len(X), D), NAN)
        whole[:, list(features)] = X
        found.update(tuples(whole, np.ones(len(X)) if weight is None else weight))
    return found


def tuples(X, weight):
    rows = np.column_stack([X, weight]).tolist()
    return [tuple(None if value != value else value for value in row) for row in rows]


@pytest.mark.parametrize("D", [1, 4, 52, 53, 120])
def test_patterns_partition_the_rows(D):
    X = holed(D=D, part=0.02 if D > 4 else 0.3)
    seen = []
    for rows, features in by_pattern(X):
        observed = ~np.isnan(X[rows])
        assert (np.diff(rows) > 0).all()
        assert (observed == observed[0]).all()
        assert features is None if observed.all() else features == tuple(np.flatnonzero(observed[0]))
        seen.append(rows)
    assert sorted(np.concatenate(seen)) == list(range(len(X)))
    assert len(seen) == len(np.unique(np.isnan(X), axis=0))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("block_rows", [1, 7, 1000])
def test_partitions_hold_each_row_once(dtype, weighted, block_rows, own_rows):
    X = holed(dtype=dtype)
    weight = np.arange(1.0, 201.0) if weighted else None
    partitions = IncompleteRows.of(ArraySource(X, weight)).partitions(block_rows)
    assert rows_of(partitions, 4) == Counter(tuples(X, np.ones(200) if weight is None else weight))
    for partition in partitions:
        block, _ = partition.load()
        assert partition.known.mixed or not np.isnan(block).any()
        assert block.dtype == dtype
        assert block.flags.c_contiguous
        assert len(block) <= block_rows


def test_rows_of_rare_patterns_stand_side_by_side():
    X = holed(n=600)
    groups = [group for group in IncompleteRows.of(ArraySource(X)).groups if group.known.mixed]
    (group,) = groups
    missing = np.isnan(group.X)
    changes = (missing[1:] != missing[:-1]).any(axis=1).sum()
    assert changes + 1 == len(np.unique(missing, axis=0))


def test_labels_divide_the_patterns(own_rows):
    X, labels = holed(), np.arange(200) % 4 - 1
    allowed = [(0,), (2,), (0, 1)]
    partitions = IncompleteRows.of(ArraySource(X), labels, allowed).partitions(1000)
    sizes = Counter()
    for partition in partitions:
        sizes[partition.known.components] += len(partition.load()[0])
    assert sizes == {None: 50, (0,): 50, (2,): 50, (0, 1): 50}


def test_complete_rows_are_one_group_of_which_all_is_known():
    X = np.arange(12.0).reshape(6, 2)
    (partition,) = IncompleteRows.of(ArraySource(X)).partitions(10)
    assert partition.known is None
    np.testing.assert_array_equal(partition.load()[0], X)


def test_partitions_can_be_sent_to_other_processes():
    partition = IncompleteRows.of(ArraySource(holed())).partitions(1000)[0]
    again = pickle.loads(pickle.dumps(partition))
    assert again.known == partition.known
    np.testing.assert_array_equal(again.load()[0], partition.load()[0])


@pytest.mark.parametrize("n", [1, 100_000])
def test_has_missing_looks_at_all_blocks(n):
    X = np.zeros((n, 2))
    assert not check_values(ArraySource(X), missing=True)
    X[-1, 1] = NAN
    assert check_values(ArraySource(X), missing=True)


@pytest.mark.parametrize("value", [np.inf, -np.inf])
def test_infinite_values_are_named(value):
    X = holed(n=50)
    X[33, 2] = value
    with pytest.raises(DataError, match=r"row 33, column 2 is -?inf"):
        as_source(X, missing=True)


def test_rows_without_any_value_are_named():
    X = np.zeros((100_000, 3))
    X[77_777] = NAN
    with pytest.raises(DataError, match=r"row 77777 .* has missing values only: drop it"):
        as_source(X, missing=True)


def test_sources_say_whether_values_are_missing():
    X = holed()
    assert as_source(X, missing=True).incomplete
    assert as_source(X, missing=True).with_weight(np.ones(200)).incomplete
    assert not as_source(np.zeros((3, 2)), missing=True).incomplete
    with pytest.raises(DataError, match="is NaN"):
        as_source(X)
    with pytest.raises(DataError, match="values are missing"):
        as_source(as_source(X, missing=True))


def test_large_numbers_whose_sum_overflows_are_neither_missing_nor_infinite():
    assert not check_values(ArraySource(np.full((10, 2), 1e308)), missing=True)
