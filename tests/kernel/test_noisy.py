"""The passes over rows measured with noise: every compiled kernel against NumPy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from gaussmix.kernel import reference
from tests.kernel.problems import DTYPES, NATIVE


def make(n=50, D=3, K=2, dtype=np.float64, *, shared=False):
    rng = np.random.default_rng([n, D, K])
    means = 2.0 * rng.normal(size=(K, D))
    roots = rng.normal(size=(1 if shared else K, D, D)) + 2 * np.eye(D)
    noise = 0.5 * rng.normal(size=(n, D, D))
    noise[0] = 0.0
    X = (means[rng.integers(0, K, n)] + 2 * rng.normal(size=(n, D))).astype(dtype)
    parameters = np.log(rng.dirichlet(np.full(K, 5.0))), means, roots @ roots.transpose(0, 2, 1)
    return X, noise @ noise.transpose(0, 2, 1), *parameters


def moments(implementation, problem, weight=None, *, hard=False):
    X, noise, log_weights, means, covariances = problem
    K, D = means.shape
    out = np.full(2 + K + K * D + K * D * D, np.nan)
    implementation.noisy_moments(X, weight, noise, log_weights, means, covariances, out, hard)
    return out


def log_joint(implementation, problem):
    X, noise, log_weights, means, covariances = problem
    out = np.full((len(X), len(means)), np.nan)
    implementation.noisy_log_joint(X, noise, log_weights, means, covariances, out)
    return out


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize(("n", "D", "K"), [(1, 2, 1), (50, 3, 2), (20, 9, 3), (30, 1, 2)])
def test_compiled_kernels_agree_with_numpy(n, D, K, shared, dtype):
    problem = make(n, D, K, dtype, shared=shared)
    expected, joint = moments(reference, problem), log_joint(reference, problem)
    for native in NATIVE:
        np.testing.assert_allclose(moments(native, problem), expected, rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(log_joint(native, problem), joint, rtol=1e-10)


@pytest.mark.parametrize("hard", [False, True])
def test_weights_and_hard_assignment_agree_with_numpy(hard):
    problem = make()
    weight = np.random.default_rng(0).choice([0.0, 0.5, 3.0], size=50)
    expected = moments(reference, problem, weight, hard=hard)
    for native in NATIVE:
        np.testing.assert_allclose(
            moments(native, problem, weight, hard=hard), expected, rtol=1e-9, atol=1e-9
        )


@pytest.mark.parametrize("implementation", [reference, *NATIVE])
def test_log_joint_is_the_density_with_both_covariances(implementation):
    X, noise, log_weights, means, covariances = problem = make()
    joint = log_joint(implementation, problem)
    for i in range(len(X)):
        for k in range(2):
            expected = log_weights[k] + multivariate_normal.logpdf(X[i], means[k], covariances[k] + noise[i])
            assert joint[i, k] == pytest.approx(expected, rel=1e-11)


@pytest.mark.parametrize("native", NATIVE)
def test_noise_of_another_shape_is_refused(native):
    X, noise, *parameters = make()
    with pytest.raises(ValueError, match="noise must have the shape"):
        native.noisy_log_joint(X, noise[:5].copy(), *parameters, np.empty((50, 2)))
