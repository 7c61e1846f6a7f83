"""Covariances by factors are the matrices they stand for, whether these are made or not."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from gaussmix.covariance import Dense, LowRank
from gaussmix.errors import ResourceLimitError
from gaussmix.moments import FULL, factors

from .low_rank_cases import make_factors, make_rows, make_wide


@pytest.fixture(params=["matrices", "factors"])
def covariances(request, monkeypatch):
    if request.param == "factors":
        make_wide(monkeypatch)
    return make_factors()


@pytest.mark.parametrize("method", ["log_joint", "posterior", "log_prob", "labels"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_densities_are_those_of_the_matrices(covariances, method, dtype):
    X, log_weights = make_rows().astype(dtype), np.log([0.2, 0.5, 0.3])
    means = np.random.default_rng(2).standard_normal((3, 7))
    dense = Dense.from_covariances(covariances.to_dense())
    found = getattr(covariances, method)(X, log_weights, means)
    expected = getattr(dense, method)(X, log_weights, means)
    assert found.dtype == expected.dtype
    np.testing.assert_allclose(found, expected, rtol=1e-12 if dtype is np.float64 else 1e-5, atol=1e-12)


def test_matrices_and_what_follows_from_them(covariances):
    matrices = covariances.to_dense()
    expected = covariances.loadings @ covariances.loadings.transpose(0, 2, 1)
    expected += covariances.noise[:, :, None] * np.eye(7)
    np.testing.assert_allclose(matrices, expected, rtol=1e-14)
    np.testing.assert_allclose(covariances.log_det, np.linalg.slogdet(matrices)[1], rtol=1e-12)
    np.testing.assert_allclose(covariances.precisions() @ matrices, [np.eye(7)] * 3, atol=1e-12)
    upper = covariances.precisions_cholesky()
    np.testing.assert_allclose(upper @ upper.transpose(0, 2, 1), covariances.precisions(), atol=1e-12)
    np.testing.assert_allclose(covariances.standard_deviations() ** 2, np.einsum("kdd->kd", matrices))


def test_rows_of_the_covariance_are_made_from_normal_ones(covariances):
    root = covariances.colorize(np.eye(7), 1)
    np.testing.assert_allclose(root.T @ root, covariances.to_dense()[1], rtol=1e-12, atol=1e-13)


def test_parts_are_parts_of_the_matrices(covariances):
    matrices, chosen = covariances.to_dense(), np.array([2, 0])
    np.testing.assert_allclose(covariances.select(chosen).to_dense(), matrices[chosen], rtol=1e-15)
    features = np.array([1, 5, 6])
    part = covariances.marginal(features).to_dense()
    np.testing.assert_allclose(part, matrices[:, features[:, None], features], rtol=1e-14)
    again = covariances.with_parameters(covariances.parameters())
    np.testing.assert_allclose(again.to_dense(), matrices, rtol=1e-15)
    np.testing.assert_array_equal(
        covariances.with_packed(covariances.packed()).loadings, covariances.loadings
    )


def test_movement_is_that_of_the_matrices(covariances):
    moved = LowRank.from_factors(1.01 * covariances.loadings, 0.97 * covariances.noise)
    sd = moved.standard_deviations()
    change = (moved.to_dense() - covariances.to_dense()) / sd[:, :, None] / sd[:, None, :]
    assert moved.movement(covariances) == pytest.approx(np.square(change).sum(), rel=1e-12)
    assert moved.movement(moved) == 0.0


def test_scatter_is_small_where_there_are_many_features(covariances):
    assert covariances.scatter is (factors(2) if covariances.dense is None else FULL)
    assert pickle.loads(pickle.dumps(covariances)).scatter is covariances.scatter
    assert factors(2).shape(3, 1000) == (3, 1000, 5)


def test_a_singular_component_is_raised(covariances):
    noise = covariances.noise.copy()
    noise[1] = 0.0
    bad = LowRank.from_factors(covariances.loadings, noise)
    assert bad.singular.tolist() == [False, True, False]
    raised = bad.floored(np.full(7, 1e-3))
    assert not raised.singular.any()
    np.testing.assert_allclose(raised.noise[1], 1e-3)
    np.testing.assert_array_equal(raised.noise[[0, 2]], noise[[0, 2]])


def test_the_longest_axis_is_as_long_as_its_standard_deviation(monkeypatch):
    make_wide(monkeypatch)
    covariances = LowRank.from_factors(np.array([[[3.0], [4.0], [0.0]]]), np.full((1, 3), 11.0))
    np.testing.assert_allclose(np.abs(covariances.longest_axis(0)), [3.6, 4.8, 0.0], atol=1e-12)


def test_matrices_that_would_not_fit_are_refused():
    wide = LowRank.from_factors(np.ones((2, 20_000, 1)), np.ones((2, 20_000)))
    with pytest.raises(ResourceLimitError, match=r"2 full matrices of 20000 features would take 6\.0 GiB"):
        wide.to_dense()
