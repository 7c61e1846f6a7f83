"""One level of a search: the rows of a sample, and runs of EM on them that can be compared."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final, TypeVar

from gaussmix.executor import Executor, Serial
from gaussmix.fit.em import fit_em
from gaussmix.fit.spurious import is_spurious
from gaussmix.model import Mixture
from gaussmix.source import Partition, Source
from gaussmix.source.blocks import block_rows

_SAME: Final = 0.02  # total log-likelihood (nats) within which two runs have found the same optimum
_SAME_PER_ROW: Final = 4e-6
_TOL: Final = 1e-3  # total log-likelihood (nats) left when a run counts as converged
_TOL_PER_ROW: Final = 2e-5
_SAMPLED_TOL_PER_ROW: Final = 1e-4  # on a sample, which is one of many
_MAX_ITER: Final = 500  # of a run that is to converge
_SAMPLED_MAX_ITER: Final = 100
_TASK_WORK: Final = (
    100_000  # rows × components × features: handing less to another thread takes longer than doing it
)

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True, eq=False)
class Run:
    """Hold where a run of EM has got to.

    Attributes
    ----------
    model : Mixture
    bound : float
        Lower bound per unit of weight at the last E-step, in nats.
    collapsed : bool
        Whether a component collapsed on the way.
    n_iter : int
    converged : bool
    n_hits : int
        Starts that have led here.
    """

    model: Mixture
    bound: float
    collapsed: bool
    n_iter: int
    converged: bool
    n_hits: int = 1

    @cached_property
    def sound(self) -> bool:
        """Whether no component has collapsed or is spurious."""
        return not (self.collapsed or is_spurious(self.model))


@dataclass(frozen=True, eq=False)
class Level:
    """Run EM on the rows of one sample.

    Parameters
    ----------
    source : Source
        The sample.
    n_components : int
    share : float
        The sample's part of all rows: what a pass over it counts.
    """

    source: Source
    n_components: int
    share: float

    @cached_property
    def partitions(self) -> Sequence[Partition]:
        """The logical blocks of the sample."""
        rows = block_rows(self.source.n_rows, self.source.n_features, self.n_components)
        return self.source.partitions(rows)

    @property
    def tol(self) -> float:
        """The gain per row that is still worth an iteration."""
        return max(_TOL / self.source.n_rows, _SAMPLED_TOL_PER_ROW if self.sampled else _TOL_PER_ROW)

    @property
    def sampled(self) -> bool:
        """Whether there are more rows than these."""
        return self.share < 1.0

    @property
    def same(self) -> float:
        """The difference per row between two runs that have found the same optimum."""
        return max(_SAME / self.source.n_rows, _SAME_PER_ROW)

    def converged(self, model: Mixture, executor: Executor | None = None) -> Run:
        """Return EM's run from ``model`` to where it converges, or nearly so."""
        return self.run(model, _SAMPLED_MAX_ITER if self.sampled else _MAX_ITER, self.tol, executor)

    def run(self, model: Mixture, max_iter: int, tol: float = 0.0, executor: Executor | None = None) -> Run:
        """Return EM's run from ``model``: ``max_iter`` iterations, fewer if it converges within ``tol``."""
        pace = "auto" if tol > 0 and model.prior.maximises else None
        result = fit_em(
            model, self.partitions, executor or Serial(), tol=tol, max_iter=max_iter, acceleration=pace
        )
        bound = result.history[-1] if result.history else float("-inf")
        return Run(result.model, bound, bool(result.collapses), len(result.history), result.converged)

    def map(self, task: Callable[[Item], Result], items: Sequence[Item], executor: Executor) -> list[Result]:
        """Return the result of ``task`` on each item, side by side where that is worth the trouble."""
        work = self.source.n_rows * self.n_components * self.source.n_features
        chosen = executor if work > _TASK_WORK else Serial()
        return chosen.map_reduce(lambda item: [task(item)], items) if items else []
