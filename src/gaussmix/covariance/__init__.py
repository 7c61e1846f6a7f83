"""How K covariance matrices are estimated (families) and applied (representations).

To add a family: one new file with a ``CovarianceFamily``, and one line here.
"""

from __future__ import annotations

from typing import Final

from gaussmix.covariance.axis_aligned import EEI, EVI, VEI
from gaussmix.covariance.base import CovarianceFamily, Covariances
from gaussmix.covariance.common_axes import EVE, VVE
from gaussmix.covariance.diagonal import Diag
from gaussmix.covariance.equal_volume import EVV
from gaussmix.covariance.full import Full
from gaussmix.covariance.low_rank import LowRank
from gaussmix.covariance.low_rank_family import FACTOR_ALIASES, FACTOR_FAMILIES, FACTOR_TYPES, Factors
from gaussmix.covariance.nesting import is_nested
from gaussmix.covariance.proportional import VEE
from gaussmix.covariance.representations import Dense, Diagonal, Shared
from gaussmix.covariance.rotated import EEV, VEV
from gaussmix.covariance.spherical import EII, Spherical
from gaussmix.covariance.tied import Tied
from gaussmix.errors import ParameterError

FAMILIES: dict[str, CovarianceFamily] = {
    family.name: family
    for family in (
        Full(), Tied(), Diag(), Spherical(),
        EII(),
        EEI(), VEI(), EVI(),
        VEE(), EVE(), VVE(),
        EEV(), VEV(), EVV(),
    )
}  # fmt: skip

# The fourteen families of Celeux & Govaert (1995), in mclust's order, and the two that differ for one feature.
CELEUX_GOVAERT: Final = (
    "EII", "VII", "EEI", "VEI", "EVI", "VVI", "EEE", "VEE", "EVE", "VVE", "EEV", "VEV", "EVV", "VVV",
)  # fmt: skip
UNIVARIATE: Final = ("E", "V")

_ALIASES: Final = {family.code: family for family in FAMILIES.values()} | {
    "E": FAMILIES["EII"],
    "V": FAMILIES["spherical"],
}
COVARIANCE_TYPES: Final = tuple(dict.fromkeys((*FAMILIES, *CELEUX_GOVAERT, *UNIVARIATE)))
SPARSE_TYPES: Final = (
    *(family.name for family in FAMILIES.values() if family.takes_sparse),
    *FACTOR_FAMILIES,
)
"""Names of the families that take sparse rows."""


def resolve_family(
    name: str | CovarianceFamily, n_features: int | None = None, *, n_factors: int = 1
) -> CovarianceFamily:
    """Return the family called ``name``, or of this code; an instance passes through.

    Parameters
    ----------
    name : str or CovarianceFamily
        One of ``COVARIANCE_TYPES`` or ``FACTOR_TYPES``. ``"E"`` and ``"V"`` are one variance for all components and
        one for each, for data of a single feature.
    n_features : int, optional
        D, where it is known.
    n_factors : int
        Of ``FACTOR_TYPES``, factor analysers such as ``"ppca"`` and ``"mfa"``.

    Raises
    ------
    ParameterError
        If no family has this name, it is for one feature and there are more, or it has more factors than there are
        features.
    """
    if name in FACTOR_TYPES:
        name = (FACTOR_FAMILIES.get(name) or FACTOR_ALIASES[name]).with_factors(n_factors)
    if isinstance(name, CovarianceFamily):
        return name if n_features is None else name.for_features(n_features)
    if name not in COVARIANCE_TYPES:
        known = ", ".join(repr(known) for known in (*COVARIANCE_TYPES, *FACTOR_TYPES))
        raise ParameterError(f"covariance_type must be one of {known} or a CovarianceFamily, got {name!r}")
    if name in UNIVARIATE and n_features not in (None, 1):
        instead = {"E": "'EII', 'EEI' or 'EEE'", "V": "'VII', 'VVI' or 'VVV'"}[name]
        raise ParameterError(
            f"covariance_type={name!r} is for data of one feature, but there are {n_features}: use {instead}"
        )
    return FAMILIES.get(name) or _ALIASES[name]


__all__ = [
    "CELEUX_GOVAERT",
    "COVARIANCE_TYPES",
    "FACTOR_FAMILIES",
    "FACTOR_TYPES",
    "FAMILIES",
    "SPARSE_TYPES",
    "UNIVARIATE",
    "CovarianceFamily",
    "Covariances",
    "Dense",
    "Diag",
    "Diagonal",
    "Factors",
    "Full",
    "LowRank",
    "Shared",
    "Spherical",
    "Tied",
    "is_nested",
    "resolve_family",
]
