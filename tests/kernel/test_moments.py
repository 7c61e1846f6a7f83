"""Fused passes: each compiled kernel against the reference, over sizes around vectors, strips and micro-blocks."""

from __future__ import annotations

import numpy as np
import pytest

from .problems import DTYPES, KINDS, NATIVE, assert_same_moments, check_moments, make_problem, with_fields

FEATURES = (1, 2, 3, 4, 5, 7, 8, 9, 13, 17, 32, 33, 50)
COMPONENTS = (1, 2, 3, 5, 17)
ROWS = (0, 1, 2, 7, 9, 17, 23, 25, 47, 49, 97, 383, 385, 769, 1153)

each_kind = pytest.mark.parametrize("kind", KINDS)
each_dtype = pytest.mark.parametrize("dtype", DTYPES)


@each_kind
@each_dtype
@pytest.mark.parametrize("D", FEATURES)
def test_every_number_of_features(kind, dtype, D):
    for K in COMPONENTS:
        check_moments(make_problem(kind, 101, D, K, dtype))


@each_kind
@each_dtype
@pytest.mark.parametrize("D", [2, 6, 19])
def test_every_number_of_rows(kind, dtype, D):
    for n in ROWS:
        check_moments(make_problem(kind, n, D, 3, dtype))


@each_kind
@each_dtype
@pytest.mark.parametrize("hard", [False, True])
def test_weighted_rows(kind, dtype, hard):
    for n, D in ((100, 2), (800, 3), (900, 7)):
        weight = np.random.default_rng(n).random(n) * 1e40
        check_moments(make_problem(kind, n, D, 4, dtype), weight, hard)


@each_kind
@each_dtype
def test_weight_zero_is_a_row_removed(kind, dtype):
    problem = make_problem(kind, 500, 6, 3, dtype)
    weight = (np.arange(500) % 3 > 0).astype(float)
    kept = with_fields(problem, X=problem.X[weight > 0])
    for native in NATIVE:
        assert_same_moments(problem, problem.moments(native, weight), kept.moments(native))


@each_kind
@each_dtype
def test_hard_assignment(kind, dtype):
    for D in (2, 10):
        check_moments(make_problem(kind, 400, D, 5, dtype, separation=1.0), hard=True)


@each_kind
def test_many_components(kind):
    check_moments(make_problem(kind, 60, 3, 2000))


@pytest.mark.parametrize("kind", ["dense", "shared"])
def test_many_features(kind):
    check_moments(make_problem(kind, 60, 301, 2))


@each_kind
@pytest.mark.parametrize(("dtype", "offset"), [(np.float64, 1e8), (np.float32, 1e4)])
def test_offset(kind, dtype, offset):
    for D in (3, 8):
        check_moments(make_problem(kind, 300, D, 3, dtype, offset=offset))


@each_kind
@each_dtype
def test_separation_beyond_the_linear_form(kind, dtype):
    check_moments(make_problem(kind, 300, 6, 3, dtype, separation=1e6))


@each_kind
@pytest.mark.parametrize(("dtype", "scale"), [(np.float64, 1e150), (np.float64, 1e-150), (np.float32, 1e25)])
def test_scale(kind, dtype, scale):
    base = make_problem(kind, 200, 6, 3)
    X = (base.X * scale).astype(dtype)
    check_moments(with_fields(base, X=X, means=base.means * scale, precision=base.precision / scale))


@pytest.mark.parametrize("kind", ["dense", "shared"])
@each_dtype
def test_symmetric_second_moments(kind, dtype):
    problem = make_problem(kind, 300, 11, 2, dtype)
    for native in NATIVE:
        second = problem.split(problem.moments(native))["second"].reshape(problem.second_shape)
        np.testing.assert_array_equal(second, second.swapaxes(-1, -2))


@each_kind
def test_same_bits_wherever_the_block_lies(kind):
    problem = make_problem(kind, 700, 9, 4)
    moved = np.empty(problem.X.size + 3)[3:].reshape(problem.X.shape)
    moved[:] = problem.X
    for native in NATIVE:
        np.testing.assert_array_equal(problem.moments(native), with_fields(problem, X=moved).moments(native))
