from __future__ import annotations

import numpy as np
import pytest
from scipy import integrate, stats

from gaussmix.covariance import FAMILIES
from gaussmix.errors import DataError, ParameterError
from gaussmix.model import Mixture, Model

from ..mixtures import REPRESENTATIVES, flat, make_mixture, make_rows, shaped

NAMES = REPRESENTATIVES
HALF = [0.5, 0.5]


def line(weights=HALF, means=(-2.0, 2.0), variances=(1.0, 1.0)):
    """Return a mixture on the line."""
    return Mixture.from_parameters(weights, np.array(means)[:, None], np.array(variances)[:, None, None])


def test_one_standard_normal():
    mixture = Mixture.from_parameters([1.0], [[0.0]], [[[1.0]]])
    assert mixture.log_prob([[0.0]])[0] == pytest.approx(-0.5 * np.log(2 * np.pi), rel=1e-15)
    assert mixture.log_prob([[3.0]])[0] == pytest.approx(-0.5 * np.log(2 * np.pi) - 4.5, rel=1e-15)


@pytest.mark.parametrize("name", NAMES)
def test_density_is_the_weighted_sum_of_normal_densities(name):
    mixture, (X, _) = make_mixture(name), make_rows()
    dense = mixture.covariances.to_dense()
    densities = [stats.multivariate_normal(mixture.means[k], dense[k]).pdf(X) for k in range(3)]
    np.testing.assert_allclose(
        mixture.log_prob(X), np.log(mixture.weights @ densities), rtol=1e-11, atol=1e-12
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", NAMES)
def test_the_four_functions_of_rows_agree(name, dtype):
    mixture, (X, _) = make_mixture(name, K=4, D=3, spread=1.0), make_rows(K=4, D=3, dtype=dtype)
    log_joint, log_prob, posterior = mixture.log_joint(X), mixture.log_prob(X), mixture.posterior(X)
    tolerance = 64 * np.finfo(dtype).eps
    np.testing.assert_allclose(
        np.logaddexp.reduce(log_joint, axis=1), log_prob, rtol=tolerance, atol=tolerance
    )
    expected = np.exp(log_joint.astype(float) - log_prob[:, None])
    np.testing.assert_allclose(posterior, expected, rtol=0, atol=1024 * np.finfo(dtype).eps)
    np.testing.assert_array_equal(mixture.predict(X), posterior.argmax(axis=1))
    assert {a.dtype for a in (log_joint, log_prob, posterior)} == {np.dtype(dtype)}
    assert mixture.predict(X).dtype == np.int64


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", NAMES)
def test_posteriors_are_probabilities(name, dtype):
    posterior = make_mixture(name, K=5).posterior(make_rows(K=5, dtype=dtype)[0])
    assert ((posterior >= 0) & (posterior <= 1)).all()
    np.testing.assert_allclose(posterior.sum(axis=1), 1.0, atol=5 * 4 * np.finfo(dtype).eps)


@pytest.mark.parametrize("far", [40.0, 1e8, 1e160, 1e300])
@pytest.mark.parametrize("name", NAMES)
def test_far_rows_have_posteriors_and_no_nan(name, far):
    mixture = make_mixture(name, K=3, D=2)
    X = far * np.array([[1.0, 0.0], [-1.0, 1.0], [0.0, -1.0]])
    posterior = mixture.posterior(X)
    np.testing.assert_allclose(posterior.sum(axis=1), 1.0, atol=1e-12)
    for values in (posterior, mixture.log_prob(X), mixture.log_joint(X)):
        assert not np.isnan(values).any()
    assert np.isfinite(mixture.log_prob(X)).all() or far > 1e100
    assert set(mixture.predict(X)) <= {0, 1, 2}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("far", [1e4, 1e8, 1e12, 1e140])
def test_a_far_row_as_near_to_two_components_is_shared(name, far):
    covariances = shaped(FAMILIES[name], 2, 2, np.eye(2))
    mixture = Mixture.from_parameters(HALF, [[-2.0, 0.0], [2.0, 0.0]], covariances, name)
    X = np.array([[0.0, far]])
    np.testing.assert_allclose(mixture.posterior(X), [HALF], rtol=1e-12)
    np.testing.assert_allclose(mixture.e_step(X).count, HALF, rtol=1e-12)


def test_forty_deviations_away_by_hand():
    mixture = line()
    assert mixture.log_prob([[42.0]])[0] == pytest.approx(
        np.log(0.5) - 0.5 * np.log(2 * np.pi) - 800.0, rel=1e-14
    )
    assert mixture.posterior([[42.0]]).tolist() == [[pytest.approx(np.exp(-168.0), rel=1e-10), 1.0]]


@pytest.mark.parametrize("name", NAMES)
def test_a_component_of_weight_zero_takes_no_part(name):
    two = make_mixture(name, K=2)
    three = Mixture.from_parameters(
        [*two.weights, 0.0],
        [*two.means, [0.0, 0.0]],
        {"tied": two.covariances.parameters()}.get(
            name,
            np.concatenate([two.covariances.parameters(), make_mixture(name, K=1).covariances.parameters()]),
        ),
        name,
    )
    X = make_rows()[0]
    np.testing.assert_allclose(three.log_prob(X), two.log_prob(X), rtol=1e-13)
    assert (three.posterior(X)[:, 2] == 0).all()
    assert (three.log_joint(X)[:, 2] == -np.inf).all()
    assert (three.predict(X) == two.predict(X)).all()
    assert three.e_step(X).count[2] == 0
    assert (three.sample(100, 0)[1] < 2).all()


@pytest.mark.parametrize("name", FAMILIES)
def test_parameters_are_counted(name):
    mixture = make_mixture(name, K=3, D=2)
    assert mixture.n_parameters == FAMILIES[name].n_parameters(3, 2) + 3 * 2 + 2


def test_the_density_on_a_line_integrates_to_one():
    mixture = line([0.3, 0.7], (-1.0, 4.0), (0.25, 2.0))
    total, _ = integrate.quad(
        lambda x: np.exp(mixture.log_prob([[x]])[0]), -20, 30, points=[-1, 4], limit=200
    )
    assert total == pytest.approx(1.0, abs=1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_the_density_on_a_plane_integrates_to_one(name):
    mixture = make_mixture(name)
    sd = mixture.covariances.standard_deviations().max(axis=0)
    low, high = mixture.means.min(axis=0) - 9 * sd, mixture.means.max(axis=0) + 9 * sd
    x, y = np.linspace(low, high, 400).T
    grid = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
    cell = (x[1] - x[0]) * (y[1] - y[0])
    assert np.exp(mixture.log_prob(grid)).sum() * cell == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_sampled_counts_follow_the_weights(name):
    mixture, n = make_mixture(name, K=4), 20_000
    _, labels = mixture.sample(n, np.random.default_rng(1))
    assert stats.chisquare(np.bincount(labels, minlength=4), n * mixture.weights).pvalue > 1e-6


@pytest.mark.parametrize("name", NAMES)
def test_sampled_moments_are_those_of_the_components(name):
    mixture = make_mixture(name, K=2, D=3)
    X, labels = mixture.sample(20_000, np.random.default_rng(2))
    for k, covariance in enumerate(mixture.covariances.to_dense()):
        rows, n, variance = X[labels == k], (labels == k).sum(), np.diag(covariance)
        assert (np.abs(rows.mean(axis=0) - mixture.means[k]) < 5 * np.sqrt(variance / n)).all()
        error = np.sqrt((np.outer(variance, variance) + covariance**2) / n)  # of a sample covariance
        assert (np.abs(np.cov(rows.T) - covariance) < 5 * error).all()


def test_a_sample_follows_its_generator():
    mixture = make_mixture()
    for seed in (7, np.random.default_rng(7)):
        np.testing.assert_array_equal(mixture.sample(50, seed)[0], mixture.sample(50, 7)[0])
    assert mixture.sample(50)[0].shape == (50, 2)
    assert mixture.sample(1, 0)[1].shape == (1,)


def test_no_rows_cannot_be_sampled():
    with pytest.raises(ParameterError, match="positive whole number of rows, got 0"):
        make_mixture().sample(0)


@pytest.mark.parametrize(
    ("weights", "means", "covariances", "message"),
    [
        ([1.0], [[0.0], [1.0]], np.ones((2, 1, 1)), r"weights should have shape \(2,\).* got \(1,\)"),
        (HALF, [0.0, 1.0], np.ones((2, 1, 1)), r"means should be .* 2 dimension\(s\), got \(2,\)"),
        ([], np.empty((0, 1)), np.empty((0, 1, 1)), "weights should be a non-empty array"),
        ([0.6, 0.6], [[0.0], [1.0]], np.ones((2, 1, 1)), "sum to 1, but sum to 1.2"),
        ([1.5, -0.5], [[0.0], [1.0]], np.ones((2, 1, 1)), "non-negative"),
        ([np.nan, 0.5], [[0.0], [1.0]], np.ones((2, 1, 1)), "weights should be finite"),
        (HALF, [[np.inf], [1.0]], np.ones((2, 1, 1)), "means should be finite"),
        (HALF, [[0.0], [1.0]], np.ones((2, 1)), r"'full' covariances should have shape \(2, 1, 1\)"),
        (HALF, [[0.0], [1.0]], -np.ones((2, 1, 1)), "positive-definite"),
    ],
)
def test_what_is_no_mixture_is_refused(weights, means, covariances, message):
    with pytest.raises(ParameterError, match=message):
        Mixture.from_parameters(weights, means, covariances)


def test_an_unknown_family_is_refused():
    with pytest.raises(ParameterError, match="covariance_type must be one of"):
        Mixture.from_parameters([1.0], [[0.0]], [[[1.0]]], "round")


def test_given_arrays_are_copied():
    weights, means, covariances = np.array(HALF), np.array([[0.0], [1.0]]), np.ones((2, 1, 1))
    mixture = Mixture.from_parameters(weights, means, covariances)
    for array in (weights, means, covariances):
        array[:] = 9.0
    assert (mixture.weights.tolist(), mixture.means.tolist()) == (HALF, [[0.0], [1.0]])
    assert mixture.covariances.parameters().tolist() == [[[1.0]], [[1.0]]]


def test_weights_that_nearly_sum_to_one_are_made_to():
    mixture = line([0.5, 0.5 + 5e-7])
    assert mixture.weights.sum() == pytest.approx(1.0, abs=1e-15)


@pytest.mark.parametrize(
    ("shape", "message"),
    [((3,), "one-dimensional"), ((2, 3), r"shape \(n, 2\), got \(2, 3\)"), ((1, 2, 1), "3 dimensions")],
)
def test_rows_of_another_shape_are_refused(shape, message):
    with pytest.raises(DataError, match=message):
        make_mixture().log_prob(np.zeros(shape))


def test_infinite_rows_and_rows_without_any_value_are_refused():
    with pytest.raises(DataError, match="row 1, column 0"):
        make_mixture().log_prob([[0.0, 0.0], [np.inf, 0.0]])
    with pytest.raises(DataError, match=r"row 1 .* has missing values only"):
        make_mixture().log_prob([[0.0, 0.0], [np.nan, np.nan]])


@pytest.mark.parametrize(
    "view",
    [
        np.asfortranarray,
        lambda X: np.repeat(X, 2, axis=0)[::2],
        lambda X: X[::-1].copy()[::-1],
        lambda X: X.astype(">f8"),
        lambda X: X.tolist(),
    ],
    ids=["fortran", "strided", "reversed", "big-endian", "list"],
)
def test_rows_in_any_layout_give_the_same(view):
    mixture, (X, _) = make_mixture(), make_rows()
    np.testing.assert_array_equal(mixture.log_prob(view(X)), mixture.log_prob(X))


def test_integers_are_rows_too():
    mixture = line()
    np.testing.assert_array_equal(mixture.log_prob(np.array([[3]], np.int8)), mixture.log_prob([[3.0]]))


def test_rows_are_not_written_to():
    X = make_rows()[0]
    X.flags.writeable = False
    before = X.copy()
    mixture = make_mixture()
    for function in (mixture.log_prob, mixture.posterior, mixture.predict, mixture.log_joint, mixture.e_step):
        function(X)
    np.testing.assert_array_equal(X, before)


def test_no_rows_give_no_values():
    mixture, X = make_mixture(), np.empty((0, 2))
    assert mixture.log_prob(X).shape == (0,)
    assert mixture.posterior(X).shape == (0, 3)
    assert mixture.predict(X).shape == (0,)


def test_one_step_by_hand():
    mixture = line([0.5, 0.5], (-100.0, 100.0))
    moments = mixture.e_step(np.array([[-101.0], [-99.0], [97.0], [103.0]]))
    after = mixture.m_step(moments)
    assert after.weights.tolist() == [0.5, 0.5]
    assert after.means.tolist() == [[-100.0], [100.0]]
    assert after.covariances.parameters().ravel().tolist() == [1.0, 9.0]
    mahalanobis = (1 + 1 + 9 + 9) / 4
    assert mixture.lower_bound(moments) == pytest.approx(
        np.log(0.5) - 0.5 * np.log(2 * np.pi) - 0.5 * mahalanobis, rel=1e-15
    )
    assert after is not mixture


@pytest.mark.parametrize("name", NAMES)
def test_select_keeps_what_is_listed(name):
    mixture = make_mixture(name, K=3)
    picked = mixture.select(np.array([0, 2]))
    np.testing.assert_array_equal(picked.means, mixture.means[[0, 2]])
    np.testing.assert_allclose(picked.weights, mixture.weights[[0, 2]] / mixture.weights[[0, 2]].sum())
    X = make_rows()[0]
    np.testing.assert_allclose(
        picked.log_joint(X) - np.log(picked.weights),
        mixture.log_joint(X)[:, [0, 2]] - np.log(mixture.weights[[0, 2]]),
    )


def test_movement_by_hand():
    before, after = line([0.5, 0.5], (0.0, 0.0), (1.0, 4.0)), line([0.25, 0.75], (1.0, 4.0), (1.0, 8.0))
    means = 1.0**2 / 1 + 4.0**2 / 8
    weights = 0.25**2 / 0.5 + 0.25**2 / 0.75  # over the larger of the two
    covariances = (4.0 / 8.0) ** 2
    assert after.movement(before) == pytest.approx(np.sqrt(means + weights + covariances))
    assert after.movement(after) == 0.0


@pytest.mark.parametrize("name", FAMILIES)
def test_an_emptied_component_keeps_its_place_and_is_marked(name):
    mixture = make_mixture(name, K=2, D=2)
    lost = Mixture.from_parameters(
        [0.5, 0.5], [[0.0, 0.0], [1e6, 0.0]], mixture.covariances.parameters(), name
    )
    after = lost.m_step(lost.e_step(make_rows(D=2)[0]))
    assert after.collapsed.tolist() == [False, True]
    assert (after.weights[1], after.means[1].tolist()) == (0.0, [1e6, 0.0])


def test_a_singular_covariance_is_raised_by_the_floor_and_marked():
    start = line([1.0], (1.0,), (1.0,))
    mixture = Mixture.from_parameters([1.0], [[1.0]], [[[1.0]]], prior=flat(1, floor=0.25))
    after = mixture.m_step(start.e_step(np.full((5, 1), 3.0)))
    assert after.collapsed.tolist() == [True]
    assert after.covariances.parameters().tolist() == [[[0.25]]]


def test_a_mixture_is_a_model():
    assert isinstance(make_mixture(), Model)


def test_a_mixture_is_frozen():
    with pytest.raises(AttributeError):
        make_mixture().weights = np.ones(3)
