"""Contributions of features, against the closed formulas."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import entr, softmax

from gaussmix.application.outliers.contributions import contributions
from gaussmix.covariance import FAMILIES
from gaussmix.model import Mixture
from gaussmix.source import ArraySource

from ..mixtures import make_mixture


def of(mixture, X):
    return contributions(mixture, ArraySource(np.asarray(X, float)))


def test_without_correlations_they_are_squares_of_standard_scores():
    mixture = Mixture.from_parameters([1.0], [[1.0, 2.0]], [[4.0, 9.0]], "diag")
    np.testing.assert_allclose(of(mixture, [[3.0, 8.0], [1.0, 2.0]]), [[-0.5, -2.0], [0.0, 0.0]])


def test_two_correlated_features_by_hand():
    """P^(−½) of correlation 0.6 has (1/√1.6 ± 1/√0.4) / 2 on and off its diagonal."""
    mixture = Mixture.from_parameters([1.0], [[0.0, 0.0]], [[[4.0, 1.2], [1.2, 1.0]]])
    on, off = (1 / np.sqrt(1.6) + 1 / np.sqrt(0.4)) / 2, (1 / np.sqrt(1.6) - 1 / np.sqrt(0.4)) / 2
    z = np.array([3.0, -1.0])
    w = [on * z[0] + off * z[1], off * z[0] + on * z[1]]
    np.testing.assert_allclose(of(mixture, [[6.0, -1.0]])[0], -0.5 * np.square(w), rtol=1e-12)


@pytest.mark.parametrize("name", ["full", "tied", "diag", "spherical", "VEE"])
def test_sums_are_the_score_but_for_what_the_component_alone_decides(name):
    assert name in FAMILIES
    mixture = make_mixture(name, K=3, D=4)
    X, _ = mixture.sample(50, np.random.default_rng(1))
    posterior = softmax(mixture.log_joint(X), axis=1)
    height = mixture.log_weights - 0.5 * (mixture.covariances.log_det + 4 * np.log(2 * np.pi))
    expected = of(mixture, X).sum(axis=1) + posterior @ height + entr(posterior).sum(axis=1)
    np.testing.assert_allclose(mixture.log_prob(X), expected, rtol=1e-10)


def test_units_do_not_matter_and_far_rows_are_finite():
    mixture = make_mixture(K=2, D=3)
    X, _ = mixture.sample(20, np.random.default_rng(0))
    X[0] += 1e3
    scale = np.array([1e-3, 1.0, 1e4])
    dense = mixture.covariances.to_dense() * scale[:, None] * scale
    rescaled = Mixture.from_parameters(mixture.weights, mixture.means * scale, dense)
    np.testing.assert_allclose(of(rescaled, X * scale), of(mixture, X), rtol=1e-7, atol=1e-10)
    assert np.isfinite(of(mixture, X)).all()
