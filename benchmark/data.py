"""The data of the benchmark, starts for EM, and the likelihood by which all packages are judged."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve_triangular
from scipy.special import logsumexp

Array = NDArray[np.float64]

_BLOCK = 4096  # rows drawn at a time, so that making the data needs no memory of its own


@dataclass(frozen=True)
class Mixture:
    """Hold the parameters of a mixture; covariances in scikit-learn's shape for ``covariance_type``."""

    covariance_type: str
    weights: Array  # (K,)
    means: Array  # (K, D)
    covariances: Array  # full (K, D, D), tied (D, D), diag (K, D), spherical (K,)

    @property
    def precisions(self) -> Array:
        """The inverse covariances, in the same shape."""
        matrices = self.covariance_type in ("full", "tied")
        return np.linalg.inv(self.covariances) if matrices else 1.0 / self.covariances

    def as_type(self, dtype: Any) -> Mixture:
        """Return the parameters rounded to ``dtype``."""
        return replace(
            self,
            weights=self.weights.astype(dtype),
            means=self.means.astype(dtype),
            covariances=self.covariances.astype(dtype),
        )


def clustered(n_rows: int, n_features: int, n_clusters: int, *, seed: int = 0, spread: float = 2.0) -> Array:
    """Return rows of a mixture of correlated Gaussians, shape (n_rows, n_features).

    The clusters have standard deviations of about one and centres that are normal with ``spread``: neighbours
    overlap, so that EM has work to do and starts matter. Sizes differ up to threefold.
    """
    rng = np.random.default_rng(seed)
    share = rng.uniform(1.0, 3.0, n_clusters)
    centres = spread * rng.standard_normal((n_clusters, n_features))
    mixing = np.eye(n_features) + 0.5 * rng.standard_normal((n_clusters, n_features, n_features)) / np.sqrt(n_features)
    label = rng.choice(n_clusters, n_rows // _BLOCK + 1, p=share / share.sum())
    X = np.empty((n_rows, n_features))
    for number, start in enumerate(range(0, n_rows, _BLOCK)):
        block = X[start : start + _BLOCK]
        rng.standard_normal(out=block)
        # Runs of rows of one cluster would be sorted data; each block gets all clusters.
        cuts = np.cumsum(rng.multinomial(len(block), share / share.sum()))[:-1]
        for k, part in enumerate(np.split(block, cuts)):
            part[:] = part @ mixing[k] + centres[k]
        rng.shuffle(block)
    return X
