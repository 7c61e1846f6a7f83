from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gaussmix.model.relaxation import relaxed
from gaussmix.prior import Frozen, Given
from tests.mixtures import make_mixture

FAMILIES = ("full", "tied", "diag", "spherical")


def step(covariance_type, size=0.01, of_weights=0.01):
    """Return a mixture, and one whose means and weights differ a little."""
    before = make_mixture(covariance_type)
    shift = size * before.covariances.standard_deviations()
    weights = before.weights * np.linspace(1 - of_weights, 1 + of_weights, before.n_components)
    return before, replace(before, means=before.means + shift, weights=weights / weights.sum())


@pytest.mark.parametrize("covariance_type", FAMILIES)
def test_a_small_step_is_prolonged_by_the_factor(covariance_type):
    before, after = step(covariance_type)
    grown = 1.01 * before.covariances.parameters()
    after = replace(after, covariances=after.covariances.with_parameters(grown))
    further = relaxed(before, after, 1.8, 0.5)
    np.testing.assert_allclose(further.means - before.means, 1.8 * (after.means - before.means), rtol=1e-9)
    expected = 1.018 * before.covariances.parameters()
    np.testing.assert_allclose(further.covariances.parameters(), expected, rtol=1e-9)
    logarithm = before.log_weights + 1.8 * (after.log_weights - before.log_weights)
    np.testing.assert_allclose(further.weights, np.exp(logarithm) / np.exp(logarithm).sum(), rtol=1e-9)


@pytest.mark.parametrize("covariance_type", FAMILIES)
def test_a_large_step_goes_hardly_further(covariance_type):
    before, after = step(covariance_type, size=5.0, of_weights=0.0)
    further = relaxed(before, after, 1.8, 0.5)
    white = (further.means - after.means)[:, :, None]
    square = white.transpose(0, 2, 1) @ np.linalg.solve(after.covariances.to_dense(), white)
    np.testing.assert_allclose(square.ravel(), 0.25, rtol=1e-9)


@pytest.mark.parametrize("covariance_type", FAMILIES)
def test_covariances_that_shrink_stay_positive_definite(covariance_type):
    before, after = step(covariance_type)
    tiny = 1e-9 * before.covariances.parameters()
    after = replace(after, covariances=after.covariances.with_parameters(tiny))
    further = relaxed(before, after, 1.8, 0.5).covariances
    assert not further.singular.any()
    assert (further.parameters() / tiny)[tiny > 0].min() > 0.2


@pytest.mark.parametrize("covariance_type", FAMILIES)
def test_collapsed_components_and_those_without_rows_stay(covariance_type):
    before, after = step(covariance_type)
    gone = np.arange(after.n_components) == 1
    weights = np.where(gone, 0.0, after.weights)
    after = replace(after, weights=weights / weights.sum(), collapsed=gone)
    further = relaxed(before, after, 1.8, 0.5)
    assert further.weights[1] == 0.0
    assert np.array_equal(further.means[1], after.means[1])
    assert np.array_equal(further.collapsed, gone)


def test_what_the_prior_holds_fixed_stays():
    before, after = step("diag")
    prior = Frozen(before.prior, Given(before.weights, np.arange(3) == 0))
    weights = np.where(np.arange(3) == 0, before.weights, after.weights)
    weights[1:] *= (1 - weights[0]) / weights[1:].sum()
    further = relaxed(before, replace(after, weights=weights, prior=prior), 1.8, 0.5)
    assert further.weights[0] == before.weights[0]
    assert further.weights.sum() == pytest.approx(1.0)
