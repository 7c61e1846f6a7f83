"""Densities, distribution functions and quantiles."""

from __future__ import annotations


class Probability:
    """Add densities, distribution functions and quantiles."""
