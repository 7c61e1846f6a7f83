"""The search for the best optimum on one sample: many starts, successive halving, split-and-merge.

Where a start will end shows only after some ten iterations, and is nearly certain after fifty; so all starts run for
ten, the best go on, and the survivors are converged and moved. Runs that have reached the same optimum count once;
collapsed and spurious ones are dropped at every cut (Biernacki, Celeux & Govaert 2003; Jamieson & Talwalkar 2016).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Final

import numpy as np

from gaussmix.executor import Executor
from gaussmix.fit.level import Level, Run
from gaussmix.fit.moves import split_and_merge
from gaussmix.fit.portfolio import Portfolio

_GIVEN_FOR: Final = 4  # where good starts are given, one in so many of the others is still tried
_AGREED: Final = 4  # starts that must have led to the best optimum for the search to end
AGREED_ON_SAMPLE: Final = 3  # the same on a sample, where larger ones follow
_UNANIMOUS: Final = 0.8  # part of the starts that is to agree before all have been tried
_FIRST_BATCH: Final = 6  # starts: if these agree, there are no others
_FIRST_BATCH_OF_SAMPLE: Final = 4
_BROAD: Final = 8  # broad starts where every other one has collapsed


@dataclass(frozen=True)
class Plan:
    """Say how long to search.

    Attributes
    ----------
    n_starts : int
    cuts : tuple of (int, int)
        After how many iterations in all how many runs go on.
    n_candidates : int
        Split-and-merge moves tried in each round; 0 for none.
    n_rounds : int
        Moves made, at most.
    n_series : int
        Series of ``n_starts`` starts, at most: another one follows where the best optimum was found only by chance.
    max_passes : float
        Passes over the sample after which no further move is tried.
    """

    n_starts: int
    cuts: tuple[tuple[int, int], ...]
    n_candidates: int
    n_rounds: int = 10
    n_series: int = 1
    max_passes: float = float("inf")

    def shortened(self, n_given: int) -> Plan:
        """Return the plan for starts of which ``n_given`` are known to be good."""
        return replace(
            self, n_starts=n_given + self.n_starts // _GIVEN_FOR, cuts=((10, 1),), n_series=1, n_candidates=0
        )


@dataclass(frozen=True)
class Optima:
    """Tell what a search has seen.

    Attributes
    ----------
    n_starts : int
    n_optima : int
        Distinct optima that the surviving starts led to.
    n_best : int
        Starts that led to the best of them.
    n_passes : float
        Passes over all rows that the search was worth.
    n_sweeps : int
        Sweeps of incremental EM over all rows, which are among them: see ``fit.incremental``.
    share : float
        Part of all rows in the largest sample.
    sweep_bounds : tuple of float
        Bounds of the log-likelihood, per unit of weight in nats, at the end of the first pass of incremental EM and
        of each sweep.
    """

    n_starts: int
    n_optima: int
    n_best: int
    n_passes: float
    n_sweeps: int = 0
    share: float = 1.0
    sweep_bounds: tuple[float, ...] = ()


def search(
    level: Level,
    portfolio: Portfolio,
    plan: Plan,
    executor: Executor,
    rng: np.random.Generator,
) -> tuple[list[Run], Optima]:
    """Return the runs that are left at the end, the best first, and what was seen.

    Parameters
    ----------
    level : Level
    portfolio : Portfolio
        Of the level's rows.
    plan : Plan
    executor : Executor
    rng : numpy.random.Generator
    """
    ends: list[Run] = []
    n_starts, passes = 0, 0.0
    for _ in range(plan.n_series):
        series, started, taken = _series(level, portfolio, plan, n_starts, executor, rng)
        n_starts += started
        passes += taken
        ends = survivors(ends + series, level, len(ends) + len(series))
        if ends[0].n_hits >= _AGREED:
            break
    return ends, Optima(n_starts, len(ends), ends[0].n_hits, passes * level.share)


def _series(
    level: Level,
    portfolio: Portfolio,
    plan: Plan,
    n_before: int,
    executor: Executor,
    rng: np.random.Generator,
) -> tuple[list[Run], int, float]:
    """Return the ends of one series of starts, how many there were, and the passes over the sample that it took."""
    numbered = list(enumerate(rng.spawn(plan.n_starts), start=n_before))
    first = plan.cuts[0][0]
    runs: list[Run] = []
    batch = _FIRST_BATCH_OF_SAMPLE if level.sampled else _FIRST_BATCH
    for some in (numbered[:batch], numbered[batch:]):
        if not _decided(runs, level, len(runs)):
            runs += level.map(lambda item: level.run(portfolio.start(*item), first), some, executor)
    started = len(runs)
    passes = float(sum(run.n_iter for run in runs) + started)
    if not any(run.sound for run in runs):
        broad = level.map(lambda own: level.run(portfolio.broad(own), first), rng.spawn(_BROAD), executor)
        passes += sum(run.n_iter for run in broad)
        runs += broad
    for cut, (n_iter, n_kept) in enumerate(plan.cuts):
        runs = survivors(runs, level, 1 if _decided(runs, level, started) else n_kept)
        last = cut + 1 == len(plan.cuts)
        more = 0 if last else plan.cuts[cut + 1][0] - n_iter
        runs = level.map(partial(_on, level, more), runs, executor)
        passes += sum(run.n_iter for run in runs)
    runs = survivors(runs, level, len(runs))
    if not plan.n_candidates or level.n_components < 3 or _decided(runs, level, started):
        return runs, started, passes
    ends = []
    for run in runs:
        end, taken = split_and_merge(
            run,
            level,
            portfolio,
            executor,
            rng,
            n_candidates=plan.n_candidates,
            max_rounds=plan.n_rounds,
            max_passes=plan.max_passes - passes,
        )
        ends.append(replace(end, n_hits=run.n_hits))
        passes += taken
    return survivors(ends, level, len(ends)), started, passes


def _decided(runs: list[Run], level: Level, n_starts: int) -> bool:
    """Return whether so many of the starts agree on the best optimum that looking further does not pay."""
    if not runs:
        return False
    needed = AGREED_ON_SAMPLE if level.sampled else _UNANIMOUS * n_starts
    return survivors(runs, level, 1)[0].n_hits >= needed


def survivors(runs: list[Run], level: Level, n_kept: int) -> list[Run]:
    """Return the best runs, each optimum once, without collapsed and spurious ones unless there is nothing else."""
    sound = [run for run in runs if run.sound] or [run for run in runs if not run.collapsed] or runs
    kept: list[Run] = []
    for run in sorted(sound, key=lambda run: -run.bound):
        same = [i for i, better in enumerate(kept) if better.bound - run.bound < level.same]
        if same:
            kept[same[-1]] = replace(kept[same[-1]], n_hits=kept[same[-1]].n_hits + run.n_hits)
        elif len(kept) < n_kept:
            kept.append(run)
    return kept


def _on(level: Level, n_iter: int, run: Run) -> Run:
    """Return the run after so many more iterations, or where they are 0, after it has converged."""
    ahead = level.run(run.model, n_iter) if n_iter else level.converged(run.model)
    return replace(ahead, collapsed=run.collapsed or ahead.collapsed, n_hits=run.n_hits)
