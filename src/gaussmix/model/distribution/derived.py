"""Mixtures that are derived from others: their family follows from the form in which their covariances are stored."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np

from gaussmix.covariance import FACTOR_FAMILIES, FAMILIES, CovarianceFamily, Covariances, Dense, Shared
from gaussmix.moments import DIAGONAL, FULL, POOLED, TRACE, Scatter
from gaussmix.prior import FLOOR, Flat
from gaussmix.types import Float64Array

if TYPE_CHECKING:
    from gaussmix.model.mixture import Mixture

_FAMILY: Final = {FULL.name: "full", POOLED.name: "tied", DIAGONAL.name: "diag", TRACE.name: "spherical"}


def family_of(scatter: Scatter) -> CovarianceFamily:
    """Return the family without constraints that is stored in this form."""
    if scatter.n_factors:
        return replace(FACTOR_FAMILIES["mfa"], n_factors=scatter.n_factors, grouped=False)
    return FAMILIES[_FAMILY[scatter.name]]


def derived(weights: Float64Array, means: Float64Array, covariances: Covariances) -> Mixture:
    """Return the mixture of these components, weights (K,) divided by their sum, of the family of ``family_of``.

    It forgets prior and constraints of the mixture that it comes from: few of them would hold.
    """
    from gaussmix.model.mixture import Mixture

    prior = Flat(None, FLOOR * np.square(covariances.standard_deviations()).mean(axis=0))
    return Mixture(
        weights / weights.sum(),
        np.ascontiguousarray(means),
        covariances,
        family_of(covariances.scatter),
        prior,
        np.zeros(len(weights), bool),
    )


def stored_like(covariances: Covariances, matrices: Float64Array) -> Covariances:
    """Return matrices (K, R, R), or (1, R, R) where all components share one, as ``covariances`` are stored.

    Those must be stored as full matrices.
    """
    symmetric = np.ascontiguousarray(0.5 * (matrices + matrices.transpose(0, 2, 1)))
    if covariances.scatter is POOLED:
        return Shared.from_covariance(symmetric[0], covariances.n_components)
    return Dense.from_covariances(symmetric)
