"""What became of each cell of a search."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol

from gaussmix.fit import FitResult, Optima
from gaussmix.model import Mixture
from gaussmix.selection.criteria import Evidence
from gaussmix.selection.grid import Cell

OK: Final = "ok"
FAILED: Final = "failed"
UNSUPPORTED: Final = "unsupported"
ABANDONED: Final = "abandoned"
OUT_OF_TIME: Final = "skipped: time budget"
INTERRUPTED: Final = "skipped: interrupted"


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """Hold the fit of one cell.

    Attributes
    ----------
    result : FitResult
    evidence : Evidence
        Of ``result.model`` on all rows.
    spurious : bool
        Whether the likelihood owes its height to a component on a few rows: see ``gaussmix.fit.spurious``.
    complaints : tuple of str
        What the rows could not support.
    held_out_error : float
        Standard error of ``evidence.held_out``.
    optima : Optima or None
        What the search for the start has seen.
    """

    result: FitResult[Mixture]
    evidence: Evidence
    spurious: bool
    complaints: tuple[str, ...] = ()
    held_out_error: float = float("nan")
    optima: Optima | None = None

    @property
    def model(self) -> Mixture:
        """The fitted mixture."""
        return self.result.model


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """Tell what became of one cell.

    Attributes
    ----------
    cell : Cell
    status : str
        ``OK`` or one of the other constants of this module.
    fitted : Fitted or None
        Only if the status is ``OK``.
    seconds : float
    notes : tuple of str
        Why there is no fit, or where it came from.
    """

    cell: Cell
    status: str
    fitted: Fitted | None = None
    seconds: float = 0.0
    notes: tuple[str, ...] = ()

    @property
    def message(self) -> str:
        """All that is to be said of the cell, in one line."""
        said = list(self.notes)
        if self.fitted is not None:
            said.extend(self.fitted.complaints)
            if not self.fitted.result.converged:
                said.append(f"did not converge in {len(self.fitted.result.history)} iterations")
        return "; ".join(said)


class Fitter(Protocol):
    """Fits cells, from several threads at once; the same cell gives the same fit each time."""

    def fit(self, cell: Cell) -> Fitted:
        """Return the fit of a cell from starts of its own, with all that the criteria need."""

    def go_on(self, cell: Cell, start: Mixture, *, iterate: bool) -> Fitted:
        """Return the fit of a cell by EM from ``start``, or ``start`` itself as its fit."""
