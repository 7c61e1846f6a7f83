from __future__ import annotations

import numpy as np
import pytest

from gaussmix import Mixture
from gaussmix.errors import DataError, DegenerateError
from gaussmix.model.background import BackgroundMixture, Uniform, log_volume
from tests.mixtures import make_mixture, make_rows


def make(share=0.25, log_volume=3.0):
    return BackgroundMixture(make_mixture(), share, Uniform(log_volume))


def test_density_is_the_sum_of_both_parts():
    model, (X, _) = make(), make_rows()
    expected = 0.25 * np.exp(-3.0) + 0.75 * model.mixture.pdf(X)
    np.testing.assert_allclose(np.exp(model.log_prob(X)), expected, rtol=1e-12)


def test_posteriors_sum_to_one_and_name_the_background_last():
    model, (X, _) = make(), make_rows()
    posterior = model.posterior(X)
    assert posterior.shape == (len(X), model.n_components + 1)
    np.testing.assert_allclose(posterior.sum(axis=1), 1.0, rtol=1e-12)
    far = model.mixture.means[:1] + 1e3
    assert model.predict(far)[0] == -1
    np.testing.assert_allclose(model.posterior(far)[0, -1], 1.0)


def test_moments_of_parts_add_up_to_those_of_the_whole():
    model, (X, weight) = make(), make_rows()
    whole = model.e_step(X, weight)
    parts = model.e_step(X[:7], weight[:7]) + model.e_step(X[7:], weight[7:])
    np.testing.assert_allclose(parts.moments.buffer, whole.moments.buffer, rtol=1e-10, atol=1e-10)
    assert parts.count == pytest.approx(whole.count)
    assert whole.count + whole.moments.weight == pytest.approx(whole.weight)


def test_an_iteration_never_lowers_the_likelihood():
    model, (X, weight) = make(), make_rows()
    bounds = []
    for _ in range(20):
        moments = model.e_step(X, weight)
        bounds.append(model.lower_bound(moments))
        model = model.m_step(moments)
    assert (np.diff(bounds) > -1e-10).all()


def test_all_rows_background_is_an_error():
    model = BackgroundMixture(
        Mixture.from_parameters([1.0], [[0.0, 0.0]], np.eye(2)[None] * 1e-4), 0.5, Uniform(0.0)
    )
    with pytest.raises(DegenerateError, match="all rows have become background"):
        model.m_step(model.e_step(np.full((3, 2), 1e3)))


def test_volume_of_a_rotated_square_is_that_along_its_axes():
    corners = np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0], [0.5, 0.5]])
    assert np.exp(log_volume(corners[:4] * [1.0, 1.0])) <= 4.0
    line = np.array([[-3.0, -3.0], [3.0, 3.0], [-2.0, -2.1], [2.1, 2.0]])
    assert log_volume(line) < np.log(36.0)
    assert np.exp(log_volume(corners, "hull")) == pytest.approx(2.0)


@pytest.mark.parametrize("scale", [1e-120, 1.0, 1e120])
def test_volume_follows_the_units(scale):
    X = np.random.default_rng(0).normal(size=(20, 2))
    assert log_volume(X * scale) == pytest.approx(log_volume(X) + 2 * np.log(scale))


def test_rows_in_a_plane_have_no_volume():
    with pytest.raises(DataError, match="a column is constant"):
        log_volume(np.array([[1.0, 2.0], [1.0, 3.0]]))
    with pytest.raises(DataError, match="convex hull"):
        log_volume(np.array([[0.0, 0.0], [1.0, 1.0], [2.0, 2.0]]), "hull")
