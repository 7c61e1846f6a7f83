"""The EM loop (Dempster, Laird & Rubin 1977). It knows only verbs: load, E-step, add, bound, M-step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from typing import Any, Final, Generic

from gaussmix.executor import Executor
from gaussmix.fit.acceleration import ACCELERATIONS, Acceleration
from gaussmix.fit.convergence import Convergence
from gaussmix.fit.degenerate import Collapse, DegeneratePolicy
from gaussmix.model import Model
from gaussmix.model.base import AnyModel, Statistics
from gaussmix.source import Partition

# Iterations that the kernel runs between two looks at convergence: many where they take microseconds.
_AHEAD: Final = (2, 16)
_AHEAD_ROWS: Final = 4_000


@dataclass(frozen=True, slots=True)
class FitResult(Generic[AnyModel]):
    """Hold what a run of EM found.

    Attributes
    ----------
    model : Model
        After the last M-step.
    history : list of float
        The lower bound per unit of weight at the start of each iteration, in nats. Where a leap of the acceleration
        fell short of the bound before, that one again.
    converged : bool
    collapses : list of Collapse
    convergence : Convergence
        As the run left it, for a run that goes on from here.
    """

    model: AnyModel
    history: list[float]
    converged: bool
    collapses: list[Collapse]
    convergence: Convergence


@dataclass(slots=True)
class LoopState(Generic[AnyModel]):
    """Hold where a run stands between two iterations: all that the next ones depend on.

    Attributes
    ----------
    model : Model
    convergence : Convergence
    pace : Acceleration
    policy : DegeneratePolicy
    history : list of float
    converged : bool
    """

    model: AnyModel
    convergence: Convergence
    pace: Acceleration[AnyModel]
    policy: DegeneratePolicy
    history: list[float] = field(default_factory=list)
    converged: bool = False

    def snapshot(self) -> LoopState[AnyModel]:
        """Return a copy that later iterations leave alone."""
        return replace(
            self,
            convergence=copy(self.convergence),
            pace=copy(self.pace),
            policy=copy(self.policy),
            history=list(self.history),
        )

    @property
    def result(self) -> FitResult[AnyModel]:
        """What the run has found so far."""
        return FitResult(self.model, self.history, self.converged, self.policy.report, self.convergence)


@dataclass(frozen=True, slots=True)
class EStep(Generic[Statistics]):
    """Load a partition and return its moments: the task that executors run.

    Attributes
    ----------
    model : Model
    hard : bool
        Give each row wholly to its most probable component.
    """

    model: Model[Statistics]
    hard: bool = False

    def __call__(self, partition: Partition) -> Statistics:
        X, weight = partition.load()
        return self.model.e_step(X, weight, hard=self.hard, known=partition.known)


@dataclass(frozen=True, slots=True)
class _Stride(Generic[AnyModel]):
    """Hold the model after one or more iterations, and the bound and movement of each."""

    model: AnyModel
    bounds: list[float]
    movements: list[float]


def fit_em(
    model: AnyModel,
    partitions: Sequence[Partition],
    executor: Executor,
    *,
    tol: float,
    max_iter: int,
    on_degenerate: str = "floor",
    acceleration: str | None = None,
    assignment: str = "soft",
    on_iteration: Callable[[int, float, AnyModel], bool | None] | None = None,
    convergence: Convergence | None = None,
    n_before: int = 0,
    resumed: LoopState[AnyModel] | None = None,
    on_state: Callable[[LoopState[AnyModel]], None] | None = None,
) -> FitResult[AnyModel]:
    """Return the result of iterating E-step and M-step until nothing more is to be gained.

    Parameters
    ----------
    model : Model
        The start.
    partitions : sequence of Partition
    executor : Executor
    tol : float
        See ``Convergence``.
    max_iter : int
    on_degenerate : {"floor", "drop", "restart", "raise"}
    acceleration : {"auto", None}
        Whether to step further than EM does where that raises the bound: see ``fit.acceleration``.
    assignment : {"soft", "hard"}
        ``"hard"`` gives each row wholly to its most probable component: classification EM (Celeux & Govaert 1992).
        The bound is then the classification likelihood. It ends after finitely many steps, and is not accelerated.
    on_iteration : callable, optional
        Called with the iteration's number, its lower bound and the model after it; returning True stops the fit.
    convergence : Convergence, optional
        Of the run that this one goes on from.
    n_before : int
        Iterations that lie behind the start, as far as acceleration is concerned: it leaves the first ones alone.
    resumed : LoopState, optional
        Where an interrupted run of the same start, rows and parameters stood: the rest of it is what follows.
    on_state : callable, optional
        Called with a snapshot of the run between iterations.

    Raises
    ------
    DegenerateError
        If a component collapses and ``on_degenerate="raise"``.
    """
    hard = assignment == "hard"
    state = resumed or LoopState(
        model,
        Convergence(tol) if convergence is None else convergence.resumed(tol),
        ACCELERATIONS[None if hard else acceleration](n_before),
        DegeneratePolicy(on_degenerate),
    )
    stop = False
    while len(state.history) < max_iter and not (state.converged or stop):
        stop = _iterate(state, partitions, executor, max_iter, hard=hard, on_iteration=on_iteration)
        if on_state:
            on_state(state.snapshot())
    return state.result


def _iterate(
    state: LoopState[AnyModel],
    partitions: Sequence[Partition],
    executor: Executor,
    max_iter: int,
    *,
    hard: bool,
    on_iteration: Callable[[int, float, AnyModel], bool | None] | None,
) -> bool:
    """Take one leap or some steps from ``state``, and return whether ``on_iteration`` asks to stop."""
    pace, history, stop = state.pace, state.history, False
    leap = None if state.convergence.near else pace.leap(state.model)
    start = state.model if leap is None else leap
    ahead = 1 if leap else max_iter - len(history)
    stride = _advance(start, partitions, executor, ahead, hard=hard)
    if leap and not pace.accepts(stride.bounds[0], stride.model):
        history.append(history[-1])
        return bool(on_iteration and on_iteration(len(history), history[-1], state.model))
    if leap:
        state.convergence.leap()
    collapsed = bool(stride.model.collapsed.any())
    if collapsed:
        stride = _mended(stride, start, state.policy, len(history) + 1)
    needed, state.converged = _watch(state.convergence, stride)
    if needed < len(stride.bounds):  # the kernel ran past the end: the same steps, and no further
        stride = _again(start, partitions, needed)
    if on_iteration:
        stride, stop = _told(stride, start, partitions, len(history), on_iteration)
    state.model = stride.model
    pace.observe(start, stride.model, stride.bounds, collapsed=collapsed)
    history.extend(stride.bounds)
    return stop


def _advance(
    model: AnyModel, partitions: Sequence[Partition], executor: Executor, ahead: int, *, hard: bool
) -> _Stride[AnyModel]:
    """Return one or more iterations from ``model``.

    Rows that fit into one block take up to ``ahead`` iterations in one call of the kernel, which gives way to the
    M-step in Python before a component collapses.
    """
    if len(partitions) == 1 and not hard and partitions[0].known is None:
        X, weight = partitions[0].load()
        least, most = _AHEAD
        stride = _Stride(
            *model.em_steps(X, weight, min(ahead, max(least, min(most, _AHEAD_ROWS // X.shape[0]))))
        )
        if stride.bounds:
            return stride
    moments = executor.map_reduce(EStep(model, hard), partitions)
    moved = model.m_step(moments)
    return _Stride(moved, [model.lower_bound(moments)], [moved.movement(model)])


def _mended(
    stride: _Stride[AnyModel], start: AnyModel, policy: DegeneratePolicy, iteration: int
) -> _Stride[AnyModel]:
    """Return the iteration from ``start`` with collapsed components treated; dropping some moves without end."""
    mended = policy(stride.model, iteration)
    same = mended.n_components == start.n_components
    return _Stride(mended, stride.bounds, [mended.movement(start) if same else float("inf")])


def _again(start: AnyModel, partitions: Sequence[Partition], n_steps: int) -> _Stride[AnyModel]:
    """Return the first ``n_steps`` of iterations that the kernel has run before in one go."""
    return _Stride(*start.em_steps(*partitions[0].load(), n_steps))


def _told(
    stride: _Stride[AnyModel],
    start: AnyModel,
    partitions: Sequence[Partition],
    n_before: int,
    on_iteration: Callable[[int, float, AnyModel], bool | None],
) -> tuple[_Stride[AnyModel], bool]:
    """Tell of each iteration of a stride; return the stride as far as it was wanted, and whether to stop there."""
    n_steps = len(stride.bounds)
    for step, bound in enumerate(stride.bounds, start=1):
        part = stride if step == n_steps else _again(start, partitions, step)
        if on_iteration(n_before + step, bound, part.model):
            return part, True
    return stride, False


def _watch(convergence: Convergence, stride: _Stride[Any]) -> tuple[int, bool]:
    """Return how many of these iterations were needed, and whether they converged."""
    for needed, (bound, movement) in enumerate(zip(stride.bounds, stride.movements, strict=True), start=1):
        if convergence.update(bound, movement):
            return needed, True
    return len(stride.bounds), False
