from __future__ import annotations

import numpy as np
import pytest

from gaussmix.covariance import FAMILIES
from gaussmix.errors import DataError
from gaussmix.executor import Serial
from gaussmix.fit import EStep
from gaussmix.model import Mixture
from gaussmix.source import ArraySource, IncompleteRows, incomplete

from ..incompleteness import (
    conditional,
    expected_sums,
    fit_incomplete,
    log_joint,
    responsibilities,
    with_holes,
)
from ..mixtures import DTYPES, REPRESENTATIVES, assert_same_mixture, fit, make_mixture, make_rows, start

NAN = np.nan
families = pytest.mark.parametrize("name", FAMILIES)
TOLERANCE = {np.float64: 1e-11, np.float32: 3e-5}


@pytest.fixture(params=[1, 10**9], ids=["own groups", "one group"])
def own_rows(request, monkeypatch):
    """Try rare patterns in groups of their own, and in one group."""
    monkeypatch.setattr(incomplete, "_OWN_ROWS", request.param)


def moments(mixture, X, weight=None, labels=None, allowed=(), *, hard=False, block=50):
    partitions = IncompleteRows.of(ArraySource(X, weight), labels, allowed).partitions(block)
    return Serial().map_reduce(EStep(mixture, hard), partitions)


def assert_are(found, sums, rtol):
    parts = (found.log_likelihood, found.count, found.first, found.second)
    for part, expected in zip(parts, sums, strict=True):
        np.testing.assert_allclose(part, expected, rtol=rtol, atol=rtol * np.abs(expected).max())


@pytest.mark.parametrize(("name", "dtype"), DTYPES)
@pytest.mark.parametrize("weighted", [False, True])
def test_moments_are_those_expected_of_the_complete_rows(name, dtype, weighted, own_rows):
    mixture = make_mixture(name, D=3)
    X = with_holes(make_rows(120, D=3, name=name, dtype=dtype)[0])
    weight = np.random.default_rng(1).uniform(0.0, 2.0, len(X)) if weighted else None
    assert_are(moments(mixture, X, weight), expected_sums(mixture, X, weight), TOLERANCE[dtype])


@pytest.mark.parametrize("name", REPRESENTATIVES)
@pytest.mark.parametrize("hard", [False, True])
def test_moments_of_rows_that_belong_to_some_components_only(name, hard, own_rows):
    mixture, X = make_mixture(name, D=3), with_holes(make_rows(120, D=3, name=name)[0])
    labels, allowed = np.arange(120) % 3 - 1, [(0,), (1, 2)]
    parts = [
        expected_sums(mixture, X[labels == label], None, allowed[label] if label >= 0 else None, hard=hard)
        for label in (-1, 0, 1)
    ]
    sums = [sum(part) for part in zip(*parts, strict=True)]
    assert_are(moments(mixture, X, labels=labels, allowed=allowed, hard=hard), sums, 1e-11)


@families
def test_densities_are_those_of_the_observed_features(name, own_rows):
    mixture, X = make_mixture(name, D=3), with_holes(make_rows(60, D=3, name=name)[0])
    joint = np.array([log_joint(mixture, row) for row in X])
    np.testing.assert_allclose(mixture.log_joint(X), joint, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(mixture.log_prob(X), np.logaddexp.reduce(joint, axis=1), rtol=1e-12)
    posterior = mixture.posterior(X)
    np.testing.assert_allclose(posterior.sum(axis=1), 1.0, rtol=1e-14)
    np.testing.assert_allclose(posterior, [responsibilities(mixture, row)[0] for row in X], atol=1e-12)
    np.testing.assert_array_equal(mixture.predict(X), joint.argmax(axis=1))


@pytest.mark.parametrize("name", REPRESENTATIVES)
def test_the_marginal_has_the_density_of_rows_that_miss_the_rest(name, own_rows):
    mixture, X = make_mixture(name, D=4), make_rows(50, D=4, name=name)[0]
    X[:, [0, 2]] = NAN
    np.testing.assert_allclose(
        mixture.log_prob(X), mixture.marginal([1, 3]).log_prob(X[:, [1, 3]]), rtol=1e-12
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_precision_of_the_rows_is_kept(dtype, own_rows):
    mixture, X = make_mixture(D=3), with_holes(make_rows(60, D=3, dtype=dtype)[0])
    assert mixture.log_prob(X).dtype == mixture.posterior(X).dtype == mixture.impute(X).dtype == dtype


@pytest.mark.parametrize("name", REPRESENTATIVES)
def test_rows_far_from_all_components_have_posteriors(name, own_rows):
    mixture, X = make_mixture(name, D=3), with_holes(1e6 * make_rows(60, D=3)[0])
    posterior = mixture.posterior(X)
    np.testing.assert_allclose(posterior.sum(axis=1), 1.0, rtol=1e-14)
    assert np.isfinite(mixture.log_prob(X)).all()


def test_complete_rows_do_not_see_the_others():
    mixture, X = make_mixture(D=3), make_rows(60, D=3)[0]
    both = np.concatenate([X, with_holes(X, part=0.9)])
    np.testing.assert_array_equal(mixture.log_prob(both)[:60], mixture.log_prob(X))


@families
def test_the_bound_never_falls(name, own_rows):
    X, labels = make_rows(n=150, K=3, D=3, name=name)
    history = fit_incomplete(start(X, labels, name), with_holes(X), n_iter=25).history
    assert np.diff(history).min() >= -1e-10


@families
def test_the_bound_is_the_mean_log_density(name):
    X, labels = make_rows(D=3, name=name)
    holed, weight = with_holes(X), np.random.default_rng(0).uniform(0.0, 2.0, len(X))
    model = fit_incomplete(start(X, labels, name), holed, weight, n_iter=3).model
    bound = model.lower_bound(moments(model, holed, weight))
    assert bound == pytest.approx(np.average(model.log_prob(holed), weights=weight), rel=1e-13)


@families
def test_complete_rows_in_groups_give_the_fit_of_complete_rows(name):
    X, labels = make_rows(D=3, name=name)
    one = start(X, labels, name)
    plain = fit(one, X, n_iter=10).model
    assert_same_mixture(fit_incomplete(one, X, n_iter=10).model, plain, rtol=1e-11)
    known = fit_incomplete(one, X, n_iter=10, labels=np.full(len(X), -1)).model
    assert_same_mixture(known, plain, rtol=1e-11)


@families
def test_features_in_other_units_give_the_same_fit(name):
    X, labels = make_rows(D=3, name=name)
    scale = np.array([2.0**-30, 1.0, 2.0**40])
    if FAMILIES[name].invariance != "diagonal" and FAMILIES[name].invariance != "affine":
        scale[:] = 2.0**40
    one = fit_incomplete(start(X, labels, name), with_holes(X), n_iter=10).model
    other = fit_incomplete(start(X * scale, labels, name), with_holes(X) * scale, n_iter=10).model
    np.testing.assert_allclose(other.means / scale, one.means, rtol=1e-9)
    dense = other.covariances.to_dense() / scale / scale[:, None]
    np.testing.assert_allclose(dense, one.covariances.to_dense(), rtol=1e-8, atol=1e-9)


@families
def test_a_weight_of_two_is_a_row_twice(name):
    X, labels = make_rows(n=100, D=3, name=name)
    one, holed = start(X, labels, name), with_holes(X)
    weight = 1.0 + np.arange(100) % 2
    twice = fit_incomplete(one, np.repeat(holed, weight.astype(int), axis=0), n_iter=10).model
    assert_same_mixture(fit_incomplete(one, holed, weight, n_iter=10).model, twice, rtol=1e-9)


def test_rows_of_no_weight_do_not_matter(own_rows):
    X, labels = make_rows(n=100, D=3)
    one, holed = start(X, labels, "full"), with_holes(X)
    weight = np.repeat([1.0, 0.0], [100, 20])
    more = np.concatenate([holed, 1e9 * holed[:20]])
    alone = fit_incomplete(one, holed, n_iter=10)
    both = fit_incomplete(one, more, weight, n_iter=10)
    assert_same_mixture(both.model, alone.model, rtol=1e-11)
    np.testing.assert_allclose(both.history, alone.history, rtol=1e-12)


@families
def test_imputed_values_are_conditional_means(name):
    mixture, X = make_mixture(name, D=3), with_holes(make_rows(60, D=3, name=name)[0])
    filled = mixture.impute(X)
    for row, complete in zip(X, filled, strict=True):
        shares, _ = responsibilities(mixture, row)
        mean = sum(share * conditional(mixture, row, k)[0] for k, share in enumerate(shares))
        np.testing.assert_allclose(complete, mean, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("draw", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_imputation_keeps_observed_values_to_the_bit(draw, dtype):
    mixture, X = make_mixture(D=3), with_holes(make_rows(60, D=3, dtype=dtype)[0])
    before, filled = X.copy(), mixture.impute(X, draw=draw, random_state=0)
    observed = ~np.isnan(X)
    np.testing.assert_array_equal(filled[observed], X[observed])
    assert np.isfinite(filled).all()
    np.testing.assert_array_equal(X, before)


@pytest.mark.parametrize("name", REPRESENTATIVES)
def test_drawn_values_have_the_conditional_mean_and_covariance(name):
    mixture = make_mixture(name, K=1, D=3)
    row, n = np.array([NAN, mixture.means[0, 1] + 1.0, NAN]), 20_000
    drawn = mixture.impute(np.tile(row, (n, 1)), draw=True, random_state=1)[:, [0, 2]]
    mean, covariance = (part[..., [0, 2]] for part in conditional(mixture, row, 0))
    covariance = covariance[[0, 2]]
    sd = np.sqrt(np.diag(covariance))
    np.testing.assert_array_less(np.abs(drawn.mean(axis=0) - mean), 5 * sd / np.sqrt(n))
    error = np.sqrt((np.outer(sd, sd) ** 2 + covariance**2) / n)  # of a sample covariance of normal draws
    np.testing.assert_array_less(np.abs(np.cov(drawn.T) - covariance), 5 * error)


def test_drawn_values_come_from_the_components_by_their_posterior():
    mixture = Mixture.from_parameters([0.3, 0.7], [[0.0, -50.0], [1.0, 50.0]], [np.eye(2)] * 2)
    X = np.tile([0.4, NAN], (20_000, 1))
    share = mixture.posterior(X[:1])[0, 1]
    found = (mixture.impute(X, draw=True, random_state=0)[:, 1] > 0).mean()
    assert abs(found - share) < 5 * np.sqrt(share * (1 - share) / len(X))


def test_draws_with_the_same_seed_are_the_same():
    mixture, X = make_mixture(D=3), with_holes(make_rows(60, D=3)[0])
    one, again, other = (mixture.impute(X, draw=True, random_state=seed) for seed in (3, 3, 4))
    np.testing.assert_array_equal(one, again)
    assert (one != other).any()


def test_draws_follow_the_units_of_the_features():
    X, scale = with_holes(make_rows(60, D=3)[0]), np.array([2.0**-100, 1.0, 2.0**100])
    one = make_mixture(D=3)
    dense = one.covariances.to_dense() * scale * scale[:, None]
    other = Mixture.from_parameters(one.weights, one.means * scale, dense)
    drawn, rescaled = (
        one.impute(X, draw=True, random_state=0),
        other.impute(X * scale, draw=True, random_state=0),
    )
    np.testing.assert_allclose(rescaled / scale, drawn, rtol=1e-12)


def test_imputing_complete_rows_returns_a_copy():
    mixture, X = make_mixture(D=3), make_rows(20, D=3)[0]
    filled = mixture.impute(X)
    np.testing.assert_array_equal(filled, X)
    assert not np.shares_memory(filled, X)


@pytest.mark.parametrize("method", ["log_prob", "posterior", "predict", "impute"])
def test_rows_of_which_nothing_is_known_are_refused(method):
    X = np.zeros((4, 2))
    X[2] = NAN
    with pytest.raises(DataError, match=r"row 2 .* missing values only"):
        getattr(make_mixture(), method)(X)


@pytest.mark.parametrize("method", ["log_prob", "posterior", "predict", "impute"])
def test_infinite_values_are_refused(method):
    with pytest.raises(DataError, match="row 0, column 1 is inf"):
        getattr(make_mixture(), method)([[NAN, np.inf]])
