"""Timing: contenders take turns, and the least of several rounds counts, so that a busy moment hurts all alike."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

Stopwatch = Callable[[], float]  # does the work once, and returns the seconds it took

_SETTLE = (
    0.15  # seconds of rest before a measurement: until then the threads of the contender before may spin
)


@dataclass(frozen=True)
class Patience:
    """Say how often to measure.

    Attributes
    ----------
    rounds : int
        At most this many for each contender.
    seconds : float
        A contender that has taken this long sits out the remaining rounds, after its ``least`` first ones.
    least : int
    """

    rounds: int = 9
    seconds: float = 15.0
    least: int = 2


def least_times(contenders: Mapping[str, Stopwatch], patience: Patience) -> dict[str, float]:
    """Return the least time in seconds of each contender."""
    best = dict.fromkeys(contenders, float("inf"))
    spent = dict.fromkeys(contenders, 0.0)
    for number in range(patience.rounds):
        gc.collect()
        for name, stopwatch in contenders.items():
            if number >= patience.least and spent[name] > patience.seconds:
                continue
            seconds = stopwatch()
            best[name] = min(best[name], seconds)
            spent[name] += seconds
    return best


def elapsed(call: Callable[[], object], *, settle: float = _SETTLE) -> float:
    """Return the seconds that one call takes, without the collector's pauses; ``settle`` seconds pass before."""
    gc.disable()
    time.sleep(settle)
    start = time.perf_counter()
    try:
        call()
        return time.perf_counter() - start
    finally:
        gc.enable()
