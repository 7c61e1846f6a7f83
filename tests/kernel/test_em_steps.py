"""Whole EM iterations in one call do what the loop does."""

from __future__ import annotations

import numpy as np
import pytest

from gaussmix import kernel
from gaussmix.covariance import FAMILIES
from gaussmix.model import Mixture
from gaussmix.prior import Flat

UNCONSTRAINED = [name for name, family in FAMILIES.items() if family.unconstrained]

compiled = pytest.mark.skipif(
    kernel.name() == "reference", reason="the NumPy kernel runs no iterations by itself"
)


def problem(name, K, D, dtype, added=1e-3):
    rng = np.random.default_rng(D)
    X = np.concatenate([rng.normal(4.0 * k, 1.0 + k, (90, D)) for k in range(K)]).astype(dtype)
    dense = np.stack([np.eye(D)] * K)
    shapes = {"full": dense, "tied": np.eye(D), "diag": np.ones((K, D)), "spherical": np.ones(K)}
    prior = Flat(None if added is None else np.full(D, added), np.full(D, 1e-8))
    return X, Mixture.from_parameters(np.full(K, 1 / K), X[::90].astype(float), shapes[name], name, prior)


def loop(model, X, weight, n):
    bounds, movements = [], []
    for _ in range(n):
        moments = model.e_step(X, weight)
        bounds.append(model.lower_bound(moments))
        previous, model = model, model.m_step(moments)
        movements.append(model.movement(previous))
    return model, bounds, movements


@compiled
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", UNCONSTRAINED)
@pytest.mark.parametrize(("K", "D"), [(1, 1), (2, 3), (3, 2), (4, 7)])
@pytest.mark.parametrize("weighted", [False, True])
def test_steps_equal_the_loop(name, K, D, dtype, weighted):
    X, start = problem(name, K, D, dtype)
    weight = np.linspace(0.5, 2.0, len(X)) if weighted else None
    moved, bounds, movements = start.em_steps(X, weight, 6)
    expected, expected_bounds, expected_movements = loop(start, X, weight, 6)
    np.testing.assert_allclose(bounds, expected_bounds, rtol=1e-12)
    np.testing.assert_allclose(movements, expected_movements, rtol=1e-5, atol=1e-12)
    np.testing.assert_allclose(moved.means, expected.means, rtol=1e-10)
    np.testing.assert_allclose(moved.weights, expected.weights, rtol=1e-10)
    np.testing.assert_allclose(moved.covariances.parameters(), expected.covariances.parameters(), rtol=1e-10)


@compiled
@pytest.mark.parametrize("name", UNCONSTRAINED)
def test_two_and_three_steps_are_five(name):
    X, start = problem(name, 3, 2, np.float64)
    together = start.em_steps(X, None, 5)[0]
    apart = start.em_steps(X, None, 2)[0].em_steps(X, None, 3)[0]
    assert np.array_equal(together.means, apart.means)
    assert np.array_equal(together.covariances.parameters(), apart.covariances.parameters())


@compiled
@pytest.mark.parametrize("name", ["full", "diag", "spherical"])
def test_steps_give_way_before_a_covariance_turns_singular(name):
    X, start = problem(name, 2, 2, np.float64, added=None)
    X[90:] = 1000.0  # the second component will lie on one point
    moved, bounds, _ = start.em_steps(X, None, 10)
    assert len(bounds) < 10
    assert not moved.covariances.singular.any()


@compiled
def test_steps_give_way_before_a_component_loses_its_rows():
    X, start = problem("full", 2, 2, np.float64)
    means = np.array([X.mean(axis=0), [1e9, 1e9]])
    lonely = Mixture.from_parameters([0.5, 0.5], means, start.covariances.parameters(), "full", start.prior)
    assert lonely.em_steps(X, None, 3) == (lonely, [], [])


def test_nothing_changes_in_place():
    X, start = problem("full", 2, 2, np.float64)
    before = start.means.copy(), start.covariances.parameters().copy()
    start.em_steps(X, None, 3)
    assert np.array_equal(start.means, before[0])
    assert np.array_equal(start.covariances.parameters(), before[1])
