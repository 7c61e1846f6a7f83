"""How the search fits a cell: as ``GaussianMixture`` would, on rows that were checked and measured once."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import replace
from functools import cached_property, partial
from typing import Any, Final
from zlib import crc32

import numpy as np

from gaussmix.errors import DataError
from gaussmix.estimator.executors import beside
from gaussmix.estimator.gaussian_mixture import GaussianMixture
from gaussmix.estimator.gaussian_training import Previous, best_fit
from gaussmix.estimator.parameters import check_memory
from gaussmix.estimator.problem import Problem
from gaussmix.executor import Executor
from gaussmix.fit import Convergence, Sample, is_spurious, sample_rows
from gaussmix.model import Mixture
from gaussmix.selection import Cell, Fitted, Outcome, agreement, embedded, held_out, measure, unsupported
from gaussmix.source import IncompleteRows, Source
from gaussmix.source.blocks import block_rows

_DISTINCT_ROWS: Final = 100_000  # that are looked at to tell how many are distinct


class Rows:
    """Hold one set of rows, measured once for each kind of prior that cells ask for.

    Parameters
    ----------
    source : Source
    cells : sequence of Cell
    reg_covar : float
    executor : Executor
    """

    def __init__(self, source: Source, cells: Sequence[Cell], reg_covar: float, executor: Executor) -> None:
        self.source = source
        self._known = IncompleteRows.of(source) if source.incomplete else source
        self._problems = {
            _kind(cell): Problem.of(
                source, executor, cell.family, 1, reg_covar, equal_weights=cell.equal_weights
            )
            for cell in {_kind(cell): cell for cell in cells}.values()
        }
        self._last: tuple[int, Any] = 0, None

    @property
    def problems(self) -> list[Problem]:
        """What was measured, for each kind of prior."""
        return list(self._problems.values())

    def problem(self, cell: Cell, executor: Executor) -> Problem:
        """Return what a fit of the cell needs to know of the rows."""
        return replace(
            self._problems[_kind(cell)],
            family=cell.family,
            n_components=cell.n_components,
            executor=beside(self.source, executor),
            partitions=self._partitions(cell.n_components),
        )

    def _partitions(self, n_components: int) -> Any:
        """Return the blocks of rows, the same ones as for the cell before where that can be: workers keep those."""
        size = block_rows(self.source.n_rows, self.source.n_features, n_components)
        last = self._last  # read once: other threads may be here, too
        if last[0] != size:
            self._last = last = size, self._known.partitions(size)
        return last[1]

    @cached_property
    def n_distinct(self) -> int:
        """Number of distinct rows of positive weight; where rows abound, as far as a sample tells."""
        rng = np.random.default_rng(0)
        problem = next(iter(self._problems.values()))
        sample = sample_rows(problem.source, _DISTINCT_ROWS, rng)
        weight = np.ones(sample.n_rows) if sample.sample_weight is None else sample.sample_weight
        unit = np.sqrt(problem.variance)
        found = Sample(sample.take(np.arange(sample.n_rows)), weight, unit).n_distinct()
        return self.source.n_rows if found == sample.n_rows else found


class CellFitter:
    """Fit cells on the same rows; the contract is ``gaussmix.selection.Fitter``.

    Parameters
    ----------
    rows : Rows
    executor : Executor
        For the blocks of rows of one cell.
    settings : dict
        Parameters of ``GaussianMixture`` that all cells share.
    seed : int or sequence of int
        Each cell's own seed follows from it and from what the cell is, not from the rest of the grid.
    held : sequence of (Rows, Source)
        Folds: the rows to fit and those held out.
    resampled : sequence of Rows
        For the refits that tell how stable the labels are.
    """

    def __init__(
        self,
        rows: Rows,
        executor: Executor,
        settings: dict[str, Any],
        seed: Any,
        *,
        held: Sequence[tuple[Rows, Source]] = (),
        resampled: Sequence[Rows] = (),
    ) -> None:
        self._rows, self._executor = rows, executor
        self._settings = settings
        self._seed = seed
        self._held, self._resampled = held, resampled
        self._found: list[Outcome] = []
        self._sent: Any = None

    def helped_by(self, outcomes: Sequence[Outcome]) -> CellFitter:
        """Return a fitter whose searches start from the sound optima of these outcomes, too."""
        helped = copy(self)
        helped._found = [outcome for outcome in outcomes if outcome.fitted and not outcome.fitted.spurious]
        return helped

    def fit(self, cell: Cell) -> Fitted:
        """Return the fit of a cell from starts of its own, with all that the criteria need.

        Raises
        ------
        DataError
            If the rows cannot support the cell.
        """
        D = self._rows.source.n_features
        check_memory(cell.n_components, D, cell.family)
        reason = unsupported(cell, self._rows.n_distinct, D)
        if reason is not None:
            raise DataError(reason)
        fitted = self._run(self.estimator(cell), cell, given=self._given(cell))
        evidence, error = fitted.evidence, float("nan")
        if self._held:
            fits = [partial(self._refit, cell, rows, (0, f)) for f, (rows, _) in enumerate(self._held)]
            mean, error = held_out(fits, [held for _, held in self._held], self._executor)
            evidence = replace(evidence, held_out=mean)
        if self._resampled and cell.n_components > 1:
            refits = [partial(self._refit, cell, rows, (1, b)) for b, rows in enumerate(self._resampled)]
            agreed = agreement(fitted.model, refits, self._rows.source, self._executor)
            evidence = replace(evidence, agreement=agreed)
        return replace(fitted, evidence=evidence, held_out_error=error)

    def go_on(self, cell: Cell, start: Mixture, *, iterate: bool) -> Fitted:
        """Return the fit of a cell by EM from ``start``, or ``start`` itself as its fit."""
        estimator = self.estimator(cell)
        estimator.set_params(max_iter=estimator.max_iter if iterate else 0)
        fitted = self._run(estimator, cell, previous=(start, Convergence(estimator.tol)))
        if iterate:
            return fitted
        bound = fitted.evidence.log_likelihood / fitted.evidence.n_rows
        return replace(fitted, result=replace(fitted.result, history=[bound], converged=True))

    def estimator(self, cell: Cell, part: tuple[int, ...] = ()) -> GaussianMixture:
        """Return the estimator, not fitted, that fits a cell, or a part of the work for it."""
        return GaussianMixture(
            cell.n_components,
            covariance_type=cell.family,
            equal_weights=cell.equal_weights,
            random_state=seed_of(cell, self._seed, part),
            **self._settings,
        )

    def _refit(self, cell: Cell, rows: Rows, part: tuple[int, ...]) -> Mixture:
        problem = self._problem(rows, cell)
        with np.errstate(under="ignore"):
            trained, _ = best_fit(self.estimator(cell, part), problem)
        return trained.result.model

    def _given(self, cell: Cell) -> list[Mixture]:
        """Return the optima found for other families of as many components, in the family of the cell."""
        key = (cell.n_components, cell.equal_weights)
        alike = [
            other.fitted.model
            for other in self._found
            if other.fitted and (other.cell.n_components, other.cell.equal_weights) == key
        ]
        starts = [embedded(model, cell.family) for model in alike]
        return [start for start in starts if not start.covariances.singular.any()]

    def _problem(self, rows: Rows, cell: Cell) -> Problem:
        """Return the problem of a cell; workers let go of what they keep of other rows, or other blocks of these."""
        problem = rows.problem(cell, self._executor)
        if problem.partitions is not self._sent:
            self._executor.release()
            self._sent = problem.partitions
        return problem

    def _run(
        self,
        estimator: GaussianMixture,
        cell: Cell,
        *,
        given: Sequence[Mixture] = (),
        previous: Previous | None = None,
    ) -> Fitted:
        problem = self._problem(self._rows, cell)
        given = [replace(start, prior=problem.prior) for start in given]
        problem = replace(problem, given=given)
        with np.errstate(under="ignore"):
            trained, complaints = best_fit(estimator, problem, previous=previous)
            blocks = problem.partitions
            if problem.rows.incomplete:  # those are groups, of rows that miss the same values
                blocks = problem.rows.partitions(
                    block_rows(problem.rows.n_rows, problem.rows.n_features, cell.n_components)
                )
            evidence = measure(trained.result.model, blocks, problem.executor)
            spurious = is_spurious(trained.result.model)
        if spurious:
            complaints.append(
                "a component is almost flat, and the likelihood owes its height to few rows: spurious"
            )
        return Fitted(trained.result, evidence, spurious, tuple(complaints), optima=trained.optima)


def seed_of(cell: Cell, seed: Any, part: tuple[int, ...] = ()) -> int:
    """Return the seed of a cell, or of a part of the work for it.

    Parameters
    ----------
    cell : Cell
    seed : int or list of int
        Of the search.
    part : tuple of int
        Which fold or resample.
    """
    key = (cell.n_components, crc32(cell.name.encode()), int(cell.equal_weights), *part)
    return int(np.random.SeedSequence(seed, spawn_key=key).generate_state(1)[0])


def _kind(cell: Cell) -> tuple[bool, bool]:
    """Return what the prior depends on: features in one unit, and equal weights."""
    return cell.family.invariance == "orthogonal", cell.equal_weights
