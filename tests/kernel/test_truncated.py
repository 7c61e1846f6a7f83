"""The truncated pass: every compiled kernel against NumPy, and both against the dense pass."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gaussmix.kernel import reference
from tests.kernel.problems import DTYPES, KINDS, NATIVE, assert_same_moments, make_problem


def neighbours(K, n_candidates, seed=0):
    """Return groups of two components each, with candidates drawn at random behind the group's own."""
    rng = np.random.default_rng(seed)
    group_of = (np.arange(K) // 2).astype(np.int32)
    lists = []
    for g in range(group_of[-1] + 1):
        own = np.flatnonzero(group_of == g)
        others = rng.permutation(np.setdiff1d(np.arange(K), own))
        lists.append(np.concatenate([own, others])[: max(n_candidates, len(own))])
    starts = np.cumsum([0, *map(len, lists)]).astype(np.int64)
    return group_of, starts, np.concatenate(lists).astype(np.int32)


def truncated(implementation, problem, groups, weight=None, seed=1):
    """Return the moments and the best components, from a random assignment."""
    K = len(problem.means)
    best = np.random.default_rng(seed).integers(0, K, len(problem.X), dtype=np.int32)
    out = np.full(2 + K + problem.means.size + int(np.prod(problem.second_shape)), np.nan)
    share = np.full(len(groups[2]), np.nan)
    parameters = (problem.log_constant, problem.means, problem.precision)
    every = 0, 1
    found = np.full(len(best), -1, np.int32)
    implementation.truncated_moments(
        KINDS.index(problem.kind), problem.X, weight, *parameters, *groups, *every, best, found, share, out
    )
    np.testing.assert_allclose(np.bincount(groups[2], share, K), out[2 : 2 + K], rtol=1e-3, atol=1e-3)
    return out, found


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("n", "D", "K", "C"),
    [(1, 1, 1, 1), (40, 1, 4, 3), (700, 2, 7, 4), (90, 4, 5, 2), (800, 6, 9, 5), (300, 17, 6, 6)],
)
def test_compiled_kernels_agree_with_numpy(n, D, K, C, kind, dtype):
    problem, groups = make_problem(kind, n, D, K, dtype, separation=1.0), neighbours(K, C)
    expected, labels = truncated(reference, problem, groups)
    for native in NATIVE:
        out, best = truncated(native, problem, groups)
        assert_same_moments(problem, out, expected)
        assert (best == labels).mean() > 0.99  # float32 may see ties the other way round


@pytest.mark.parametrize("kind", KINDS)
def test_weights_and_components_without_weight_agree_with_numpy(kind):
    problem, groups = make_problem(kind, 200, 3, 6, separation=1.0), neighbours(6, 4)
    problem = replace(problem, log_constant=np.where(np.arange(6) == 1, -np.inf, problem.log_constant))
    weight = 1e200 * np.random.default_rng(0).choice([0.0, 0.5, 3.0], size=200)
    expected, labels = truncated(reference, problem, groups, weight)
    for native in NATIVE:
        out, best = truncated(native, problem, groups, weight)
        assert_same_moments(problem, out, expected)
        assert np.array_equal(best, labels)


@pytest.mark.parametrize("kind", KINDS)
def test_all_components_as_candidates_give_the_dense_pass(kind):
    problem = make_problem(kind, 300, 3, 5)
    everything = np.zeros(5, np.int32), np.array([0, 5]), np.arange(5, dtype=np.int32)
    expected, labels = problem.moments(reference), problem.evaluate(reference, 3)
    for implementation in (reference, *NATIVE):
        out, best = truncated(implementation, problem, everything)
        assert_same_moments(problem, out, expected)
        assert np.array_equal(best, labels)


@pytest.mark.parametrize("kind", KINDS)
def test_the_bound_is_below_the_likelihood_and_rises_with_the_candidates(kind):
    problem = make_problem(kind, 400, 2, 8, separation=1.0)
    exact = problem.moments(reference)[0]
    for implementation in (reference, *NATIVE):
        bounds = [truncated(implementation, problem, neighbours(8, C))[0][0] for C in (2, 4, 6, 8)]
        assert np.all(np.diff(bounds) > 0)
        assert bounds[-1] == pytest.approx(exact)


@pytest.mark.parametrize("kind", KINDS)
def test_float_rows_beyond_the_range_of_float32_are_done_in_double(kind):
    problem, groups = make_problem(kind, 100, 5, 4, np.float32), neighbours(4, 3)
    problem.X[7] = 1e25
    expected, _ = truncated(reference, problem, groups)
    for native in NATIVE:
        np.testing.assert_allclose(truncated(native, problem, groups)[0], expected, rtol=1e-4)


def test_groups_that_do_not_fit_are_refused():
    problem, (group_of, starts, components) = make_problem("dense", 20, 2, 4), neighbours(4, 3)
    for native in NATIVE:
        with pytest.raises(ValueError, match="group_of"):
            truncated(native, problem, (group_of + 1, starts, components))
        with pytest.raises(ValueError, match="starts must begin"):
            truncated(native, problem, (group_of, starts + 1, components))
        with pytest.raises(ValueError, match="candidates must be components"):
            truncated(native, problem, (group_of, starts, components + 2))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("D", [2, 6])
def test_dense_passes_leave_out_responsibilities_below_rounding_errors(D, dtype):
    problem = make_problem("dense", 100, D, 2, dtype, separation=0.0)
    problem.means[1] += 40.0  # of which no row would take more than 1e-100
    for native in NATIVE:
        count = problem.split(problem.moments(native))["count"]
        assert count[1] == 0.0
        assert count[0] == pytest.approx(100)
