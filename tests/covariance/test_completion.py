from __future__ import annotations

import numpy as np
import pytest

from gaussmix.covariance import FAMILIES
from gaussmix.covariance.completion import expected_moments, mixed_log_joint, mixed_moments, regression
from gaussmix.source import by_pattern

from ..incompleteness import conditional, expected_sums, log_joint, with_holes
from ..mixtures import REPRESENTATIVES, make_mixture, make_rows

families = pytest.mark.parametrize("name", FAMILIES)
OBSERVED = [[0], [3], [1, 2], [0, 1, 3]]


@families
@pytest.mark.parametrize("observed", OBSERVED)
def test_regression_is_the_conditional_distribution(name, observed):
    mixture = make_mixture(name, D=4)
    marginal = mixture.covariances.marginal(np.array(observed))
    missing, slopes, residual = regression(mixture.covariances, np.array(observed), marginal)
    row = np.full(4, np.nan)
    row[observed] = np.arange(1.0, 1.0 + len(observed))
    assert sorted([*missing, *observed]) == [0, 1, 2, 3]
    for k in range(3):
        mean, covariance = conditional(mixture, row, k)
        part = k if len(slopes) > 1 else 0
        offset = slopes[part] @ (row[observed] - mixture.means[k, observed])
        np.testing.assert_allclose(mixture.means[k, missing] + offset, mean[missing], rtol=1e-12)
        np.testing.assert_allclose(residual[part], covariance[np.ix_(missing, missing)], rtol=1e-12)


@families
@pytest.mark.parametrize("observed", OBSERVED)
def test_expected_moments_of_one_pattern(name, observed):
    mixture = make_mixture(name, D=4)
    X, _ = make_rows(60, D=4, name=name)
    X[:, np.setdiff1d(np.arange(4), observed)] = np.nan
    marginal = mixture.covariances.marginal(np.array(observed))
    points = np.ascontiguousarray(mixture.means[:, observed])
    seen = marginal.moments(np.ascontiguousarray(X[:, observed]), None, mixture.log_weights, points)
    found = expected_moments(mixture.covariances, mixture.means, seen, np.array(observed), marginal)
    assert_are(found, expected_sums(mixture, X))


@families
@pytest.mark.parametrize("hard", [False, True])
def test_moments_of_mixed_patterns(name, hard):
    mixture, X = make_mixture(name, D=4), side_by_side(with_holes(make_rows(80, D=4, name=name)[0]))
    weight = np.random.default_rng(1).uniform(0.0, 2.0, len(X))
    args = (mixture.covariances, X, weight, mixture.log_weights, mixture.means)
    assert_are(mixed_moments(*args, hard=hard), expected_sums(mixture, X, weight, hard=hard))


@families
def test_log_joint_of_mixed_patterns(name):
    mixture, X = make_mixture(name, D=4), side_by_side(with_holes(make_rows(80, D=4, name=name)[0]))
    found = mixed_log_joint(mixture.covariances, X, mixture.log_weights, mixture.means)
    np.testing.assert_allclose(found, [log_joint(mixture, row) for row in X], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", REPRESENTATIVES)
def test_float32_rows_are_taken_as_they_are(name):
    mixture, X = make_mixture(name, D=4), side_by_side(with_holes(make_rows(80, D=4, dtype=np.float32)[0]))
    found = mixed_moments(mixture.covariances, X, None, mixture.log_weights, mixture.means, hard=False)
    assert_are(found, expected_sums(mixture, X.astype(np.float64)), rtol=1e-10)


def side_by_side(X):
    """Return the rows ordered by pattern."""
    return X[np.concatenate([rows for rows, _ in by_pattern(X)])]


def assert_are(moments, sums, rtol=1e-11):
    parts = (moments.log_likelihood, moments.count, moments.first, moments.second)
    for found, expected in zip(parts, sums, strict=True):
        np.testing.assert_allclose(found, expected, rtol=rtol, atol=rtol * np.abs(expected).max())
