"""Belief before the data: a prior turns moments into weights, means, scatter and counts."""

from __future__ import annotations

from gaussmix.prior.base import FLOOR, Flat, Posterior, Prior
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
