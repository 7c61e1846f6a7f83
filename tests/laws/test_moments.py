"""Law 1: moments are a monoid under addition, and rows may be cut in any way."""

from __future__ import annotations

import pickle
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gaussmix.executor import Serial
from gaussmix.fit import EStep
from gaussmix.moments import Moments
from gaussmix.source import ArraySource

from ..mixtures import REPRESENTATIVES, make_mixture, make_rows

few = settings(derandomize=True, deadline=None, max_examples=15)
families = pytest.mark.parametrize("name", REPRESENTATIVES)
dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def e_step(name, dtype, n=90, K=3, D=3):
    """Return rows and the function that gives the moments of some of them, with weights."""
    mixture, (X, _) = make_mixture(name, K, D), make_rows(n, K, D, dtype=dtype)
    weight = np.random.default_rng(1).uniform(0.0, 2.0, n)
    return lambda rows: mixture.e_step(np.ascontiguousarray(X[rows]), np.ascontiguousarray(weight[rows]))


def assert_close(one, other, tolerance=1e-12):
    np.testing.assert_array_equal(one.reference, other.reference)
    scale = np.abs(other.buffer).max()
    np.testing.assert_allclose(one.buffer, other.buffer, rtol=tolerance, atol=tolerance * scale)


@dtypes
@families
@given(cuts=st.lists(st.integers(0, 90), max_size=8))
@few
def test_any_partition_gives_the_same_moments(name, dtype, cuts):
    moments = e_step(name, dtype)
    edges = [0, *sorted(cuts), 90]  # the same cut twice: an empty part
    parts = [moments(slice(a, b)) for a, b in pairwise(edges)]
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    # float32 may round within a block, in an order that the block's size decides
    assert_close(total, moments(slice(None)), 1e-12 if dtype == np.float64 else 1e-5)


@dtypes
@families
def test_addition_is_associative_and_commutative(name, dtype):
    moments = e_step(name, dtype)
    a, b, c = moments(slice(0, 20)), moments(slice(20, 21)), moments(slice(21, 90))
    assert_close((a + b) + c, a + (b + c))
    np.testing.assert_array_equal((a + b).buffer, (b + a).buffer)


@dtypes
@families
def test_no_rows_are_zero(name, dtype):
    moments = e_step(name, dtype)
    zero, some = moments(slice(0, 0)), moments(slice(0, 7))
    assert not zero.buffer.any()
    np.testing.assert_array_equal((zero + some).buffer, some.buffer)


@dtypes
@families
def test_one_row_by_definition(name, dtype):
    mixture = make_mixture(name, 2, 3)
    x = np.array([[0.5, -1.0, 2.0]], dtype)
    moments, posterior = mixture.e_step(x, np.array([2.0])), mixture.posterior(x)[0]
    tolerance = {"rtol": 64 * np.finfo(dtype).eps, "atol": 64 * np.finfo(dtype).eps}
    np.testing.assert_allclose(moments.count, 2 * posterior, **tolerance)
    np.testing.assert_allclose(moments.first, moments.count[:, None] * (x - moments.reference), **tolerance)
    assert moments.weight == 2.0
    assert moments.log_likelihood == pytest.approx(2 * float(mixture.log_prob(x)[0]), rel=1e-6)


@families
@given(factor=st.floats(1e-6, 1e6))
@few
def test_times_a_number_is_every_weight_times_it(name, factor):
    mixture, (X, _) = make_mixture(name), make_rows()
    assert_close(mixture.e_step(X, None) * factor, mixture.e_step(X, np.full(len(X), factor)))


@dtypes
@families
def test_the_same_blocks_give_the_same_bits(name, dtype):
    X, _ = make_rows(n=1000, dtype=dtype)
    task = EStep(make_mixture(name))
    copies = [X, np.asfortranarray(X), np.repeat(X, 2, axis=0)[::2]]
    buffers = [Serial().map_reduce(task, ArraySource(rows).partitions(96)).buffer for rows in copies]
    for buffer in buffers[1:]:
        np.testing.assert_array_equal(buffer, buffers[0])


@families
def test_moments_about_different_means_do_not_add(name):
    X, _ = make_rows()
    with pytest.raises(ValueError, match="different reference points"):
        make_mixture(name).e_step(X) + make_mixture(name, seed=1).e_step(X)


@families
def test_pickled_moments_still_add(name):
    moments = make_mixture(name).e_step(make_rows()[0])
    again = pickle.loads(pickle.dumps(moments))
    assert isinstance(again, Moments)
    np.testing.assert_array_equal((again + moments).buffer, 2 * moments.buffer)


@families
def test_counts_sum_to_the_weight(name):
    moments = e_step(name, np.float64)(slice(None))
    assert moments.count.sum() == pytest.approx(moments.weight, rel=1e-14)
