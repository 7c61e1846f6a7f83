"""Small data sets that the estimator's tests share."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

TYPES = ("full", "tied", "diag", "spherical")


def three_blobs(n_rows: int = 600, seed: int = 1) -> Any:
    """Return rows of three correlated groups, a few of which lie between two."""
    rng = np.random.default_rng(seed)
    centres = np.array([[0.0, 0.0, 0.0], [5.0, 1.0, 2.0], [1.0, 5.0, -2.0]])
    shape = np.array([[1.0, 0.0, 0.0], [0.3, 0.9, 0.0], [-0.2, 0.3, 1.1]])
    labels = np.arange(n_rows) % 3
    return centres[labels] + rng.normal(size=(n_rows, 3)) @ shape.T * (1 + 0.2 * labels[:, None])


@pytest.fixture(params=TYPES)
def covariance_type(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def X() -> Any:
    return three_blobs()
