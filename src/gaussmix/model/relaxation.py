"""Over-relaxation: going further along EM's step than EM does.

With M(θ) the next point of EM, θ → θ + ω (M(θ) − θ) converges near an optimum for every 0 < ω < 2 (Peters
& Walker 1978), and where EM is slow, ω = 1.8 makes nearly two steps of one. Far from an optimum it may diverge. So a
component goes further by so much only that it moves by little as Fisher's information measures it: with Δ for what is
added to EM's point,

    (Δ log π)² + Δμᵀ Σ⁻¹ Δμ + ½ tr(Σ⁻¹ ΔΣ Σ⁻¹ ΔΣ) ≤ most².

References
----------
Peters & Walker (1978), An iterative procedure for obtaining maximum-likelihood estimates of the parameters for a
mixture of normal distributions, SIAM Journal on Applied Mathematics 35.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from gaussmix.model.mixture import Mixture
from gaussmix.moments import FULL, POOLED
from gaussmix.types import BoolArray, Float64Array


def relaxed(before: Mixture, after: Mixture, factor: float, most: float) -> Mixture:
    """Return the mixture to which an iteration's step leads when it is prolonged; collapsed components stay.

    Parameters
    ----------
    before, after : Mixture
        Where the step begins and ends; of one of the four representations that the kernels serve.
    factor : float
        ω.
    most : float
        By which a component moves further at most: less than √2, so that covariances stay positive definite.
    """
    with np.errstate(divide="ignore", invalid="ignore"):  # of components without rows
        logarithm = np.where(_stays(before, after), 0.0, after.log_weights - before.log_weights)
    shift, parameters = after.means - before.means, after.covariances.parameters()
    change = parameters - before.covariances.parameters()
    of_means, of_covariances = _squares(after, shift, change)
    further = np.where(_stays(before, after), 0.0, factor - 1.0)
    pooled = after.covariances.scatter is POOLED
    length = np.sqrt(logarithm**2 + of_means + (0.0 if pooled else of_covariances))
    further *= _within(most, further * length)
    stretch: Any = further.reshape(-1, *(1,) * (change.ndim - 1))
    if pooled:
        stretch = (factor - 1.0) * _within(most, (factor - 1.0) * np.sqrt(of_covariances))
    covariances = after.covariances.with_parameters(parameters + stretch * change)
    if (covariances.singular & ~after.covariances.singular).any():
        return after
    weights = after.weights * np.exp(further * logarithm)
    means = after.means + further[:, None] * shift
    return replace(after, weights=weights / weights.sum(), means=means, covariances=covariances)


def _stays(before: Mixture, after: Mixture) -> BoolArray:
    """Return which components have no rows or no covariance at one of the ends."""
    stays: BoolArray = before.collapsed | after.collapsed | (before.weights == 0) | (after.weights == 0)
    return stays


def _within(most: float, length: Any) -> Any:
    """Return what a length is multiplied by to be at most ``most``."""
    return np.minimum(1.0, most / np.maximum(length, np.finfo(np.float64).tiny))


def _squares(model: Mixture, shift: Float64Array, change: Float64Array) -> tuple[Float64Array, Float64Array]:
    """Return Δμᵀ Σ⁻¹ Δμ and ½ tr(Σ⁻¹ ΔΣ Σ⁻¹ ΔΣ) of each component; the latter once where Σ is shared."""
    precision: Float64Array = model.covariances.precision  # type: ignore[attr-defined]
    if model.covariances.scatter is FULL:
        white = (precision @ shift[:, :, None])[:, :, 0]
        relative = precision @ change @ precision.transpose(0, 2, 1)
        return np.square(white).sum(axis=1), 0.5 * np.square(relative).sum(axis=(1, 2))
    if model.covariances.scatter is POOLED:
        relative = precision @ change @ precision.T
        return np.square(shift @ precision.T).sum(axis=1), 0.5 * np.square(relative).sum()
    root = precision.reshape(len(shift), -1)  # of one or D columns
    relative = np.broadcast_to(change.reshape(root.shape) * root**2, shift.shape)
    return np.square(shift * root).sum(axis=1), 0.5 * np.square(relative).sum(axis=1)
