"""Axes in common, variances along them of each component's own: Σ_k = λ_k D A_k Dᵀ with D orthogonal, |A_k| = 1.

========  ====================  ==============================================
EVE       λ D A_k Dᵀ            variances by ``volume.one_volume``
VVE       λ_k D A_k Dᵀ          variances diag(Dᵀ W_k D) / n_k
========  ====================  ==============================================

The axes D are found by ``joint_diagonalization``; VVE is the model of common principal components.

References
----------
Celeux & Govaert (1995), Gaussian parsimonious clustering models, Pattern Recognition 28, §3.3. Browne & McNicholas
(2014), Estimating common principal components in high dimensions, Adv. Data Anal. Classif. 8.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gaussmix import linalg
from gaussmix.covariance import volume
from gaussmix.covariance.base import Covariances, per_row_mean
from gaussmix.covariance.representations import Dense
from gaussmix.covariance.represented import DenseFamily
from gaussmix.covariance.rotated import along_axes
from gaussmix.types import Float64Array

if TYPE_CHECKING:
    from gaussmix.covariance.joint_diagonalization import Objective


class EVE(DenseFamily):
    """Components share their axes and their volume."""

    name = "EVE"
    code = "EVE"
    invariance = "orthogonal"

    def estimate(
        self,
        scatter: Float64Array,
        count: Float64Array,
        n_features: int,
        previous: Covariances | None = None,
    ) -> Covariances:
        from gaussmix.covariance.joint_diagonalization import OneVolume  # here: few fits need to import it

        matrices, trace, _ = _live(scatter, count)
        axes = _axes(matrices, OneVolume(np.log(trace)), previous)
        kept = None if previous is None else _along(axes, previous.to_dense())
        variances = volume.one_volume(_along(axes, scatter), count, kept)
        return Dense.from_covariances(along_axes(axes, variances[:, None]))

    def n_parameters(self, n_components: int, n_features: int) -> int:
        return 1 + n_components * (n_features - 1) + n_features * (n_features - 1) // 2


class VVE(DenseFamily):
    """Components share their axes: common principal components."""

    name = "VVE"
    code = "VVE"
    invariance = "orthogonal"

    def estimate(
        self,
        scatter: Float64Array,
        count: Float64Array,
        n_features: int,
        previous: Covariances | None = None,
    ) -> Covariances:
        from gaussmix.covariance.joint_diagonalization import OwnVolumes

        matrices, _, rows = _live(scatter, count)
        axes = _axes(matrices, OwnVolumes(rows / rows.sum()), previous)
        variances = per_row_mean(_along(axes, scatter), count)
        if previous is not None and not count.all():
            variances[count == 0] = _along(axes, previous.to_dense())[count == 0]
        return Dense.from_covariances(along_axes(axes, variances[:, None]))

    def n_parameters(self, n_components: int, n_features: int) -> int:
        return n_components * n_features + n_features * (n_features - 1) // 2


def _live(scatter: Float64Array, count: Float64Array) -> tuple[Float64Array, Float64Array, Float64Array]:
    """Return the scatter matrices of components that have rows and scatter, at trace 1, their traces and counts."""
    trace = linalg.diagonals(scatter).sum(axis=1)
    live = (count > 0) & (trace > 0)
    if not live.all():
        scatter, trace, count = scatter[live], trace[live], count[live]
    return scatter / trace[:, None, None], trace, count


def _axes(matrices: Float64Array, objective: Objective, previous: Covariances | None) -> Float64Array:
    from gaussmix.covariance.joint_diagonalization import common_axes, shared_eigenvectors

    start = None if previous is None else shared_eigenvectors(previous.to_dense())
    if not len(matrices):
        return np.eye(matrices.shape[1]) if start is None else start
    return common_axes(matrices, objective, start)


def _along(axes: Float64Array, matrices: Float64Array) -> Float64Array:
    """Return the variances of matrices (K, D, D) along the axes, (K, D)."""
    variances: Float64Array = np.maximum(np.einsum("dj,kdj->kj", axes, matrices @ axes), 0.0)
    return variances
