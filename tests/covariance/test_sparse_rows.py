"""Sparse rows against the kernel of dense rows, for covariances by variances."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp

from gaussmix import Mixture
from gaussmix.covariance.sparse_rows import evaluated, moments_given
from gaussmix.errors import DataTypeError

K, D = 3, 12
METHODS = ("log_joint", "log_prob", "posterior", "labels")


def rows(n: int = 200, seed: int = 0) -> Any:
    """Return rows of which a fifth is not zero, one without any value, and one with stored zeros."""
    rng = np.random.default_rng(seed)
    X = rng.random((n, D)) * (rng.random((n, D)) < 0.2)
    X[1] = 0.0
    stored = sp.csr_array(X)
    stored.data[:3] = 0.0
    return stored


def mixture(kind: str, offset: float = 0.0) -> Mixture:
    rng = np.random.default_rng(1)
    means = 0.2 * rng.random((K, D))
    means[:, 4] += offset
    variances = 0.05 + 0.1 * rng.random((K, D) if kind == "diag" else K)
    return Mixture.from_parameters([0.5, 0.3, 0.2], means, variances, kind)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("hard", [False, True])
@pytest.mark.parametrize("kind", ["diag", "spherical"])
def test_moments_are_those_of_dense_rows(kind: str, hard: bool, weighted: bool) -> None:
    X, model = rows(), mixture(kind)
    weight = np.random.default_rng(2).random(200) if weighted else None
    ours, theirs = (model.e_step(block, weight, hard=hard) for block in (X, X.toarray()))
    np.testing.assert_allclose(ours.buffer, theirs.buffer, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("kind", ["diag", "spherical"])
def test_evaluations_are_those_of_dense_rows(kind: str, method: str) -> None:
    X, model = rows(), mixture(kind)
    view = model.covariances.sparse_view(model.log_weights, model.means)
    dense = getattr(model.covariances, method)(X.toarray(), model.log_weights, model.means)
    np.testing.assert_allclose(evaluated(view.log_joint(X), method), dense, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("kind", ["diag", "spherical"])
def test_features_far_from_zero_lose_no_digits(kind: str) -> None:
    X, offset = rows().toarray(), 1e6
    X[:, 4] += offset  # a column without zeros, ten million standard deviations from them
    model = mixture(kind, offset)
    ours, theirs = model.e_step(sp.csr_array(X)), model.e_step(X)
    assert abs(ours.log_likelihood / theirs.log_likelihood - 1) < 1e-12
    for mine, dense in zip(ours.about_means(), theirs.about_means(), strict=True):
        np.testing.assert_allclose(mine, dense, rtol=1e-11)


def test_components_that_have_few_rows_are_gathered() -> None:
    X = sp.csr_array(np.repeat(np.eye(8), 20, axis=0) * 50)
    model = Mixture.from_parameters(np.full(8, 1 / 8), 50 * np.eye(8), np.ones((8, 8)), "diag")
    ours, theirs = model.e_step(X), model.e_step(X.toarray())
    np.testing.assert_allclose(ours.buffer, theirs.buffer, rtol=1e-13, atol=1e-9)


def test_float32_rows_are_summed_in_float64() -> None:
    X, model = rows().astype(np.float32), mixture("diag")
    ours, theirs = model.e_step(X), model.e_step(X.astype(np.float64))
    np.testing.assert_array_equal(ours.buffer, theirs.buffer)


@pytest.mark.parametrize("offset", [0.0, 1e8])
def test_moments_for_given_responsibilities_lose_no_digits(offset: float) -> None:
    X = rows().toarray()
    X[:, 4] += offset
    shares = np.random.default_rng(3).dirichlet(np.ones(K), len(X))
    about = np.tile(X.mean(axis=0), (K, 1))
    ours = moments_given(sp.csr_array(X), shares, about)
    away = X[:, None] - about
    np.testing.assert_allclose(ours.second, np.einsum("nk,nkd->kd", shares, away**2), rtol=1e-12)
    np.testing.assert_allclose(ours.count, shares.sum(axis=0))


def test_rows_beyond_all_components_share_themselves_out() -> None:
    X = sp.csr_array(np.full((1, D), 1e200))
    model = mixture("diag")
    np.testing.assert_allclose(model.posterior(X).sum(), 1.0)
    assert model.log_prob(X)[0] == -np.inf


def test_matrices_need_dense_rows() -> None:
    model = Mixture.from_parameters([1.0], np.zeros((1, D)), np.eye(D)[None])
    with pytest.raises(DataTypeError, match=r"'diag', 'spherical' or 'mfa'"):
        model.log_prob(rows())
