"""How near each covariance matrix is to singular, whatever the units of the features."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from gaussmix.model import Mixture
from gaussmix.moments import DIAGONAL, POOLED, TRACE
from gaussmix.types import Float64Array

_EPS: Final = float(np.finfo(np.float64).eps)


@dataclass(frozen=True, slots=True, eq=False)
class Conditioning:
    """Hold how near each component's covariance matrix is to singular.

    Attributes
    ----------
    condition_number : ndarray of shape (K,)
        Largest by least eigenvalue of the correlation matrix. Its logarithm to base 10 is the number of digits that
        a solution with the matrix loses.
    share_added : ndarray of shape (K,)
        Part of the least eigenvalue, 0 to 1, that ``reg_covar`` added; 1 if the rows alone give a singular matrix.
    """

    condition_number: Float64Array
    share_added: Float64Array


def conditioning(mixture: Mixture) -> Conditioning:
    """Return how near the covariance matrices of a mixture are to singular."""
    K, D = mixture.n_components, mixture.n_features
    sd = mixture.covariances.standard_deviations()
    added = mixture.prior.added_variance
    share = np.zeros((K, D)) if added is None else np.minimum(added / np.square(sd), 1.0)
    if mixture.covariances.scatter in (DIAGONAL, TRACE):
        return Conditioning(np.ones(K), share.max(axis=1))
    if mixture.covariances.scatter.n_factors:
        return _of_factors(mixture.covariances, share)
    correlation = _correlation(mixture)
    n = len(correlation)
    eigenvalues = np.linalg.eigvalsh(correlation)
    least = np.maximum(eigenvalues[:, 0], D * _EPS)
    own = np.linalg.eigvalsh(correlation - share[:n, :, None] * np.eye(D))[:, 0]
    share_added = np.clip(1.0 - own / least, 0.0, 1.0) * share[:n].any(axis=1)
    return Conditioning(
        np.broadcast_to(eigenvalues[:, -1] / least, K).copy(), np.broadcast_to(share_added, K).copy()
    )


def _of_factors(covariances: Any, share: Float64Array) -> Conditioning:
    """Return bounds of the same for B Bᵀ + Ψ, of which the least eigenvalue is no less than the least noise."""
    noise = _relative_noise(covariances)
    loadings = covariances.loadings / covariances.standard_deviations()[:, :, None]
    signal = np.linalg.eigvalsh(loadings.transpose(0, 2, 1) @ loadings)[:, -1]
    least = np.maximum(noise.min(axis=1), share.shape[1] * _EPS)
    flattest = noise.argmin(axis=1)
    added = share[np.arange(len(share)), flattest] / least
    return Conditioning((signal + noise.max(axis=1)) / least, np.minimum(added, 1.0))


def _relative_noise(covariances: Any) -> Float64Array:
    """Return the noise's part of each variance, shape (K, D)."""
    return np.asarray(covariances.noise / np.square(covariances.standard_deviations()))


def flattest_features(mixture: Mixture, component: int, most: int = 3) -> list[int]:
    """Return the features that make up the flattest direction of a component, the heaviest first."""
    if mixture.covariances.scatter in (DIAGONAL, TRACE):
        sd = mixture.covariances.standard_deviations()
        return [int((sd[component] / sd.max(axis=0)).argmin())]
    if mixture.covariances.scatter.n_factors:
        return [int(_relative_noise(mixture.covariances)[component].argmin())]
    matrices = _correlation(mixture)
    loadings = np.abs(np.linalg.eigh(matrices[min(component, len(matrices) - 1)])[1][:, 0])
    heaviest = np.argsort(-loadings, kind="stable")[:most]
    return [int(d) for d in heaviest if loadings[d] > 0.3 * loadings.max()]


def _correlation(mixture: Mixture) -> Float64Array:
    """Return the correlation matrices (K, D, D), or (1, D, D) where all components share one."""
    covariances = mixture.covariances
    shared = covariances.scatter is POOLED
    dense = covariances.parameters()[None] if shared else covariances.to_dense()
    sd = covariances.standard_deviations()[: len(dense)]
    correlation: Float64Array = dense / sd[:, :, None] / sd[:, None, :]
    return correlation
