"""Numbers at the edges of floating point: a finite fit, or an error of ours; NumPy's warnings are errors.

The numbers are those of the catalogue of extremes: B1, B3 and B7 to B19. (B2 is in estimator/test_invariance.py,
B4 to B6 and B8, B9 in test_degenerate.py.)
"""

from __future__ import annotations

import math
from typing import Any

import mpmath
import numpy as np
import pytest

from gaussmix import GaussianMixture, Mixture
from gaussmix.errors import DataError

from .conftest import assert_finite, rows

pytestmark = pytest.mark.filterwarnings(
    "ignore::gaussmix.errors.DegenerateWarning", "ignore::sklearn.exceptions.ConvergenceWarning"
)


def two_groups(n_features: int = 2) -> Any:
    return rows(80, n_features) + 8.0 * (np.arange(80) % 2)[:, None]


def fit(X: Any, covariance_type: str, n_components: int = 2, **options: Any) -> GaussianMixture:
    model = GaussianMixture(n_components, covariance_type=covariance_type, random_state=0, **options)
    return model.fit(X)


@pytest.mark.parametrize("scale", [1e-150, 1e-30, 1e-8, 1e-3, 1e3, 1e8, 1e30, 1e150])
def test_b1_scales(covariance_type: str, scale: float) -> None:
    X = two_groups()
    one, scaled = fit(X, covariance_type), fit(scale * X, covariance_type)
    np.testing.assert_array_equal(scaled.predict(scale * X), one.predict(X))
    assert scaled.score(scale * X) + 2 * np.log(scale) == pytest.approx(one.score(X), rel=1e-9)


@pytest.mark.parametrize("scale", [1e-310, 1e-300, 1e-170, 1e160, 1e300, 1e307])
def test_b1_b11_scales_whose_squares_float64_cannot_hold(covariance_type: str, scale: float) -> None:
    with pytest.raises(DataError, match="column 0 is beyond the range of float64: rescale it"):
        fit(scale * two_groups(), covariance_type)


@pytest.mark.parametrize("covariance_type", ["full", "tied", "diag"])
def test_b3_columns_of_different_scales(covariance_type: str) -> None:
    X, scales = two_groups(3), [1e-9, 1.0, 1e9]
    np.testing.assert_array_equal(
        fit(X * scales, covariance_type).predict(X * scales), fit(X, covariance_type).predict(X)
    )


def exact_log_density(x: Any, covariance: Any) -> Any:
    with mpmath.workdps(60):
        sigma, y = mpmath.matrix(covariance.tolist()), mpmath.matrix(x.tolist())
        square = (y.T * mpmath.lu_solve(sigma, y))[0]
        return -(square + mpmath.log(mpmath.det(sigma)) + len(x) * mpmath.log(2 * mpmath.pi)) / 2


@pytest.mark.parametrize("exponent", [2, 4, 6, 8, 10])
def test_b7_ill_conditioned_density(exponent: int) -> None:
    rotation = np.linalg.qr(rows(3, 3))[0]
    covariance = rotation * [1.0, 10.0 ** (-exponent / 2), 10.0**-exponent] @ rotation.T
    covariance = (covariance + covariance.T) / 2
    mixture = Mixture.from_parameters([1.0], np.zeros((1, 3)), covariance[None])
    X = rows(5) @ np.linalg.cholesky(covariance).T
    exact = [float(exact_log_density(x, covariance)) for x in X]
    assert np.abs(mixture.log_prob(X) - exact).max() < max(1e-12 * 10.0**exponent, 1e-12)


def test_b10_grid_with_ties(covariance_type: str) -> None:
    X = np.stack(np.meshgrid(np.arange(6), np.arange(6)), axis=-1).reshape(-1, 2)
    assert_finite(fit(X, covariance_type, 4))


def test_b12_one_outlier(covariance_type: str) -> None:
    X = two_groups()
    X[5, 0] = 1e12
    assert_finite(fit(X, covariance_type, 3))


def test_b13_cauchy(covariance_type: str) -> None:
    assert_finite(fit(np.random.default_rng(0).standard_cauchy((300, 2)), covariance_type, 3))


def test_b14_more_features_than_rows(covariance_type: str) -> None:
    assert_finite(fit(rows(20, 100), covariance_type))


def test_b15_as_many_components_as_rows(covariance_type: str) -> None:
    assert_finite(fit(rows(50), covariance_type, 50))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("distance", [40.0, 1e6, 1e15])
def test_b16_far_rows(covariance_type: str, dtype: Any, distance: float) -> None:
    model = fit(two_groups(), covariance_type)
    far = np.array([[distance, -distance], [-distance, -distance]], dtype)
    np.testing.assert_allclose(model.predict_proba(far).sum(axis=1), 1.0, rtol=1e-6)
    assert (model.score_samples(far) < -100).all()
    assert np.isfinite(model.score_samples(far)).all()


def test_b16_rows_beyond_all_numbers(covariance_type: str) -> None:
    model = fit(two_groups(), covariance_type)
    far = np.array([[1e160, -1e160], [1e300, 1e300]])
    assert not np.isnan(model.score_samples(far)).any()
    assert not np.isnan(model.predict_proba(far)).any()
    assert set(model.predict(far)) <= {0, 1}


def test_b17_a_tiny_component_survives() -> None:
    X = np.concatenate([rows(4000, 1), rows(8, 1, seed=1) * 0.1 + 50.0])
    model = fit(X, "full")
    assert model.weights_.min() == pytest.approx(8 / 4008, rel=1e-6)


def test_b17_weights_of_very_different_size() -> None:
    weight = np.where(np.arange(80) % 2, 1e-12, 1.0)
    model = GaussianMixture(2, init_params=np.arange(80) % 2).fit(two_groups(), sample_weight=weight)
    assert model.weights_.min() == pytest.approx(1e-12, rel=1e-3)


def test_b18_long_sums_are_exact() -> None:
    X = np.random.default_rng(0).uniform(1.0, 2.0, (400_000, 1))
    exact = math.fsum(X[:, 0]) / len(X)
    assert fit(X, "full", 1).means_[0, 0] == pytest.approx(exact, rel=1e-14)


def test_b19_signed_zeros_and_neighbours(covariance_type: str) -> None:
    X = np.array([[0.0], [-0.0], [np.nextafter(0, 1)], [1.0], [np.nextafter(1, 2)], [np.nextafter(1, 0)]])
    assert_finite(fit(X, covariance_type))
