from __future__ import annotations

import numpy as np
import pytest

from gaussmix import GaussianMixture
from gaussmix.covariance import FAMILIES
from gaussmix.errors import ParameterError
from gaussmix.moments import DIAGONAL, TRACE
from gaussmix.prior import NormalWishart

from .beliefs import resolved

X = np.random.default_rng(0).normal(size=(40, 3)) * [1.0, 5.0, 0.2] + [0.0, 2.0, 100.0]
N, D = X.shape
M, KAPPA, NU = np.array([1.0, 2.0, 99.0]), 3.0, 7.0
SHIFT = X.mean(axis=0) - M
OFFSET = KAPPA * N / (KAPPA + N) * np.outer(SHIFT, SHIFT)
W = N * np.cov(X.T, bias=True) + OFFSET


def fitted(name, scale, **options):
    prior = NormalWishart(M, KAPPA, NU, scale)
    return GaussianMixture(1, covariance_type=name, prior=prior, reg_covar=0, **options).fit(X)


@pytest.mark.parametrize(
    ("name", "scale", "expected"),
    [
        ("full", np.diag([1.0, 2.0, 3.0]), (W + np.diag([1, 2, 3])) / (N + NU + D + 2)),
        ("tied", np.diag([1.0, 2.0, 3.0]), (W + np.diag([1, 2, 3])) / (N + NU + D + 1 + 1)),
        ("full", [1.0, 2.0, 3.0], (W + np.diag([1, 2, 3])) / (N + NU + D + 2)),
        ("full", 2.0, (W + 2 * np.eye(3)) / (N + NU + D + 2)),
        ("diag", [1.0, 2.0, 3.0], (np.diag(W) + np.array([1, 2, 3])) / (N + NU + 3)),
        ("EEI", 2.0, (np.diag(W) + 2) / (N + NU + 2 + 1)),
        ("spherical", 2.0, (np.trace(W) + 2) / ((N + 1) * D + NU + 2)),
        ("EII", 2.0, (np.trace(W) + 2) / ((N + 1) * D + NU + 2)),
    ],
)
def test_one_component_by_the_paper(name, scale, expected):
    model = fitted(name, scale)
    np.testing.assert_allclose(model.means_[0], (N * X.mean(axis=0) + KAPPA * M) / (N + KAPPA), rtol=1e-12)
    np.testing.assert_allclose(np.squeeze(model.covariances_), expected, rtol=1e-10)


@pytest.mark.parametrize("name", ["full", "tied", "diag", "EEI", "spherical", "EII", "VEV"])
def test_a_prior_that_outweighs_the_rows_pulls_towards_a_part_of_the_covariance_of_all(name):
    prior = resolved(NormalWishart(degrees_of_freedom=1000.0), X, name, 4)
    mode = FAMILIES[name].estimate(prior.scatter, prior.count, D).to_dense()[0]
    whole = np.cov(X.T) / 4 ** (2 / 3)
    if prior.kind is DIAGONAL:
        whole = np.diag(np.diag(whole))
    elif prior.kind is TRACE:
        whole = np.diag(whole).mean() * np.eye(D)
    np.testing.assert_allclose(mode, whole, atol=1e-12)


def test_defaults_of_mclust():
    prior = resolved(NormalWishart(scale="mclust"), X, "full", 4)
    np.testing.assert_allclose(prior.means, np.repeat(X.mean(axis=0)[None], 4, 0))
    np.testing.assert_allclose(prior.scatter[2], np.cov(X.T) / 4 ** (2 / 3))
    assert prior.mean_count.tolist() == [0.01] * 4
    assert prior.count.tolist() == [D + 2 + D + 2] * 4
    np.testing.assert_array_equal(prior.scatter, resolved(NormalWishart(), X, "full", 4).scatter)
    own = resolved(NormalWishart(), X, "diag", 4)
    np.testing.assert_allclose(own.scatter[0], X.var(axis=0, ddof=1) / 4 ** (2 / 3))
    for name in ("diag", "spherical"):
        variances = resolved(NormalWishart(scale="mclust"), X, name, 4)
        np.testing.assert_allclose(variances.scatter[0], X.var(axis=0, ddof=1).mean() / 4 ** (2 / 3))


def test_the_default_scale_is_regular_where_rows_are_few():
    few = X[:3]
    scale = resolved(NormalWishart(), few, "full", 1).scatter[0]
    correlation = scale / np.sqrt(np.outer(np.diag(scale), np.diag(scale)))
    assert np.linalg.eigvalsh(correlation)[0] > 0.01


@pytest.mark.parametrize(
    ("options", "name", "sentence"),
    [
        ({"degrees_of_freedom": 2.0}, "full", "degrees_of_freedom should be above 2"),
        ({"degrees_of_freedom": 0.0}, "diag", "degrees_of_freedom should be a positive number"),
        ({"mean_strength": 0.0}, "full", "mean_strength should be a positive number"),
        ({"mean_strength": "much"}, "full", "mean_strength should be a positive number"),
        ({"mean_strength": True}, "full", "mean_strength should be a positive number"),
        ({"mean": [1.0, 2.0]}, "full", r"mean should have shape \(3,\), got \(2,\)"),
        ({"mean": [1.0, 2.0, np.nan]}, "full", "mean should be finite"),
        ({"mean": ["a", "b", "c"]}, "full", "mean should be an array of numbers"),
        ({"scale": "unit"}, "full", "scale should be numbers or 'mclust', got 'unit'"),
        ({"scale": np.eye(2)}, "full", r"scale should have shape \(3, 3\), got \(2, 2\)"),
        ({"scale": np.eye(3)}, "diag", r"scale for covariance_type='diag' should have shape \(\) or \(3,\)"),
        ({"scale": [1.0, 1.0, 1.0]}, "spherical", r"should have shape \(\), got \(3,\)"),
        ({"scale": -np.eye(3)}, "full", "scale should be symmetric and positive definite"),
        ({"scale": np.tri(3)}, "tied", "scale should be symmetric and positive definite"),
        ({"scale": [1.0, 0.0, 1.0]}, "diag", "scale should be positive"),
    ],
)
def test_improper_and_misshapen_priors_are_refused(options, name, sentence):
    with pytest.raises(ParameterError, match=sentence):
        GaussianMixture(2, covariance_type=name, prior=NormalWishart(**options)).fit(X)


def test_one_degree_of_freedom_is_enough_for_variances():
    fitted = GaussianMixture(1, covariance_type="diag", prior=NormalWishart(degrees_of_freedom=1.0)).fit(X)
    assert fitted.converged_
