"""Stepping further than EM does.

Near an optimum EM's steps shrink by a constant ratio r and turn parallel: a geometric series, of which r / (1 − r)
times the last step is still to come. Once two successive steps Δ₁, Δ₂ point the same way, one leap

    θ' = θ₂ + Δ₂ · min(q / (1 − q), λ),   q = |Δ₂| / |Δ₁|

goes where the series ends (Aitken's formula for vectors; SQUAREM squares the same step: Varadhan & Roland 2008,
Scandinavian Journal of Statistics 35). The guard costs nothing while all goes well: θ' is where the
next E-step happens, which tells its bound. If that is below the last one, EM goes on from θ₂, and one pass is lost.
The longest leap λ grows with each success and shrinks with each failure, as the over-relaxation of Salakhutdinov &
Roweis (2003, ICML) does. EM's first steps, and all that still gain much, decide the optimum that it will find: they
are left alone.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Final, Generic

import numpy as np

from gaussmix.fit.coordinates import Placed, coordinates, metric, mixture_at
from gaussmix.model.base import AnyModel

_PLAIN_STRIDES: Final = 20
_FINE: Final = (
    1e-5  # gain of an iteration, in nats a row, under which a leap no longer changes the optimum ahead
)
_PARALLEL: Final = 0.9  # cosine between successive steps from which on they count as one series
_CRAWL: Final = 0.5  # ratio of successive steps below which EM by itself is fast
_FIRST_LEAP, _LEAST_LEAP, _LONGEST_LEAP = 4.0, 0.5, 1e4  # in steps of EM
_LONGER, _SHORTER = 2.0, 4.0  # by how much after a success and a failure
_MOST_PATIENCE: Final = 16
_ROUNDING: Final = 1e-11  # nats a row: what a bound may fall by rounding alone


class Acceleration(ABC, Generic[AnyModel]):
    """Propose where an iteration begins, and hear how it went.

    Parameters
    ----------
    n_before : int
        Iterations that lie behind the start.
    """

    def __init__(self, n_before: int = 0) -> None:
        self._total = n_before  # strides so far

    @abstractmethod
    def leap(self, model: AnyModel) -> AnyModel | None:
        """Return a mixture further on than ``model``, EM's own next point; None to go on from there."""

    @abstractmethod
    def accepts(self, bound: float, moved: AnyModel) -> bool:
        """Return whether to go on from the leap, given its bound and its EM image ``moved``."""

    @abstractmethod
    def observe(self, start: AnyModel, end: AnyModel, bounds: list[float], *, collapsed: bool) -> None:
        """Take note of EM iterations from ``start`` to ``end``, of the bound of each, and of a collapse."""


class Plain(Acceleration[AnyModel]):
    """EM as it is."""

    def leap(self, model: AnyModel) -> AnyModel | None:
        return None

    def accepts(self, bound: float, moved: AnyModel) -> bool:
        return True

    def observe(self, start: AnyModel, end: AnyModel, bounds: list[float], *, collapsed: bool) -> None:
        pass


class Leaps(Acceleration[Placed]):
    """Leap along the series of EM's steps, as the module says."""

    def __init__(self, n_before: int = 0) -> None:
        super().__init__(n_before)
        self._path: list[Placed] = []  # the last three points at most, one stride apart
        self._stride = 0  # iterations from one to the next
        self._bound = -np.inf
        self._gain = np.inf  # of one iteration, in nats a row
        self._longest = _FIRST_LEAP
        self._strides = 0  # since the last leap
        self._patience = 0  # strides to wait in excess of two, after leaps that failed

    def leap(self, model: Placed) -> Placed | None:
        patient = self._strides >= 2 + self._patience
        fine = self._gain < _FINE
        if not (patient and fine and len(self._path) == 3 and self._total >= _PLAIN_STRIDES):
            return None
        points = [coordinates(point) for point in self._path]
        unit = metric(model)
        before, last = (points[1] - points[0]) * unit, (points[2] - points[1]) * unit
        length_before, length = float(np.linalg.norm(before)), float(np.linalg.norm(last))
        parallel = before @ last > _PARALLEL * length_before * length
        if not (parallel and length > _CRAWL * length_before):
            return None
        rest = length / (length_before - length) if length < length_before else np.inf
        further = mixture_at(points[2] + min(rest, self._longest) * (points[2] - points[1]), model)
        return None if further.collapsed.any() else further

    def accepts(self, bound: float, moved: Placed) -> bool:
        self._strides = 0
        if bound < self._bound - _ROUNDING or moved.collapsed.any():
            self._longest = max(self._longest / _SHORTER, _LEAST_LEAP)
            self._patience = min(2 * self._patience + 1, _MOST_PATIENCE)
            return False
        self._longest = min(self._longest * _LONGER, _LONGEST_LEAP)
        self._patience = max(self._patience - 1, 0)
        return True

    def observe(self, start: Placed, end: Placed, bounds: list[float], *, collapsed: bool) -> None:
        if not (self._path and self._path[-1] is start and self._stride == len(bounds)):
            self._path = [start]
        self._path = [] if collapsed else [*self._path[-2:], end]  # no series goes across a collapse
        self._stride = len(bounds)
        self._strides += 1
        self._total += 1
        self._gain = (bounds[-1] - self._bound) / len(bounds)
        self._bound = bounds[-1]


ACCELERATIONS: dict[str | None, type[Acceleration[Any]]] = {"auto": Leaps, None: Plain}
