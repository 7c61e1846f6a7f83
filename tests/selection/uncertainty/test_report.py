from __future__ import annotations

import json

import numpy as np
import pytest
from scipy.stats import chi2, norm

from gaussmix.errors import ParameterError
from gaussmix.executor import Serial
from gaussmix.model import Mixture
from gaussmix.selection import by_information
from gaussmix.selection.uncertainty.layout import Layout
from gaussmix.source import ArraySource

from ...mixtures import REPRESENTATIVES, fit, make_mixture, start
from .curvature import overlapping


def report(name="full", **options):
    X, weight, mixture = overlapping(name)
    return by_information(mixture, ArraySource(X, weight), Serial(), **options)


@pytest.mark.parametrize("name", REPRESENTATIVES)
def test_a_vector_of_parameters_goes_back_to_its_arrays(name):
    mixture = make_mixture(name, K=3, D=2)
    layout = Layout.of(mixture)
    vector = layout.pack(mixture)
    assert len(vector) == layout.n_parameters == len(layout.parameters())
    for found, expected in zip(
        layout.unpack(vector), (mixture.weights, mixture.means, mixture.covariances.parameters()), strict=True
    ):
        assert np.array_equal(found, expected)


@pytest.mark.parametrize("name", REPRESENTATIVES)
def test_errors_have_the_shapes_of_the_parameters(name):
    found = report(name)
    stored = found.mixture.covariances.parameters()
    assert found.weights_error.shape == (2,)
    assert found.means_error.shape == (2, 2)
    assert found.covariances_error.shape == stored.shape
    assert found.parameter_covariance.shape == (len(found.estimates),) * 2


def test_every_row_of_the_table_names_its_parameter():
    found = report(feature_names=["length", "width"])
    rows = {(row.parameter, row.component, row.features): row for row in found.table()}
    assert len(rows) == len(found.estimates) == 2 + 4 + 6
    covariances = found.mixture.covariances.parameters()
    assert rows["covariance", 1, ("length", "width")].estimate == covariances[1, 0, 1]
    assert rows["variance", 0, ("width",)].standard_error == found.covariances_error[0, 1, 1]
    assert rows["mean", 1, ("length",)].estimate == found.mixture.means[1, 0]


def test_limits_stay_in_range_and_hold_the_estimate():
    found = report(level=0.999999)
    lower, upper = found.intervals.T
    assert (lower < found.estimates).all()
    assert (found.estimates < upper).all()
    assert (lower[:2] > 0).all()
    assert (upper[:2] < 1).all()
    assert all(row.lower > 0 for row in found.table() if row.parameter == "variance")


def test_limits_of_means_are_normal():
    found = report(level=0.9)
    half = norm.ppf(0.95) * found.standard_errors[2:6]
    np.testing.assert_allclose(np.diff(found.intervals[2:6], axis=1)[:, 0], 2 * half)


def test_it_prints_and_goes_into_json():
    found = report(feature_names=["length", "width"])
    lines = str(found).splitlines()
    assert lines[0].startswith("2 components, ")
    assert "observed information" in lines[0]
    assert len(lines) == 1 + 1 + len(found.estimates) + 1
    assert json.loads(json.dumps(found.as_dict()))["parameters"][2]["features"] == ["length"]
    assert "2 components by observed information" in repr(found)


def test_a_long_table_is_cut_when_printed():
    X = np.random.default_rng(0).standard_normal((300, 60))
    mixture = fit(start(X, np.zeros(300, int), "diag"), X, n_iter=2).model
    found = by_information(mixture, ArraySource(X), Serial())
    assert "… and 21 more: table() has all" in str(found)
    assert len(found.table()) == 121


def test_ellipses_bound_the_means():
    found = report()
    for k, ellipse in enumerate(found.mean_ellipses(0.9)):
        place = found.layout.mean(k)
        np.testing.assert_allclose(ellipse.covariance, found.parameter_covariance[place, place])
        assert ellipse.radius == pytest.approx(np.sqrt(chi2.ppf(0.9, 2)))
        lengths, directions = ellipse.semi_axes
        spread = (directions * (lengths / ellipse.radius) ** 2) @ directions.T
        np.testing.assert_allclose(spread, ellipse.covariance)
    with pytest.raises(ParameterError, match="level"):
        found.mean_ellipses(1.0)


def covered(truth, level, n_rows, n_trials):
    """Return how many of the intervals of each parameter hold the true value."""
    expected = Layout.of(truth).pack(truth)
    hits = np.zeros(len(expected))
    for seed in range(n_trials):
        X, labels = truth.sample(n_rows, np.random.default_rng(seed))
        mixture = fit(start(X, labels, truth.family.name), X, n_iter=60).model
        lower, upper = by_information(mixture, ArraySource(X), Serial(), level=level).intervals.T
        hits += (lower <= expected) & (expected <= upper)
    return hits


def test_intervals_cover_about_as_often_as_they_say():
    truth = Mixture.from_parameters([0.4, 0.6], [[0.0], [6.0]], [1.0, 2.0], "spherical")
    hits = covered(truth, 0.95, n_rows=300, n_trials=40)
    assert (hits >= 40 * 0.95 - 4 * np.sqrt(40 * 0.95 * 0.05)).all()


@pytest.mark.slow
@pytest.mark.parametrize("name", REPRESENTATIVES)
def test_intervals_cover_as_often_as_they_say(name):
    shape = {
        "full": np.eye(2)[None].repeat(2, 0),
        "tied": np.eye(2),
        "diag": np.ones((2, 2)),
        "spherical": [1, 1],
    }
    truth = Mixture.from_parameters([0.4, 0.6], [[0.0, 0.0], [3.5, 0.0]], shape[name], name)
    hits = covered(truth, 0.95, n_rows=800, n_trials=400)
    np.testing.assert_allclose(hits / 400, 0.95, atol=4 * np.sqrt(0.95 * 0.05 / 400))
