"""The EM loop (Dempster, Laird & Rubin 1977). It knows only verbs: load, E-step, add, bound, M-step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from gaussmix.executor import Executor
from gaussmix.fit.convergence import Convergence
from gaussmix.fit.degenerate import Collapse, DegeneratePolicy
from gaussmix.model import Mixture
from gaussmix.moments import Moments
from gaussmix.source import Partition

# Iterations that the kernel runs between two looks at convergence: many where they take microseconds.
_AHEAD: Final = (2, 16)
_AHEAD_ROWS: Final = 4_000


@dataclass(frozen=True, slots=True)
class FitResult:
    """Hold what a run of EM found.

    Attributes
    ----------
    model : Mixture
        After the last M-step.
    history : list of float
        The lower bound per unit of weight at the start of each iteration, in nats.
    converged : bool
    collapses : list of Collapse
    convergence : Convergence
        As the run left it, for a run that goes on from here.
    """

    model: Mixture
    history: list[float]
    converged: bool
    collapses: list[Collapse]
    convergence: Convergence


@dataclass(frozen=True, slots=True)
class EStep:
    """Load a partition and return its moments: the task that executors run."""

    model: Mixture

    def __call__(self, partition: Partition) -> Moments:
        X, weight = partition.load()
        return self.model.e_step(X, weight)


def fit_em(
    model: Mixture,
    partitions: Sequence[Partition],
    executor: Executor,
    *,
    tol: float,
    max_iter: int,
    on_degenerate: str = "floor",
    acceleration: str | None = None,
    assignment: str = "soft",
    on_iteration: Callable[[int, float, Mixture], bool | None] | None = None,
    convergence: Convergence | None = None,
) -> FitResult:
    """Return the result of iterating E-step and M-step until nothing more is to be gained.

    Parameters
    ----------
    model : Mixture
        The start.
    partitions : sequence of Partition
    executor : Executor
    tol : float
        See ``Convergence``.
    max_iter : int
    on_degenerate : {"floor", "drop", "restart", "raise"}
    acceleration : {"auto", None}
        Whether to step further than EM does where that raises the bound.
    assignment : {"soft", "hard"}
        ``"hard"`` gives each row wholly to its most probable component: classification EM.
    on_iteration : callable, optional
        Called with the iteration's number, its lower bound and the model after it; returning True stops the fit.
    convergence : Convergence, optional
        Of the run that this one goes on from.

    Raises
    ------
    DegenerateError
        If a component collapses and ``on_degenerate="raise"``.
    """
    convergence = Convergence(tol) if convergence is None else convergence.resumed(tol)
    policy = DegeneratePolicy(on_degenerate)
    history: list[float] = []
    while len(history) < max_iter:
        ahead = 1 if on_iteration else max_iter - len(history)
        moved, bounds, movements = _advance(model, partitions, executor, policy, len(history) + 1, ahead)
        needed, converged = _watch(convergence, bounds, movements)
        if needed < len(bounds):  # the kernel ran past the end: the same steps again, and no further
            moved = model.em_steps(*partitions[0].load(), needed)[0]
        model = moved
        history.extend(bounds[:needed])
        stop = on_iteration is not None and on_iteration(len(history), history[-1], model)
        if converged or stop:
            return FitResult(model, history, converged, policy.report, convergence)
    return FitResult(model, history, False, policy.report, convergence)


def _advance(
    model: Mixture,
    partitions: Sequence[Partition],
    executor: Executor,
    policy: DegeneratePolicy,
    iteration: int,
    ahead: int,
) -> tuple[Mixture, list[float], list[float]]:
    """Return the model after one or more iterations, and the bound and movement of each.

    Rows that fit into one block take up to ``ahead`` iterations in one call of the kernel, which gives way to the
    M-step in Python before a component collapses.
    """
    if len(partitions) == 1:
        X, weight = partitions[0].load()
        least, most = _AHEAD
        n_steps = min(ahead, max(least, min(most, _AHEAD_ROWS // len(X))))
        moved, bounds, movements = model.em_steps(X, weight, n_steps)
        if bounds:
            return moved, bounds, movements
    moments = executor.map_reduce(EStep(model), partitions)
    moved = model.m_step(moments)
    if moved.collapsed.any():
        moved = policy(moved, iteration)
    return moved, [model.lower_bound(moments)], [_movement(moved, model)]


def _watch(convergence: Convergence, bounds: list[float], movements: list[float]) -> tuple[int, bool]:
    """Return how many of these iterations were needed, and whether they converged."""
    for needed, (bound, movement) in enumerate(zip(bounds, movements, strict=True), start=1):
        if convergence.update(bound, movement):
            return needed, True
    return len(bounds), False


def _movement(model: Mixture, previous: Mixture) -> float:
    """Return how far the model moved; without end if components were dropped."""
    return model.movement(previous) if model.n_components == previous.n_components else float("inf")
