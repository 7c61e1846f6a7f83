"""How much a mixture tells, how far two mixtures lie apart, and how much components overlap."""

from __future__ import annotations


class Divergence:
    """Add entropies, divergences and overlaps."""
