"""JSON as a file from a stranger may hold it: no repeated keys, no NaN, bounded size and depth.

Python's parser keeps the last of two equal keys and recurses as deep as the text says: two readers of one
file may then see two different models, and a short text may end the process.
"""

from __future__ import annotations

import json
import math
import re
from typing import NoReturn

from gaussmix.errors import ModelFormatError

_STRING = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_BRACKET = re.compile(r"[\[\]{}]")


def parse(text: str, *, what: str, max_length: int, max_depth: int = 8) -> object:
    """Return the value of a JSON text.

    Parameters
    ----------
    text : str
        The JSON text.
    what : str
        What the text is, for the error's sentence.
    max_length : int
        The most characters it may have.
    max_depth : int, default=8
        The most arrays and objects that may be open at once.

    Raises
    ------
    ModelFormatError
        If the text is longer or deeper, is not JSON, repeats a key or holds a number that is not finite.
    """
    if len(text) > max_length:
        raise ModelFormatError(f"{what} is longer than {max_length} characters")
    if _depth(text) > max_depth:
        raise ModelFormatError(f"{what} is nested deeper than {max_depth} levels")
    try:
        return json.loads(
            text, object_pairs_hook=_unique, parse_constant=_refuse_constant, parse_float=_finite_float
        )
    except ModelFormatError as error:
        raise ModelFormatError(f"{what} {error}") from None
    except ValueError as error:  # JSONDecodeError, and integers of more than 4300 digits
        raise ModelFormatError(f"{what} is not JSON: {error}") from None


def _depth(text: str) -> int:
    """Return the deepest nesting of brackets outside strings."""
    depth = deepest = 0
    for bracket in _BRACKET.finditer(_STRING.sub("", text)):
        depth += 1 if bracket.group() in "[{" else -1
        deepest = max(deepest, depth)
    return deepest


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    table = dict(pairs)
    if len(table) < len(pairs):
        keys = [key for key, _ in pairs]
        repeated = next(key for key in keys if keys.count(key) > 1)
        raise ModelFormatError(f"holds the key {repeated[:80]!r} more than once")
    return table


def _refuse_constant(name: str) -> NoReturn:
    raise ModelFormatError(f"holds {name}, which is not JSON")


def _finite_float(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise ModelFormatError(f"holds {digits[:40]}, beyond what a float64 can hold")
    return value
