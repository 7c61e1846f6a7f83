"""Leaps of mixtures of t distributions."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gaussmix.fit.coordinates import coordinates, metric, mixture_at
from gaussmix.model import StudentMixture
from tests.mixtures import assert_same_mixture, fit, flat, make_mixture


def make(name="full", rule="component", seed=0):
    mixture = replace(make_mixture(name, 3, 2, seed, spread=1.5), prior=flat(2))
    return StudentMixture.from_mixture(mixture, np.array([3.0, 8.0, 40.0]), rule)


@pytest.mark.parametrize("name", ["full", "tied", "diag", "spherical"])
def test_coordinates_lead_back_to_the_mixture(name):
    model = make(name)
    point = coordinates(model)
    back = mixture_at(point, model)
    assert_same_mixture(back, model, rtol=1e-9)
    np.testing.assert_allclose(back.degrees_of_freedom, model.degrees_of_freedom)
    assert metric(model).shape == point.shape


def test_degrees_of_freedom_stay_fixed_or_within_their_bounds():
    model, point = make(), coordinates(make())
    point[-3:] = [-9.0, 0.0, 99.0]
    assert mixture_at(point, model).degrees_of_freedom.tolist() == [0.2, 1.0, 1000.0]
    fixed = make(rule="fixed")
    np.testing.assert_array_equal(mixture_at(point, fixed).degrees_of_freedom, fixed.degrees_of_freedom)


@pytest.mark.parametrize("rule", ["component", "shared", "fixed"])
def test_leaps_never_lower_the_bound_and_end_as_high(rule):
    X = np.ascontiguousarray(make().sample(1000, 0)[0])
    start = make(rule=rule, seed=1)
    plain = fit(start, X, n_iter=3000, tol=1e-7)
    leaping = fit(start, X, n_iter=3000, tol=1e-7, acceleration="auto")
    assert np.diff(leaping.history).min() > -1e-10
    assert leaping.history[-1] > plain.history[-1] - 1e-6
    assert len(leaping.history) <= len(plain.history) + 10
