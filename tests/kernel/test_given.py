"""Moments for given responsibilities, and the inverse Cholesky factors."""

from __future__ import annotations

import numpy as np
import pytest

from gaussmix.kernel import reference

from .problems import DTYPES, assert_same_moments, make_problem, with_fields


def given(implementation, problem, responsibilities):
    out = np.full(2 + len(problem.means) + problem.means.size + np.prod(problem.second_shape), np.nan)
    run = getattr(implementation, f"{problem.kind}_moments_given")
    run(problem.X, responsibilities, problem.means, out)
    return out


@pytest.mark.parametrize("kind", ["dense", "diagonal"])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("D", [1, 2, 5, 8, 17])
def test_given_responsibilities(native, kind, dtype, D):
    for n, K in ((0, 3), (1, 1), (50, 3), (901, 17)):
        problem = make_problem(kind, n, D, K, dtype)
        responsibilities = np.random.default_rng(D).random((n, K)) * 1e-60
        out, expected = (given(module, problem, responsibilities) for module in (native, reference))
        assert_same_moments(problem, out * 1e60, expected * 1e60)


@pytest.mark.parametrize("scale", [1e-25, 1e25])
def test_given_float32_beyond_the_range_of_its_squares(native, scale):
    problem = make_problem("dense", 100, 5, 2)
    scaled = with_fields(problem, X=(problem.X * scale).astype(np.float32), means=problem.means * scale)
    responsibilities = np.random.default_rng(0).random((100, 2))
    out, expected = (given(module, scaled, responsibilities) for module in (native, reference))
    assert_same_moments(scaled, out, expected)


@pytest.mark.parametrize("D", [1, 2, 5, 16, 31, 70])
@pytest.mark.parametrize("scale", [1.0, 1e300, 1e-300])
def test_precision_cholesky(native, D, scale):
    A = np.random.default_rng(D).normal(size=(3, D, D))
    covariances = scale * (A @ A.swapaxes(1, 2) / D + np.eye(D))
    (L, log_det, ok), expected = (
        native.precision_cholesky(covariances),
        reference.precision_cholesky(covariances),
    )
    assert ok.all()
    assert ok.dtype == np.bool_
    np.testing.assert_allclose(L, expected[0], rtol=1e-9, atol=1e-12 * np.abs(expected[0]).max())
    np.testing.assert_allclose(log_det, expected[1], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("bad", [-1.0, 0.0, np.nan, np.inf])
def test_bad_pivot(native, bad):
    covariances = np.stack([np.eye(4), np.diag([1.0, 1.0, bad, 1.0]), 2 * np.eye(4)])
    for L, log_det, ok in (native.precision_cholesky(covariances), reference.precision_cholesky(covariances)):
        assert ok.tolist() == [True, False, True]
        assert not L[1].any()
        assert log_det[1] == -np.inf
