"""Densities against arithmetic of 60 digits."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest

from gaussmix.model import Mixture

EPS = np.finfo(float).eps


def exact_log_prob(mixture, x):
    """Return log p(x) of a mixture of K dense covariances."""
    with mpmath.workdps(60):
        total = mpmath.mpf(0)
        for k, covariance in enumerate(mixture.covariances.to_dense()):
            matrix = mpmath.matrix(covariance.tolist())
            difference = mpmath.matrix(
                [
                    mpmath.mpf(float(a)) - mpmath.mpf(float(b))
                    for a, b in zip(x, mixture.means[k], strict=True)
                ]
            )
            squared = (difference.T * mpmath.lu_solve(matrix, difference))[0]
            log_density = -(squared + mpmath.log(mpmath.det(matrix)) + len(x) * mpmath.log(2 * mpmath.pi)) / 2
            total += mpmath.mpf(float(mixture.weights[k])) * mpmath.exp(log_density)
        return mpmath.log(total)


def largest_error(mixture, X):
    """Return the largest relative error of log_prob over the rows."""
    ours = mixture.log_prob(X)
    return max(
        float(abs((mpmath.mpf(float(value)) - exact) / exact))
        for value, exact in ((value, exact_log_prob(mixture, x)) for value, x in zip(ours, X, strict=True))
    )


def conditioned(condition, D, rng):
    """Return a covariance of random axes whose eigenvalues span ``condition``."""
    axes = np.linalg.qr(rng.standard_normal((D, D)))[0]
    matrix = axes * np.geomspace(1.0, 1.0 / condition, D) @ axes.T
    return (matrix + matrix.T) / 2


@pytest.mark.parametrize("condition", [1.0, 1e2, 1e4, 1e6])
@pytest.mark.parametrize("name", ["diag", "spherical"])
def test_without_correlations_any_condition_is_exact(name, condition):
    rng = np.random.default_rng(0)
    variances = np.geomspace(1.0, 1.0 / condition, 6).reshape(2, 3)
    covariances = variances if name == "diag" else variances[:, 0]
    mixture = Mixture.from_parameters([0.4, 0.6], rng.standard_normal((2, 3)), covariances, name)
    assert largest_error(mixture, 3 * rng.standard_normal((6, 3))) < 1e-12


@pytest.mark.parametrize("span", [1e1, 1e2, 1e3])
@pytest.mark.parametrize("name", ["full", "tied"])
def test_features_of_different_units_are_exact(name, span):
    rng = np.random.default_rng(1)
    units = np.geomspace(span, 1.0 / span, 3)  # of condition span⁴
    covariances = np.stack([conditioned(2.0, 3, rng) for _ in range(2)]) * np.outer(units, units)
    given = covariances if name == "full" else covariances[0]
    mixture = Mixture.from_parameters([0.4, 0.6], units * rng.standard_normal((2, 3)), given, name)
    assert largest_error(mixture, units * rng.standard_normal((6, 3))) < 1e-12


@pytest.mark.parametrize("condition", [1e1, 1e2, 1e4, 1e6, 1e8, 1e10])
@pytest.mark.parametrize("D", [2, 5])
def test_correlations_cost_no_more_digits_than_their_condition(D, condition):
    rng = np.random.default_rng(2)
    covariances = np.stack([conditioned(condition, D, rng) for _ in range(2)])
    mixture = Mixture.from_parameters([0.4, 0.6], rng.standard_normal((2, D)), covariances)
    X = mixture.sample(6, rng)[0]
    exact = [exact_log_prob(mixture, x) for x in X]
    errors = [abs(float(ours - value)) for ours, value in zip(mixture.log_prob(X), exact, strict=True)]
    assert max(errors) < max(1e-12, 64 * np.sqrt(condition) * EPS)


@pytest.mark.parametrize("name", ["full", "tied"])
@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("D", [2, 5, 10])
def test_densities_lose_no_digits_up_to_a_condition_of_a_million(D, seed, name):
    rng = np.random.default_rng(seed)
    covariances = np.stack([conditioned(1e6, D, rng) for _ in range(2)])
    given = covariances if name == "full" else covariances[0]
    mixture = Mixture.from_parameters([0.4, 0.6], rng.standard_normal((2, D)), given, name)
    for x in mixture.sample(3, rng)[0]:
        exact = float(exact_log_prob(mixture, x))
        assert abs(mixture.log_prob([x])[0] - exact) < 1e-12 * max(abs(exact), 1.0)


@pytest.mark.parametrize("name", ["full", "tied", "diag", "spherical"])
def test_forty_deviations_away(name):
    covariances = {
        "full": [[[2.0, 1.0], [1.0, 3.0]]],
        "tied": [[2.0, 1.0], [1.0, 3.0]],
        "diag": [[2.0, 3.0]],
        "spherical": [2.0],
    }
    mixture = Mixture.from_parameters([1.0], [[1.0, -1.0]], covariances[name], name)
    assert largest_error(mixture, np.array([[60.0, 0.0], [0.0, -60.0], [-40.0, 50.0]])) < 1e-14


@pytest.mark.parametrize("offset", [1e4, 1e8, 1e12])
def test_far_from_the_origin(offset):
    mixture = Mixture.from_parameters([0.5, 0.5], [[offset], [offset + 4]], [[[1.0]], [[2.0]]])
    assert largest_error(mixture, offset + np.array([[-1.0], [0.5], [7.0]])) < 1e-14
