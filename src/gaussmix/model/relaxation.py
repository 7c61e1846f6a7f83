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
from typing import Any, Final

import numpy as np

from gaussmix.covariance import Covariances
from gaussmix.model.mixture import Mixture
from gaussmix.moments import FULL, POOLED
from gaussmix.types import Float64Array

_TOGETHER: Final = 256  # components, so that what lies between stays small


def relaxed(before: Mixture, after: Mixture, factor: float, most: float) -> Mixture:
    """Return the mixture to which an iteration's step leads when it is prolonged; collapsed components stay.

    Parameters
    ----------
    before, after : Mixture
        Where the step begins and ends; of one of the four representations that the kernels serve.
    factor : float
        ω.
    most : float
        By which a component moves further at most: less than 1/√2, so that covariances stay positive definite.

    Returns
    -------
    Mixture
        With what the prior holds fixed; variances may lie below its floor, as far as they have come towards it.
    """
    stays = before.collapsed | after.collapsed | (before.weights == 0) | (after.weights == 0)
    with np.errstate(divide="ignore", invalid="ignore"):  # of components without rows
        logarithm = np.where(stays, 0.0, after.log_weights - before.log_weights)
    shift, parameters = after.means - before.means, after.covariances.parameters()
    change = parameters - before.covariances.parameters()
    of_means, of_covariances = _squares(after, shift, change)
    further = np.where(stays, 0.0, factor - 1.0)
    if after.covariances.scatter is POOLED:
        length = np.sqrt(logarithm**2 + of_means)
        stretch: Any = (factor - 1.0) * _within(most, (factor - 1.0) * np.sqrt(of_covariances))
        further *= _within(most, further * length)
    else:
        length = np.sqrt(logarithm**2 + of_means + of_covariances)
        further *= _within(most, further * length)
        stretch = further.reshape(-1, *(1,) * (change.ndim - 1))
    change *= stretch
    change += parameters
    return replace(
        after,
        weights=_weights(after, further * logarithm),
        means=after.means + further[:, None] * shift,
        covariances=_covariances(after, change),
    )


def _weights(model: Mixture, logarithm: Float64Array) -> Float64Array:
    """Return the weights times exp(logarithm), with those that the prior holds fixed as they are."""
    free = ~model.prior.fixed(model.n_components)[0]
    weights = model.weights * np.where(free, np.exp(logarithm), 1.0)
    if free.any():
        weights[free] *= model.weights[free].sum() / weights[free].sum()
    return weights


def _covariances(model: Mixture, parameters: Float64Array) -> Covariances:
    """Return covariances with these parameters; those of the model where they would be singular."""
    covariances = model.covariances.with_parameters(parameters)
    singular = covariances.singular & ~model.covariances.singular
    if not singular.any():
        return covariances
    if model.covariances.scatter is POOLED:
        return model.covariances
    parameters[singular] = model.covariances.parameters()[singular]
    return model.covariances.with_parameters(parameters)


def _within(most: float, length: Any) -> Any:
    """Return what a length is multiplied by to be at most ``most``."""
    return np.minimum(1.0, most / np.maximum(length, np.finfo(np.float64).tiny))


def _squares(model: Mixture, shift: Float64Array, change: Float64Array) -> tuple[Float64Array, Float64Array]:
    """Return Δμᵀ Σ⁻¹ Δμ and ½ tr(Σ⁻¹ ΔΣ Σ⁻¹ ΔΣ) of each component; the latter once where Σ is shared."""
    # Each of the four representations of the kernels stores it; other Covariances may not.
    precision: Float64Array = model.covariances.precision  # type: ignore[attr-defined]
    if model.covariances.scatter is FULL:
        some = (slice(start, start + _TOGETHER) for start in range(0, len(shift), _TOGETHER))
        parts = [_squares_in_full(precision[k], shift[k], change[k]) for k in some]
        return np.concatenate([part[0] for part in parts]), np.concatenate([part[1] for part in parts])
    if model.covariances.scatter is POOLED:
        relative = precision @ change @ precision.T
        return np.square(shift @ precision.T).sum(axis=1), 0.5 * np.square(relative).sum()
    root = precision.reshape(len(shift), -1)  # of one or D columns
    relative = np.broadcast_to(change.reshape(root.shape) * root**2, shift.shape)
    return np.square(shift * root).sum(axis=1), 0.5 * np.square(relative).sum(axis=1)


def _squares_in_full(
    precision: Float64Array, shift: Float64Array, change: Float64Array
) -> tuple[Float64Array, Float64Array]:
    """Return what ``_squares`` does, of some components with full covariances."""
    white = (precision @ shift[:, :, None])[:, :, 0]
    relative = precision @ change @ precision.transpose(0, 2, 1)
    return np.square(white).sum(axis=1), 0.5 * np.square(relative).sum(axis=(1, 2))
