"""The data of the benchmark, starts for EM, and the likelihood by which all packages are judged."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_BLOCK = 4096  # rows drawn at a time, so that making the data needs no memory of its own


@dataclass(frozen=True)
class Parameters:
    """Hold the parameters of a mixture, covariances in scikit-learn's shape for ``covariance_type``."""

    covariance_type: str
    weights: Array  # (K,)
    means: Array  # (K, D)
    covariances: Array  # full (K, D, D), tied (D, D), diag (K, D), spherical (K,)

    @property
    def precisions(self) -> Array:
        """The inverse covariances, in the same shape."""
        matrices = self.covariance_type in ("full", "tied")
        return np.linalg.inv(self.covariances) if matrices else 1.0 / self.covariances

    def as_type(self, dtype: Any) -> Parameters:
        """Return the parameters rounded to ``dtype``."""
        arrays = {"weights": self.weights, "means": self.means, "covariances": self.covariances}
        return replace(self, **{name: array.astype(dtype) for name, array in arrays.items()})


def clustered(n_rows: int, n_features: int, n_clusters: int, *, seed: int = 0, spread: float = 2.0) -> Array:
    """Return rows of a mixture of correlated Gaussians, shape (n_rows, n_features), in random order.

    The clusters have standard deviations of one and more and centres that are normal with ``spread``:
    neighbours overlap, so that EM has work to do and starts matter. Sizes differ up to threefold.
    """
    rng = np.random.default_rng(seed)
    share = rng.uniform(1.0, 3.0, n_clusters)
    centres = spread * rng.standard_normal((n_clusters, n_features))
    tilt = rng.standard_normal((n_clusters, n_features, n_features)) / np.sqrt(n_features)
    colour = np.eye(n_features) + 0.5 * tilt
    X = np.empty((n_rows, n_features))
    for start in range(0, n_rows, _BLOCK):
        block = X[start : start + _BLOCK]
        rng.standard_normal(out=block)
        sizes = rng.multinomial(len(block), share / share.sum())
        for k, part in enumerate(np.split(block, np.cumsum(sizes)[:-1])):
            part[:] = part @ colour[k] + centres[k]
        block[:] = block[rng.permutation(len(block))]
    return X


def start_for(X: Array, n_components: int, covariance_type: str, *, seed: int = 1) -> Parameters:
    """Return a start: equal weights, means at rows drawn at random, and the covariance of all rows."""
    rng = np.random.default_rng(seed)
    sample = X[: 100 * _BLOCK]
    covariance = np.atleast_2d(np.cov(sample.T))
    covariances = {
        "full": np.repeat(covariance[None], n_components, axis=0),
        "tied": covariance,
        "diag": np.repeat(np.diag(covariance)[None], n_components, axis=0),
        "spherical": np.full(n_components, np.diag(covariance).mean()),
    }[covariance_type]
    means = sample[rng.choice(len(sample), n_components, replace=False)]
    return Parameters(covariance_type, np.full(n_components, 1 / n_components), means, covariances)


def mean_log_likelihood(X: Array, parameters: Parameters) -> float:
    """Return the mean log-density of the rows in nats, by plain NumPy: no package judges itself."""
    N, D = X.shape
    K = len(parameters.weights)
    log_joint = np.empty((N, K))
    for k in range(K):
        factor = np.linalg.cholesky(_dense(parameters, k, D))
        white = np.linalg.solve(factor, (X - parameters.means[k]).T)
        log_det = 2 * np.log(np.diag(factor)).sum()
        log_joint[:, k] = np.log(parameters.weights[k]) - 0.5 * (
            D * np.log(2 * np.pi) + log_det + np.square(white).sum(axis=0)
        )
    largest = log_joint.max(axis=1)
    return float((largest + np.log(np.exp(log_joint - largest[:, None]).sum(axis=1))).mean())


def _dense(parameters: Parameters, k: int, n_features: int) -> Array:
    """Return the covariance matrix of component ``k``, (D, D)."""
    covariances = parameters.covariances
    if parameters.covariance_type == "tied":
        return covariances
    if parameters.covariance_type == "full":
        matrix: Array = covariances[k]
        return matrix
    return np.diag(np.broadcast_to(covariances[k], n_features))
