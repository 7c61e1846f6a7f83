from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from gaussmix.covariance import FAMILIES
from gaussmix.executor import Serial, Threads, pairwise_sum
from gaussmix.fit import fit_em, fit_incremental
from gaussmix.fit.incremental import chunks_of, expected_log_joint, first_pass, sweep
from gaussmix.prior import Flat
from gaussmix.source import ArraySource, IncompleteRows

from ..mixtures import flat, make_mixture, make_rows, start


def overlapping(name="full", n=2000, block=64, prior=None, weight=None):
    X, labels = make_rows(n, K=3, seed=2, name=name)
    partitions = ArraySource(X, weight).partitions(block)
    shuffled = np.where(np.random.default_rng(0).random(n) < 0.4, labels, (labels + 1) % 3)
    return start(X, shuffled, name, prior=prior), partitions


@pytest.mark.parametrize("name", FAMILIES)
def test_the_expected_log_joint_and_the_entropy_are_the_log_likelihood(name):
    X, _ = make_rows(name=name)
    mixture = make_mixture(name, seed=1)
    moments, posterior = mixture.e_step(X), mixture.posterior(X)
    entropy = -(posterior * np.log(posterior.clip(1e-300))).sum()
    assert expected_log_joint(mixture, moments) + entropy == pytest.approx(moments.log_likelihood, rel=1e-10)
    other = make_mixture(name, seed=2)
    joint = other.covariances.log_joint(X, other.log_weights, other.means)
    assert expected_log_joint(other, moments) == pytest.approx((posterior * joint).sum(), rel=1e-10)


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("equal_weights", [False, True])
def test_the_bound_never_falls_and_is_below_the_likelihood(name, equal_weights):
    prior = Flat(None, np.zeros(2), equal_weights)
    model, partitions = overlapping(name, prior=prior)
    chunks = chunks_of(partitions, model)
    state = first_pass(model, chunks, Serial())
    for _ in range(4):
        state = sweep(state, chunks, Serial())
        after = pairwise_sum(state.model.e_step(*partition.load()) for partition in partitions)
        assert state.history[-1] <= state.model.lower_bound(after) + 1e-12
    assert min(np.diff(state.history)) >= -1e-12


def test_the_first_pass_from_a_start_of_all_rows_is_an_iteration_of_em():
    model, partitions = overlapping()
    state = first_pass(model, chunks_of(partitions, model), Serial())
    twice = fit_em(model, partitions, Serial(), tol=0.0, max_iter=2)
    once = fit_em(model, partitions, Serial(), tol=0.0, max_iter=1)
    np.testing.assert_allclose(state.model.means, once.model.means, rtol=1e-12)
    assert twice.history[0] <= state.history[0] <= twice.history[1]


def sampled(order=None, n=20_000, name="full"):
    """Return the start that a tenth of the rows gives, and partitions of all rows, in some order."""
    X, labels = make_rows(n, K=3, seed=2, name=name)
    tenth = np.random.default_rng(0).permutation(n)[: n // 10]
    began = start(X[tenth], labels[tenth], name, prior=flat(2, added=1e-6))
    model = fit_em(began, ArraySource(X[tenth]).partitions(n), Serial(), tol=1e-7, max_iter=500).model
    by = {None: np.arange(n), "component": labels, "feature": X[:, 0]}[order]
    rows = X[np.argsort(by, kind="stable")]
    return model, ArraySource(rows).partitions(n // 80)


@pytest.mark.parametrize("name", ["full", "tied", "diag", "spherical", "VEE"])
def test_m_steps_in_the_first_pass_gain_more(name):
    model, partitions = sampled(name=name)
    chunks = chunks_of(partitions, model)
    states = [first_pass(model, chunks, Serial(), share) for share in (1.0, 0.1)]
    X = np.concatenate([partition.load()[0] for partition in partitions])
    end = fit_em(states[0].model, partitions, Serial(), tol=1e-10, max_iter=2000).history[-1]
    left = [end - state.model.log_prob(X).mean() for state in states]
    assert left[1] < 0.8 * left[0]
    assert states[1].history[0] > states[0].history[0]


@pytest.mark.parametrize("order", ["component", "feature"])
def test_rows_in_order_do_not_mislead_the_first_pass(order):
    model, partitions = sampled(order)
    state = first_pass(model, chunks_of(partitions, model), Serial(), 0.1)
    once = fit_em(model, partitions, Serial(), tol=0.0, max_iter=1)
    np.testing.assert_allclose(state.model.means, once.model.means, atol=0.01)
    assert state.history[0] >= once.history[0]


def test_chunks_smaller_than_the_sample_wait_for_others():
    model, partitions = sampled()
    chunks = chunks_of(partitions, model)
    one, other, em = (first_pass(model, chunks, Serial(), share).model for share in (0.6, 0.62, 0.9))
    np.testing.assert_array_equal(one.means, other.means)
    assert not np.array_equal(one.means, em.means)
    np.testing.assert_array_equal(em.means, first_pass(model, chunks, Serial(), 1.0).model.means)


def test_the_expected_gain_is_above_what_comes():
    model, partitions = sampled()
    chunks = chunks_of(partitions, model)
    states = [first_pass(model, chunks, Serial(), 0.1)]
    for _ in range(4):
        states.append(sweep(states[-1], chunks, Serial()))
    for before, after in pairwise(states):
        assert 0 < after.history[-1] - before.history[-1] < before.gain


@pytest.mark.parametrize("name", ["full", "tied", "diag", "spherical", "VEE"])
def test_a_sweep_gains_more_than_a_pass(name):
    model, partitions = overlapping(name, prior=flat(2, added=1e-6))
    swept, bounds = fit_incremental(model, partitions, Serial(), max_iter=8)
    exact = fit_em(model, partitions, Serial(), tol=0.0, max_iter=len(bounds)).model
    X = np.concatenate([partition.load()[0] for partition in partitions])
    assert len(bounds) > 3
    assert swept.log_prob(X).mean() > exact.log_prob(X).mean()


def test_rows_of_single_precision_get_the_same_sweeps():
    X, labels = make_rows(2000, K=3, seed=2)
    single = X.astype(np.float32)
    model = start(X, labels, "full", prior=flat(2, added=1e-6))
    ends = [
        fit_incremental(model, ArraySource(rows).partitions(64), Serial(), max_iter=8, share=0.1)
        for rows in (single.astype(np.float64), single)
    ]
    np.testing.assert_allclose(ends[1][0].means, ends[0][0].means, rtol=1e-4)
    assert ends[1][1] == pytest.approx(ends[0][1], rel=1e-5)


def test_it_ends_where_em_ends():
    model, partitions = overlapping(weight=np.random.default_rng(0).random(2000))
    swept, _ = fit_incremental(model, partitions, Serial(), max_iter=100)
    ends = [fit_em(one, partitions, Serial(), tol=1e-9, max_iter=2000) for one in (model, swept)]
    np.testing.assert_allclose(ends[1].model.means, ends[0].model.means, atol=1e-3)
    assert ends[1].history[-1] == pytest.approx(ends[0].history[-1], abs=1e-8)


def test_threads_do_not_change_a_bit():
    model, partitions = overlapping()
    one, *others = (
        fit_incremental(model, partitions, executor, max_iter=10)
        for executor in (Serial(), Threads(2), Threads(3))
    )
    for other in others:
        assert other[1] == one[1]
        np.testing.assert_array_equal(other[0].means, one[0].means)


def test_chunks_are_consecutive_and_cover_all():
    model, partitions = overlapping()
    chunks = chunks_of(partitions, model)
    assert len(chunks) == 8
    assert [partition for chunk in chunks for partition in chunk] == list(partitions)
    assert min(map(len, chunks)) >= 4


def test_few_or_partly_known_rows_are_left_alone():
    model, partitions = overlapping()
    assert chunks_of(partitions[:15], model) == []
    assert fit_incremental(model, partitions[:15], Serial(), max_iter=100) == (model, [])
    labels = np.append(np.full(1999, -1), 0)
    known = IncompleteRows.of(ArraySource(make_rows(2000)[0]), labels, [(0,), (1,), (2,)], None)
    assert chunks_of(known.partitions(64), model) == []


def test_a_collapse_is_left_to_the_exact_passes():
    X = np.repeat(np.arange(3.0), 500)[:, None]
    partitions = ArraySource(X).partitions(16)
    model = start(X + np.random.default_rng(0).normal(size=X.shape), np.arange(1500) % 3, "full")
    swept, bounds = fit_incremental(model, partitions, Serial(), max_iter=500)
    assert not swept.collapsed.any()
    assert min(np.diff(bounds)) >= -1e-12


def test_sweeps_that_go_on_from_any_state_end_with_the_same_bits():
    model, partitions = overlapping(prior=flat(2, added=1e-6))
    states = []
    whole, bounds = fit_incremental(model, partitions, Serial(), max_iter=8, on_state=states.append)
    assert len(states) == len(bounds) > 2
    for state in states:
        again, told = fit_incremental(model, partitions, Serial(), max_iter=8, resumed=state)
        assert told == bounds
        assert np.array_equal(again.means, whole.means)
