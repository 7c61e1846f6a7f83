"""Law 9: the same rows give the same bits, whoever does the work."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gaussmix.executor import Serial, Threads
from gaussmix.source.blocks import MAX_ROWS, block_rows

from ..mixtures import DTYPES, REPRESENTATIVES, fit, make_mixture, make_rows, start

families = pytest.mark.parametrize("name", REPRESENTATIVES)


@families
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_executors_agree_bit_for_bit(name, dtype):
    X, labels = make_rows(n=1500, dtype=dtype)
    weight = np.random.default_rng(0).uniform(0.0, 2.0, 1500)
    begin = start(X, labels, name)
    executors = [Serial(), Threads(2), Threads(4)]
    results = [fit(begin, X, weight, n_iter=6, executor=executor, block=64) for executor in executors]
    for other in results[1:]:
        assert other.history == results[0].history
        np.testing.assert_array_equal(other.model.means, results[0].model.means)
        np.testing.assert_array_equal(
            other.model.covariances.parameters(), results[0].model.covariances.parameters()
        )


@pytest.mark.parametrize(("name", "dtype"), DTYPES)
def test_fitting_twice_gives_the_same_bits(name, dtype):
    X, labels = make_rows(dtype=dtype)
    one, other = (fit(start(X, labels, name), X) for _ in range(2))
    assert one.history == other.history


@families
@pytest.mark.parametrize("block", [1, 7, 64, 299])
def test_blocks_of_any_size_give_the_same_fit(name, block):
    X, labels = make_rows()
    begin = start(X, labels, name)
    one, other = (fit(begin, X, n_iter=5, block=size) for size in (300, block))
    np.testing.assert_allclose(other.history, one.history, rtol=1e-12)
    np.testing.assert_allclose(other.model.means, one.model.means, rtol=1e-11, atol=1e-11)


@given(n=st.integers(1, 10**12), n_features=st.integers(1, 20_000), n_components=st.integers(1, 10_000))
@settings(derandomize=True, deadline=None, max_examples=100)
def test_blocks_are_bounded(n, n_features, n_components):
    rows = block_rows(n, n_features, n_components)
    assert isinstance(rows, int)
    assert 1 <= rows <= MAX_ROWS
    assert rows == block_rows(n, n_features, n_components)


@families
def test_evaluating_rows_together_or_alone_is_the_same(name):
    mixture, (X, _) = make_mixture(name), make_rows(n=50)
    alone = np.concatenate([mixture.log_prob(x[None]) for x in X])
    np.testing.assert_allclose(alone, mixture.log_prob(X), rtol=1e-13)
