"""The data of the benchmark, starts for EM, and the likelihood by which all packages are judged."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve_triangular

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
        if self.covariance_type in ("full", "tied"):
            return np.asarray(np.linalg.inv(self.covariances), np.float64)
        return 1.0 / self.covariances


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
    """Return a start: equal weights, means on the way to rows drawn at random, and the covariance of all rows.

    In many dimensions the means stay near the centre, so that no component begins, and ends, with a single row.
    """
    rng = np.random.default_rng(seed)
    sample = X[: 100 * _BLOCK]
    covariance = np.atleast_2d(np.cov(sample.T))
    covariances = {
        "full": np.repeat(covariance[None], n_components, axis=0),
        "tied": covariance,
        "diag": np.repeat(np.diag(covariance)[None], n_components, axis=0),
        "spherical": np.full(n_components, np.diag(covariance).mean()),
    }[covariance_type]
    centre = sample.mean(axis=0)
    way = min(1.0, 2.0 / np.sqrt(X.shape[1]))
    means = centre + way * (sample[rng.choice(len(sample), n_components, replace=False)] - centre)
    return Parameters(covariance_type, np.full(n_components, 1 / n_components), means, covariances)


def mean_log_likelihood(X: Array, parameters: Parameters) -> float:
    """Return the mean log-density of the rows in nats, by plain NumPy: no package judges itself."""
    blocks = (X[start : start + _BLOCK] for start in range(0, len(X), _BLOCK))
    return sum(float(_log_density(block, parameters).sum()) for block in blocks) / len(X)


def _log_density(X: Array, parameters: Parameters) -> Array:
    """Return the log-density of each row, (n,)."""
    n, D = X.shape
    K = len(parameters.weights)
    log_joint = np.empty((n, K))
    for k in range(K):
        factor = np.linalg.cholesky(_dense(parameters, k, D))
        white = solve_triangular(factor, (X - parameters.means[k]).T, lower=True)  # (D, n)
        constant = D * np.log(2 * np.pi) + 2 * np.log(np.diag(factor)).sum()
        log_joint[:, k] = np.log(parameters.weights[k]) - 0.5 * (constant + np.square(white).sum(axis=0))
    largest = log_joint.max(axis=1)
    density: Array = largest + np.log(np.exp(log_joint - largest[:, None]).sum(axis=1))
    return density


def _dense(parameters: Parameters, k: int, n_features: int) -> Array:
    """Return the covariance matrix of component ``k``, (D, D)."""
    covariances = parameters.covariances
    if parameters.covariance_type == "tied":
        return covariances
    if parameters.covariance_type == "full":
        matrix: Array = covariances[k]
        return matrix
    return np.diag(np.broadcast_to(covariances[k], n_features))
