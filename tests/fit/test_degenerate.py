from __future__ import annotations

import numpy as np
import pytest

from gaussmix.covariance import FAMILIES
from gaussmix.errors import DegenerateError
from gaussmix.fit import POLICIES
from gaussmix.fit.degenerate import DegeneratePolicy
from gaussmix.model import Mixture

from ..mixtures import fit, flat, make_mixture, make_rows

NAMES = list(FAMILIES)


def with_lost_component(name, K=3):
    """Return a start whose last component is too far away to get a row."""
    mixture = make_mixture(name, K=K)
    means = mixture.means.copy()
    means[-1] = 1e6
    prior = flat(2, floor=1e-6)
    return Mixture.from_parameters(mixture.weights, means, mixture.covariances.parameters(), name, prior)


def repeated_row():
    """Return rows of which 40 are the same, and a start with a component on these."""
    X = np.concatenate([np.random.default_rng(0).standard_normal((60, 2)), np.full((40, 2), 50.0)])
    return X, Mixture.from_parameters(
        [0.5, 0.5], [[0.0, 0.0], [50.0, 50.0]], np.stack([np.eye(2)] * 2), prior=flat(2, floor=1e-4)
    )


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("policy", [name for name in POLICIES if name != "raise"])
def test_every_policy_ends_in_a_sound_mixture_and_a_report(policy, name):
    result = fit(with_lost_component(name), make_rows()[0], on_degenerate=policy, n_iter=10)
    event = result.collapses[0].as_dict()
    assert event == {"component": 2, "iteration": 1, "weight": 0.0, "reason": "no rows", "action": policy}
    assert result.model.weights.sum() == pytest.approx(1.0)
    assert np.isfinite(result.model.means).all()
    assert np.isfinite(result.history).all()


@pytest.mark.parametrize("name", NAMES)
def test_floor_keeps_the_component_and_reports_it_once(name):
    result = fit(with_lost_component(name), make_rows()[0], on_degenerate="floor", n_iter=10)
    assert result.model.weights[2] == 0
    assert result.model.means[2].tolist() == [1e6, 1e6]
    assert len(result.collapses) == 1


@pytest.mark.parametrize("name", NAMES)
def test_drop_goes_on_with_the_others(name):
    X = make_rows()[0]
    start = with_lost_component(name)
    dropped = fit(start, X, on_degenerate="drop", n_iter=10).model
    floored = fit(start, X, on_degenerate="floor", n_iter=10).model
    assert dropped.n_components == 2
    assert not dropped.collapsed.any()
    np.testing.assert_allclose(dropped.log_prob(X), floored.log_prob(X), rtol=1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_restart_gives_the_component_rows_again(name):
    result = fit(with_lost_component(name), make_rows()[0], on_degenerate="restart", n_iter=30)
    assert result.model.n_components == 3
    assert (result.model.weights > 0).all()
    assert result.history[-1] > result.history[0]


@pytest.mark.parametrize("name", NAMES)
def test_raise_names_the_component(name):
    with pytest.raises(DegenerateError, match=r"component 2 collapsed \(no rows, weight 0\)"):
        fit(with_lost_component(name), make_rows()[0], on_degenerate="raise")


def test_a_component_on_one_repeated_row_is_singular():
    X, start = repeated_row()
    result = fit(start, X, on_degenerate="floor", n_iter=5)
    (event,) = result.collapses
    assert (event.component, event.reason, event.weight) == (1, "singular covariance", 0.4)
    np.testing.assert_allclose(result.model.covariances.parameters()[1], 1e-4 * np.eye(2))
    np.testing.assert_allclose(result.model.means[1], [50.0, 50.0])


def test_raise_says_what_would_help():
    X, start = repeated_row()
    with pytest.raises(DegenerateError, match=r"component 1 .*singular covariance.*increase reg_covar"):
        fit(start, X, on_degenerate="raise")


def test_restart_splits_the_heaviest_along_its_longest_axis():
    model = Mixture.from_parameters(
        [0.2, 0.8, 0.0], np.zeros((3, 2)), [[1.0, 1.0], [1.0, 16.0], [1.0, 1.0]], "diag"
    )
    object.__setattr__(model, "collapsed", np.array([False, False, True]))
    split = POLICIES["restart"](model)
    assert split.weights.tolist() == pytest.approx([0.2, 0.4, 0.4])
    assert sorted(split.means[1:, 1].tolist()) == [-2.0, 2.0]  # half a deviation of 4 to either side
    assert split.means[:, 0].tolist() == [0.0, 0.0, 0.0]
    assert split.covariances.parameters().tolist() == [[1, 1], [1, 16], [1, 16]]
    assert not split.collapsed.any()


def test_after_the_last_restart_components_are_floored():
    model = with_lost_component("full")
    object.__setattr__(model, "collapsed", np.array([False, False, True]))
    policy = DegeneratePolicy("restart", max_restarts=2)
    for iteration in range(1, 6):
        policy(model, iteration)
    assert [event.action for event in policy.report] == ["restart", "restart", "floor"]


@pytest.mark.parametrize("policy", ["drop", "restart"])
def test_the_report_does_not_grow_where_nothing_can_be_done(policy):
    mixture = Mixture.from_parameters([0.5, 0.5], [[-1.0], [1.0]], [[1.0]], "tied", flat(1, floor=1e-6))
    result = fit(mixture, np.ones((20, 1)), on_degenerate=policy, n_iter=60)
    assert len(result.collapses) <= 4


@pytest.mark.parametrize("policy", ["drop", "restart", "floor"])
@pytest.mark.parametrize("name", NAMES)
def test_identical_rows_end_in_a_sound_mixture(policy, name):
    start = make_mixture(name, K=2)
    mixture = Mixture.from_parameters(
        start.weights, [[-1.0, 0.0], [1.0, 0.0]], start.covariances.parameters(), name, flat(2, floor=1e-6)
    )
    result = fit(mixture, np.ones((20, 2)), on_degenerate=policy, n_iter=15)
    assert np.isfinite(result.model.log_prob(np.ones((1, 2)))).all()
    assert result.model.weights.sum() == pytest.approx(1.0)
    assert result.collapses
