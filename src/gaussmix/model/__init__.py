"""Frozen parameters with an E-step and an M-step."""

from __future__ import annotations

from gaussmix.model.base import Model
from gaussmix.model.mixture import Mixture
from gaussmix.model.student import StudentMixture

__all__ = ["Mixture", "Model", "StudentMixture"]
