"""Moved, rescaled, weighted and repeated data give the moved, rescaled and the same fit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from gaussmix import GaussianMixture


def fitted(X: Any, covariance_type: str, n_components: int = 3, **options: Any) -> GaussianMixture:
    """Return a fit that starts from the first rows."""
    options = {"means_init": X[:n_components]} | options
    return GaussianMixture(n_components, covariance_type=covariance_type, **options).fit(X)


def spread(covariances: Any, covariance_type: str) -> float:
    """Return the mean variance of the components."""
    if covariance_type in ("full", "tied"):
        covariances = np.diagonal(covariances, axis1=-2, axis2=-1)
    return float(np.mean(covariances))


@pytest.mark.parametrize(
    ("dtype", "offset", "tolerance"),
    [(np.float64, 1e4, 1e-9), (np.float64, 1e6, 1e-6), (np.float64, 1e8, 1e-4), (np.float32, 1e4, 2e-2)],
)
@pytest.mark.parametrize("n_components", [1, 3])
def test_moved_data_give_the_moved_fit(
    X: Any, covariance_type: str, n_components: int, dtype: Any, offset: float, tolerance: float
) -> None:
    moved = (X + offset).astype(dtype)
    here, there = (fitted(rows, covariance_type, n_components) for rows in (X, moved))
    unit = spread(here.covariances_, covariance_type)
    np.testing.assert_allclose(there.covariances_, here.covariances_, tolerance, tolerance * unit)
    np.testing.assert_allclose(there.means_ - offset, here.means_, atol=tolerance * np.sqrt(unit) * 10)
    assert adjusted_rand_score(here.predict(X), there.predict(moved)) > 0.99


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_moved_data_are_seeded_alike(X: Any, covariance_type: str, dtype: Any) -> None:
    moved = (X + 1e4).astype(dtype)
    model = GaussianMixture(3, covariance_type=covariance_type, random_state=0)
    assert adjusted_rand_score(model.fit_predict(X), model.fit_predict(moved)) > 0.99


@pytest.mark.parametrize("scale", [1e-150, 1e-8, 1e-3, 1e3, 1e8, 1e150])
def test_rescaled_data_give_the_same_labels(X: Any, covariance_type: str, scale: float) -> None:
    model = GaussianMixture(3, covariance_type=covariance_type, random_state=0)
    labels, score = model.fit_predict(X), model.score(X)
    np.testing.assert_array_equal(model.fit_predict(scale * X), labels)
    assert model.score(scale * X) + X.shape[1] * np.log(scale) == pytest.approx(score, rel=1e-9)


@pytest.mark.parametrize("covariance_type", ["full", "tied", "diag"])
def test_columns_of_different_units_give_the_same_labels(X: Any, covariance_type: str) -> None:
    model = GaussianMixture(3, covariance_type=covariance_type, random_state=0)
    np.testing.assert_array_equal(model.fit_predict(X * [1e-9, 1.0, 1e9]), model.fit_predict(X))


@pytest.mark.parametrize("n_components", [1, 3])
def test_integer_weights_are_repeated_rows(X: Any, covariance_type: str, n_components: int) -> None:
    weight = np.random.default_rng(0).integers(0, 5, len(X))
    weight[:3] = 2  # the start
    means_init = X[:n_components]
    model = GaussianMixture(n_components, covariance_type=covariance_type, means_init=means_init)
    weighted = model.fit(X, sample_weight=weight).mixture_
    repeated = model.fit(np.repeat(X, weight, axis=0)).mixture_
    np.testing.assert_allclose(weighted.weights, repeated.weights, rtol=1e-8)
    np.testing.assert_allclose(weighted.means, repeated.means, rtol=1e-8)
    unit = np.abs(repeated.covariances.parameters()).max()
    np.testing.assert_allclose(
        weighted.covariances.parameters(), repeated.covariances.parameters(), 1e-8, 1e-8 * unit
    )


@pytest.mark.parametrize("factor", [1e-300, 1e-3, 1e3, 1e300])
def test_a_common_factor_of_the_weights_changes_nothing(X: Any, covariance_type: str, factor: float) -> None:
    weight = np.random.default_rng(0).uniform(0.5, 1.5, len(X))
    model = GaussianMixture(3, covariance_type=covariance_type, random_state=0, tol=1e-14, max_iter=5000)
    expected = model.fit(X, sample_weight=weight).mixture_
    scaled = model.fit(X, sample_weight=factor * weight).mixture_
    np.testing.assert_allclose(scaled.means, expected.means, rtol=1e-6)
    np.testing.assert_allclose(scaled.posterior(X), expected.posterior(X), atol=1e-6)


def test_rows_of_weight_zero_are_ignored(X: Any, covariance_type: str) -> None:
    far = np.concatenate([X, np.full((5, X.shape[1]), 1e3)])
    weight = np.repeat([1.0, 0.0], [len(X), 5])
    model = GaussianMixture(3, covariance_type=covariance_type, means_init=X[:3])
    expected = model.fit(X).mixture_
    ignoring = model.fit(far, sample_weight=weight).mixture_
    np.testing.assert_allclose(ignoring.means, expected.means, rtol=1e-8)
    np.testing.assert_allclose(ignoring.posterior(X), expected.posterior(X), atol=1e-8)


def test_score_is_weighted(X: Any) -> None:
    model = GaussianMixture(3, random_state=0).fit(X)
    weight = np.arange(len(X)) % 3
    assert model.score(X, sample_weight=weight) == pytest.approx(model.score(np.repeat(X, weight, axis=0)))


@pytest.mark.parametrize("seed", range(10))
def test_two_parallel_cigars_are_found_with_defaults(seed: int) -> None:
    rng = np.random.default_rng(seed)
    labels = np.repeat([0, 1], 300)
    X = rng.normal(size=(600, 2)) * [5.0, 0.3]
    X[:, 1] += 3.0 * labels  # 10 standard deviations
    found = GaussianMixture(2, random_state=seed).fit_predict(X)
    assert adjusted_rand_score(labels, found) > 0.95
