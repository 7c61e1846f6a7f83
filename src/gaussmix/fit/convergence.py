"""When EM has converged.

A small gain of the likelihood does not mean that the optimum is near: EM crosses plateaus on which the gains
are minute while the parameters keep moving. So two estimates of what is left must both be small, three
times running:

- the projected remaining movement of the parameters, s·r / (1 − r), where s is the relative size of one
  step and r its ratio to the step before (a geometric series);
- Aitken's estimate of the likelihood still to be gained (Böhning et al. 1994).
"""

from __future__ import annotations

import math
from typing import Final

_MOVEMENT: Final = 1e-2  # remaining movement in standard deviations that goes with the default tolerance
_DEFAULT_TOL: Final = 1e-6
_IN_A_ROW: Final = 3
_CRAWL: Final = 1e-2  # part of the movement allowed; once gains are rounding errors, so are such steps
_STILL: Final = 1e-9  # a step this small is a fixed point, however the steps before it went


class Convergence:
    """Watch one run of EM and tell when to stop.

    Parameters
    ----------
    tol : float
        Lower bound, per unit of weight and in nats, that may still be gained at the end. The movement that
        may remain is 0.01 standard deviations at 1e-6 and grows with its square root, since near an optimum
        the likelihood lost is quadratic in the distance. 0 never stops.
    """

    def __init__(self, tol: float) -> None:
        self._tol = tol
        self._movement = _MOVEMENT * math.sqrt(tol / _DEFAULT_TOL)
        self._bound = -math.inf
        self._gain = math.inf
        self._step = math.inf
        self._noise = 0.0
        self._met = 0

    def resumed(self, tol: float) -> Convergence:
        """Return a watch that goes on where this one stands, with its own tolerance."""
        watch = Convergence(tol)
        watch._bound, watch._gain, watch._step = self._bound, self._gain, self._step
        watch._met = self._met
        return watch

    def update(self, bound: float, step: float) -> bool:
        """Return whether to stop after an iteration.

        Parameters
        ----------
        bound : float
            Lower bound per unit of weight at the start of the iteration.
        step : float
            ``model.movement`` of the iteration.
        """
        gain = bound - self._bound
        if gain < 0 and step < self._movement:  # EM never falls: this is the rounding error of the bound
            self._noise = max(self._noise, -gain)
        settled = gain <= 2 * self._noise
        gain_left = 0.0 if settled else _geometric_rest(gain, self._gain)
        crawls = settled and step < _CRAWL * self._movement
        movement_left = 0.0 if crawls else _geometric_rest(step, self._step)
        small = gain_left < self._tol and movement_left < self._movement
        self._met = self._met + 1 if small else 0
        self._bound, self._gain, self._step = bound, gain, step
        return self._tol > 0 and (self._met >= _IN_A_ROW or step < _STILL)


def _geometric_rest(last: float, before: float) -> float:
    """Return what follows two terms of a geometric series: its infinite rest, or infinity if it does not fall."""
    ratio = last / before if before else 0.0
    return last * ratio / (1.0 - ratio) if 0.0 <= ratio < 1.0 else math.inf
