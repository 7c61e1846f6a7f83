"""Sums over many fits: shares of hits, passes and seconds."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from typing import Final

from benchmark.outcome import Outcome
from benchmark.settings import say
from benchmark.table import OURS, Row, at_most

NEAR: Final = 0.05  # nats in all: two fits this close found the same optimum
RELIABLE: Final = 0.9  # of the seeds


def reached(one: Outcome, goal: float) -> bool:
    """Return whether the optimum is as good as the goal, and sound."""
    return not one.spurious and one.log_likelihood >= goal - NEAR


def beaten(one: Outcome, goal: float) -> bool:
    """Return whether the optimum is better than the goal, and sound."""
    return not one.spurious and one.log_likelihood > goal + NEAR


def percentage(hits: Sequence[bool]) -> float:
    """Return how many of a hundred are true."""
    return 100.0 * sum(hits) / len(hits)


def summary(outcomes: Sequence[Outcome], goal: float) -> str:
    """Return how often a goal was reached, and by how much it was missed or exceeded, in words."""
    hits = sum(reached(one, goal) for one in outcomes)
    gaps = [one.log_likelihood - goal for one in outcomes]
    n_spurious = sum(one.spurious for one in outcomes)
    note = f", {n_spurious} spurious" if n_spurious else ""
    return f"{hits} of {len(outcomes)}; lowest {min(gaps):+.2f}, highest {max(gaps):+.2f} nats{note}"


def efforts(name: str, outcomes: Sequence[Outcome], most_passes: float | None = None) -> Iterator[Row]:
    """Yield the rows of passes and seconds."""
    passes = [one.n_passes for one in outcomes if one.n_passes is not None]
    if passes:
        bars = [] if most_passes is None else [at_most(most_passes, "passes")]
        yield Row(f"{name}: passes, median", {OURS: statistics.median(passes)}, "passes", bars)
        yield Row(f"{name}: passes, most", {OURS: max(passes)}, "passes")
    else:
        say(f"{name}: this gaussmix does not tell how many passes a fit took")
    seconds = [1e3 * one.seconds for one in outcomes]
    yield Row(f"{name}: time, median", {OURS: statistics.median(seconds)}, "ms")
    yield Row(f"{name}: time, longest", {OURS: max(seconds)}, "ms")
