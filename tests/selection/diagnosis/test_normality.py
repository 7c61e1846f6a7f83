from __future__ import annotations

import math

import numpy as np
import pytest

from gaussmix.selection.diagnosis.normality import (
    covariance,
    holm,
    kish,
    kurtosis_p_value,
    shape,
    skewness_p_value,
    whiten,
)


def whitened(X, weight=None):
    return whiten(*covariance(X, weight))


@pytest.mark.parametrize(("n", "d"), [(40, 1), (40, 3), (40, 9)])  # each way to compute the skewness
@pytest.mark.parametrize("weighted", [False, True])
def test_mardias_formulas(n, d, weighted):
    rng = np.random.default_rng(d)
    X, weight = rng.exponential(size=(n, d)), rng.uniform(0.5, 2.0, n)
    share = weight / weight.sum() if weighted else np.full(n, 1 / n)
    about = X - share @ X
    products = about @ np.linalg.inv((about.T * share) @ about) @ about.T
    found = shape(whitened(X, weight if weighted else None), weight if weighted else None)
    assert found.skewness == pytest.approx(share @ products**3 @ share)
    assert found.kurtosis == pytest.approx(share @ np.diag(products) ** 2)
    assert found.excess == pytest.approx(found.kurtosis - d * (d + 2))


def test_integer_and_rescaled_weights():
    rng = np.random.default_rng(0)
    X, weight = rng.exponential(size=(50, 2)), rng.integers(1, 4, 50).astype(float)
    repeated = shape(whitened(np.repeat(X, weight.astype(int), axis=0)), None)
    for w in (weight, 1e5 * weight):
        found = shape(whitened(X, w), w)
        assert found.skewness == pytest.approx(repeated.skewness)
        assert found.n_rows == pytest.approx(weight.sum() ** 2 / (weight @ weight))


def test_invariant_under_linear_maps_and_redundant_features():
    rng = np.random.default_rng(0)
    X = rng.exponential(size=(60, 3))
    mapped = (X @ rng.standard_normal((3, 3))) * [1e100, 1e-100, 1]
    redundant = np.column_stack([X, X[:, 0] - X[:, 1], np.ones(60)])
    for other in (mapped, redundant):
        found, expected = shape(whitened(other), None), shape(whitened(X), None)
        assert found.n_directions == 3
        assert found.p_value == pytest.approx(expected.p_value, rel=1e-6)


def test_too_few_rows_are_not_judged():
    found = shape(whitened(np.random.default_rng(0).standard_normal((9, 2))), None)
    assert math.isnan(found.p_value)


@pytest.mark.parametrize(("n", "d"), [(20, 1), (40, 2), (200, 2), (60, 5)])
def test_false_alarms_are_as_frequent_as_promised(n, d):
    rng = np.random.default_rng((n, d))
    shapes = [shape(whitened(rng.standard_normal((n, d))), None) for _ in range(600)]
    for p_value, field in ((skewness_p_value, "skewness"), (kurtosis_p_value, "kurtosis")):
        p = np.array([p_value(getattr(one, field), n, d) for one in shapes])
        assert 0.06 < (p < 0.1).mean() < 0.16
        assert (p < 0.01).mean() < 0.035


def test_kurtosis_looks_at_both_sides():
    n, d = 300, 2
    assert kurtosis_p_value(6.5, n, d) < 1e-3
    assert kurtosis_p_value(9.9, n, d) < 1e-2
    assert kurtosis_p_value(8 * (n - 1) / (n + 1), n, d) > 0.5


def test_third_cumulant_of_the_kurtosis():
    """E h³ = 64 d (d+2) (d+8) for h = r⁴ − 2(d+2) r² + d(d+2), r² of χ²_d: by its moments."""
    for d in (1, 2, 5):
        moment = np.cumprod([1.0, *(d + 2.0 * i for i in range(6))])  # E r^(2m)
        cube = np.polynomial.Polynomial([d * (d + 2), -2 * (d + 2), 1]) ** 3
        assert cube.coef @ moment == pytest.approx(64 * d * (d + 2) * (d + 8))


def test_holm_by_hand():
    p = np.array([0.02, math.nan, 0.001, 0.4])
    np.testing.assert_allclose(holm(p), [0.04, math.nan, 0.003, 0.4])


def test_kish():
    assert kish(np.full(7, 1e-300)) == pytest.approx(7)
    assert kish(np.array([1.0, 1.0, 0.0])) == pytest.approx(2)
