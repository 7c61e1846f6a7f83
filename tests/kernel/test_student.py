"""The pass of mixtures of t distributions: every compiled kernel against NumPy."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gaussmix.kernel import reference
from tests.kernel.problems import DTYPES, KINDS, NATIVE, make_problem


def student(implementation, problem, degrees, weight=None, *, hard=False):
    """Return whether it was done, and the moments in parts."""
    (K, D), second = problem.means.shape, int(np.prod(problem.second_shape))
    out = np.full(2 + K + K * D + second + 3 * K, np.nan)
    arguments = (
        problem.X,
        weight,
        problem.log_constant,
        problem.means,
        problem.precision,
        degrees,
        out,
        hard,
    )
    done = implementation.student_moments(KINDS.index(problem.kind), *arguments)
    return done, np.split(out, np.cumsum([1, 1, K, K * D, second, K, K]))


def assert_same(parts, expected, tolerance):
    for part, wanted in zip(parts, expected, strict=True):
        scale = max(1.0, np.abs(wanted).max())  # first moments may cancel to nothing
        np.testing.assert_allclose(part / scale, wanted / scale, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("n", "D", "K"), [(1, 1, 1), (37, 1, 3), (500, 2, 3), (77, 4, 2), (203, 5, 3), (400, 17, 9)]
)
def test_compiled_kernels_agree_with_numpy(n, D, K, kind, dtype):
    problem = make_problem(kind, n, D, K, dtype)
    degrees = np.exp(np.random.default_rng(n).uniform(-0.5, 6, K))
    _, expected = student(reference, problem, degrees)
    for native in NATIVE:
        done, parts = student(native, problem, degrees)
        assert done
        assert_same(parts, expected, 1e-11 if dtype == np.float64 else 1e-4)


@pytest.mark.parametrize("hard", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_weights_hard_assignment_and_dead_components_agree_with_numpy(kind, hard):
    problem = make_problem(kind, 90, 3, 4)
    problem = replace(problem, log_constant=np.where(np.arange(4) == 1, -np.inf, problem.log_constant))
    weight = 1e200 * np.random.default_rng(0).choice([0.0, 0.5, 3.0], size=90)
    degrees = np.array([0.5, 3.0, 20.0, 1000.0])
    _, expected = student(reference, problem, degrees, weight, hard=hard)
    for native in NATIVE:
        done, parts = student(native, problem, degrees, weight, hard=hard)
        assert done
        assert_same(parts, expected, 1e-11)


@pytest.mark.parametrize("kind", KINDS)
def test_rows_far_out_count_for_nothing_and_stay_finite(kind):
    problem = make_problem(kind, 50, 2, 2)
    problem.X[7] = 1e140
    degrees = np.array([4.0, 8.0])
    for implementation in (reference, *NATIVE):
        _, parts = student(implementation, problem, degrees)
        assert all(np.isfinite(part).all() for part in parts)
        assert abs(parts[5].sum() - 50) < 1e-9


def test_what_the_linear_form_does_not_suit_is_declined():
    problem = make_problem("diagonal", 50, 2, 2, separation=1e6)
    float_rows = make_problem("dense", 50, 2, 2, np.float32)
    tiny = replace(float_rows, precision=float_rows.precision * 1e20)
    for native in NATIVE:
        assert not student(native, problem, np.array([4.0, 8.0]))[0]
        assert not student(native, tiny, np.array([4.0, 8.0]))[0]


@pytest.mark.parametrize("hard", [False, True])
@pytest.mark.parametrize(("dtype", "far"), [(np.float64, 1e200), (np.float32, 1e30)])
def test_rows_whose_distance_overflows_are_declined(dtype, far, hard):
    problem = make_problem("dense", 50, 2, 2, dtype)
    problem.X[7] = far
    for native in NATIVE:
        assert not student(native, problem, np.array([4.0, 8.0]), hard=hard)[0]


def test_wrong_lengths_are_refused():
    problem = make_problem("dense", 20, 2, 2)
    for native in NATIVE:
        with pytest.raises(ValueError, match="degrees"):
            student(native, problem, np.ones(3))
