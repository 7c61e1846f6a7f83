"""The shared checks: an estimator that refused its input is as it was before."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gaussmix import GaussianMixture


def rows(n_rows: int = 40, n_features: int = 3, seed: int = 0) -> Any:
    return np.random.default_rng(seed).normal(size=(n_rows, n_features))


@pytest.fixture(params=["full", "tied", "diag", "spherical"])
def covariance_type(request: pytest.FixtureRequest) -> str:
    return request.param


def refused(
    X: Any, error: Any, match: str, model: GaussianMixture | None = None, **data: Any
) -> pytest.ExceptionInfo[Exception]:
    """Assert that fit raises, and that neither a new nor a fitted estimator is changed by it."""
    new = GaussianMixture(2) if model is None else model
    before = dict(vars(new))
    with pytest.raises(error, match=match) as raised:
        new.fit(X, **data)
    assert vars(new) == before
    if model is None:
        used = GaussianMixture(2, random_state=0).fit(rows(n_features=2))
        before = dict(vars(used))
        with pytest.raises(error, match=match):
            used.fit(X, **data)
        assert vars(used) == before
    return raised


def assert_finite(model: GaussianMixture) -> None:
    for name in (
        "weights_",
        "means_",
        "covariances_",
        "precisions_",
        "precisions_cholesky_",
        "lower_bounds_",
    ):
        assert np.isfinite(getattr(model, name)).all(), name
