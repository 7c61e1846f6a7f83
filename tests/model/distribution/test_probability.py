from __future__ import annotations

from itertools import pairwise

import mpmath
import numpy as np
import pytest
from scipy import integrate, special, stats

from gaussmix.errors import DataError, ParameterError
from gaussmix.model import Mixture

from ...mixtures import REPRESENTATIVES, make_mixture, make_rows

LEVELS = [1e-300, 1e-12, 1e-3, 0.1, 0.25, 0.3, 0.5, 0.6, 0.75, 0.999, 1 - 1e-12, 1 - 2**-53]
LINES = {
    "two near": ([0.3, 0.7], [-1.0, 2.0], [1.0, 0.5]),
    "two far": ([0.5, 0.5], [-20.0, 20.0], [1.0, 1.0]),
    "many scales": ([0.25, 0.25, 0.5], [0.0, 5.0, 1e6], [1e-3, 1.0, 10.0]),
    "one rare": ([1e-10, 1 - 1e-10], [0.0, 50.0], [1.0, 3.0]),
    "one without weight": ([0.0, 0.5, 0.5], [-1e9, 0.0, 3.0], [1.0, 1.0, 2.0]),
}


def line(weights, means, sd):
    """Return a mixture on the line."""
    return Mixture.from_parameters(
        weights, np.array(means)[:, None], np.square(np.array(sd))[:, None], "diag"
    )


def exact_cdf(parameters, y):
    """Return P(Y ≤ y) and the density with 50 digits; the weights sum to one exactly."""
    weights, means, sd = ([mpmath.mpf(value) for value in values] for values in parameters)
    weights[-1] = 1 - sum(weights[:-1])
    z = [(mpmath.mpf(float(y)) - mean) / s for mean, s in zip(means, sd, strict=True)]
    return (
        sum(w * mpmath.ncdf(value) for w, value in zip(weights, z, strict=True)),
        sum(w * mpmath.npdf(value) / s for w, value, s in zip(weights, z, sd, strict=True)),
    )


def test_pdf_is_the_exponential_of_the_log_density():
    mixture, X = make_mixture(), make_rows()[0]
    np.testing.assert_array_equal(mixture.pdf(X), np.exp(mixture.log_prob(X)))


@pytest.mark.parametrize("name", LINES)
def test_pdf_on_a_line_integrates_to_one(name):
    weights, means, sd = LINES[name]
    mixture = line(weights, means, sd)
    edges = np.unique(np.add.outer(means, np.outer(sd, [-9, -3, 0, 3, 9]).ravel()))
    pieces = [
        integrate.fixed_quad(lambda x: mixture.pdf(x[:, None]), a, b, n=200)[0] for a, b in pairwise(edges)
    ]
    assert sum(pieces) == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize("name", REPRESENTATIVES)
def test_pdf_on_a_plane_integrates_to_one(name):
    mixture = make_mixture(name)
    reach = 9 * mixture.covariances.standard_deviations().max(axis=0)
    x, y = np.linspace(mixture.means.min(axis=0) - reach, mixture.means.max(axis=0) + reach, 400).T
    grid = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
    total = mixture.pdf(grid).sum() * (x[1] - x[0]) * (y[1] - y[0])
    assert total == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize("name", REPRESENTATIVES)
def test_components_are_normal_densities(name):
    mixture, X = make_mixture(name), make_rows()[0]
    dense = mixture.covariances.to_dense()
    expected = [stats.multivariate_normal(mixture.means[k], dense[k]).logpdf(X) for k in range(3)]
    np.testing.assert_allclose(mixture.log_prob_components(X), np.transpose(expected), rtol=1e-11, atol=1e-12)


def test_a_component_without_weight_has_a_density():
    mixture = line([1.0, 0.0], [0.0, 1.0], [1.0, 1.0])
    assert mixture.log_joint([[1.0]])[0, 1] == -np.inf
    assert mixture.log_prob_components([[1.0]])[0, 1] == pytest.approx(-0.5 * np.log(2 * np.pi), rel=1e-15)


@pytest.mark.parametrize("parameters", LINES.values(), ids=LINES)
def test_cdf_on_a_line_is_exact(parameters):
    mixture = line(*parameters)
    with mpmath.workdps(50):
        for y in np.concatenate([mixture.means[:, 0] + shift for shift in (-6.0, -1.0, 0.0, 0.5)]):
            assert mixture.cdf([[y]])[0] == pytest.approx(float(exact_cdf(parameters, y)[0]), rel=1e-13)


def test_cdf_of_independent_features_is_a_product():
    mixture = make_mixture("diag", K=1, D=3)
    X = make_rows(n=20, D=3)[0]
    features = [mixture.marginal(d).cdf(X[:, [d]]) for d in range(3)]
    np.testing.assert_allclose(mixture.cdf(X), np.prod(features, axis=0), rtol=1e-14)


@pytest.mark.parametrize("correlation", [-0.999, -0.5, 0.0, 0.3, 0.95, 0.999999])
def test_cdf_on_a_plane_is_exact(correlation):
    mixture = Mixture.from_parameters([1.0], [[0.0, 0.0]], [[[1.0, correlation], [correlation, 1.0]]])
    for h, k in np.array(np.meshgrid([-4.0, -1.0, 0.0, 0.5, 3.0], [-3.0, 0.0, 1.0, 5.0])).reshape(2, -1).T:
        root = np.sqrt((1 - correlation) * (1 + correlation))
        split = [k / correlation] if correlation and -12 < k / correlation < h else None
        expected, _ = integrate.quad(
            lambda x, k=k, root=root: np.exp(-x * x / 2) * special.ndtr((k - correlation * x) / root),
            -12, h, points=split, epsabs=1e-14, epsrel=1e-12, limit=500,
        )  # fmt: skip
        assert mixture.cdf([[h, k]])[0] == pytest.approx(expected / np.sqrt(2 * np.pi), abs=2e-13)


@pytest.mark.parametrize("name", ["full", "tied"])
def test_cdf_in_three_dimensions_is_that_of_many_draws(name):
    mixture = make_mixture(name, D=3)
    X = mixture.sample(200_000, np.random.default_rng(0))[0]
    at = mixture.mean[None] + [[1.0, -1.0, 2.0]]
    (value,) = mixture.cdf(at)
    below = np.less_equal(X, at).all(axis=1).mean()
    assert below == pytest.approx(value, abs=5 * np.sqrt(0.25 / len(X)) + 1e-4)
    assert mixture.cdf(np.repeat(at, 2, axis=0)).tolist() == [value, value]


@pytest.mark.parametrize("parameters", LINES.values(), ids=LINES)
def test_quantiles_are_exact(parameters):
    found = line(*parameters).quantile(LEVELS)
    with mpmath.workdps(50):
        for q, y in zip(LEVELS, found, strict=True):
            value, density = exact_cdf(parameters, y)
            if density * min(parameters[2]) > 1e-13:  # not in a gap, where the sum of the weights decides
                error = (value - mpmath.mpf(q)) / density  # one step of Newton
                assert abs(error) < 1e-13 * max(abs(y), min(parameters[2]))
            else:
                assert abs(value - mpmath.mpf(q)) < 1e-15


def test_the_median_of_two_equal_modes_lies_between():
    for distance in (3.0, 40.0, 1e3, 1e10, 1e200):
        assert line([0.5, 0.5], [-distance, distance], [1.0, 1.0]).quantile(0.5) == 0.0


def test_quantiles_of_very_different_scales_are_found():
    mixture = line([0.5, 0.5], [0.0, 0.0], [1e-100, 1e100])
    assert mixture.quantile(0.75 - 1e-9) < 1e92
    assert mixture.quantile(0.25 - 1e-9) < 0


def test_quantile_and_cdf_are_inverse():
    mixture = make_mixture(D=1, K=4)
    q = np.random.default_rng(0).uniform(size=(50, 2))
    y = mixture.quantile(q)
    assert y.shape == q.shape
    np.testing.assert_allclose(mixture.cdf(y.reshape(-1, 1)), q.ravel(), rtol=1e-13)


@pytest.mark.parametrize("name", REPRESENTATIVES)
def test_the_quantile_of_a_feature_is_that_of_its_marginal(name):
    mixture = make_mixture(name, D=3)
    for d in range(3):
        assert mixture.quantile(0.1, d) == mixture.marginal(d).quantile(0.1)
    assert np.shape(mixture.quantile(0.5, np.int64(1))) == ()


def test_quantiles_at_the_ends_are_infinite():
    np.testing.assert_array_equal(make_mixture(D=1).quantile([0.0, 1.0]), [-np.inf, np.inf])


@pytest.mark.parametrize(
    ("q", "feature", "message"),
    [
        (1.5, 0, "q should be probabilities from 0 to 1, got 1.5"),
        (np.nan, 0, "q should be probabilities from 0 to 1, got nan"),
        ("low", 0, "q should be probabilities, got 'low'"),
        (0.5, None, "quantile needs feature=, a number from 0 to 1"),
        (0.5, 2, "features should be from 0 to 1, got 2"),
        (0.5, -1, "features should be from 0 to 1, got -1"),
        (0.5, [0, 1], r"quantile is of one feature, got feature=\[0, 1\]"),
    ],
)
def test_what_has_no_quantile(q, feature, message):
    with pytest.raises(ParameterError, match=message):
        make_mixture().quantile(q, feature)


def test_rows_of_another_width_have_no_cdf():
    with pytest.raises(DataError, match=r"X should have shape \(n, 2\), got \(1, 3\)"):
        make_mixture().cdf([[0.0, 0.0, 0.0]])
