"""The search: fit every cell, side by side, and lose nothing of what was finished.

Threads take cell after cell, few components first. The outcome depends neither on their number nor on who is first:
each cell has a seed of its own, and whether a path is abandoned is decided, in the end, from its smaller cells
alone, whatever had been fitted meanwhile. Only a time budget makes it depend on the clock.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from threading import Lock
from time import perf_counter
from typing import Final

from gaussmix.errors import ExecutorError, GaussmixError
from gaussmix.selection.criteria import CRITERIA
from gaussmix.selection.grid import Cell
from gaussmix.selection.outcome import ABANDONED, FAILED, INTERRUPTED, OK, OUT_OF_TIME, Fitted, Outcome

_RISES: Final = 3  # values in a row that rise and lie far above the best, before larger cells are given up
_MARGIN: Final = (
    10.0  # times log n: how far above. A difference of 10 is called very strong (Kass & Raftery 1995)
)

# Which criterion tells that a path is hopeless: one on the scale of −2 log L whose curve over K has one valley.
GUIDES: Final = {"bic": "bic", "icl": "bic", "aic": "aic", "aicc": "aic", "cv": "aic"}

Observe = Callable[[Outcome], None]


@dataclass(frozen=True, slots=True)
class Limits:
    """Say when a search leaves cells out.

    Attributes
    ----------
    guide : str or None
        The criterion by which paths are abandoned; None abandons none.
    seconds : float
        After this time no cell is begun.
    first : bool
        But cells are begun until one is under way or fitted.
    """

    guide: str | None = None
    seconds: float = math.inf
    first: bool = True


class Search:
    """Fit the cells of a grid.

    Parameters
    ----------
    cells : sequence of Cell
        In the order of ``grid``.
    fit : callable
        ``cell -> Fitted``; what it raises becomes the cell's message.
    limits : Limits
    observe : callable, optional
        Told of each outcome as it comes, by one thread at a time.
    known : mapping of Cell to Outcome, optional
        Cells that were fitted before, which take no time.
    """

    def __init__(
        self,
        cells: Sequence[Cell],
        fit: Callable[[Cell], Fitted],
        limits: Limits,
        observe: Observe | None = None,
        known: Mapping[Cell, Outcome] | None = None,
    ) -> None:
        self._cells = cells
        self._fit = fit
        self._limits = limits
        self._observe = observe or (lambda outcome: None)
        self._known = dict(known or {})
        self._outcomes: list[Outcome | None] = [None] * len(cells)
        self._next = self._running = self._fitted = 0
        self._stop = False
        self._lock = Lock()
        self._deadline = math.inf

    def run(self, n_threads: int) -> list[Outcome]:
        """Return the outcome of every cell; those that an interrupt left unfinished are marked so.

        It may be that of a user (Ctrl-C), or workers that were lost: no other cell can be fitted without them.
        """
        self._deadline = perf_counter() + self._limits.seconds
        why: tuple[str, ...] = ()
        try:
            if n_threads == 1:
                self._work()
            else:
                self._side_by_side(n_threads)
        except (KeyboardInterrupt, ExecutorError) as error:
            self._stop = True
            why = tuple(map(str, error.args))
        with self._lock:
            found = list(self._outcomes)
        return self._settled(
            [
                Outcome(cell, INTERRUPTED, notes=why) if outcome is None else outcome
                for cell, outcome in zip(self._cells, found, strict=True)
            ]
        )

    def _side_by_side(self, n_threads: int) -> None:
        pool = ThreadPoolExecutor(n_threads, thread_name_prefix="gaussmix-search")
        try:
            for done in as_completed([pool.submit(self._work) for _ in range(n_threads)]):
                done.result()
        finally:  # on an interrupt, the cells under way end by themselves, and no other begins
            self._stop = True
            pool.shutdown(wait=False)

    def _work(self) -> None:
        """Take cell after cell."""
        while not self._stop:
            with self._lock:
                if self._next == len(self._cells):
                    return
                index = self._next
                self._next += 1
                left_out = self._known.get(self._cells[index]) or self._left_out(index)
                self._running += left_out is None
            outcome = _attempt(self._fit, self._cells[index]) if left_out is None else left_out
            with self._lock:
                self._running -= left_out is None
                self._fitted += left_out is None and outcome.status == OK
                if not self._stop:
                    self._outcomes[index] = outcome
                    self._observe(outcome)

    def _left_out(self, index: int) -> Outcome | None:
        """Return the outcome of a cell that need not be fitted, or None."""
        cell = self._cells[index]
        some = self._running + self._fitted > 0 or not self._limits.first
        if some and perf_counter() > self._deadline:
            return Outcome(cell, OUT_OF_TIME)
        before = [i for i in range(index) if self._cells[i].path == cell.path]
        finished = [outcome for outcome in map(self._outcomes.__getitem__, before) if outcome is not None]
        return self._abandoned(cell, finished) if len(finished) == len(before) else None

    def _abandoned(self, cell: Cell, smaller: Sequence[Outcome]) -> Outcome | None:
        """Return the outcome of a cell whose path is hopeless from its smaller cells on, or None."""
        guide = self._limits.guide
        fits = [outcome.fitted for outcome in smaller if outcome.fitted is not None]
        if guide is None or not fits:
            return None
        values = [CRITERIA[guide](fitted.evidence) for fitted in fits]
        if not hopeless(values, fits[0].evidence.n_rows):
            return None
        why = f"{guide.upper()} rose {_RISES} times in a row, from {min(values):.6g} to {values[-1]:.6g}"
        return Outcome(cell, ABANDONED, notes=(why,))

    def _settled(self, outcomes: list[Outcome]) -> list[Outcome]:
        """Return the outcomes without the fits that were made before their path was known to be hopeless."""
        settled: list[Outcome] = []
        for outcome in outcomes:
            path = outcome.cell.path
            abandoned = self._abandoned(outcome.cell, [other for other in settled if other.cell.path == path])
            settled.append(abandoned if abandoned is not None and outcome.status == OK else outcome)
        return settled


def hopeless(values: Sequence[float], n_rows: float) -> bool:
    """Return whether a criterion over growing K has risen for long and stands far above its lowest value.

    Parameters
    ----------
    values : sequence of float
        On the scale of −2 log L, lower is better.
    n_rows : float
    """
    last = values[-_RISES - 1 :]
    if len(last) <= _RISES:
        return False
    rising = all(later > earlier for earlier, later in itertools.pairwise(last))
    return rising and min(last[1:]) > min(values) + _MARGIN * math.log(n_rows)


def _attempt(fit: Callable[[Cell], Fitted], cell: Cell) -> Outcome:
    began = perf_counter()
    try:
        fitted = fit(cell)
    except ExecutorError:
        raise
    except GaussmixError as error:
        return Outcome(cell, FAILED, None, perf_counter() - began, (str(error),))
    except Exception as error:  # noqa: BLE001 - one cell must not cost the others: its error is in the table
        return Outcome(cell, FAILED, None, perf_counter() - began, (f"{type(error).__name__}: {error}",))
    return Outcome(cell, OK, fitted, perf_counter() - began)
