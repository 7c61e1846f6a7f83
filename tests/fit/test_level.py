from __future__ import annotations

import numpy as np
import pytest

from gaussmix.executor import Serial, Threads
from gaussmix.fit.level import Level
from gaussmix.model import Mixture
from gaussmix.source import ArraySource

from ..mixtures import fit, make_rows, start


def level_of(X, K=3, share=1.0, weight=None):
    return Level(ArraySource(X, weight), K, share)


def test_a_run_is_em():
    X, labels = make_rows()
    model = start(X, labels, "full")
    run, expected = level_of(X).run(model, 7), fit(model, X, n_iter=7, block=len(X))
    assert (run.n_iter, run.converged, run.collapsed, run.n_hits) == (7, False, False, 1)
    assert run.bound == expected.history[-1]
    np.testing.assert_array_equal(run.model.means, expected.model.means)


def test_a_run_stops_when_it_has_converged():
    X, labels = make_rows()
    level = level_of(X)
    run = level.run(start(X, labels, "full"), 500, level.tol)
    assert run.converged
    assert run.n_iter < 500


def test_a_run_without_iterations_has_no_bound():
    X, labels = make_rows()
    assert level_of(X).run(start(X, labels, "full"), 0).bound == -np.inf


def test_a_run_tells_of_collapses():
    X = np.repeat([[0.0], [1.0], [1.2], [1.5]], [9, 3, 3, 3], axis=0)
    model = Mixture.from_parameters([0.5, 0.5], [[0.0], [1.2]], [0.01, 0.1], "spherical")
    run = level_of(X, 2).run(model, 50)
    assert run.collapsed
    assert not run.sound


def test_a_spurious_run_is_not_sound():
    X, _ = make_rows(D=2)
    thin = Mixture.from_parameters([0.5, 0.5], np.zeros((2, 2)), [[1.0, 1.0], [1e-6, 1.0]], "diag")
    level = level_of(X, 2)
    assert not level.run(thin, 0).sound
    assert level.run(Mixture.from_parameters([0.5, 0.5], np.zeros((2, 2)), np.ones((2, 2)), "diag"), 0).sound


@pytest.mark.parametrize("n_rows", [10, 1000, 100_000])
def test_tolerances_are_of_the_total_for_few_rows_and_of_each_row_for_many(n_rows):
    level = level_of(np.zeros((n_rows, 1)))
    assert level.tol == max(1e-3 / n_rows, 2e-5)
    assert level.same == max(0.02 / n_rows, 4e-6)


@pytest.mark.parametrize("executor", [Serial(), Threads(2)])
@pytest.mark.parametrize("n_rows", [10, 60_000])
def test_items_are_mapped_in_order(executor, n_rows):
    level = level_of(np.zeros((n_rows, 1)))
    assert level.map(lambda item: item * item, [3, 1, 2], executor) == [9, 1, 4]
    assert level.map(lambda item: item, [], executor) == []
