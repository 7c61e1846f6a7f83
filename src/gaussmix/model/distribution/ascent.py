"""Ascent of a mixture's density from many starts at once.

A step of the fixed point x ← (Σ_k r_k Σ_k⁻¹)⁻¹ Σ_k r_k Σ_k⁻¹ μ_k, r the posterior at x, never lowers the density
(Carreira-Perpiñán 2000): it is EM for the one parameter x. Near a maximum Newton's step takes over, where the Hessian
of log p is negative definite and the density rises at least as much.

References
----------
Carreira-Perpiñán (2000), Mode-finding for mixtures of Gaussian distributions, IEEE Transactions on Pattern Analysis
and Machine Intelligence 22.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from gaussmix.model.distribution.components import Components
from gaussmix.types import Float64Array

# Lengths are |x|_A with A = Σ_k r_k Σ_k⁻¹, the mean precision at the point: in standard deviations, so to speak.
_STILL: Final = (
    1e-9  # a step this short ends the ascent; Newton's squares the error, so that it is the last by far
)
_NEWTON_REACH: Final = 0.5  # a longer Newton step could leave the basin
_FLAT: Final = 1e-10  # a curvature below this, relative to the precision, may be rounding
_MAX_STEPS: Final = 1000
_NO_SAY: Final = 1e-18  # a posterior below this moves nothing
_WORK: Final = 4_000_000  # numbers that are held for one pass over some starts


@dataclass(frozen=True, slots=True, eq=False)
class Terrain:
    """Hold gradient and curvature of log p at S points.

    Attributes
    ----------
    precision : ndarray of shape (S, D, D)
        A, the mean precision under the posterior.
    root : ndarray of shape (S, D, D)
        B⁻ᵀ with A = B Bᵀ: maps steps measured in A's standard deviations to the features.
    pull : ndarray of shape (S, D)
        B⁻¹ ∇ log p: the fixed point's step, measured so.
    curvature : ndarray of shape (S, D)
        The eigenvalues of −∇² log p measured so, ascending; at most 1, all positive at a maximum.
    directions : ndarray of shape (S, D, D)
        Their eigenvectors, as columns.
    """

    precision: Float64Array
    root: Float64Array
    pull: Float64Array
    curvature: Float64Array
    directions: Float64Array

    def fixed_point_step(self) -> Float64Array:
        """Return A⁻¹ ∇ log p, shape (S, D)."""
        return _apply(self.root, self.pull)

    def newton_step(self) -> tuple[Float64Array, Float64Array]:
        """Return −(∇² log p)⁻¹ ∇ log p where it is defined and short, else 0; and its length."""
        along = _apply(self.directions.transpose(0, 2, 1), self.pull)
        along = along / np.maximum(self.curvature, _FLAT)
        length = np.sqrt(np.square(along).sum(axis=1))
        usable = (self.curvature[:, 0] > _FLAT) & (length < _NEWTON_REACH)
        step = _apply(self.root, _apply(self.directions, along))
        return np.where(usable[:, None], step, 0.0), np.where(usable, length, np.inf)


def log_density(components: Components, X: Float64Array) -> Float64Array:
    """Return log p in the components' units, shape (S,)."""
    return np.asarray(components.dense.log_prob(X, components.log_weights, components.means))


def terrain(components: Components, X: Float64Array) -> Terrain:
    """Return gradient and curvature of log p at the points ``X`` (S, D)."""
    S, D = X.shape
    posterior = components.dense.posterior(X, components.log_weights, components.means)
    precisions = components.dense.precisions()
    precision = (posterior @ precisions.reshape(-1, D * D)).reshape(S, D, D)
    # Of many components few have a say at a point: the sums leave out the others. Pairs are in order of points.
    point, component = np.nonzero(posterior > _NO_SAY)
    first = np.searchsorted(point, np.arange(S))
    share = posterior[point, component][:, None]
    pulls = _apply(precisions[component], components.means[component] - X[point])
    gradient = np.add.reduceat(share * pulls, first)
    apart = np.sqrt(share) * (pulls - gradient[point])
    spread = np.add.reduceat(apart[:, :, None] * apart[:, None, :], first)
    inverse = np.linalg.inv(np.linalg.cholesky(precision))
    curvature, directions = np.linalg.eigh(np.eye(D) - inverse @ spread @ inverse.transpose(0, 2, 1))
    return Terrain(precision, inverse.transpose(0, 2, 1), _apply(inverse, gradient), curvature, directions)


def climb(components: Components, starts: Float64Array) -> Float64Array:
    """Return where the ascent from each start ends, shape (S, D): at a maximum, or rarely at a saddle."""
    size = max(1, _WORK // components.covariances.size)
    parts = [starts[first : first + size] for first in range(0, len(starts), size)]
    return np.concatenate([_climb(components, part) for part in parts])


def _climb(components: Components, starts: Float64Array) -> Float64Array:
    X = starts.copy()
    moving = np.arange(len(X))
    for _ in range(_MAX_STEPS):
        here = terrain(components, X[moving])
        step, length = here.fixed_point_step(), np.sqrt(np.square(here.pull).sum(axis=1))
        newton, newton_length = here.newton_step()
        near = np.flatnonzero(np.isfinite(newton_length))
        if near.size:
            place = X[moving[near]]
            higher = log_density(components, place + newton[near]) >= log_density(
                components, place + step[near]
            )
            chosen = near[higher]
            step[chosen], length[chosen] = newton[chosen], newton_length[chosen]
        X[moving] += step
        moving = moving[length > _STILL]
        if not moving.size:
            break
    return X


def _apply(matrices: Float64Array, vectors: Float64Array) -> Float64Array:
    """Return the product of each matrix (n, D, D) with its vector (n, D)."""
    return np.asarray((matrices @ vectors[:, :, None])[:, :, 0])
