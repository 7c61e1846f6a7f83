"""One thing that a diagnosis states, and how its sentences are put together.

A warning asks for a decision and names the remedy; a note informs. Components, and features without names, count
from 0, as in ``predict``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np

MOST_NAMED: Final = 8  # components in one sentence


@dataclass(frozen=True, slots=True)
class Finding:
    """State one thing about a fit.

    Attributes
    ----------
    kind : str
        Such as ``"few_rows"``; see docs/diagnosis.
    severity : {"note", "warning"}
    components : tuple of int
        The components concerned, the worst first.
    numbers : dict
        What the sentence rests on, by name.
    sentence : str
    """

    kind: str
    severity: Literal["note", "warning"]
    components: tuple[int, ...]
    numbers: dict[str, Any]
    sentence: str

    def as_dict(self) -> dict[str, Any]:
        """Return the fields as a dictionary."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


def warning(kind: str, components: Sequence[int], sentence: str, **numbers: Any) -> Finding:
    """Return a warning; ``numbers`` are what the sentence rests on."""
    return Finding(kind, "warning", tuple(components), numbers, sentence)


def note(kind: str, components: Sequence[int], sentence: str, **numbers: Any) -> Finding:
    """Return a note; ``numbers`` are what the sentence rests on."""
    return Finding(kind, "note", tuple(components), numbers, sentence)


def lowest(values: Any, limit: float) -> tuple[int, ...]:
    """Return the indices of the values under a limit, the lowest first; NaN is under none."""
    return tuple(int(k) for k in np.argsort(values, kind="stable") if values[k] < limit)


def also(components: Sequence[int]) -> str:
    """Return an insertion that names the other components of which the same is true."""
    others = sorted(components[1:])
    if not others:
        return ""
    named = listed([str(k) for k in others[:MOST_NAMED]] + _more(len(others) - MOST_NAMED))
    return f"; the same holds for component{'' if len(others) == 1 else 's'} {named}"


def _more(n: int) -> list[str]:
    return [f"{n} more"] if n > 0 else []


def listed(words: Sequence[str]) -> str:
    """Return words as a list in a sentence: a, b and c."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def probability(p: float) -> str:
    """Return a p-value as it is written in a sentence."""
    return f"p = {p:.1g}" if p >= 1e-15 else "p < 1e-15"


def count(n: int, one: str, many: str) -> str:
    """Return a number with its noun."""
    return f"{n} {one if n == 1 else many}"
