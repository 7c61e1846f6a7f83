from __future__ import annotations

import mpmath
import numpy as np
import pytest
from scipy import stats

from gaussmix.covariance import FAMILIES, Dense
from gaussmix.errors import DataError, ParameterError
from gaussmix.model import Mixture
from gaussmix.model.distribution.derived import derived

from ...mixtures import REPRESENTATIVES, assert_same_mixture, make_mixture
from ..test_precision import conditioned

D = 4
GIVEN = [3, 1]
OTHERS = [0, 2]


def make_conditionals(name="full", n=40, seed=0):
    """Return a mixture, rows of it, and the conditionals given two of the features."""
    mixture = make_mixture(name, K=3, D=D, seed=seed, spread=1.0)
    X = mixture.sample(n, seed)[0]
    return mixture, X, mixture.condition_rows(GIVEN, X[:, GIVEN])


def closed_form(mixture, values):
    """Return weights, means and covariances given the values, by the formulas in plain NumPy."""
    dense, weights, means, covariances = mixture.covariances.to_dense(), [], [], []
    for k, S in enumerate(dense):
        oo, uo, uu = (S[np.ix_(a, b)] for a, b in ((GIVEN, GIVEN), (OTHERS, GIVEN), (OTHERS, OTHERS)))
        gain = uo @ np.linalg.inv(oo)
        normal = stats.multivariate_normal(mixture.means[k, GIVEN], oo)
        weights.append(mixture.weights[k] * normal.pdf(values))
        means.append(mixture.means[k, OTHERS] + gain @ (values - mixture.means[k, GIVEN]))
        covariances.append(uu - gain @ uo.T)
    return np.array(weights) / np.sum(weights), np.array(means), np.array(covariances)


def exact_conditional(S, centre, x):
    """Return mean and covariance of one Gaussian given the row's values, computed with 60 digits."""
    with mpmath.workdps(60):
        exact = mpmath.matrix(S.tolist())
        oo, uo, uu = (
            mpmath.matrix([[exact[i, j] for j in b] for i in a])
            for a, b in ((GIVEN, GIVEN), (OTHERS, GIVEN), (OTHERS, OTHERS))
        )
        gain = uo * mpmath.inverse(oo)
        shift = mpmath.matrix(x[GIVEN].tolist()) - mpmath.matrix(centre[GIVEN].tolist())
        mean = gain * shift + mpmath.matrix(centre[OTHERS].tolist())
        covariance = uu - gain * uo.T
        return np.array(mean.tolist(), float)[:, 0], np.array(covariance.tolist(), float)


@pytest.mark.parametrize("name", FAMILIES)
def test_conditioning_is_the_closed_formula(name):
    mixture, X, given = make_conditionals(name)
    for i, x in enumerate(X):
        weights, means, covariances = closed_form(mixture, x[GIVEN])
        np.testing.assert_allclose(given.weights[i], weights, rtol=1e-12)
        np.testing.assert_allclose(given.means[i], means, rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(given.covariances, covariances, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("name", FAMILIES)
def test_one_row_and_many_rows_agree(name):
    mixture, X, given = make_conditionals(name, n=5)
    for i, x in enumerate(X):
        assert_same_mixture(mixture.condition(GIVEN, x[GIVEN]), given.mixture(i), 1e-14)
    assert len(given) == 5
    assert given.features.tolist() == OTHERS


@pytest.mark.parametrize("name", REPRESENTATIVES)
def test_conditionals_stay_in_the_form_of_the_mixture(name):
    mixture, X, given = make_conditionals(name)
    assert given.mixture(0).covariance_type == name
    assert mixture.condition(2, X[0, 2]).covariance_type == name


@pytest.mark.parametrize("name", FAMILIES)
def test_joint_density_is_marginal_times_conditional(name):
    mixture, X, given = make_conditionals(name)
    np.testing.assert_allclose(given.log_density, mixture.marginal(GIVEN).log_prob(X[:, GIVEN]), rtol=1e-13)
    joint = given.log_density + given.log_prob(X[:, OTHERS])
    np.testing.assert_allclose(joint, mixture.log_prob(X), rtol=1e-11)


@pytest.mark.parametrize("name", REPRESENTATIVES)
def test_the_marginal_of_a_conditional_is_the_conditional_of_the_marginal(name):
    mixture, X, _ = make_conditionals(name)
    x = X[0]
    one = mixture.condition([3], [x[3]]).marginal([0, 1])
    assert_same_mixture(one, mixture.marginal([0, 1, 3]).condition([2], [x[3]]), 1e-12)


@pytest.mark.parametrize("name", REPRESENTATIVES)
def test_conditioning_step_by_step_is_conditioning_at_once(name):
    mixture, X, given = make_conditionals(name)
    x = X[0]
    steps = mixture.condition([3], [x[3]]).condition([1], [x[1]])
    assert_same_mixture(steps, given.mixture(0), 1e-11)


def test_a_mask_names_the_given_features():
    mixture, X, _ = make_conditionals()
    mask = [False, True, False, True]
    assert_same_mixture(mixture.condition(mask, X[0, [1, 3]]), mixture.condition([1, 3], X[0, [1, 3]]), 0)


@pytest.mark.parametrize("distance", [1e2, 1e6, 1e100, 1e200])
@pytest.mark.parametrize("name", REPRESENTATIVES)
def test_weights_far_from_everything_sum_to_one(name, distance):
    mixture = make_mixture(name, K=3, D=D)
    sd = mixture.covariances.standard_deviations().max(axis=0)
    given = mixture.condition_rows(GIVEN, distance * sd[GIVEN] * [[1.0, 1.0], [-1.0, 1.0]])
    np.testing.assert_allclose(given.weights.sum(axis=1), 1.0, rtol=1e-15)
    assert np.isfinite(given.means).all()
    assert given.mixture(0).weights.sum() == pytest.approx(1.0, abs=1e-15)


@pytest.mark.parametrize("condition", [1e2, 1e4, 1e6, 1e8])
def test_conditioning_costs_no_more_digits_than_the_condition(condition):
    rng = np.random.default_rng(0)
    S = conditioned(condition, D, rng)
    mixture = Mixture.from_parameters([1.0], rng.standard_normal((1, D)), S[None])
    x = mixture.sample(1, rng)[0][0]
    given = mixture.condition(GIVEN, x[GIVEN])
    mean, covariance = exact_conditional(S, mixture.means[0], x)
    sd = np.sqrt(np.diag(covariance))
    tolerance = max(1e-12, 4 * condition * np.finfo(float).eps)
    np.testing.assert_allclose(given.means[0] / sd, mean / sd, rtol=0, atol=tolerance)
    np.testing.assert_allclose(
        given.covariances.to_dense()[0] / np.outer(sd, sd),
        covariance / np.outer(sd, sd),
        rtol=0,
        atol=tolerance,
    )


@pytest.mark.parametrize("name", REPRESENTATIVES)
def test_features_of_any_units_give_the_same(name):
    mixture, X, given = make_conditionals(name)
    units = np.full(D, 1e-100) if name == "spherical" else np.array([1e-100, 1e100, 1.0, 1e-50])
    scaled = mixture.affine(np.diag(units)).condition_rows(GIVEN, X[:, GIVEN] * units[GIVEN])
    np.testing.assert_allclose(scaled.weights, given.weights, rtol=1e-11)
    np.testing.assert_allclose(scaled.mean() / units[OTHERS], given.mean(), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", REPRESENTATIVES)
def test_summaries_are_those_of_the_mixtures_of_the_rows(name):
    _, X, given = make_conditionals(name, n=10)
    Y, q = X[:, OTHERS], [0.05, 0.5]
    mean, covariance, quantile = given.mean(), given.covariance(), given.quantile(q)
    cdf, log_prob = given.cdf(Y), given.log_prob(Y)
    for i, y in enumerate(Y):
        one = given.mixture(i)
        np.testing.assert_allclose(mean[i], one.mean, rtol=1e-13, atol=1e-13)
        np.testing.assert_allclose(covariance[i], one.covariance, rtol=1e-12, atol=1e-13)
        assert log_prob[i] == pytest.approx(one.log_prob([y])[0], rel=1e-12)
        for r in range(2):
            np.testing.assert_allclose(quantile[:, i, r], one.quantile(q, r), rtol=1e-12, atol=1e-13)
            assert cdf[i, r] == pytest.approx(one.marginal(r).cdf([[y[r]]])[0], rel=1e-12)


def test_quantiles_have_the_shape_of_their_levels():
    _, _, given = make_conditionals(n=7)
    assert given.quantile(0.5).shape == (7, 2)
    assert given.quantile([0.1, 0.5, 0.9]).shape == (3, 7, 2)
    np.testing.assert_array_equal(given.quantile([0.1, 0.5])[1], given.quantile(0.5))
    assert (given.quantile(0.0) == -np.inf).all()


@pytest.mark.parametrize("name", REPRESENTATIVES)
def test_draws_have_the_moments_of_their_row(name):
    _, _, given = make_conditionals(name, n=3)
    n = 3000
    draws = given.sample(0, n_draws=n)
    assert draws.shape == (n, 3, 2)
    shift = draws - given.mean()
    assert (np.abs(shift.mean(axis=0)) < 5 * shift.std(axis=0) / np.sqrt(n)).all()
    products = shift[:, :, :, None] * shift[:, :, None, :]
    assert (np.abs(products.mean(axis=0) - given.covariance()) < 5 * products.std(axis=0) / np.sqrt(n)).all()


def test_draws_follow_their_generator():
    _, _, given = make_conditionals()
    assert given.sample(1).shape == (40, 2)
    np.testing.assert_array_equal(given.sample(1), given.sample(np.random.default_rng(1)))


def test_no_rows_have_no_conditionals():
    mixture, _, _ = make_conditionals()
    given = mixture.condition_rows(GIVEN, np.empty((0, 2)))
    assert len(given) == 0
    assert given.mean().shape == (0, 2)
    assert given.quantile([0.5]).shape == (1, 0, 2)
    assert given.sample(0).shape == (0, 2)


def test_conditioning_on_all_features_leaves_none():
    with pytest.raises(ParameterError, match="conditioning on all 2 features leaves none"):
        make_mixture(D=2).condition([0, 1], [0.0, 0.0])


@pytest.mark.parametrize(
    "values",
    [[0.0], [0.0, np.nan], [np.inf, 0.0], [[0.0, 0.0]], ["a", "b"]],
)
def test_values_that_cannot_be_conditioned_on(values):
    with pytest.raises(DataError, match=r"values should be 2 finite number\(s\)"):
        make_mixture(D=3).condition([0, 2], values)


def test_a_singular_marginal_is_named():
    S = np.array([[1.0, 1.0, 0.0], [1.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    mixture = derived(np.array([1.0]), np.zeros((1, 3)), Dense.from_covariances(S[None]))
    with pytest.raises(
        ParameterError, match=r"features \[0, 1\] cannot be conditioned on.* component 0 is sing"
    ):
        mixture.condition([0, 1], [0.0, 0.0])
    with pytest.raises(ParameterError, match=r"features \[1, 2\] are determined by the given ones"):
        mixture.condition([0], [0.0])


@pytest.mark.parametrize(
    ("Y", "message"),
    [
        (np.zeros((3, 2)), r"Y should have shape \(40, 2\), got \(3, 2\)"),
        (np.full((40, 2), np.nan), "Y should be finite, but row 0, column 0 is nan"),
        ("rows", "Y should be an array of real numbers"),
    ],
)
def test_rows_that_have_no_conditional_density(Y, message):
    _, _, given = make_conditionals()
    for method in (given.log_prob, given.cdf):
        with pytest.raises(DataError, match=message):
            method(Y)


@pytest.mark.parametrize("n_draws", [0, -1, 2.5])
def test_the_number_of_draws_is_a_positive_whole_number(n_draws):
    _, _, given = make_conditionals()
    with pytest.raises(ParameterError, match=f"n_draws should be a positive whole number, got {n_draws}"):
        given.sample(n_draws=n_draws)
