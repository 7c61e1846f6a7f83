"""The shape of a density: its modes, its highest-density regions, the ellipses of its components."""

from __future__ import annotations


class Landscape:
    """Add modes, highest-density regions and ellipses."""
