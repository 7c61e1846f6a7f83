"""Belief before the data: a prior turns moments into weights, means, scatter and counts."""

from __future__ import annotations

from gaussmix.prior.base import FLOOR, Flat, Posterior, Prior
from gaussmix.prior.frozen import Frozen, Given

__all__ = ["FLOOR", "Flat", "Frozen", "Given", "Posterior", "Prior"]
