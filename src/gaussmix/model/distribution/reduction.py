"""A mixture reduced to fewer components by merging (Runnalls 2007); the merging itself is ``model.groups``.

References
----------
Runnalls (2007), Kullback-Leibler approach to Gaussian mixture reduction, IEEE Transactions on Aerospace and
Electronic Systems 43.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gaussmix.covariance import CovarianceFamily, Dense, resolve_family
from gaussmix.errors import ParameterError
from gaussmix.prior import Flat

if TYPE_CHECKING:
    from gaussmix.model.mixture import Mixture


def reduced(mixture: Mixture, n_components: int, covariance_type: str | CovarianceFamily | None) -> Mixture:
    """Return the mixture with components merged until ``n_components`` are left, in its own family or the given one.

    Its own family merges as much of the covariances as it stores; for another one the merged matrices are full, and
    become members of the family at the end.
    """
    from gaussmix.model.groups import Groups
    from gaussmix.model.mixture import Mixture

    K = mixture.n_components
    if n_components != int(n_components) or not 1 <= n_components <= K:
        raise ParameterError(f"n_components should be a whole number from 1 to {K}, got {n_components!r}")
    groups = Groups.from_mixture(mixture)
    if covariance_type is not None:
        groups = Groups(mixture.weights, mixture.means, mixture.covariances.to_dense())
    groups = groups.take(np.flatnonzero(mixture.weights))
    if n_components < len(groups):
        groups, _ = groups.reduced(int(n_components))
    prior = Flat(None, mixture.prior.floor)
    if covariance_type is None:
        return groups.as_mixture(mixture.family, prior)
    family = resolve_family(covariance_type, mixture.n_features)
    covariances = family.embed(Dense.from_covariances(groups.covariances), groups.weights)
    return Mixture(groups.weights, groups.means, covariances, family, prior, np.zeros(len(groups), bool))
