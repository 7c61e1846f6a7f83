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
from gaussmix.model.assignment import AssignedPartition, Assignment
from gaussmix.model.truncated import TruncatedMixture
from gaussmix.moments import buffer_size
from gaussmix.source import Source
from gaussmix.source.blocks import block_rows
from gaussmix.types import IntArray

_ROWS_PER_COMPONENT: Final = 256  # of a block: with fewer, the tiles of a component's rows are mostly empty
_MOST_VALUES: Final = 16_777_216  # of a block: 128 MB
_PARTS: Final = 8  # of the rows, at least, for as many threads
_LEAST_PART: Final = 2_048  # rows
_ROWS_TO_KNOW: Final = 32  # for each component: they choose the first candidates
_VALUES_TO_KNOW: Final = 4_000_000  # of that sample: 32 MB
_SEED_OF_SAMPLE: Final = 0  # one sample for all fits: the random numbers of a fit are for its start


def truncated_block_rows(n_rows: int, n_features: int, n_components: int) -> int:
    """Return the rows of each block of a truncated pass: so many that each component has some in each."""
    wanted = min(_ROWS_PER_COMPONENT * n_components, max(_MOST_VALUES // n_features, 1))
    return -(-n_rows // -(-n_rows // wanted))


def unassigned(source: Source, mixture: Mixture) -> Assignment:
    """Return the assignment of a source's rows, cut for truncated passes; none has a component yet.

    Each part of a block has moments of all components: it has more values in its rows than in these.
    """
    K, D = mixture.means.shape
    rows = truncated_block_rows(source.n_rows, D, K)
    blocks = source.partitions(rows)
    most = min(rows // _LEAST_PART, rows * D // buffer_size(mixture.covariances.scatter, K, D))
    return Assignment.of(blocks, source.n_rows, rows, max(min(-(-_PARTS // len(blocks)), most), 1))


@dataclass(frozen=True, slots=True)
class FirstSearch:
    """Look for the best components of the rows of a partition, before the first E-step; the sum tells nothing."""

    model: TruncatedMixture

    def __call__(self, partition: AssignedPartition) -> int:
        X, _ = partition.load()
        known, n = partition.known, len(X)
        rows = slice(n * known.part // known.n_parts, n * (known.part + 1) // known.n_parts)
        known.best[self.model.n_steps % 2, rows] = self.model.nearest(X[rows])
        return 0


def searched(model: TruncatedMixture, assignment: Assignment, executor: Executor) -> TruncatedMixture:
    """Return the model for the first E-step, for which the best component of each row has been looked for."""
    executor.map_reduce(FirstSearch(model), assignment.partitions)
    return replace(model, cells=None)


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
        Of this process: the best component of each row is kept here, eight bytes a row.
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
    assignment = unassigned(source, start)
    if resumed is not None:
        begun = resumed.loop.model
        assignment.after(begun.n_steps)[:] = resumed.best
    else:
        begun = TruncatedMixture.of(start, n_candidates)
        if max_iter > 1:
            begun = searched(_acquainted(begun, source, executor), assignment, executor)

    def tell_state(loop: LoopState[TruncatedMixture]) -> None:
        assert on_state is not None
        on_state(TruncatedState(loop, assignment.after(loop.model.n_steps).copy()))

    found = fit_em(
        begun,
        assignment.partitions,
        executor,
        tol=tol,
        max_iter=max(max_iter - 1, 0),
        on_degenerate=on_degenerate,
        on_iteration=None if on_iteration is None else Listener(on_iteration),
        convergence=convergence,
        resumed=None if resumed is None else resumed.loop,
        on_state=on_state and tell_state,
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
    assignment = unassigned(sample, model.mixture)
    first = searched(model, assignment, executor)
    return model.acquainted(executor.map_reduce(EStep(first), assignment.partitions))
