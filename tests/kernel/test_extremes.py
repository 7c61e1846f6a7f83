"""Nothing becomes NaN: far rows, components of weight 0, the ends of the range."""

from __future__ import annotations

import numpy as np
import pytest

from gaussmix import kernel
from gaussmix.kernel import reference

from .problems import DTYPES, KINDS, NATIVE, check_moments, make_problem, with_fields

each_kind = pytest.mark.parametrize("kind", KINDS)
each_dtype = pytest.mark.parametrize("dtype", DTYPES)


@each_kind
@each_dtype
@pytest.mark.parametrize("D", [2, 6])
@pytest.mark.parametrize("far", [1e3, 1e15, 1e30, 3e38, 1e200, 1.7e308])
def test_far_row(kind, dtype, D, far):
    if far > float(np.finfo(dtype).max):
        return
    problem = make_problem(kind, 50, D, 3, dtype)
    problem.X[7] = far
    problem.X[8, 0] = -far
    for native in NATIVE:
        posterior = problem.evaluate(native, 1)
        np.testing.assert_allclose(posterior.sum(axis=1), 1, rtol=1e-6)
        assert not np.isnan(problem.evaluate(native, 0)).any()
        assert not np.isnan(problem.evaluate(native, 2)).any()
        assert not np.isnan(problem.moments(native)).any()


@each_kind
@each_dtype
def test_far_row_counts_once(kind, dtype):
    problem = make_problem(kind, 50, 6, 3, dtype)
    problem.X[7] = 1e17
    for native in NATIVE:
        count = problem.split(problem.moments(native))["count"]
        np.testing.assert_allclose(count.sum(), 50, rtol=1e-6)


@each_kind
@each_dtype
@pytest.mark.parametrize("D", [2, 6])
def test_component_of_weight_zero(kind, dtype, D):
    base = make_problem(kind, 300, D, 4, dtype)
    problem = with_fields(base, log_constant=np.array([-1.0, -np.inf, -2.0, -1.5]))
    check_moments(problem)
    for native in NATIVE:
        assert problem.split(problem.moments(native))["count"][1] == 0
        assert (problem.evaluate(native, 1)[:, 1] == 0).all()
        assert (problem.evaluate(native, 0)[:, 1] == -np.inf).all()


@each_kind
@each_dtype
@pytest.mark.parametrize("native", [*NATIVE, reference])
def test_no_component_at_all(kind, dtype, native):
    problem = with_fields(make_problem(kind, 30, 5, 1, dtype), log_constant=np.array([-np.inf]))
    parts = problem.split(problem.moments(native))
    assert parts["log_likelihood"] == -np.inf
    assert parts["weight"] == 30
    assert not np.concatenate([parts["count"], parts["first"], parts["second"]]).any()
    assert (problem.evaluate(native, 1) == 0).all()
    assert (problem.evaluate(native, 2) == -np.inf).all()


@each_kind
@each_dtype
@pytest.mark.parametrize("native", [*NATIVE, reference])
def test_no_rows(kind, dtype, native):
    assert not make_problem(kind, 0, 6, 3, dtype).moments(native).any()


@each_kind
def test_forty_standard_deviations_away(kind):
    problem = make_problem(kind, 40, 6, 3)
    problem.X[:] += 40.0
    expected = problem.evaluate(reference, 1)
    for native in NATIVE:
        np.testing.assert_allclose(problem.evaluate(native, 1), expected, atol=1e-11)


@each_kind
def test_equal_logits_take_the_first_component(kind):
    base = make_problem(kind, 40, 6, 3)
    same = np.repeat(base.means[:1], 3, axis=0)
    precision = base.precision if kind == "shared" else np.repeat(base.precision[:1], 3, axis=0)
    problem = with_fields(base, means=same, precision=precision, log_constant=np.zeros(3))
    for native in (*NATIVE, reference):
        assert (problem.evaluate(native, 3) == 0).all()
        count = problem.split(problem.moments(native, hard=True))["count"]
        np.testing.assert_array_equal(count, [40, 0, 0])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_component_of_weight_zero_is_never_the_label(dtype):
    with np.errstate(divide="ignore"):
        constant = np.log([0.0, 1.0])
    labels = np.empty(2, np.int64)
    rows = np.array([[1e155 if dtype is np.float64 else 1e30], [0.0]], dtype)
    kernel.dense_evaluate(rows, constant, np.array([[0.0], [1.0]]), np.ones((2, 1, 1)), kernel.LABELS, labels)
    assert labels.tolist() == [1, 1]


@pytest.mark.parametrize("form", ["dense", "shared", "diagonal", "spherical"])
def test_float32_rows_under_precisions_beyond_float32(form):
    precision = {
        "dense": np.full((1, 1, 1), 1e40),
        "shared": np.full((1, 1), 1e40),
        "diagonal": np.full((1, 1), 1e40),
    }
    out, constant = np.empty(1, np.float32), np.array([91.0])
    evaluate = getattr(kernel, f"{form}_evaluate")
    evaluate(
        np.zeros((1, 1), np.float32),
        constant,
        np.zeros((1, 1)),
        precision.get(form, np.array([1e40])),
        2,
        out,
    )
    assert out[0] == 91.0
