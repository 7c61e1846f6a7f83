"""The product of two mixtures' densities, which is proportional to a mixture.

For each pair of components, with S = Σ + Σ' and the gain G = Σ S⁻¹ (Petersen & Pedersen 2012, section 8.1.8)::

    N(x | μ, Σ) N(x | μ', Σ') = N(μ | μ', S) N(x | μ + G (μ' − μ), C),    C = (I − G) Σ (I − G)ᵀ + G Σ' Gᵀ

in which no inverse of a covariance occurs and nothing cancels.

References
----------
Petersen & Pedersen (2012), The Matrix Cookbook.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.linalg import cho_solve

from gaussmix.covariance import Covariances, Dense, Diagonal, Shared
from gaussmix.covariance.representations import Spherical
from gaussmix.errors import ParameterError
from gaussmix.model.distribution.conditionals import normalised
from gaussmix.model.distribution.derived import derived
from gaussmix.moments import DIAGONAL, POOLED, TRACE
from gaussmix.types import Float64Array

if TYPE_CHECKING:
    from gaussmix.model.mixture import Mixture


def product(one: Mixture, other: Mixture) -> tuple[Mixture, float]:
    """Return the mixture of K·K' components proportional to the product, and the logarithm of its integral."""
    if one.n_features != other.n_features:
        raise ParameterError(
            f"the mixtures should have the same features, but one has {one.n_features}, the other "
            f"{other.n_features}"
        )
    kinds = {one.covariances.scatter, other.covariances.scatter}
    combine = _diagonal if kinds <= {DIAGONAL, TRACE} else _shared if kinds == {POOLED} else _dense
    log_joint, means, covariances = combine(one, other)
    log_joint += (one.log_weights[:, None] + other.log_weights).reshape(-1)
    log_weights, log_normaliser = normalised(log_joint[None])
    return derived(np.exp(log_weights[0]), means, covariances), float(log_normaliser[0])


_Parts = tuple[Float64Array, Float64Array, Covariances]  # log N(μ | μ', S) (P,), means (P, D), covariances


def _diagonal(one: Mixture, other: Mixture) -> _Parts:
    """Combine components of independent features."""
    D = one.n_features
    a, b = (np.square(m.covariances.standard_deviations()) for m in (one, other))
    a, b = a[:, None, :], b[None, :, :]
    total, shift = a + b, other.means[None] - one.means[:, None]
    log_density = -0.5 * (shift**2 / total + np.log(2 * np.pi * total)).sum(axis=2)
    means = (one.means[:, None] + a / total * shift).reshape(-1, D)
    variances = (a * (b / total)).reshape(-1, D)
    if one.covariances.scatter is TRACE and other.covariances.scatter is TRACE:
        return log_density.ravel(), means, Spherical.from_variances(variances[:, 0].copy(), D)
    return log_density.ravel(), means, Diagonal.from_variances(variances)


def _shared(one: Mixture, other: Mixture) -> _Parts:
    """Combine components that share one covariance matrix in either mixture: all pairs have the same C."""
    first, second = one.covariances.parameters(), other.covariances.parameters()
    shift = (other.means[None] - one.means[:, None]).reshape(-1, one.n_features)
    log_density, step, matrix = _pair(first, second, shift)
    means = np.repeat(one.means, len(other.means), axis=0) + step
    return log_density, means, Shared.from_covariance(matrix, len(means))


def _dense(one: Mixture, other: Mixture) -> _Parts:
    firsts, seconds = one.covariances.to_dense(), other.covariances.to_dense()
    parts = [
        _pair(firsts[k], seconds[j], (other.means[j] - one.means[k])[None])
        for k in range(len(firsts))
        for j in range(len(seconds))
    ]
    log_density, step, matrices = (np.stack(part) for part in zip(*parts, strict=True))
    means = np.repeat(one.means, len(seconds), axis=0) + step[:, 0]
    return log_density[:, 0], means, Dense.from_covariances(matrices)


def _pair(
    first: Float64Array, second: Float64Array, shift: Float64Array
) -> tuple[Float64Array, Float64Array, Float64Array]:
    """Return log N(shift | 0, S) of rows (n, D), the steps G·shift (n, D), and C (D, D)."""
    total = first + second
    units = np.sqrt(np.diagonal(total))  # so that features of any units are factorised alike
    factor = np.linalg.cholesky(total / np.outer(units, units)) * units[:, None]
    solved = cho_solve((factor, True), np.hstack([first, second, shift.T]))  # S⁻¹ of each
    D = len(total)
    from_second, from_first, white = solved[:, :D].T, solved[:, D : 2 * D].T, solved[:, 2 * D :]
    log_det = 2 * np.log(np.diagonal(factor)).sum()
    log_density = -0.5 * ((shift * white.T).sum(axis=1) + log_det + D * np.log(2 * np.pi))
    matrix = from_first @ first @ from_first.T + from_second @ second @ from_second.T
    return log_density, (first @ white).T, 0.5 * (matrix + matrix.T)
