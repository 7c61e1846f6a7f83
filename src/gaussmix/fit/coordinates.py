"""A mixture as a point of a space in which every point is a mixture.

The coordinates are log π_k, μ_k and log σ² or, for matrices, the Cholesky factors with the logarithms of their
diagonals; of factors, loadings and the logarithms of the noise; of t distributions also log ν_k. Lines through them
never leave the mixtures; the means, and with them all coordinates' differences, follow a shift and a rescaling of the
features.
"""

from __future__ import annotations

from functools import singledispatch
from typing import Any, TypeVar

import numpy as np

from gaussmix.covariance import Covariances
from gaussmix.model import Mixture, StudentMixture
from gaussmix.moments import FULL, POOLED
from gaussmix.types import Float64Array

Placed = TypeVar("Placed", bound=Mixture | StudentMixture)


@singledispatch
def coordinates(model: Mixture | StudentMixture) -> Float64Array:
    """Return a mixture's coordinates, shape (P,)."""
    stored: Any = model.covariances
    covariances = stored.packed() if stored.n_factors else stored.parameters()
    if stored.n_factors:
        covariances[..., -1] = np.log(covariances[..., -1])
        shape = covariances
    elif stored.scatter in (FULL, POOLED):
        D = model.n_features
        factors = np.linalg.cholesky(covariances.reshape(-1, D, D))
        diagonal = np.arange(D)
        factors[:, diagonal, diagonal] = np.log(factors[:, diagonal, diagonal])
        shape = factors[:, *np.tril_indices(D)]
    else:
        shape = np.log(covariances)
    return np.concatenate([model.log_weights, model.means.ravel(), shape.ravel()])


def mixture_at(point: Float64Array, like: Placed) -> Placed:
    """Return the mixture with these coordinates, of the family of ``like``; what is outside it is embedded."""
    placed: Placed = _placed(like, point)
    return placed


@singledispatch
def _placed(like: Any, point: Float64Array) -> Any:
    K, D = like.means.shape
    logarithms, means, shape = np.split(point, [K, K + K * D])
    weights = np.exp(logarithms - logarithms.max())
    weights /= weights.sum()
    if like.covariances.n_factors:
        covariances = _factors_at(shape, like)
        collapsed = covariances.singular.copy()
        return Mixture(weights, means.reshape(K, D), covariances, like.family, like.prior, collapsed)
    if like.covariances.scatter in (FULL, POOLED):
        rows, columns = np.tril_indices(D)
        factors = np.zeros((len(shape) // len(rows), D, D))
        factors[:, rows, columns] = shape.reshape(len(factors), -1)
        diagonal = np.arange(D)
        factors[:, diagonal, diagonal] = np.exp(factors[:, diagonal, diagonal])
        matrices = factors @ factors.transpose(0, 2, 1)
    else:
        matrices = np.exp(shape)
    covariances = like.covariances.with_parameters(matrices.reshape(like.covariances.parameters().shape))
    if not like.family.unconstrained and not covariances.singular.any():
        covariances = like.family.embed(covariances, weights)
    collapsed = covariances.singular.copy()
    return Mixture(weights, means.reshape(K, D), covariances, like.family, like.prior, collapsed)


def _factors_at(shape: Float64Array, like: Mixture) -> Covariances:
    """Return covariances by factors with these coordinates; lines keep what components share."""
    stored: Any = like.covariances
    packed = shape.reshape(*like.means.shape, -1).copy()
    packed[..., -1] = np.exp(packed[..., -1])
    moved: Covariances = stored.with_packed(packed)
    return moved


@singledispatch
def metric(model: Mixture | StudentMixture) -> Float64Array:
    """Return what differences of coordinates are multiplied by to become numbers without units, shape (P,).

    As in Fisher's information, components count with √π_k, means and factors in standard deviations.
    """
    K, D = model.means.shape
    root = np.sqrt(model.weights)
    relative = root[:, None] / model.covariances.standard_deviations()
    scatter = model.covariances.scatter
    if model.covariances.n_factors:
        loadings = np.repeat(relative[:, :, None], model.covariances.n_factors, axis=2)
        noise = np.broadcast_to(root[:, None, None], (*relative.shape, 1))
        shape = np.concatenate([loadings, noise], axis=2)
    elif scatter in (FULL, POOLED):
        rows, columns = np.tril_indices(D)
        by_row = relative if scatter is FULL else 1.0 / model.covariances.standard_deviations()[:1]
        whole = root[:, None] if scatter is FULL else np.ones((1, 1))
        shape = np.where(rows == columns, whole, by_row[:, rows])
    else:
        shape = np.repeat(root, model.covariances.parameters().size // K)
    return np.concatenate([root, relative.ravel(), shape.ravel()])


@coordinates.register
def _(model: StudentMixture) -> Float64Array:
    return np.concatenate([coordinates(model.as_gaussian()), np.log(model.degrees_of_freedom)])


@_placed.register
def _(like: StudentMixture, point: Float64Array) -> StudentMixture:
    K = like.n_components
    gaussian = _placed(like.as_gaussian(), point[:-K])
    return like.moved(gaussian, np.exp(point[-K:]))


@metric.register
def _(model: StudentMixture) -> Float64Array:
    return np.concatenate([metric(model.as_gaussian()), model.log_degrees_error()])
