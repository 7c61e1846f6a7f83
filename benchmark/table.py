"""Rows of the table, the bars they are held to, and the table as text and as Markdown."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

OURS = "gaussmix"
ITSELF = "itself"  # gaussmix on float64 data, on one thread, or with full covariances
CONTENDERS = ["scikit-learn", "oneDAL", "Armadillo", "gmr", "studenttmixture", "Spark ML", ITSELF]
SHARE = "share"
SEEDS = "seeds"


@dataclass(frozen=True)
class Bar:
    """State what a row has to reach.

    Attributes
    ----------
    of : str
        A contender's name (how many times its time is ours), ``"share"``, ``"seeds"``, or ``"gaussmix"`` for
        the measured value itself.
    limit : float
    text : str
        The bar as it is printed.
    at_most : bool
        Whether less is better.
    """

    of: str
    limit: float
    text: str
    at_most: bool = False


def times(contender: str, factor: float) -> Bar:
    """Return the bar of being ``factor`` times as fast as a contender."""
    return Bar(contender, factor, f"≥ {factor:g}× {contender}")


def share(limit: float) -> Bar:
    """Return the bar of reaching a share of the machine's rate of arithmetic."""
    return Bar(SHARE, limit, f"≥ {limit:.0%} share")


def seeds(share_of_seeds: float) -> Bar:
    """Return the bar on the share of seeds at which our likelihood is not below scikit-learn's."""
    return Bar(SEEDS, share_of_seeds, f"≥ {share_of_seeds:.0%} of seeds")


def at_most(limit: float, unit: str) -> Bar:
    """Return the bar of a measured value that may not exceed ``limit``."""
    return Bar(OURS, limit, f"≤ {limit:g} {unit}", at_most=True)


def at_least(limit: float, unit: str) -> Bar:
    """Return the bar of a measured value that may not be below ``limit``."""
    return Bar(OURS, limit, f"≥ {limit:g} {unit}")


@dataclass(frozen=True)
class Row:
    """Hold what was measured of one piece of work.

    Attributes
    ----------
    work : str
    values : dict of float
        What each contender took, in ``unit``; ours under ``"gaussmix"``.
    unit : str
    bars : sequence of Bar
    share : float, optional
        Of threads × the rate of a matrix product, on the least arithmetic that the work needs.
    seeds : tuple of int, optional
        At how many seeds, of how many, our likelihood is not below scikit-learn's.
    """

    work: str
    values: dict[str, float]
    unit: str = "ms"
    bars: Sequence[Bar] = field(default=())
    share: float | None = None
    seeds: tuple[int, int] | None = None

    def reached(self, bar: Bar) -> float | None:
        """Return what the row reached of what the bar asks for, or None if that was not measured."""
        if bar.of == SHARE:
            return self.share
        if bar.of == SEEDS:
            return None if self.seeds is None else self.seeds[0] / self.seeds[1]
        if bar.of == OURS:
            return self.values[OURS]
        return self.ratio(bar.of)

    def ratio(self, contender: str) -> float | None:
        """Return how many times as long as gaussmix a contender took."""
        return self.values[contender] / self.values[OURS] if contender in self.values else None

    @property
    def missed(self) -> list[Bar]:
        """The bars that were measured and not reached."""
        reached = [(bar, self.reached(bar)) for bar in self.bars]
        return [bar for bar, value in reached if value is not None and not _holds(bar, value)]

    @property
    def verdict(self) -> str:
        """``"met"``, ``"MISSED: ..."``, ``"not measured: ..."``, or nothing where there is no bar."""
        unknown = [bar.text for bar in self.bars if self.reached(bar) is None]
        if self.missed and len(self.bars) == 1:
            return "MISSED"
        if self.missed:
            return "MISSED: " + ", ".join(bar.text for bar in self.missed)
        if unknown:
            return "not measured: " + ", ".join(unknown)
        return "met" if self.bars else ""


def _holds(bar: Bar, value: float) -> bool:
    return value <= bar.limit if bar.at_most else value >= bar.limit


def header() -> list[str]:
    """Return the titles of the columns."""
    contenders = [title for name in CONTENDERS for title in (name, "ratio")]
    return ["work", OURS, *contenders, "share", "seeds", "bar", ""]


def cells(row: Row) -> list[str]:
    """Return the row's texts, one a column."""
    contenders = [text for name in CONTENDERS for text in _contender(row, name)]
    part = "" if row.share is None else f"{row.share:.0%}"
    at_or_above = "" if row.seeds is None else f"{row.seeds[0]} of {row.seeds[1]}"
    bars = ", ".join(bar.text for bar in row.bars)
    return [
        row.work,
        _quantity(row.values[OURS], row.unit),
        *contenders,
        part,
        at_or_above,
        bars,
        row.verdict,
    ]


def as_text(rows: Sequence[Row]) -> str:
    """Return the table for a terminal; columns without a value are left out."""
    table = _filled([header(), *map(cells, rows)])
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in table]
    lines.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join(line.rstrip() for line in lines)


def as_markdown(rows: Sequence[Row]) -> str:
    """Return the table in Markdown, misses in bold."""
    table = _filled([header(), *map(cells, rows)])
    for line in table[1:]:
        if line[-1].startswith("MISSED"):
            line[-1] = f"**{line[-1]}**"
    rule = ["---" if title in ("work", "bar", "") else "--:" for title in table[0]]
    return "\n".join("| " + " | ".join(line) + " |" for line in [table[0], rule, *table[1:]])


def _filled(table: list[list[str]]) -> list[list[str]]:
    """Return the table without the columns that are empty below their title."""
    columns = [column for column in zip(*table, strict=True) if any(column[1:])]
    return [list(line) for line in zip(*columns, strict=True)]


def _contender(row: Row, name: str) -> tuple[str, str]:
    ratio = row.ratio(name)
    if ratio is None:
        return "", ""
    return _quantity(row.values[name], row.unit), f"{ratio:.3g}×" if ratio < 100 else f"{ratio:.0f}×"


def _quantity(value: float, unit: str) -> str:
    if not math.isfinite(value):
        return "never"
    if unit == "%":
        return f"{value:.1f} %"
    digits = max(0, 2 - len(str(int(abs(value))))) if value else 0
    return f"{value:,.{digits}f} {unit}"
