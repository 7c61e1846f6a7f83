"""Small mixtures of every family, and the bytes of one that is safe to damage."""

from __future__ import annotations

import numpy as np
import pytest

from gaussmix.covariance import FAMILIES
from gaussmix.model.mixture import Mixture
from gaussmix.persistence import dumps

FIT = {
    "n_iter": 7,
    "n_rows": 100,
    "converged": True,
    "lower_bound": -2.5,
    "reg_covar": 1e-6,
    "tol": 1e-6,
    "init_params": "kmeans",
    "degenerate": [{"component": 1, "count": 2.0, "action": "floor"}],
}


def make_mixture(covariance_type: str = "full", K: int = 3, D: int = 2) -> Mixture:
    rng = np.random.default_rng(K * 10 + D)
    weights = rng.dirichlet(np.ones(K))
    scatter = FAMILIES[covariance_type].scatter
    shape = scatter.shape(K, D)
    covariances = rng.uniform(0.5, 2.0, shape)
    if scatter.name in ("full", "pooled"):
        root = rng.standard_normal(shape)
        covariances = root @ np.swapaxes(root, -1, -2) + np.eye(D)
    return Mixture.from_parameters(weights, rng.standard_normal((K, D)), covariances, covariance_type)


@pytest.fixture(params=list(FAMILIES))
def mixture(request) -> Mixture:
    return make_mixture(request.param)


@pytest.fixture(scope="session")
def sound() -> bytes:
    """The bytes of a sound model file."""
    return dumps(make_mixture(K=2), feature_names=["height", "weight"], fit=FIT)
