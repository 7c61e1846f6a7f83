from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from gaussmix.covariance import resolve_family
from gaussmix.executor import Serial
from gaussmix.fit import fit_em
from gaussmix.fit.truncated import fit_truncated, truncated_block_rows, unassigned
from gaussmix.fit.truncated_start import start_truncated
from gaussmix.prior import FLOOR, Flat
from gaussmix.source import ArraySource


@cache
def problem(covariance_type="diag", n_rows=4000, n_components=256, dtype=np.float64):
    """Return rows of a mixture with fewer components, and a start of many."""
    rng = np.random.default_rng(0)
    centres = rng.uniform(-10, 10, (100, 2))
    X = (centres[rng.integers(0, 100, n_rows)] + 0.5 * rng.standard_normal((n_rows, 2))).astype(dtype)
    source, unit = ArraySource(X), X.std(axis=0).astype(float)
    prior = Flat(1e-6 * unit**2, FLOOR * unit**2)
    family = resolve_family(covariance_type, 2)
    start = start_truncated(source, n_components, family, prior, unit, Serial(), rng, n_candidates=24)
    return source, start


@pytest.mark.parametrize("covariance_type", ["full", "tied", "diag", "spherical"])
def test_ends_near_exact_em_from_the_same_start(covariance_type):
    source, start = problem(covariance_type)
    truncated = fit_truncated(start, source, Serial(), n_candidates=32, tol=0.0, max_iter=8)
    exact = fit_em(start, source.partitions(source.n_rows), Serial(), tol=0.0, max_iter=8)
    assert len(truncated.history) == 8
    assert truncated.model.log_prob(source.X).mean() > exact.model.log_prob(source.X).mean() - 0.02


def test_the_last_entry_of_the_history_is_the_likelihood():
    source, start = problem()
    fits = [fit_truncated(start, source, Serial(), n_candidates=32, tol=0.0, max_iter=n) for n in (1, 4)]
    assert fits[0].history[0] == pytest.approx(start.log_prob(source.X).mean())
    assert fits[1].history[-1] > max(fits[1].history[:-1])


def test_float32_rows_give_nearly_the_same_fit():
    (double, start), (single, _) = problem(), problem(dtype=np.float32)
    fits = [
        fit_truncated(start, source, Serial(), n_candidates=32, tol=0.0, max_iter=3).history
        for source in (double, single)
    ]
    np.testing.assert_allclose(*fits, atol=1e-3)


def test_each_iteration_is_told_with_its_mixture():
    source, start = problem()
    told = []
    result = fit_truncated(
        start,
        source,
        Serial(),
        n_candidates=16,
        tol=0.0,
        max_iter=3,
        on_iteration=lambda *event: told.append(event),
    )
    assert [event[:2] for event in told] == list(enumerate(result.history, start=1))
    assert told[-1][2] is result.model


def test_a_start_has_all_its_components_and_covers_the_rows():
    source, start = problem("full")
    assert start.n_components == 256
    assert start.weights.min() > 0
    assert start.log_prob(source.X).mean() > -6.5


def test_a_fit_stops_by_itself():
    source, start = problem("diag", n_rows=1000)
    assert fit_truncated(start, source, Serial(), n_candidates=32, tol=1e-4, max_iter=300).converged


def test_large_moments_are_not_held_many_times():
    _, start = problem("full")
    few, many = (ArraySource(np.zeros((n, 2))) for n in (4_100, 100_000))
    assert len(unassigned(few, start).partitions) == 2
    assert len(unassigned(many, start).partitions) == 8


@pytest.mark.parametrize("n_distinct", [1, 8, 15, 16, 17, 20, 40, 300])
def test_few_distinct_rows_still_give_a_start(n_distinct):
    X = np.repeat(np.arange(float(n_distinct))[:, None], 20, axis=0)
    unit = X.std(axis=0) if n_distinct > 1 else np.ones(1)
    prior = Flat(1e-6 * unit**2, FLOOR * unit**2)
    family = resolve_family("full", 1)
    start = start_truncated(
        ArraySource(X), 256, family, prior, unit, Serial(), np.random.default_rng(0), n_candidates=16
    )
    assert np.isfinite(start.log_prob(X)).all()


@pytest.mark.parametrize("n_distinct", [256, 300])
def test_nearly_each_distinct_row_has_a_component_of_its_own(n_distinct):
    rng = np.random.default_rng(0)
    distinct = rng.standard_normal((n_distinct, 2))
    X = np.repeat(distinct, 5, axis=0)
    prior = Flat(1e-6 * X.std(axis=0) ** 2, FLOOR * X.std(axis=0) ** 2)
    family = resolve_family("diag", 2)
    start = start_truncated(
        ArraySource(X), n_distinct, family, prior, X.std(axis=0), Serial(), rng, n_candidates=32
    )
    nearest = np.sqrt(np.square(distinct[:, None] - start.means).sum(axis=2)).argmin(axis=1)
    assert len(np.unique(nearest)) >= 0.99 * n_distinct  # some rows nearly coincide


@pytest.mark.parametrize(
    "shape",
    [
        (10, 1, 256),
        (10**5, 16, 5000),
        (250_000, 16, 5000),
        (10**6, 16, 5000),
        (10**8, 16, 5000),
        (10**6, 10**5, 256),
    ],
)
def test_blocks_hold_rows_of_all_components_and_no_more_values_than_memory_has(shape):
    rows = truncated_block_rows(*shape)
    assert 1 <= rows <= shape[0]
    assert rows * shape[1] <= 2**25 or rows == 1


def test_a_fit_that_goes_on_from_any_state_ends_with_the_same_bits():
    source, start = problem(n_rows=2001)
    settings = {"n_candidates": 16, "tol": 0.0, "max_iter": 4}
    states = []
    whole = fit_truncated(start, source, Serial(), **settings, on_state=states.append)
    assert len(states) == 3
    for state in states:
        again = fit_truncated(start, source, Serial(), **settings, resumed=state)
        assert again.history == whole.history
        assert np.array_equal(again.model.means, whole.model.means)
