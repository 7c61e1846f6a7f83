"""Mixtures behind a linear projection, for rows of very many features."""

from __future__ import annotations

from gaussmix.application.projection.projected_mixture import ProjectedMixture

__all__ = ["ProjectedMixture"]
