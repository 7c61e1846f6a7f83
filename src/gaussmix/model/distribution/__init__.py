"""What a fitted mixture can answer as a distribution, one file a theme; ``Mixture`` inherits them all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gaussmix.lazy import lazy
from gaussmix.model.distribution.algebra import Algebra
from gaussmix.model.distribution.completion import Completion
from gaussmix.model.distribution.divergence import Divergence
from gaussmix.model.distribution.evaluation import Evaluation
from gaussmix.model.distribution.interchange import Interchange
from gaussmix.model.distribution.landscape import Landscape
from gaussmix.model.distribution.probability import Probability

if TYPE_CHECKING:
    from gaussmix.model.distribution.conditionals import Conditionals
    from gaussmix.model.distribution.ellipse import Ellipses
    from gaussmix.model.distribution.entropy import Estimate
    from gaussmix.model.distribution.modes import Modes
    from gaussmix.model.distribution.region import HighestDensityRegion
    from gaussmix.model.distribution.transport import Transport

__all__ = [
    "Algebra",
    "Completion",
    "Conditionals",
    "Divergence",
    "Ellipses",
    "Estimate",
    "Evaluation",
    "HighestDensityRegion",
    "Interchange",
    "Landscape",
    "Modes",
    "Probability",
    "Transport",
]

# What the methods return; they import it themselves when they are called.
__getattr__ = lazy(
    __name__,
    {
        "Conditionals": "gaussmix.model.distribution.conditionals",
        "Ellipses": "gaussmix.model.distribution.ellipse",
        "Estimate": "gaussmix.model.distribution.entropy",
        "HighestDensityRegion": "gaussmix.model.distribution.region",
        "Modes": "gaussmix.model.distribution.modes",
        "Transport": "gaussmix.model.distribution.transport",
    },
)
