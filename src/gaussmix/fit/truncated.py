"""Fits of very many components: truncated passes (``model.truncated``), and an exact one at the end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from gaussmix.executor import Executor
from gaussmix.fit.convergence import Convergence
from gaussmix.fit.em import EStep, FitResult, LoopState, fit_em
from gaussmix.fit.schedule import sample_rows
from gaussmix.model import Mixture
from gaussmix.model.truncated import TruncatedMixture, assigned, best_of
from gaussmix.source import Source
from gaussmix.source.blocks import block_rows
from gaussmix.types import IntArray

_ROWS_PER_COMPONENT: Final = 64  # of a block: with fewer, the tiles of a component's rows are mostly empty
_BLOCKS: Final = 4  # a multiple of this many, for as many threads
_LEAST_DIVIDED: Final = 0.75  # of a block: with fewer rows, two threads would not be worth two blocks
_MOST_VALUES: Final = 16_777_216  # of a block: 128 MB
_ROWS_TO_KNOW: Final = 32  # for each component: they choose the first candidates
_VALUES_TO_KNOW: Final = 4_000_000  # of that sample: 32 MB
_SEED_OF_SAMPLE: Final = 0  # one sample for all fits: the random numbers of a fit are for its start


def truncated_block_rows(n_rows: int, n_features: int, n_components: int) -> int:
    """Return the rows of each block of a truncated pass: so many that each component has some in each."""
    wanted = min(_ROWS_PER_COMPONENT * n_components, max(_MOST_VALUES // n_features, 1))
    n_blocks = max(n_rows // wanted, 1)
    if n_blocks > 1:
        n_blocks = -(-n_blocks // _BLOCKS) * _BLOCKS
    elif n_rows >= _LEAST_DIVIDED * wanted:
        n_blocks = 2
    return -(-n_rows // n_blocks)


@dataclass(frozen=True, slots=True, eq=False)
class TruncatedState:
    """Hold where a truncated run stands between two iterations: all that the next ones depend on.

    Attributes
    ----------
    loop : LoopState
    best : ndarray of shape (N,) of int32
        The best component of each row, which the next E-step starts from.
    """

    loop: LoopState[TruncatedMixture]
    best: IntArray


@dataclass(frozen=True, slots=True)
class Listener:
    """Tell of the mixture behind each truncated iteration."""

    told: Callable[[int, float, Mixture], bool | None]

    def __call__(self, iteration: int, bound: float, model: TruncatedMixture) -> bool | None:
        return self.told(iteration, bound, model.mixture)


def fit_truncated(
    start: Mixture,
    source: Source,
    executor: Executor,
    *,
    n_candidates: int,
    tol: float,
    max_iter: int,
    on_degenerate: str = "floor",
    on_iteration: Callable[[int, float, Mixture], bool | None] | None = None,
    convergence: Convergence | None = None,
    resumed: TruncatedState | None = None,
    on_state: Callable[[TruncatedState], None] | None = None,
) -> FitResult[Mixture]:
    """Return the result of truncated EM followed by one exact iteration.

    All of ``history`` but its last entry are bounds below the likelihood; the last one is the likelihood of the
    mixture that truncated EM ended with, and ``model`` what one exact M-step makes of it.

    Parameters
    ----------
    start : Mixture
    source : Source
        Rows without missing values.
    executor : Executor
        Of this process: the best component of each row is kept here, four bytes a row.
    n_candidates : int
        Components that are considered for each row.
    tol, on_degenerate, on_iteration, convergence
        As in ``fit_em``.
    max_iter : int
        Of all iterations, the exact one included.
    resumed : TruncatedState, optional
        Where an interrupted run of the same start, rows and parameters stood: the rest of it is what follows.
    on_state : callable, optional
        Called with a snapshot of the run between iterations, four bytes a row.
    """
    rows = truncated_block_rows(source.n_rows, source.n_features, start.n_components)
    partitions = assigned(
        source.partitions(rows), source.n_rows, rows, None if resumed is None else resumed.best
    )
    begun = TruncatedMixture.of(start, n_candidates) if resumed is None else resumed.loop.model
    if resumed is None and max_iter > 1:
        begun = _acquainted(begun, source, executor)
    found = fit_em(
        begun,
        partitions,
        executor,
        tol=tol,
        max_iter=max(max_iter - 1, 0),
        on_degenerate=on_degenerate,
        on_iteration=None if on_iteration is None else Listener(on_iteration),
        convergence=convergence,
        resumed=None if resumed is None else resumed.loop,
        on_state=on_state and (lambda loop: on_state(TruncatedState(loop, best_of(partitions)))),
    )
    exact = fit_em(
        found.model.mixture,
        source.partitions(block_rows(source.n_rows, source.n_features, start.n_components)),
        executor,
        tol=0.0,
        max_iter=min(max_iter, 1),
        on_degenerate=on_degenerate,
    )
    history = [*found.history, *exact.history]
    if on_iteration is not None and exact.history:
        on_iteration(len(history), history[-1], exact.model)
    collapses = [*found.collapses, *(replace(c, iteration=len(history)) for c in exact.collapses)]
    return FitResult(exact.model, history, found.converged, collapses, found.convergence)


def _acquainted(model: TruncatedMixture, source: Source, executor: Executor) -> TruncatedMixture:
    """Return the model with candidates that a sample of the rows has chosen.

    The parameters alone know little of which components rows have in common, and the first M-step moves farthest.
    """
    K, D = model.n_components, source.n_features
    n_rows = max(min(_ROWS_TO_KNOW * K, _VALUES_TO_KNOW // D), 1)
    sample = sample_rows(source, n_rows, np.random.default_rng(_SEED_OF_SAMPLE))
    size = truncated_block_rows(sample.n_rows, D, K)
    partitions = assigned(sample.partitions(size), sample.n_rows, size)
    return model.acquainted(executor.map_reduce(EStep(model), partitions))
