"""Belief before the data: a prior turns moments into weights, means, scatter and counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gaussmix.lazy import lazy
from gaussmix.prior.base import FLOOR, Flat, Posterior, Prior

if TYPE_CHECKING:
    from gaussmix.prior.belief import Belief, Setting
    from gaussmix.prior.dirichlet import Dirichlet
    from gaussmix.prior.frozen import Frozen, Given
    from gaussmix.prior.normal_wishart import NormalWishart
    from gaussmix.prior.relevance import Relevance
    from gaussmix.prior.shrinkage import Shrinkage

__all__ = [
    "FLOOR",
    "Belief",
    "Dirichlet",
    "Flat",
    "Frozen",
    "Given",
    "NormalWishart",
    "Posterior",
    "Prior",
    "Relevance",
    "Setting",
    "Shrinkage",
]

__getattr__ = lazy(
    __name__,
    {
        "Belief": "gaussmix.prior.belief",
        "Setting": "gaussmix.prior.belief",
        "Dirichlet": "gaussmix.prior.dirichlet",
        "Frozen": "gaussmix.prior.frozen",
        "Given": "gaussmix.prior.frozen",
        "NormalWishart": "gaussmix.prior.normal_wishart",
        "Relevance": "gaussmix.prior.relevance",
        "Shrinkage": "gaussmix.prior.shrinkage",
    },
)


def __dir__() -> list[str]:
    return sorted(__all__)
