"""How much each feature adds to the log-density of a row.

Under one Gaussian, log p(x) = constant − ½ d², with d² the squared Mahalanobis distance. The corr-max transformation
(Garthwaite & Koch 2016, eq. 3 and §3) splits d² among correlated features: with S the standard deviations, P the
correlation matrix and z = S⁻¹ (x − μ),

    w = P^(−½) z,   Σ_d w_d² = d²,

is the vector of uncorrelated variables of which each is as highly correlated with its own feature as they can be on
the whole. Feature d adds −½ w_d². Units do not matter, and without correlations w = z.

Under a mixture the split is the mean over the components by their posterior, −½ Σ_k P(k | x) w_kd², so that

    log p(x) = Σ_d contribution_d + Σ_k P(k | x) (log π_k − ½ log|2π Σ_k|) + entropy of P(· | x).

What is left over is the same for all rows that surely belong to the same component.

References
----------
Garthwaite & Koch (2016), Evaluating the contributions of individual variables to a quadratic form, Australian & New
Zealand Journal of Statistics 58.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from gaussmix.model import Mixture
from gaussmix.moments import DIAGONAL, TRACE
from gaussmix.source import Source
from gaussmix.types import Float64Array, FloatArray

_BLOCK_VALUES: Final = 1_000_000  # 8 MB of rows at a time
_ROUNDING: Final = float(np.finfo(np.float64).eps)  # times D, of an eigenvalue of a correlation matrix


def contributions(mixture: Mixture, source: Source) -> Float64Array:
    """Return −½ Σ_k P(k | x) w_kd² for each row and feature, shape (N, D), in nats."""
    D = mixture.n_features
    deviations = mixture.covariances.standard_deviations()
    roots = _inverse_roots(mixture, deviations)
    out = np.empty((source.n_rows, D))
    start = 0
    for partition in source.partitions(max(1, _BLOCK_VALUES // D)):
        X, _ = partition.load()
        out[start : start + len(X)] = _of_block(mixture, X, deviations, roots)
        start += len(X)
    return out


def _of_block(
    mixture: Mixture, X: FloatArray, deviations: Float64Array, roots: Float64Array | None
) -> Float64Array:
    posterior = np.asarray(mixture.posterior(X), np.float64)
    out = np.zeros(X.shape)
    for k in range(mixture.n_components):
        whitened = (X - mixture.means[k]) / deviations[k]
        if roots is not None:
            whitened = whitened @ roots[k]
        belongs = posterior[:, k, None]
        out -= np.where(
            belongs > 0, belongs * np.square(whitened), 0.0
        )  # infinitely far, but of no probability
    return 0.5 * out


def _inverse_roots(mixture: Mixture, deviations: Float64Array) -> Float64Array | None:
    """Return P_k^(−½), shape (K, D, D), or None where features are uncorrelated given the component."""
    if mixture.covariances.scatter in (DIAGONAL, TRACE):
        return None
    correlations = mixture.covariances.to_dense() / (deviations[:, :, None] * deviations[:, None, :])
    values, vectors = np.linalg.eigh(correlations)
    values = np.maximum(values, _ROUNDING * mixture.n_features)
    return np.asarray((vectors / np.sqrt(values)[:, None, :]) @ vectors.transpose(0, 2, 1), np.float64)
