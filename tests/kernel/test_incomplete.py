"""The passes over rows with missing values: every compiled kernel against NumPy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from gaussmix.kernel import reference
from tests.kernel.problems import DTYPES, NATIVE


def make(n=60, D=4, K=3, dtype=np.float64, *, shared=False, seed=0):
    rng = np.random.default_rng([seed, n, D, K])
    means = 3.0 * rng.normal(size=(K, D))
    roots = rng.normal(size=(1 if shared else K, D, D)) + 2 * np.eye(D)
    X = (means[rng.integers(0, K, n)] + rng.normal(size=(n, D))).astype(dtype)
    missing = rng.random((n, D)) < 0.4
    missing[missing.all(axis=1), 0] = False
    X[missing] = np.nan
    return X, np.log(rng.dirichlet(np.full(K, 5.0))), means, roots @ roots.transpose(0, 2, 1)


def moments(implementation, problem, weight=None, *, hard=False):
    X, log_weights, means, covariances = problem
    K, D = means.shape
    out = np.full(2 + K + K * D + K * D * D, np.nan)
    implementation.incomplete_moments(X, weight, log_weights, means, covariances, out, hard)
    return out


def log_joint(implementation, problem):
    X, log_weights, means, covariances = problem
    out = np.full((len(X), len(means)), np.nan)
    implementation.incomplete_log_joint(X, log_weights, means, covariances, out)
    return out


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize(("n", "D", "K"), [(1, 2, 1), (60, 4, 3), (40, 17, 2), (30, 1, 2)])
def test_compiled_kernels_agree_with_numpy(n, D, K, shared, dtype):
    problem = make(n, D, K, dtype, shared=shared)
    expected, joint = moments(reference, problem), log_joint(reference, problem)
    for native in NATIVE:
        np.testing.assert_allclose(moments(native, problem), expected, rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(log_joint(native, problem), joint, rtol=1e-10)


@pytest.mark.parametrize("hard", [False, True])
def test_weights_and_hard_assignment_agree_with_numpy(hard):
    problem = make()
    weight = np.random.default_rng(0).choice([0.0, 0.5, 3.0], size=60)
    expected = moments(reference, problem, weight, hard=hard)
    for native in NATIVE:
        np.testing.assert_allclose(
            moments(native, problem, weight, hard=hard), expected, rtol=1e-9, atol=1e-9
        )


@pytest.mark.parametrize("implementation", [reference, *NATIVE])
def test_log_joint_is_the_marginal_density(implementation):
    X, log_weights, means, covariances = problem = make()
    joint = log_joint(implementation, problem)
    for row, values in zip(X, joint, strict=True):
        seen = ~np.isnan(row)
        for k in range(3):
            block = covariances[k][np.ix_(seen, seen)]
            expected = log_weights[k] + multivariate_normal.logpdf(row[seen], means[k, seen], block)
            assert values[k] == pytest.approx(expected, rel=1e-11)


@pytest.mark.parametrize("native", NATIVE)
def test_wrong_shapes_are_refused(native):
    X, log_weights, means, covariances = make()
    out = np.empty((60, 3))
    with pytest.raises(ValueError, match="covariances must have the shape"):
        native.incomplete_log_joint(X, log_weights, means, covariances[:2].copy(), out)
    with pytest.raises(ValueError, match="means must have the shape"):
        native.incomplete_log_joint(X, log_weights, means[:, :2].copy(), covariances, out)
    with pytest.raises(ValueError, match="out must have"):
        native.incomplete_log_joint(X, log_weights, means, covariances, out[:5].copy())
    with pytest.raises(ValueError, match="length of the moments"):
        native.incomplete_moments(X, None, log_weights, means, covariances, np.empty(4))


@pytest.mark.parametrize("native", NATIVE)
def test_a_far_row_has_responsibilities_that_sum_to_one(native):
    X, log_weights, means, covariances = make()
    X[0] = [1e160, np.nan, np.nan, 1e160]
    out = moments(native, (X, log_weights, means, covariances))
    assert np.isfinite(out[:2]).all()
    assert out[2:5].sum() == pytest.approx(60)
