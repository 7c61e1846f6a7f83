"""Steps that are prolonged; the coordinates themselves are tested with the accelerations."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gaussmix.model.coordinates import beyond, coordinates
from tests.mixtures import make_mixture

FAMILIES = ("full", "tied", "diag", "spherical")


def step(covariance_type, size=0.01):
    """Return a mixture, and one whose means and weights differ a little."""
    before = make_mixture(covariance_type)
    shift = size * before.covariances.standard_deviations()
    weights = before.weights * np.linspace(1 - size, 1 + size, before.n_components)
    return before, replace(before, means=before.means + shift, weights=weights / weights.sum())


@pytest.mark.parametrize("covariance_type", FAMILIES)
def test_a_small_step_is_prolonged_by_the_factor(covariance_type):
    before, after = step(covariance_type)
    further = beyond(before, after, 1.8, 0.1)
    np.testing.assert_allclose(further.means - before.means, 1.8 * (after.means - before.means), rtol=1e-9)
    np.testing.assert_allclose(
        coordinates(further)[further.n_components :][further.means.size :],
        coordinates(before)[before.n_components :][before.means.size :],
        atol=1e-12,
    )
    assert further.weights.sum() == pytest.approx(1.0)


@pytest.mark.parametrize("covariance_type", FAMILIES)
def test_a_large_step_goes_hardly_further(covariance_type):
    before, after = step(covariance_type, size=0.5)
    further = beyond(before, after, 1.8, 0.1)
    most = 0.1 * after.covariances.standard_deviations()
    np.testing.assert_allclose(
        further.means - after.means, np.broadcast_to(most, after.means.shape), rtol=1e-9
    )


@pytest.mark.parametrize("covariance_type", FAMILIES)
def test_collapsed_components_and_those_without_rows_stay(covariance_type):
    before, after = step(covariance_type)
    weights = np.where(np.arange(after.n_components) == 1, 0.0, after.weights)
    gone = np.arange(after.n_components) == 1
    after = replace(after, weights=weights / weights.sum(), collapsed=gone)
    further = beyond(replace(before, weights=after.weights), after, 1.8, 0.1)
    assert further.weights[1] == 0.0
    np.testing.assert_allclose(further.means[1], after.means[1])
    assert np.array_equal(further.collapsed, gone)
