"""The components of mixtures as plain arrays, in units in which nothing overflows: centred, scaled, factorised."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from gaussmix.covariance import Dense
from gaussmix.errors import DegenerateError, ParameterError
from gaussmix.types import Float64Array

if TYPE_CHECKING:
    from gaussmix.model.mixture import Mixture


@dataclass(frozen=True, slots=True, eq=False)
class Components:
    """Hold K components: (x − centre) / scale is N(means_k, covariances_k) with weight exp(log_weights_k).

    Attributes
    ----------
    centre, scale : ndarray of shape (D,)
        In the units of the data.
    log_weights : ndarray of shape (K,)
    means : ndarray of shape (K, D)
    dense : Dense
        The covariances, as the kernel takes them.
    roots : ndarray of shape (K, D, D)
        Cholesky factors C, Σ = C Cᵀ.
    """

    centre: Float64Array
    scale: Float64Array
    log_weights: Float64Array
    means: Float64Array
    dense: Dense
    roots: Float64Array

    def __len__(self) -> int:
        return len(self.means)

    @property
    def covariances(self) -> Float64Array:
        """Σ_k, shape (K, D, D)."""
        return self.dense.covariances

    @property
    def whitening(self) -> Float64Array:
        """C_k⁻¹, so that Σ⁻¹ = C⁻ᵀ C⁻¹, shape (K, D, D)."""
        return self.dense.precision

    @property
    def log_det(self) -> Float64Array:
        """log|Σ_k|, shape (K,)."""
        return self.dense.log_det

    @property
    def log_volume(self) -> float:
        """Σ log scale: what a log-density loses, and an entropy gains, on the way back to the data's units."""
        return float(np.log(self.scale).sum())


def common_units(*mixtures: Mixture, isotropic: bool = False, weighted: bool = True) -> list[Components]:
    """Return the components of one or more mixtures of the same features, all with the same centre and scale.

    Parameters
    ----------
    *mixtures : Mixture
    isotropic : bool
        One scale for all features, so that distances keep their meaning.
    weighted : bool
        Leave out components of weight zero.

    Raises
    ------
    ParameterError
        If the mixtures have different numbers of features.
    DegenerateError
        If a covariance is singular.
    """
    first = mixtures[0]
    for other in mixtures[1:]:
        if other.n_features != first.n_features:
            raise ParameterError(
                f"the other mixture should have {first.n_features} feature(s) like this one, "
                f"got {other.n_features}"
            )
    log_sd = np.log(np.concatenate([mixture.covariances.standard_deviations() for mixture in mixtures]))
    scale = np.exp(log_sd.mean(axis=0))
    if isotropic:
        scale = np.full_like(scale, np.exp(log_sd.mean()))
    return [_components(mixture, first.means.mean(axis=0), scale, weighted) for mixture in mixtures]


def _components(mixture: Mixture, centre: Float64Array, scale: Float64Array, weighted: bool) -> Components:
    kept = np.flatnonzero(mixture.weights > 0) if weighted else np.arange(mixture.n_components)
    dense = Dense.from_covariances(mixture.covariances.to_dense()[kept] / scale[:, None] / scale)
    if dense.singular.any():
        raise DegenerateError(
            f"component {kept[dense.singular][0]} has a singular covariance, so that it has no density: "
            "leave it out by Mixture.select"
        )
    return Components(
        centre,
        scale,
        mixture.log_weights[kept],
        (mixture.means[kept] - centre) / scale,
        dense,
        np.asarray(np.linalg.cholesky(dense.covariances), dtype=np.float64),
    )
