"""Law 8: what goes in comes out again."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

from gaussmix.covariance import FAMILIES
from gaussmix.model import Mixture

from ..mixtures import REDUCE, fit, make_mixture, make_rows

families = pytest.mark.parametrize("name", FAMILIES)


def standard_errors(mixture, n):
    """Return those of weights, means and covariances from n rows of well separated components."""
    dense, count = mixture.covariances.to_dense(), n * mixture.weights
    variances = np.einsum("kdd->kd", dense)
    weights = np.sqrt(mixture.weights * (1 - mixture.weights) / n)
    products = variances[:, :, None] * variances[:, None, :]
    return weights, np.sqrt(variances / count[:, None]), np.sqrt((products + dense**2) / count[:, None, None])


@families
@pytest.mark.parametrize("seed", [0, 1])
def test_fitting_a_sample_recovers_the_mixture(name, seed):
    rng = np.random.default_rng(seed)
    truth = make_mixture(name, K=2, D=2, seed=seed)
    far = Mixture.from_parameters(
        truth.weights, [[0.0, 0.0], [30.0, -30.0]], truth.covariances.parameters(), name
    )
    X, _ = far.sample(6000, rng)
    found = fit(far, rng.permutation(X), n_iter=10, block=2048).model
    weights, means, covariances = standard_errors(far, len(X))
    assert (np.abs(found.weights - far.weights) < 5 * weights).all()
    assert (np.abs(found.means - far.means) < 5 * means).all()
    error = np.abs(found.covariances.to_dense() - far.covariances.to_dense())
    assert (error < 5 * covariances).all()


@families
@pytest.mark.parametrize("again", [lambda m: pickle.loads(pickle.dumps(m)), copy.deepcopy, copy.copy])
def test_a_copied_mixture_is_the_same(name, again):
    X, mixture = make_rows()[0], make_mixture(name)
    mixture.log_prob(X)  # fills what is computed once
    other = again(mixture)
    for function in ("log_prob", "posterior", "predict", "log_joint"):
        np.testing.assert_array_equal(getattr(other, function)(X), getattr(mixture, function)(X))
    np.testing.assert_array_equal(other.e_step(X).buffer, mixture.e_step(X).buffer)
    assert (other.n_parameters, other.covariance_type) == (mixture.n_parameters, name)


@families
def test_a_copied_mixture_goes_on_fitting_alike(name):
    X, mixture = make_rows()[0], make_mixture(name, seed=1)
    other = pickle.loads(pickle.dumps(mixture))
    np.testing.assert_array_equal(fit(other, X).model.means, fit(mixture, X).model.means)


@families
def test_dense_matrices_are_the_parameters(name):
    covariances = make_mixture(name, K=3, D=4).covariances
    dense = covariances.to_dense()
    assert dense.shape == (3, 4, 4)
    np.testing.assert_array_equal(dense, dense.transpose(0, 2, 1))
    shared = {"pooled": 3.0, "trace": 4.0}.get(FAMILIES[name].scatter.name, 1.0)  # what the reduction adds up
    reduced = REDUCE[FAMILIES[name].scatter.name](dense) / shared
    np.testing.assert_allclose(reduced, covariances.parameters(), rtol=1e-15)


@families
def test_the_dense_mixture_has_the_same_density(name):
    mixture, (X, _) = make_mixture(name, D=4), make_rows(D=4)
    dense = Mixture.from_parameters(mixture.weights, mixture.means, mixture.covariances.to_dense(), "full")
    np.testing.assert_allclose(dense.log_prob(X), mixture.log_prob(X), rtol=1e-12, atol=1e-12)
    np.testing.assert_array_equal(dense.predict(X), mixture.predict(X))
