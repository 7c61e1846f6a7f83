"""Sparse rows against dense rows, for covariances by factors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp

from gaussmix.covariance import LowRank
from gaussmix.covariance.low_rank_rows import log_joint
from gaussmix.covariance.sparse_factors import Loadings

K, D, Q = 3, 150, 2


def problem(*, noise: float = 0.05, offset: float = 0.0) -> tuple[Any, LowRank, Any, Any]:
    """Return sparse rows, covariances, logarithms of weights, and means."""
    rng = np.random.default_rng(0)
    X = sp.random_array((90, D), density=0.1, rng=rng).toarray()
    means = 0.1 * rng.random((K, D))
    means[:, 7] += offset
    X[:, 7] += offset
    covariances = LowRank.from_factors(0.2 * rng.standard_normal((K, D, Q)), noise * (1 + rng.random((K, D))))
    return sp.csr_array(X), covariances, np.log(np.full(K, 1 / K)), means


@pytest.mark.parametrize("hard", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("offset", [0.0, 1e6])
def test_moments_are_those_of_dense_rows(hard: bool, weighted: bool, offset: float) -> None:
    X, covariances, log_weights, means = problem(offset=offset)
    weight = np.random.default_rng(1).random(X.shape[0]) if weighted else None
    ours = covariances.sparse_view(log_weights, means).moments(X, weight, hard=hard)
    theirs = covariances.moments(X.toarray(), weight, log_weights, means, hard=hard)
    assert ours.scatter is theirs.scatter
    np.testing.assert_allclose(ours.buffer, theirs.buffer, rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize(
    "noise", [0.05, 1e-9]
)  # of next to nothing, no sum of sparse products tells a distance
def test_distances_are_those_of_dense_rows(noise: float) -> None:
    X, covariances, log_weights, means = problem(noise=noise)
    ours = covariances.sparse_view(log_weights, means).log_joint(X)
    theirs = covariances.log_joint(X.toarray(), log_weights, means)
    best = theirs.argmax(axis=1)[:, None]  # only what counts is to be exact
    of_best = [np.take_along_axis(values, best, axis=1) for values in (ours, theirs)]
    np.testing.assert_allclose(*of_best, rtol=1e-11, atol=2e-6)


def test_the_rows_are_cut_where_there_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    X, covariances, log_weights, means = problem()
    whole = covariances.sparse_view(log_weights, means).moments(X, None, hard=False)
    monkeypatch.setattr("gaussmix.covariance.sparse_factors._VALUES", 1)
    monkeypatch.setattr("gaussmix.covariance.sparse_factors._LEAST_ROWS", 7)
    cut = covariances.sparse_view(log_weights, means).moments(X, None, hard=False)
    np.testing.assert_allclose(cut.buffer, whole.buffer, rtol=1e-9, atol=1e-10)


def test_a_row_in_doubt_is_looked_at_as_a_dense_row() -> None:
    """Where the factors carry all but a 1e-13th of the variance, |y|² − |t|² has an error of nats."""
    rng = np.random.default_rng(2)
    B = rng.standard_normal((1, D, 1))
    covariances = LowRank.from_factors(B, np.full((1, D), 1e-13))
    X = sp.csr_array(np.outer(rng.standard_normal(20), B[0, :, 0]) + 3e-7 * rng.standard_normal((20, D)))
    means = np.zeros((1, D))
    view: Any = covariances.sparse_view(np.zeros(1), means)
    exact = log_joint(X.toarray(), view.log_constant, view.projection, every=True)
    np.testing.assert_array_equal(view.log_joint(X), exact)


def test_the_view_is_of_loadings_only_where_no_matrix_is_kept() -> None:
    few = LowRank.from_factors(np.ones((1, 5, 1)), np.ones((1, 5)))
    X = sp.csr_array(np.eye(5))
    ours = few.sparse_view(np.zeros(1), np.zeros((1, 5)))
    assert not isinstance(ours, Loadings)
    theirs = few.moments(X.toarray(), None, np.zeros(1), np.zeros((1, 5)))
    np.testing.assert_array_equal(ours.moments(X, None, hard=False).buffer, theirs.buffer)
