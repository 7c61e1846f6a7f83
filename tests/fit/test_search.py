from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from gaussmix.covariance import FAMILIES
from gaussmix.executor import Serial, Threads
from gaussmix.fit import Sample
from gaussmix.fit.level import Level, Run
from gaussmix.fit.portfolio import Portfolio
from gaussmix.fit.search import Plan, search, survivors
from gaussmix.model import Mixture
from gaussmix.source import ArraySource

from ..mixtures import flat, make_mixture

PLAN = Plan(8, ((5, 4), (15, 2)), 2, n_rounds=3)
LEVEL = Level(ArraySource(np.zeros((1000, 2))), 2, 1.0)
GOOD = Mixture.from_parameters([0.5, 0.5], np.zeros((2, 2)), np.ones((2, 2)), "diag")
SPURIOUS = Mixture.from_parameters([0.5, 0.5], np.zeros((2, 2)), [[1.0, 1.0], [1e-6, 1.0]], "diag")


def run_of(bound, model=GOOD, collapsed=False, n_hits=1):
    return Run(model, bound, collapsed, 10, True, n_hits)


def bounds(runs):
    return [(run.bound, run.n_hits) for run in runs]


def test_an_optimum_counts_once_and_its_best_run_is_kept():
    near = LEVEL.same / 2
    runs = [run_of(-2.0), run_of(-1.0 - near), run_of(-1.0), run_of(-3.0), run_of(-2.0 - near, n_hits=4)]
    assert bounds(survivors(runs, LEVEL, 5)) == [(-1.0, 2), (-2.0, 5), (-3.0, 1)]


def test_the_best_are_kept_and_late_hits_of_theirs_still_count():
    runs = [run_of(-1.0), run_of(-2.0), run_of(-3.0), run_of(-1.0), run_of(-2.0)]
    assert bounds(survivors(runs, LEVEL, 2)) == [(-1.0, 2), (-2.0, 2)]


def test_collapsed_and_spurious_runs_are_dropped():
    runs = [run_of(5.0, collapsed=True), run_of(4.0, SPURIOUS), run_of(-1.0)]
    assert bounds(survivors(runs, LEVEL, 3)) == [(-1.0, 1)]


def test_a_spurious_run_is_kept_where_all_others_have_collapsed():
    runs = [run_of(5.0, collapsed=True), run_of(4.0, SPURIOUS)]
    assert bounds(survivors(runs, LEVEL, 3)) == [(4.0, 1)]


def test_collapsed_runs_are_kept_where_there_is_nothing_else():
    runs = [run_of(3.0, collapsed=True), run_of(5.0, collapsed=True)]
    assert bounds(survivors(runs, LEVEL, 1)) == [(5.0, 1)]


def problem(K=3, n=300, spread=3.0, name="full", seed=0, share=1.0, given=()):
    X, _ = make_mixture(K=K, spread=spread, seed=seed).sample(n, np.random.default_rng(seed))
    sample = Sample(X, np.ones(n), X.std(axis=0))
    rng = np.random.default_rng(0)
    portfolio = Portfolio(sample, K, FAMILIES[name], flat(2, added=1e-6, floor=1e-9), rng, given=given)
    return Level(ArraySource(X), K, share), portfolio


def searched(plan=PLAN, executor=None, seed=0, **options):
    level, portfolio = problem(**options)
    runs, optima = search(level, portfolio, plan, executor or Serial(), np.random.default_rng(seed))
    return level, runs, optima


@pytest.mark.parametrize("K", [2, 4])
def test_the_ends_are_different_optima_the_best_first(K):
    level, runs, _ = searched(K=K, spread=1.0)
    ends = [run.bound for run in runs]
    assert all(one - other >= level.same for one, other in pairwise(ends))
    assert all(run.converged and run.sound for run in runs)


def test_what_was_seen_is_told():
    _, runs, optima = searched(K=4, spread=1.0)
    assert optima.n_starts <= PLAN.n_starts
    assert optima.n_optima == len(runs)
    assert 1 <= optima.n_best == runs[0].n_hits <= optima.n_starts
    assert sum(run.n_hits for run in runs) <= optima.n_starts


def test_passes_count_the_samples_part_of_all_rows():
    """Samples end sooner: with as many starts and iterations, the share is all that differs."""
    plan = Plan(4, ((5, 1),), 0)
    half, quarter = (searched(plan, share=share)[2].n_passes for share in (0.5, 0.25))
    assert quarter == half / 2
    assert quarter >= 4 * 5 / 4


def test_starts_that_agree_on_a_sample_need_no_others():
    _, _, optima = searched(share=0.5, spread=30.0)
    assert 3 <= optima.n_best <= optima.n_starts < PLAN.n_starts


def test_starts_that_agree_end_the_search():
    plan = Plan(8, ((5, 4), (15, 2)), 0, n_series=5)
    _, _, optima = searched(plan, spread=30.0)
    assert optima.n_best >= 3
    assert optima.n_starts <= 8


def test_another_series_follows_where_chance_found_the_best():
    plan = Plan(1, ((5, 1),), 0, n_series=2)
    _, runs, optima = searched(plan)
    assert optima.n_starts == 2
    assert sum(run.n_hits for run in runs) == 2


def test_a_given_optimum_is_not_lost():
    level, runs, _ = searched()
    best = runs[0]
    plan = PLAN.shortened(1)
    assert (plan.n_starts, plan.n_series) == (3, 1)
    _, again, _ = searched(plan, given=[best.model])
    assert again[0].bound >= best.bound - level.same


@pytest.mark.parametrize("K", [2, 3])
def test_the_same_seed_gives_the_same_bits_on_any_executor(K):
    """The rows are so many that the work is shared."""
    plan = Plan(2, ((2, 1),), 1, n_rounds=1)
    (_, one, seen), (_, other, again) = (
        searched(plan, executor, K=K, n=30_000, spread=8.0) for executor in (Serial(), Threads(2))
    )
    assert seen == again
    for run, same in zip(one, other, strict=True):
        assert run.bound == same.bound
        np.testing.assert_array_equal(run.model.means, same.model.means)


def test_broad_starts_follow_where_all_others_collapse(monkeypatch):
    level, portfolio = problem(K=2)
    far = Mixture.from_parameters([0.5, 0.5], [[0.0, 0.0], [1e6, 1e6]], [np.eye(2)] * 2, "full")
    monkeypatch.setattr(portfolio, "start", lambda index, rng: far)
    runs, optima = search(level, portfolio, PLAN, Serial(), np.random.default_rng(0))
    assert runs[0].sound
    assert 1 <= optima.n_best <= 8
