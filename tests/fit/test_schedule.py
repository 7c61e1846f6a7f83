from __future__ import annotations

from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gaussmix.covariance import FAMILIES
from gaussmix.executor import Serial, Threads
from gaussmix.fit import (
    STARTS,
    Sample,
    Task,
    levels,
    sample_rows,
    schedule,
    search_samples,
    search_start,
    start_from_labels,
)
from gaussmix.fit.schedule import _drawn, _nested_samples, run_length
from gaussmix.source import ArraySource

from ..mixtures import flat, make_mixture


@given(n_rows=st.integers(1, 500), left_out=st.integers(0, 20), run=st.integers(1, 70))
@settings(derandomize=True, deadline=None, max_examples=200)
def test_runs_give_as_many_rows_as_asked_for(n_rows, left_out, run):
    n_drawn = max(1, n_rows - left_out)
    drawn = _drawn(n_rows, n_drawn, run, np.random.default_rng(0))
    assert len(drawn) == n_drawn
    assert 0 <= drawn[0] <= drawn[-1] < n_rows
    assert (np.diff(drawn) > 0).all()


@given(n_rows=st.integers(1, 10**9), n_features=st.integers(1, 1000), n_parameters=st.integers(1, 10**6))
@settings(derandomize=True, deadline=None, max_examples=100)
def test_samples_grow_fourfold_and_stay_small(n_rows, n_features, n_parameters):
    sizes = list(levels(n_rows, n_features, n_parameters))
    for size, following in pairwise([*sizes, n_rows]):
        assert size * 4 <= following
        assert size * n_features <= 4_000_000
        assert size >= 10 * n_parameters


@pytest.mark.parametrize("n_rows", [1, 1000, 10_000])
def test_few_rows_need_no_samples(n_rows):
    assert list(levels(n_rows, 2, 10)) == []


def test_many_rows_need_some():
    assert len(list(levels(10_000_000, 2, 10))) >= 2


def test_a_sample_has_different_rows_and_their_weights():
    X = np.arange(100.0)[:, None]
    sample = sample_rows(ArraySource(X, X[:, 0] + 1), 40, np.random.default_rng(0))
    rows = sample.take(np.arange(40))[:, 0]
    assert len(set(rows.tolist())) == 40
    np.testing.assert_array_equal(sample.sample_weight, rows + 1)


def test_a_sample_of_all_rows_is_the_source():
    source = ArraySource(np.zeros((10, 1)))
    assert sample_rows(source, 10, np.random.default_rng(0)) is source


def test_a_sample_has_rows_of_positive_weight():
    weight = np.zeros(10_000)
    weight[-3:] = 1.0
    source = ArraySource(np.arange(10_000.0)[:, None], weight)
    sample = sample_rows(source, 10, np.random.default_rng(0))
    assert sample.sample_weight.sum() > 0


def many(n_rows, n_features):
    """Return what stands for a source of so many rows, which nobody loads."""
    return SimpleNamespace(n_rows=n_rows, n_features=n_features)


def test_rows_that_memory_holds_are_drawn_one_by_one():
    assert run_length(many(2**24, 8), 500_000) == 1


def test_rows_of_a_disk_are_drawn_in_runs_of_which_there_are_many():
    assert run_length(many(2**24 + 1, 8), 500_000) == 64
    assert run_length(many(2**24 + 1, 8), 20_000) == 4
    assert run_length(many(2**24 + 1, 8), 1000) == 1


@given(n_rows=st.integers(1, 10**6), share=st.floats(0, 1), run=st.integers(1, 64))
@settings(deadline=None, max_examples=100)
def test_runs_are_consecutive_distinct_and_spread_over_all(n_rows, share, run):
    wanted = max(1, min(int(share * n_rows), 5000))
    rows = _drawn(n_rows, wanted, run, np.random.default_rng(0))
    assert wanted * (1 - 1 / run) <= len(rows) <= wanted
    assert rows[0] >= 0
    assert rows[-1] < n_rows
    assert (np.diff(rows) > 0).all()
    stretches = -(-wanted // run)
    gaps = np.diff(np.concatenate([[-1], rows, [n_rows]]))
    assert gaps.max() <= 2 * (n_rows / stretches + 1)


def test_all_rows_are_drawn_in_runs_too():
    np.testing.assert_array_equal(_drawn(1000, 1000, 64, np.random.default_rng(0)), np.arange(1000))


def test_runs_of_sorted_rows_lead_to_as_good_a_start(monkeypatch):
    X = make_mixture(spread=2.0).sample(60_000, np.random.default_rng(0))[
        0
    ]  # in the order of their components
    scores = []
    for longest in (1, 64):
        monkeypatch.setattr(schedule, "_VALUES_IN_MEMORY", 0)
        monkeypatch.setattr(schedule, "_LEAST_RUNS", 100)
        monkeypatch.setattr(schedule, "_LONGEST_RUN", longest)
        best = search_start(
            Task(ArraySource(X), 3, FAMILIES["full"], flat(2), X.std(axis=0)),
            "low",
            Serial(),
            np.random.default_rng(0),
        )
        scores.append(best[0].log_prob(X).mean())
    assert scores[1] > scores[0] - 2e-3


def k_means_start(source, rng):
    X = source.take(np.arange(source.n_rows))
    labels = STARTS["kmeans"](Sample(X, np.ones(len(X)), X.std(axis=0)), 3, rng)
    return start_from_labels(source.partitions(4096), labels, 3, FAMILIES["full"], flat(2))


def searched(source, sizes, executor):
    rng = np.random.default_rng(0)
    return search_samples(k_means_start, source, sizes, executor, rng, tol=1e-6, max_iter=50)


def test_a_search_on_samples_comes_near_the_truth():
    truth = make_mixture(spread=8.0)
    X, _ = truth.sample(30_000, np.random.default_rng(0))
    found = searched(ArraySource(X), [1000, 5000], Serial())
    order = [int(np.square(found.means - mean).sum(axis=1).argmin()) for mean in truth.means]
    assert sorted(order) == [0, 1, 2]
    error = np.sqrt(1 / (5000 * truth.weights))[:, None] * truth.covariances.standard_deviations()
    assert (np.abs(found.means[order] - truth.means) < 6 * error).all()


def test_a_search_gives_the_same_bits_on_any_executor():
    X, _ = make_mixture(spread=4.0).sample(4000, np.random.default_rng(0))
    one, *others = (
        searched(ArraySource(X), [500, 2000], executor) for executor in (Serial(), Threads(2), Threads(3))
    )
    for other in others:
        np.testing.assert_array_equal(other.means, one.means)
        np.testing.assert_array_equal(other.covariances.parameters(), one.covariances.parameters())


@pytest.mark.parametrize(("size", "sizes"), [(500, [500, 2000, 8000]), (3000, [3000]), (40_000, [40_000])])
def test_nested_samples_contain_one_another(size, sizes):
    source = ArraySource(np.arange(40_000.0)[:, None], np.arange(40_000.0) + 1)
    samples = _nested_samples(source, size, np.random.default_rng(0))
    assert [sample.n_rows for sample in samples] == sizes
    rows = [sample.take(np.arange(sample.n_rows))[:, 0] for sample in samples]
    for smaller, larger in pairwise(rows):
        assert set(smaller.tolist()) <= set(larger.tolist())
    for part, sample in zip(rows, samples, strict=True):
        np.testing.assert_array_equal(sample.sample_weight, part + 1)
        assert (np.diff(part) > 0).all()


def task(n, name="full", K=3, weight=None, given=()):
    X, _ = make_mixture(name, K=K, spread=4.0).sample(n, np.random.default_rng(0))
    prior = flat(2, added=1e-6, floor=1e-9)
    return Task(ArraySource(X, weight), K, FAMILIES[name], prior, X.std(axis=0), given)


def found(task, executor=None, seed=0):
    return search_start(task, "low", executor or Serial(), np.random.default_rng(seed))


@pytest.mark.parametrize("n", [300, 60_000])
def test_the_searched_start_orders_its_components(n):
    means = found(task(n))[0].means
    assert (np.diff(means[:, 0]) > 0).all()
    np.testing.assert_allclose(means, found(task(n), seed=1)[0].means, atol=0.05)


@pytest.mark.parametrize("n", [300, 60_000])
def test_the_searched_start_has_the_same_bits_on_any_executor(n):
    (one, seen), *others = (found(task(n), executor) for executor in (Serial(), Threads(2), Threads(3)))
    for other, again in others:
        assert again == seen
        np.testing.assert_array_equal(other.means, one.means)
        np.testing.assert_array_equal(other.covariances.parameters(), one.covariances.parameters())


def test_a_search_where_rows_abound_costs_few_passes_over_all():
    assert found(task(300))[1].n_passes > 10
    assert found(task(200_000))[1].n_passes < 10


def test_large_weights_give_the_same_start():
    one, other = (found(task(300, weight=np.full(300, weight)))[0] for weight in (1.0, 1e300))
    np.testing.assert_allclose(other.means, one.means, rtol=1e-8)


def test_a_given_start_is_where_the_search_begins():
    best = found(task(300))[0]
    again, optima = found(task(300, given=[best]))
    np.testing.assert_allclose(again.means, best.means, atol=1e-3)
    assert optima.n_starts < found(task(300))[1].n_starts
