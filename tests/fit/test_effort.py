from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gaussmix.covariance import FAMILIES
from gaussmix.fit import EFFORTS
from gaussmix.fit.effort import _CHOICES, plan_search

from ..mixtures import REPRESENTATIVES

SHORTEST = _CHOICES[-1][2]
rows = st.integers(2, 10**8)
shapes = st.tuples(st.integers(1, 200), st.integers(2, 100))


@pytest.mark.parametrize("effort", EFFORTS)
@pytest.mark.parametrize("name", [*REPRESENTATIVES, "VEE"])
@given(n_rows=rows, shape=shapes)
def test_a_plan_stays_within_its_budget(effort, name, n_rows, shape):
    size, plan = plan_search(effort, n_rows, *shape, FAMILIES[name])
    expected = next(passes for passes, _, known in _CHOICES if known.cuts == plan.cuts)
    assert 1 <= size <= n_rows
    assert size * shape[0] <= 4_000_000
    assert expected <= plan.max_passes * (1 + 1e-12) or plan.cuts == SHORTEST.cuts


@pytest.mark.parametrize("effort", EFFORTS)
@pytest.mark.parametrize("name", REPRESENTATIVES)
@given(shape=shapes)
def test_of_many_rows_a_search_is_worth_a_few_passes(effort, name, shape):
    n_rows = 10**10
    size, plan = plan_search(effort, n_rows, *shape, FAMILIES[name])
    assert 0 < plan.max_passes * size / n_rows <= EFFORTS[effort].passes * (1 + 1e-12)


@pytest.mark.parametrize("effort", EFFORTS)
def test_small_data_are_searched_whole(effort):
    for n_rows in (10, 500, 5000):
        size, plan = plan_search(effort, n_rows, 2, 3, FAMILIES["full"])
        assert size == n_rows
        assert plan.cuts == EFFORTS[effort].longest.cuts


def test_more_effort_never_has_a_shorter_plan():
    for n_rows in (200, 10_000, 10**6, 10**8):
        plans = [
            plan_search(effort, n_rows, 5, 4, FAMILIES["full"])[1] for effort in ("low", "default", "high")
        ]
        assert sorted(plan.n_starts for plan in plans) == [plan.n_starts for plan in plans]
        assert sorted(plan.n_candidates for plan in plans) == [plan.n_candidates for plan in plans]


def test_many_rows_are_searched_on_a_sample():
    for effort in EFFORTS:
        size, _ = plan_search(effort, 10**7, 2, 3, FAMILIES["full"])
        assert 1000 < size < 10**6


def test_two_components_get_more_starts_and_many_get_more_moves():
    two, three, many = (plan_search("default", 1000, 2, K, FAMILIES["full"])[1] for K in (2, 3, 6))
    assert two.n_starts > three.n_starts
    assert many.n_candidates > three.n_candidates
