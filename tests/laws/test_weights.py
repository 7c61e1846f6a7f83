"""Law 7: a weight is a number of repetitions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gaussmix.covariance import FAMILIES

from ..mixtures import assert_same_mixture, fit, make_rows, start

families = pytest.mark.parametrize("name", FAMILIES)
components = pytest.mark.parametrize("K", [1, 3])


def groups(K, seed=0, n=90):
    X, labels = make_rows(n, seed=seed)
    return X, labels % K


@families
@components
@given(seed=st.integers(0, 99))
@settings(derandomize=True, deadline=None, max_examples=2)
def test_integer_weights_are_repeated_rows(name, K, seed):
    X, labels = groups(K, seed)
    weight = np.random.default_rng(seed).integers(0, 5, len(X))
    begin = start(X, labels, name)
    weighted = fit(begin, X, weight.astype(float), n_iter=15)
    repeated = fit(begin, X.repeat(weight, axis=0), n_iter=15)
    assert_same_mixture(weighted.model, repeated.model, rtol=1e-10)
    np.testing.assert_allclose(weighted.history, repeated.history, rtol=1e-11)


@families
@components
def test_a_row_of_weight_zero_is_no_row(name, K):
    X, labels = groups(K)
    begin = start(X, labels, name)
    strange = np.concatenate([X, [[1e6, -1e6], [0.0, 1e12]]])
    with_zeros = fit(begin, strange, np.append(np.ones(len(X)), [0.0, 0.0]), n_iter=15)
    without = fit(begin, X, n_iter=15)
    assert_same_mixture(with_zeros.model, without.model, rtol=1e-10)
    np.testing.assert_allclose(with_zeros.history, without.history, rtol=1e-12)


@families
@components
@pytest.mark.parametrize("factor", [1e-200, 3.7, 1e200])
def test_only_the_ratios_of_weights_matter(name, K, factor):
    X, labels = groups(K)
    begin, weight = start(X, labels, name), np.random.default_rng(0).uniform(0.5, 2.0, len(X))
    one, other = fit(begin, X, weight, n_iter=15), fit(begin, X, factor * weight, n_iter=15)
    assert_same_mixture(other.model, one.model, rtol=1e-10)
    np.testing.assert_allclose(other.history, one.history, rtol=1e-12)


@families
def test_weights_of_one_are_no_weights(name):
    X, labels = groups(3)
    begin = start(X, labels, name)
    one, other = fit(begin, X, np.ones(len(X))), fit(begin, X)
    assert_same_mixture(one.model, other.model, rtol=1e-12)


@families
def test_the_data_twice_is_the_data_once(name):
    X, labels = groups(3)
    begin = start(X, labels, name)
    twice, once = fit(begin, np.concatenate([X, X])), fit(begin, X)
    assert_same_mixture(twice.model, once.model, rtol=1e-10)
    np.testing.assert_allclose(twice.history, once.history, rtol=1e-12)
