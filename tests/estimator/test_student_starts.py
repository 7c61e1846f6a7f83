"""Starts that outliers do not spoil."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gaussmix import StudentTMixture
from gaussmix.covariance import FAMILIES
from gaussmix.estimator.problem import Problem
from gaussmix.estimator.starter import Starter
from gaussmix.estimator.student_starts import Contest, StudentStarts, robust
from gaussmix.estimator.student_trimming import quantiles, trimmed, trimmed_k_means
from gaussmix.executor import Serial
from gaussmix.source import ArraySource


def groups(n_outliers: int = 60) -> Any:
    """Return 600 rows of three groups, and outliers behind them."""
    rng = np.random.default_rng(0)
    centres = np.array([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0]])
    X = np.repeat(centres, 200, axis=0) + rng.normal(size=(600, 2))
    return np.concatenate([X, rng.uniform(-1000, 1000, (n_outliers, 2))])


def test_trimmed_k_means_leaves_out_the_outliers() -> None:
    X, weight = groups(), np.ones(660)
    runs = [trimmed_k_means(X, weight, 3, 0.9, np.random.default_rng(seed)) for seed in range(10)]
    best = max(runs, key=lambda labels: len(np.unique(labels[:600:200])))
    assert sorted(np.unique(best[:600:200])) == [0, 1, 2]
    assert (best[600:] == 3).mean() > 0.9
    assert (best[:600] < 3).mean() > 0.95


def test_the_part_that_is_kept_is_of_the_weight() -> None:
    Z = np.arange(10.0)[:, None]
    assert trimmed(Z, np.ones(10), np.zeros((1, 1)), 0.5).tolist() == [0] * 5 + [1] * 5
    weight = np.array([9.0] + [1.0] * 9)
    assert trimmed(Z, weight, np.zeros((1, 1)), 0.5).tolist() == [0] + [1] * 9


def test_quantiles_of_equal_weights_are_those_of_sorted_rows() -> None:
    values, parts = np.random.default_rng(0).normal(size=101), np.array([0.25, 0.5, 0.95, 1.0])
    uneven = np.full(101, 2.0)
    uneven[values.argmax()] = 1.999
    np.testing.assert_array_equal(
        quantiles(values, np.full(101, 2.0), parts), quantiles(values, uneven, parts)
    )


@pytest.mark.parametrize(("agree", "n_starts"), [(True, 3), (False, 9)])
def test_starts_that_agree_are_few(agree: bool, n_starts: int) -> None:
    X = groups(0) if agree else np.random.default_rng(1).uniform(size=(300, 2))
    problem = robust(Problem.of(ArraySource(X), Serial(), FAMILIES["full"], 3, 1e-6), 1e-6)
    starts = StudentStarts(problem, Starter(problem, "auto", None, None, None), "component", None, "default")
    contest = Contest(problem.source, problem)
    starts._run_first(contest, np.random.default_rng(0))
    assert starts._agreed(contest) is agree
    assert contest.n_starts == n_starts


@pytest.mark.parametrize("name", ["full", "spherical"])
def test_units_do_not_grow_with_outliers(name: str) -> None:
    def units(X: Any) -> Any:
        problem = Problem.of(ArraySource(X), Serial(), FAMILIES[name], 3, 1e-6)
        return np.sqrt(robust(problem, 1e-6).variance)

    np.testing.assert_allclose(units(groups()), units(groups(0)), rtol=0.2)


def test_units_of_features_with_equal_quartiles_are_their_variances() -> None:
    X = np.concatenate([np.zeros((80, 1)), np.ones((20, 1))])
    problem = Problem.of(ArraySource(X), Serial(), FAMILIES["full"], 1, 1e-6)
    np.testing.assert_array_equal(robust(problem, 1e-6).variance, problem.variance)


def test_the_search_ends_above_what_one_k_means_start_finds() -> None:
    X = groups()
    searched = StudentTMixture(3, random_state=0).fit(X)
    simple = StudentTMixture(3, random_state=0, init_params="kmeans").fit(X)
    assert searched.lower_bound_ >= simple.lower_bound_ - 1e-6
    assert np.abs(np.sort(searched.means_, axis=0) - [[0, 0], [0, 0], [10, 10]]).max() < 0.5
