"""From the parameters of a search and checked rows to the outcome of every cell."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from numbers import Integral
from time import perf_counter
from typing import Any, Final

import numpy as np
from sklearn.model_selection import check_cv

from gaussmix.covariance import CovarianceFamily
from gaussmix.errors import ParameterError
from gaussmix.estimator.cells import CellFitter, Rows
from gaussmix.estimator.families import is_count
from gaussmix.estimator.search_journal import SearchJournal
from gaussmix.estimator.search_progress import Observe, shown
from gaussmix.executor import Executor, Serial, local_executor
from gaussmix.selection import (
    CRITERIA,
    GUIDES,
    BootstrapTest,
    Cell,
    LikelihoodRatioTest,
    Limits,
    Outcome,
    Search,
    against_one,
    consistent,
    folds,
    given_folds,
    grid,
    resamples,
)
from gaussmix.selection.outcome import INTERRUPTED, OK
from gaussmix.source import Source

_HELPERS: Final = 3  # quick families from which the optima of the others are found with few starts more
_THREADED_VALUES: Final = (
    20_000  # in smaller data Python takes most of the time, and threads wait for one another
)
# Keys of seeds, apart from each other and from those of cells, which are longer.
_FOLDS: Final = (0,)
_RESAMPLES: Final = (1,)
_TESTS: Final = (2,)


@dataclass(frozen=True)
class CellSearch:
    """Fit a grid of cells on one source.

    Parameters
    ----------
    source : Source
    settings : dict
        Parameters of ``GaussianMixture`` that all cells share.
    seed : int or list of int
    n_threads : int
    executor : Executor
        Of so many threads, or one whose passes run elsewhere.
    elsewhere : bool
        Whether they do: then cells are fitted one after the other, as each keeps all workers busy.
    """

    source: Source
    settings: dict[str, Any]
    seed: Any
    n_threads: int
    executor: Executor
    elsewhere: bool = False

    def __call__(
        self,
        cells: Sequence[Cell],
        rows: Rows,
        criteria: Sequence[str],
        limits: Limits,
        journal: SearchJournal,
        *,
        cv: Any,
        n_resamples: int,
        verbose: int = 0,
    ) -> list[Outcome]:
        """Return the outcome of every cell; other parameters than ``rows`` as in ``GaussianMixtureSearch``."""
        deadline = perf_counter() + limits.seconds
        fitter = CellFitter(
            rows,
            self.executor if self.elsewhere else local_executor(max(1, self.n_threads // len(cells))),
            self.settings,
            self.seed,
            held=self._held(cells, cv) if "cv" in criteria else (),
            resampled=self._resampled(cells, n_resamples) if "stability" in criteria else (),
        )
        with shown(len(cells), verbose) as show:

            def observe(outcome: Outcome) -> None:
                journal.note(outcome)
                show(outcome)

            outcomes = self._in_phases(cells, fitter, limits, observe, journal)
        journal.ended(outcomes)
        whole = not any(outcome.status == INTERRUPTED for outcome in outcomes)
        alone = CellFitter(rows, self.executor, self.settings, self.seed)
        outcomes = consistent(outcomes, alone, deadline if whole else -math.inf)
        return against_one(outcomes, alone if whole else None)

    def rows(self, cells: Sequence[Cell]) -> Rows:
        """Return the rows, measured for these cells."""
        return self._rows(cells, self.executor)

    def _in_phases(
        self,
        cells: Sequence[Cell],
        fitter: CellFitter,
        limits: Limits,
        observe: Observe,
        journal: SearchJournal,
    ) -> list[Outcome]:
        """Return the outcomes; the families whose M-step is quickest go first, as their optima help the others."""
        small = self.source.n_rows * self.source.n_features < _THREADED_VALUES
        n_threads = 1 if small or self.elsewhere else min(self.n_threads, len(cells))
        began = perf_counter()
        quick = [cell for cell in cells if cell.family.unconstrained]
        slow = [cell for cell in cells if not cell.family.unconstrained]
        helpful = len({cell.name for cell in quick}) >= _HELPERS and self._searches
        if not (slow and helpful):
            return Search(cells, fitter.fit, limits, observe, journal.known).run(n_threads)
        before = set(journal.known)
        outcomes = Search(quick, fitter.fit, limits, observe, journal.known).run(n_threads)
        interrupted = [outcome for outcome in outcomes if outcome.status == INTERRUPTED]
        if interrupted:
            outcomes += [replace(interrupted[0], cell=cell) for cell in slow]
        else:
            left = limits.seconds - (perf_counter() - began)
            new = [outcome for outcome in outcomes if outcome.fitted and outcome.cell not in before]
            later, helped = replace(limits, seconds=left, first=not new), fitter.helped_by(outcomes)
            outcomes += Search(slow, helped.fit, later, observe, journal.known).run(n_threads)
        of_cell = {outcome.cell: outcome for outcome in outcomes}
        return [of_cell[cell] for cell in cells]

    @property
    def _searches(self) -> bool:
        """Whether each cell searches for its best optimum."""
        return str(self.settings["init_params"]) == "auto" and self.settings["n_init"] == 1

    def bootstrap(
        self,
        families: dict[str, CovarianceFamily],
        equal_weights: bool,
        n_components: Iterable[int],
        n_bootstrap: int,
        level: float,
    ) -> list[LikelihoodRatioTest]:
        """Return the tests of K against K + 1 components of one family."""

        def statistic(source: Source, K: int, seed: np.random.SeedSequence) -> tuple[float, Any]:
            cells = grid((K, K + 1), families, [equal_weights])
            rows = Rows(source, cells, self.settings["reg_covar"], Serial())
            fitter = CellFitter(rows, Serial(), self.settings, seed.generate_state(4).tolist())
            fits = [Outcome(cell, OK, fitter.fit(cell)) for cell in cells]
            smaller, larger = (outcome.fitted for outcome in consistent(fits, fitter))
            assert smaller is not None
            assert larger is not None
            return 2 * (larger.evidence.log_likelihood - smaller.evidence.log_likelihood), smaller.model

        seed = np.random.SeedSequence(self.seed, spawn_key=_TESTS)
        return BootstrapTest(statistic, n_bootstrap, level, self.n_threads)(self.source, n_components, seed)

    def _rows(self, cells: Sequence[Cell], executor: Executor, source: Source | None = None) -> Rows:
        return Rows(source or self.source, cells, self.settings["reg_covar"], executor)

    def _held(self, cells: Sequence[Cell], cv: Any) -> list[tuple[Rows, Source]]:
        weight = self.source.sample_weight
        n_rows = self.source.n_rows if weight is None else int((weight > 0).sum())
        if isinstance(cv, Integral):
            n_folds = int(cv)
            if n_rows < 2 * n_folds:
                raise ParameterError(
                    f"cv={cv} folds need at least {2 * n_folds} rows, but there are {n_rows}"
                )
            parts = folds(self.source, n_folds, self._generator(_FOLDS))
        else:
            parts = given_folds(self.source, check_cv(cv).split(np.empty((self.source.n_rows, 0))))
        return [(self._rows(cells, self.executor, kept), held) for kept, held in parts]

    def _resampled(self, cells: Sequence[Cell], n_resamples: int) -> list[Rows]:
        drawn = resamples(self.source, n_resamples, self._generator(_RESAMPLES))
        return [self._rows(cells, self.executor, source) for source in drawn]

    def _generator(self, key: tuple[int, ...]) -> np.random.Generator:
        return np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=key))


def cells_of(n_components: Any, families: dict[str, CovarianceFamily], equal_weights: Any) -> list[Cell]:
    """Return the grid of ``GaussianMixtureSearch``'s parameters.

    Raises
    ------
    ParameterError
        If ``n_components`` holds something else than positive integers.
    """
    wanted = [n_components] if np.ndim(n_components) == 0 else list(n_components)
    if not (wanted and all(is_count(K) for K in wanted)):
        raise ParameterError(
            f"n_components should be a positive integer or several, such as range(1, 10), got {n_components!r}"
        )
    return grid(
        map(int, wanted), families, [False, True] if equal_weights == "both" else [bool(equal_weights)]
    )


def criteria_of(criterion: Any) -> list[str]:
    """Return the names of the criteria, the deciding one first.

    Raises
    ------
    ParameterError
        If a name is unknown, or there is none.
    """
    names = [criterion] if isinstance(criterion, str) else list(criterion)
    unknown = [name for name in names if name not in CRITERIA]
    if unknown or not names:
        known = ", ".join(map(repr, CRITERIA))
        raise ParameterError(f"criterion should be one or more of {known}, got {criterion!r}")
    return names


def limits_of(criterion: str, time_budget: float | None, *, abandon: bool) -> Limits:
    """Return when a search leaves cells out."""
    seconds = math.inf if time_budget is None else float(time_budget)
    return Limits(GUIDES.get(criterion) if abandon else None, seconds)
