"""Tables for human eyes: plain text, as wide as the terminal, the same in every pipe."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gaussmix.model import Mixture, StudentMixture

MOST_COMPONENTS = 40
NAME_WIDTH = 16
_FALLBACK = (100, 24)


def facts(entries: Sequence[tuple[str, object]]) -> str:
    """Return lines of a name and its value, the values one below the other."""
    width = max(len(name) for name, _ in entries)
    return "\n".join(f"{name:<{width}}  {number(value)}" for name, value in entries)


def components(mixture: Mixture | StudentMixture, feature_names: Sequence[str] | None) -> str:
    """Return a table of weights and means: a line a component, as many features as there is room for.

    Of t distributions it gives the degrees of freedom ν too.
    """
    names = feature_names or [f"x{feature}" for feature in range(mixture.n_features)]
    shown = min(mixture.n_components, MOST_COMPONENTS)
    columns = [_column("component", [str(k) for k in range(shown)])]
    columns.append(_column("weight", [f"{weight:.4f}" for weight in mixture.weights[:shown]]))
    degrees = getattr(mixture, "degrees_of_freedom", None)
    if degrees is not None:
        columns.append(_column("ν", [number(float(one)) for one in degrees[:shown]]))
    before = len(columns)
    room = shutil.get_terminal_size(_FALLBACK).columns - _width(columns)
    for feature, name in enumerate(names):
        column = _column(_clipped(name), [number(float(mean)) for mean in mixture.means[:shown, feature]])
        room -= _width([column])
        if room < 0 and feature:
            break
        columns.append(column)
    lines = _lines(columns)
    hidden = [(mixture.n_components - shown, "components"), (len(names) - len(columns) + before, "features")]
    lines += [f"... and {count} more {what} (--json has all)" for count, what in hidden if count > 0]
    return "\n".join(lines)


def table(columns: dict[str, list[str]]) -> str:
    """Return a table, a line a row, from the cells of each column by its title."""
    return "\n".join(_lines([_column(title, cells) for title, cells in columns.items()]))


def number(value: object) -> str:
    """Return a number with six digits, yes or no for a truth value, and text as it is, on one line."""
    if value is None:
        return "unknown"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}"
    return printable(str(value))


def printable(text: str) -> str:
    """Return text without what a terminal would obey: names come from files of strangers."""
    return "".join(character if character.isprintable() else "\ufffd" for character in text)


def _clipped(name: str) -> str:
    name = printable(name)
    return name if len(name) <= NAME_WIDTH else name[: NAME_WIDTH - 1] + "…"


def _column(title: str, cells: list[str]) -> list[str]:
    width = max(map(len, [title, *cells]))
    return [cell.rjust(width) for cell in [title, *cells]]


def _lines(columns: list[list[str]]) -> list[str]:
    return ["  ".join(cells).rstrip() for cells in zip(*columns, strict=True)]


def _width(columns: list[list[str]]) -> int:
    return sum(len(column[0]) + 2 for column in columns)
