from __future__ import annotations

import numpy as np
import pytest

from gaussmix.covariance import FAMILIES
from gaussmix.executor import Serial
from gaussmix.fit import EStep, fit_em
from gaussmix.source import ArraySource, Partition

from ..mixtures import REPRESENTATIVES, fit, make_mixture, make_rows, start


def test_the_task_is_load_then_e_step():
    X, mixture = make_rows()[0], make_mixture()
    (partition,) = ArraySource(X).partitions(1000)
    np.testing.assert_array_equal(EStep(mixture)(partition).buffer, mixture.e_step(X).buffer)


def test_no_iterations_return_the_start():
    mixture = make_mixture()
    result = fit(mixture, make_rows()[0], n_iter=0)
    assert result.model is mixture
    assert (result.history, result.converged, result.collapses) == ([], False, [])


def test_history_holds_the_bound_at_the_start_of_each_iteration():
    X, mixture = make_rows()[0], make_mixture(seed=1)
    result = fit(mixture, X, n_iter=3)
    assert len(result.history) == 3
    assert result.history[0] == pytest.approx(mixture.log_prob(X).mean(), rel=1e-13)
    once = fit(mixture, X, n_iter=1).model
    assert result.history[1] == pytest.approx(once.log_prob(X).mean(), rel=1e-13)


def test_two_runs_in_a_row_are_one_longer_run():
    X, mixture = make_rows()[0], make_mixture(seed=1)
    twice = fit(fit(mixture, X, n_iter=4).model, X, n_iter=3).model
    np.testing.assert_array_equal(twice.means, fit(mixture, X, n_iter=7).model.means)


def test_the_callback_sees_every_iteration_and_can_stop():
    seen = []

    def stop_at_three(iteration, bound, model):
        seen.append((iteration, bound, model))
        return iteration == 3

    result = fit(make_mixture(seed=1), make_rows()[0], n_iter=10, on_iteration=stop_at_three)
    assert [iteration for iteration, _, _ in seen] == [1, 2, 3]
    assert [bound for _, bound, _ in seen] == result.history
    assert seen[-1][2] is result.model
    assert not result.converged


@pytest.mark.parametrize("name", FAMILIES)
def test_it_says_whether_it_converged(name):
    X, labels = make_rows(name=name)
    begin = start(X, labels, name)
    assert fit(begin, X, tol=1e-6, n_iter=1000).converged
    assert not fit(begin, X, tol=1e-6, n_iter=2).converged


def test_converged_is_a_fixed_point():
    X, labels = make_rows()
    model = fit(start(X, labels, "full"), X, n_iter=150).model
    assert fit(model, X, n_iter=1).model.movement(model) < 1e-9


@pytest.mark.parametrize("name", REPRESENTATIVES)
@pytest.mark.parametrize("seed", [1, 3])
def test_float32_rows_converge_where_float64_rows_do(name, seed):
    X, labels = make_rows(n=20_000, K=4, D=3, seed=seed)
    fits = [
        fit(start(rows, labels, name, block=4096), rows, tol=1e-6, n_iter=300, block=4096)
        for rows in (X, X.astype(np.float32))
    ]
    assert fits[0].converged
    assert fits[1].converged
    assert fits[1].history[-1] == pytest.approx(fits[0].history[-1], abs=1e-5)


def test_two_parallel_cigars_are_found():
    # From halves of both: the likelihood hardly rises for many iterations while the components turn.
    rng = np.random.default_rng(0)
    X = rng.standard_normal((600, 2)) * [5.0, 0.3] + np.repeat([[0.0, 0.0], [0.0, 10.0]], 300, axis=0)
    begin = start(X, (X[:, 0] > 0).astype(int), "full")
    result = fit(begin, X, tol=1e-6, n_iter=5000)
    assert result.converged
    cigar = np.repeat([0, 1], 300)
    crossed = np.bincount(2 * cigar + result.model.predict(X), minlength=4)
    assert sorted(crossed.tolist()) == [0, 0, 300, 300]


def test_a_failing_row_source_fails_the_fit():
    class Broken(Partition):
        def load(self):
            raise OSError("the disk is gone")

    with pytest.raises(OSError, match="the disk is gone"):
        fit_em(make_mixture(), [Broken()], Serial(), tol=1e-6, max_iter=5)
