"""Small mixtures of every family, and the bytes of one that is safe to damage."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gaussmix.covariance import FAMILIES
from gaussmix.model import Mixture, StudentMixture
from gaussmix.model.background import BackgroundMixture, Uniform
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


def make_student(rule: str = "component", covariance_type: str = "full", K: int = 3) -> StudentMixture:
    degrees = np.full(K, 4.1) if rule == "shared" else 0.3 * 10.0 ** np.arange(K)
    return replace(
        StudentMixture.from_mixture(make_mixture(covariance_type, K), degrees, "component"), rule=rule
    )


def make_background(covariance_type: str = "full", K: int = 3) -> BackgroundMixture:
    return BackgroundMixture(make_mixture(covariance_type, K), 0.1, Uniform(np.log(191.8869)))


MODELS = {
    "gaussian": make_mixture(K=2),
    "student": make_student(K=2),
    "background": make_background(K=2),
}


@pytest.fixture(scope="session")
def sound() -> bytes:
    """The bytes of a sound model file."""
    return dumps(MODELS["gaussian"], feature_names=["height", "weight"], fit=FIT)


@pytest.fixture(scope="session", params=list(MODELS))
def any_sound(request) -> bytes:
    """The bytes of a sound model file of each kind."""
    return dumps(MODELS[request.param], feature_names=["height", "weight"], fit=FIT)
