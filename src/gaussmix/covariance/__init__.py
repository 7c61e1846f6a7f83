"""How K covariance matrices are estimated (families) and applied (representations).

To add a family: one new file with a ``CovarianceFamily``, and one line here.
"""

from __future__ import annotations

from gaussmix.covariance.base import CovarianceFamily, Covariances
from gaussmix.covariance.diagonal import Diag
from gaussmix.covariance.full import Full
from gaussmix.covariance.representations import Dense, Diagonal, Shared
from gaussmix.covariance.spherical import Spherical
from gaussmix.covariance.tied import Tied
from gaussmix.errors import ParameterError

FAMILIES: dict[str, CovarianceFamily] = {
    family.name: family for family in (Full(), Tied(), Diag(), Spherical())
}


def resolve_family(name: str | CovarianceFamily) -> CovarianceFamily:
    """Return the family called ``name``; an instance passes through.

    Raises
    ------
    ParameterError
        If no family has this name.
    """
    if isinstance(name, CovarianceFamily):
        return name
    if name not in FAMILIES:
        known = ", ".join(repr(known) for known in FAMILIES)
        raise ParameterError(f"covariance_type must be one of {known} or a CovarianceFamily, got {name!r}")
    return FAMILIES[name]


__all__ = [
    "FAMILIES",
    "CovarianceFamily",
    "Covariances",
    "Dense",
    "Diag",
    "Diagonal",
    "Full",
    "Shared",
    "Spherical",
    "Tied",
    "resolve_family",
]
