"""Which cells of a search are done, kept in a checkpoint, so that a search that was cut short fits only the others.

The fits of cells depend on the rows, the grid and a seed, and on nothing of the search that went before but optima
of other cells that are kept as well: the table of a resumed search is that of one that never stopped.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np

from gaussmix.errors import ModelFormatError, ParameterError
from gaussmix.estimator.checkpoint_file import CheckpointFile
from gaussmix.estimator.checkpoints import about_fit, saved_at
from gaussmix.estimator.identity import described, digest
from gaussmix.estimator.problem import Problem
from gaussmix.selection import Cell, Evidence, Fitted, Outcome
from gaussmix.selection.outcome import INTERRUPTED, OK, OUT_OF_TIME

_PARAMETERS: Final = (  # that the fit of a cell depends on, beside the cell
    *("tol", "reg_covar", "max_iter", "n_init", "init_params", "effort", "acceleration", "on_degenerate"),
    *("random_state", "criterion"),
)
_ONLY_FOR: Final = {"cv": "cv", "n_resamples": "stability"}  # parameters of a criterion
_N_FIELDS: Final = 8  # of the record of a cell


class SearchJournal(Protocol):
    """Takes note of what a search has fitted, and knows what an earlier one has.

    Attributes
    ----------
    seed : int or list of int
        Of the search.
    known : mapping of Cell to Outcome
        What was fitted so far.
    """

    @property
    def seed(self) -> Any: ...
    @property
    def known(self) -> Mapping[Cell, Outcome]: ...
    def note(self, outcome: Outcome) -> None:
        """Take note of an outcome; from one thread at a time."""

    def ended(self, outcomes: Sequence[Outcome]) -> None:
        """Take note of what became of all cells."""

    def kept(self) -> AbstractContextManager[None]:
        """Keep what was noted whatever happens inside."""


@dataclass(frozen=True)
class NoSearchJournal:
    """Keep no record."""

    seed: Any
    known: Mapping[Cell, Outcome] = field(default_factory=dict)

    def note(self, outcome: Outcome) -> None:
        pass

    def ended(self, outcomes: Sequence[Outcome]) -> None:
        pass

    def kept(self) -> AbstractContextManager[None]:
        return nullcontext()


@dataclass
class CellsJournal(CheckpointFile):
    """Keep the fits of cells in a file.

    Parameters
    ----------
    path, every, about, shared
        As in ``CheckpointFile``.
    cells : sequence of Cell
        All of the grid.
    seed : int or list of int
    known : dict of Cell to Outcome
        Of the search that this one goes on from.
    """

    cells: Sequence[Cell] = ()
    seed: Any = 0
    known: dict[Cell, Outcome] = field(default_factory=dict)
    _whole: bool = field(default=True, init=False)

    @property
    def state(self) -> object:
        numbered = [
            (number, self.known[cell]) for number, cell in enumerate(self.cells) if cell in self.known
        ]
        return self.seed, [(number, *_stored(outcome)) for number, outcome in numbered]

    @property
    def lacks(self) -> str | None:
        return None if self.known else "the first cell was still being fitted"

    @property
    def finished(self) -> bool:
        return self._whole

    def note(self, outcome: Outcome) -> None:
        if outcome.fitted is not None and outcome.cell not in self.known:
            self.known[outcome.cell] = outcome
            self.changed()

    def ended(self, outcomes: Sequence[Outcome]) -> None:
        self._whole = not any(outcome.status in (OUT_OF_TIME, INTERRUPTED) for outcome in outcomes)


def search_journal_of(
    search: Any,
    seed: Any,
    cells: Sequence[Cell],
    criteria: Sequence[str],
    problems: Sequence[Problem],
    *,
    resume: bool,
) -> SearchJournal:
    """Return where a search keeps its record: nowhere, or in the file of its parameter ``checkpoint``.

    Parameters
    ----------
    search : GaussianMixtureSearch
    seed : int or list of int
    cells : sequence of Cell
    criteria : sequence of str
    problems : sequence of Problem
        Of the same rows, one for each kind of prior.
    resume : bool

    Raises
    ------
    ParameterError
        If a parameter cannot be told from others, or the folds of a splitter are others each time.
    CheckpointError, ModelFormatError, OSError
        If it cannot go on from what is there.
    """
    if search.checkpoint is None:
        return NoSearchJournal(seed)
    path = Path(search.checkpoint)
    parameters = {name: getattr(search, name) for name in _PARAMETERS}
    parameters |= {name: getattr(search, name) for name, of in _ONLY_FOR.items() if of in criteria}
    about = about_fit(search, parameters, problems[0])
    if "cv" in criteria:
        _require_same_folds(search.cv, problems[0].source.n_rows)
    about["cells"] = {str(cell): described(cell.family) for cell in cells}
    shared = _shared(cells, problems)
    saved = saved_at(path, about, resume=resume)
    before = (seed, {}) if saved is None else _read(saved, shared, cells)
    return CellsJournal(
        path, search.checkpoint_every, about, shared, cells=cells, seed=before[0], known=before[1]
    )


def _require_same_folds(cv: Any, n_rows: int) -> None:
    """Raise where a search that goes on would not hold out the rows that it held out before."""
    if not hasattr(cv, "split"):  # a number, or the splits themselves
        return
    first, second = ([digest(*split) for split in cv.split(np.empty((n_rows, 0)))] for _ in range(2))
    if first != second:
        raise ParameterError(
            f"cv={cv!r} gives other folds each time, so that a search could not go on from a checkpoint: give it a "
            "random_state"
        )


def _shared(cells: Sequence[Cell], problems: Sequence[Problem]) -> dict[str, object]:
    """Return what each search of these cells makes anew, by name."""
    shared: dict[str, object] = {f"prior {number}": problem.prior for number, problem in enumerate(problems)}
    for cell in cells:
        shared |= {f"family {cell.name}": cell.family, f"scatter {cell.name}": cell.family.scatter}
    return shared


def _stored(outcome: Outcome) -> tuple[Any, ...]:
    """Return a fit as what a checkpoint can hold."""
    fitted = outcome.fitted
    assert fitted is not None
    evidence = {name.name: getattr(fitted.evidence, name.name) for name in dataclasses.fields(Evidence)}
    others = (fitted.spurious, list(fitted.complaints), fitted.held_out_error, fitted.optima)
    return (outcome.seconds, fitted.result, evidence, *others)


def _read(saved: Any, shared: Mapping[str, object], cells: Sequence[Cell]) -> tuple[Any, dict[Cell, Outcome]]:
    """Return the seed and the fitted cells of a checkpoint."""
    state, known = saved.state(shared), {}
    if type(state) is not tuple or len(state) != 2:
        raise ModelFormatError(f"{saved.path} does not hold the cells of a search")
    for record in state[1]:
        if type(record) is not tuple or len(record) != _N_FIELDS:
            raise ModelFormatError(f"{saved.path} does not hold the cells of a search")
        number, seconds, result, evidence, spurious, complaints, error, optima = record
        fitted = Fitted(result, Evidence(**evidence), spurious, tuple(complaints), error, optima)
        known[cells[number]] = Outcome(cells[number], OK, fitted, seconds)
    return state[0], known
