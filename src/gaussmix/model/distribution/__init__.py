"""What a fitted mixture can answer as a distribution, one file a theme; ``Mixture`` inherits them all."""

from __future__ import annotations

from gaussmix.model.distribution.algebra import Algebra
from gaussmix.model.distribution.completion import Completion
from gaussmix.model.distribution.divergence import Divergence
from gaussmix.model.distribution.interchange import Interchange
from gaussmix.model.distribution.landscape import Landscape
from gaussmix.model.distribution.probability import Probability

__all__ = ["Algebra", "Completion", "Divergence", "Interchange", "Landscape", "Probability"]
