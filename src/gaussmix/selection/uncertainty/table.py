"""The table of estimates, standard errors and intervals as text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from scipy.special import expit, logit, ndtri

from gaussmix.selection.uncertainty.layout import Parameter
from gaussmix.types import Float64Array

_MOST_LINES: Final = 100
_HEADINGS: Final = ("parameter", "component", "feature", "estimate", "error", "lower", "upper")
_N_NUMBERS: Final = 4  # the last columns, which stand flush right


@dataclass(frozen=True, slots=True)
class Row:
    """State one parameter.

    Attributes
    ----------
    parameter : {"weight", "mean", "variance", "covariance"}
    component : int or None
        None where all components share it.
    features : tuple of str or int
        Names or, without them, numbers: one of a mean or variance, two of a covariance; none of a weight, or of a
        variance that all features share.
    estimate, standard_error : float
    lower, upper : float
        The limits of the interval.
    """

    parameter: str
    component: int | None
    features: tuple[str | int, ...]
    estimate: float
    standard_error: float
    lower: float
    upper: float

    def as_dict(self) -> dict[str, Any]:
        """Return the fields as JSON takes them."""
        return {name: getattr(self, name) for name in self.__slots__} | {"features": list(self.features)}


def normal_limits(
    parameters: Sequence[Parameter], estimates: Float64Array, errors: Float64Array, level: float
) -> Float64Array:
    """Return the limits (P, 2) of normal intervals: of weights by the logit, of variances by the logarithm.

    So they stay within the range of the parameter, and cover it more nearly as often as they say.
    """
    steps = np.array([-1.0, 1.0]) * ndtri(0.5 * (1 + level))
    limits = estimates[:, None] + steps * errors[:, None]
    names = np.array([parameter.name for parameter in parameters])
    moving = errors > 0
    weight, variance = (names == "weight") & moving, (names == "variance") & moving
    share, error = estimates[weight, None], errors[weight, None]
    limits[weight] = expit(logit(share) + steps * error / (share * (1 - share)))
    size, error = estimates[variance, None], errors[variance, None]
    limits[variance] = size * np.exp(steps * error / size)
    return np.asarray(limits)


def render(title: str, rows: Sequence[Row], level: float) -> str:
    """Return the table as text."""
    shown = rows[:_MOST_LINES]
    cells = [_HEADINGS, *(_cells(row) for row in shown)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(_HEADINGS))]
    lines = [title, *("  ".join(_padded(line, widths)).rstrip() for line in cells)]
    if len(rows) > len(shown):
        lines.append(f"… and {len(rows) - len(shown)} more: table() has all")
    lines.append(f"lower and upper: limits of {100 * level:g} % intervals")
    return "\n".join(lines)


def _cells(row: Row) -> tuple[str, ...]:
    component = "all" if row.component is None else str(row.component)
    features = ", ".join(str(feature) for feature in row.features)
    numbers = (row.estimate, row.standard_error, row.lower, row.upper)
    return row.parameter, component, features, *(f"{number:.4g}" for number in numbers)


def _padded(line: Sequence[str], widths: Sequence[int]) -> list[str]:
    n_words = len(widths) - _N_NUMBERS
    return [
        cell.ljust(width) if column < n_words else cell.rjust(width)
        for column, (cell, width) in enumerate(zip(line, widths, strict=True))
    ]
