"""Which families contain which, by the letters of Celeux & Govaert (1995) for Σ_k = λ_k D_k A_k D_kᵀ.

Volume λ: E equal, V its own. Shape A: I none (a sphere), E equal, V its own. Orientation D: I the features' axes,
E equal, V its own. Each letter allows all that a letter before it allows (equal is a case of own, a sphere one of
any shape, the features' axes one of any axes), whatever the two others are. So one family contains another where
none of its letters comes before the other's.
"""

from __future__ import annotations

from typing import Final

from gaussmix.covariance.base import CovarianceFamily

_RICHNESS: Final = "IEV"


def is_nested(poorer: CovarianceFamily, richer: CovarianceFamily) -> bool:
    """Return whether every mixture of the poorer family is one of the richer; each family contains itself.

    Of families without a code, nothing else is known.
    """
    if not (poorer.code and richer.code):
        return poorer is richer or (type(poorer) is type(richer) and poorer.label == richer.label)
    pairs = zip(poorer.code, richer.code, strict=True)
    return all(_RICHNESS.index(less) <= _RICHNESS.index(more) for less, more in pairs)
