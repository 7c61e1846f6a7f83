"""Laws 4 and 6: EM never loses likelihood, and families meet where they should."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gaussmix.covariance import FAMILIES
from gaussmix.fit import STARTS, Sample
from gaussmix.model import Mixture

from ..mixtures import DTYPES, assert_same_mixture, fit, make_rows, shaped, start

families = pytest.mark.parametrize("name", FAMILIES)
# float32 arithmetic carries the error of its 24 bits into each row's log-likelihood.
SLACK = {np.float64: 1e-10, np.float32: 2e-5}


@pytest.mark.parametrize(("name", "dtype"), DTYPES)
@given(seed=st.integers(0, 99), K=st.integers(1, 4), D=st.integers(1, 4))
@settings(derandomize=True, deadline=None, max_examples=6)
def test_the_bound_never_falls(name, dtype, seed, K, D):
    X, _ = make_rows(n=200, K=3, D=D, seed=seed, dtype=dtype)
    labels = np.random.default_rng(seed).integers(0, K, 200)
    history = fit(start(X, np.append(labels[:-1], K - 1), name), X, n_iter=25).history
    assert np.diff(history).min(initial=0.0) >= -SLACK[dtype]


@families
@pytest.mark.parametrize("init", STARTS)
def test_the_bound_never_falls_from_any_start(name, init):
    X, _ = make_rows(n=200, K=4, D=3)
    grouping = np.asarray(STARTS[init](Sample(X, np.ones(200), X.std(axis=0)), 4, np.random.default_rng(0)))
    labels = grouping if grouping.ndim == 1 else grouping.argmax(axis=1)
    history = fit(start(X, labels, name), X, n_iter=20).history
    assert np.diff(history).min() >= -1e-10


@families
def test_the_bound_is_the_mean_log_density(name):
    X, labels = make_rows()
    weight = np.random.default_rng(0).uniform(0.0, 2.0, len(X))
    model = fit(start(X, labels, name), X, weight, n_iter=3).model
    bound = model.lower_bound(model.e_step(X, weight))
    assert bound == pytest.approx(np.average(model.log_prob(X), weights=weight), rel=1e-13)


@families
def test_the_gradient_vanishes_where_em_stands_still(name):
    X, labels = make_rows()
    model = fit(start(X, labels, name), X, n_iter=300).model
    for index in np.ndindex(model.means.shape):
        scores = []
        for sign in (1, -1):
            means = model.means.copy()
            means[index] += sign * 1e-4
            moved = Mixture.from_parameters(model.weights, means, model.covariances.parameters(), name)
            scores.append(moved.log_prob(X).mean())
        assert abs(scores[0] - scores[1]) / 2e-4 < 1e-5


@families
def test_one_component_is_the_sample_mean_and_covariance(name):
    X, _ = make_rows(n=100, D=3)
    model = fit(start(X, np.zeros(100, int), name), X, n_iter=1).model
    expected = shaped(FAMILIES[name], 1, 3, np.cov(X.T, ddof=0))
    np.testing.assert_allclose(model.means[0], X.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(model.covariances.parameters(), expected, rtol=1e-12, atol=1e-13)


def test_tied_is_full_where_there_is_one_component():
    X, _ = make_rows(n=100, D=3)
    tied, full = (fit(start(X, np.zeros(100, int), name), X, n_iter=2) for name in ("tied", "full"))
    assert_same_mixture(tied.model, full.model, rtol=1e-12)
    assert tied.history[1] == pytest.approx(full.history[1], rel=1e-13)


def test_tied_and_full_start_alike_where_there_is_one_component():
    X, _ = make_rows(n=20, D=3)
    tied, full = (start(X, np.zeros(20, int), name) for name in ("tied", "full"))
    assert_same_mixture(tied, full, rtol=1e-12)


def test_spherical_is_diag_where_there_is_one_feature():
    X, labels = make_rows(D=1)
    one, other, full = (fit(start(X, labels, name), X).model for name in ("spherical", "diag", "full"))
    assert_same_mixture(one, other, rtol=1e-11)
    assert_same_mixture(full, other, rtol=1e-11)


@pytest.mark.parametrize(
    ("poor", "rich"), [("tied", "full"), ("diag", "full"), ("spherical", "diag"), ("spherical", "full")]
)
@pytest.mark.parametrize("seed", range(3))
def test_a_richer_family_never_ends_lower(poor, rich, seed):
    X, labels = make_rows(n=200, D=3, seed=seed)
    found = fit(start(X, labels, poor), X, n_iter=40)
    dense = found.model.covariances.to_dense()
    begin = dense if rich == "full" else np.einsum("kdd->kd", dense)
    richer = Mixture.from_parameters(found.model.weights, found.model.means, begin, rich)
    history = fit(richer, X, n_iter=20).history
    assert history[0] == pytest.approx(found.model.log_prob(X).mean(), rel=1e-12)
    assert history[-1] >= history[0] - 1e-10
