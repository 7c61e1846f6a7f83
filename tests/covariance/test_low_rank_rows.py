"""Moments without D × D matrices are parts of those with them, wherever the means lie."""

from __future__ import annotations

import numpy as np
import pytest

from gaussmix.covariance import Dense, LowRank
from gaussmix.covariance.low_rank_rows import moments_given
from gaussmix.moments import factors

from .low_rank_cases import make_factors, make_rows, make_wide


@pytest.fixture(autouse=True)
def wide(monkeypatch):
    make_wide(monkeypatch)


def moments_of(covariances, X, means, **options):
    log_weights = np.log(np.full(len(means), 1 / len(means)))
    weight = np.random.default_rng(5).uniform(0.5, 2.0, len(X))
    return covariances.moments(X, weight, log_weights, means, **options)


@pytest.mark.parametrize("hard", [False, True])
@pytest.mark.parametrize(("spread", "offset"), [(1.0, 0.0), (1.0, 1e6), (1e3, 0.0), (1e7, 0.0)])
def test_moments_are_projections_of_the_full_ones(hard, spread, offset):
    covariances, rng = make_factors(), np.random.default_rng(3)
    means = offset + spread * rng.standard_normal((3, 7))
    X = means[rng.integers(0, 3, 90)] + make_rows(90)
    found = moments_of(covariances, X, means, hard=hard)
    full = moments_of(Dense.from_covariances(covariances.to_dense()), X, means, hard=hard)
    assert found.log_likelihood == pytest.approx(full.log_likelihood, rel=1e-11)
    assert found.weight == pytest.approx(full.weight)
    np.testing.assert_allclose(found.count, full.count, rtol=1e-8)
    for moments in ((found.second, full.second), (found.about_means()[2], full.about_means()[2])):
        np.testing.assert_allclose(moments[0][..., :2], moments[1] @ covariances.probe, rtol=1e-7, atol=1e-7)
        np.testing.assert_allclose(moments[0][..., 4], np.einsum("kdd->kd", moments[1]), rtol=1e-7)


def test_signals_far_above_the_noise_lose_no_digits():
    loadings = np.random.default_rng(0).standard_normal((1, 7, 2))
    strong = LowRank.from_factors(1e4 * loadings, np.ones((1, 7)))
    X = 1e4 * make_rows(20)[:, :2] @ loadings[0].T
    X += np.random.default_rng(1).standard_normal(X.shape)
    basis = np.linalg.qr(loadings[0], mode="complete")[0]
    across = np.square(X @ basis[:, 2:]).sum(axis=1)  # Mahalanobis distance across the plane of the loadings
    along = X @ np.linalg.pinv(loadings[0]).T / 1e4
    inner = np.linalg.inv(np.eye(2) + 1e-8 * np.linalg.inv(loadings[0].T @ loadings[0]))
    expected = -0.5 * (across + np.einsum("nq,qr,nr->n", along, inner, along))
    found = strong.log_prob(X, np.zeros(1), np.zeros((1, 7))) + 0.5 * (strong.log_det + 7 * np.log(2 * np.pi))
    np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_parts_add_to_the_whole_and_move_to_other_points():
    covariances, X, means = make_factors(), make_rows(100), make_rows(3)
    log_weights = np.log(np.full(3, 1 / 3))
    whole = covariances.moments(X, None, log_weights, means)
    parts = [covariances.moments(part, None, log_weights, means) for part in (X[:30], X[30:])]
    np.testing.assert_allclose((parts[0] + parts[1]).buffer, whole.buffer, rtol=1e-9, atol=1e-9)
    there = whole.about(means + 0.5)
    np.testing.assert_allclose(there.about_means()[2], whole.about_means()[2], rtol=1e-9, atol=1e-9)
    again = there.about(means)
    np.testing.assert_allclose(again.second, whole.second, rtol=1e-9, atol=1e-9)


def test_variance_is_added_to_the_diagonal():
    kind, covariances = factors(2), make_factors()
    matrices, count, added = covariances.to_dense(), np.array([2.0, 3.0, 4.0]), np.arange(1.0, 8.0)

    def parts(matrices):
        W = count[:, None, None] * matrices
        known = (W @ covariances.probe, count[:, None, None] * covariances.probe)
        return np.concatenate([*known, np.einsum("kdd->kd", W)[..., None]], axis=2)

    found = kind.add_diagonal(parts(matrices), count, added)
    np.testing.assert_allclose(found, parts(matrices + np.diag(added)), rtol=1e-13)


def test_moments_of_given_responsibilities():
    X, shares = make_rows(50), np.random.default_rng(0).dirichlet(np.ones(3), 50)
    reference, probe = make_rows(3), np.random.default_rng(4).standard_normal((7, 2))
    found = moments_given(X, shares, reference, probe)
    for k in range(3):
        apart = X - reference[k]
        S = (shares[:, k, None] * apart).T @ apart
        np.testing.assert_allclose(found.first[k], shares[:, k] @ apart, atol=1e-11)
        np.testing.assert_allclose(found.second[k, :, :2], S @ probe, rtol=1e-10, atol=1e-10)
        np.testing.assert_allclose(found.second[k, :, 4], np.diag(S), rtol=1e-12)


def test_a_component_without_weight_gets_nothing():
    covariances = make_factors()
    with np.errstate(divide="ignore"):
        log_weights = np.log([0.5, 0.0, 0.5])
    moments = covariances.moments(make_rows(40), None, log_weights, make_rows(3))
    assert moments.count[1] == 0
    assert moments.count.sum() == pytest.approx(40)


def test_a_row_far_from_everything_belongs_somewhere():
    covariances, far = make_factors(), np.full((1, 7), 1e200)
    posterior = covariances.posterior(far, np.log(np.full(3, 1 / 3)), np.zeros((3, 7)))
    assert posterior.sum() == pytest.approx(1.0)
