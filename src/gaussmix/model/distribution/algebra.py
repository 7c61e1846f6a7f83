"""Mixtures from mixtures: marginals, conditionals, affine maps, products, reductions, all in closed form."""

from __future__ import annotations


class Algebra:
    """Add the operations that return another mixture."""
