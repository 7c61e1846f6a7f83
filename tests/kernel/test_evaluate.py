"""Log-joint, posteriors, log-density and labels: each compiled kernel against the reference."""

from __future__ import annotations

import numpy as np
import pytest

from gaussmix.kernel import reference

from .problems import DTYPES, KINDS, NATIVE, make_problem

each_kind = pytest.mark.parametrize("kind", KINDS)
each_dtype = pytest.mark.parametrize("dtype", DTYPES)


def check(problem):
    tolerance = 1e-11 if problem.X.dtype == np.float64 else 2e-4
    for what in (0, 1, 2):
        expected = problem.evaluate(reference, what)
        for native in NATIVE:
            np.testing.assert_allclose(
                problem.evaluate(native, what), expected, rtol=tolerance, atol=tolerance
            )
    for native in NATIVE:
        log_joint, labels = problem.evaluate(native, 0), problem.evaluate(native, 3)
        chosen = np.take_along_axis(log_joint, labels[:, None], axis=1)
        np.testing.assert_allclose(chosen[:, 0], log_joint.max(axis=1), rtol=1e-6)


@each_kind
@each_dtype
@pytest.mark.parametrize("D", [1, 2, 3, 4, 5, 7, 8, 9, 13, 17, 33])
def test_every_number_of_features(kind, dtype, D):
    for K in (1, 2, 3, 5, 8, 17, 40):
        check(make_problem(kind, 61, D, K, dtype))


@each_kind
@each_dtype
def test_every_number_of_rows(kind, dtype):
    for n in (1, 2, 15, 16, 17, 49, 385, 900):
        check(make_problem(kind, n, 6, 3, dtype))


@each_kind
@each_dtype
def test_posteriors_sum_to_one(kind, dtype):
    problem, tolerance = make_problem(kind, 500, 5, 9, dtype, separation=1.0), 4 * np.finfo(dtype).eps
    for native in NATIVE:
        sums = problem.evaluate(native, 1).sum(axis=1, dtype=np.float64)
        np.testing.assert_allclose(sums, 1, rtol=0, atol=tolerance)


@each_kind
@pytest.mark.parametrize("separation", [1e6, 1e12])
def test_separated_components(kind, separation):
    problem = make_problem(kind, 100, 6, 3, separation=separation)
    expected, tolerance = problem.evaluate(reference, 2), 1e-3 * separation / 1e12 + 1e-9
    for native in NATIVE:
        np.testing.assert_allclose(problem.evaluate(native, 2), expected, rtol=1e-9, atol=tolerance)


@each_kind
def test_nothing_is_written_beyond_the_rows(kind):
    problem = make_problem(kind, 37, 3, 3)
    for native in NATIVE:
        buffer = np.full((40, 3), 7.0)
        run = getattr(native, f"{kind}_evaluate")
        run(problem.X, problem.log_constant, problem.means, problem.precision, 1, buffer[:37])
        assert (buffer[37:] == 7.0).all()
