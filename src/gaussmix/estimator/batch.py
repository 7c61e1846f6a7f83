"""One batch of a stream: first rows are kept and fitted, later ones move running moments by stepwise EM."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np

from gaussmix.covariance import CovarianceFamily
from gaussmix.errors import DataError, ParameterError
from gaussmix.estimator.gaussian_problem import problem_of
from gaussmix.estimator.gaussian_training import best_fit, previous_fit
from gaussmix.estimator.parameters import feature_units
from gaussmix.estimator.training import Trained
from gaussmix.executor import Executor
from gaussmix.fit import EStep, sample_rows
from gaussmix.fit.degenerate import DegeneratePolicy
from gaussmix.fit.stepwise import Stream, marginal
from gaussmix.model import Mixture
from gaussmix.moments import Moments
from gaussmix.prior import FLOOR, Flat
from gaussmix.source import ArraySource, Source
from gaussmix.source.blocks import block_rows

_FIRST_PER_COMPONENT: Final = 10  # rows without which nothing is fitted
_FIRST_PER_MEAN: Final = 2  # and for each number of the means
_KEPT_PER_PARAMETER: Final = 10
_KEPT: Final = 40_000  # with 20,000, two of twelve simulated streams led to a poorer optimum than all rows
_MOST_KEPT_VALUES: Final = 4_000_000  # 32 MB
_LAST_GROWTH: Final = 2  # to the last such fit
GROWTH: Final = 4  # from one fit of the kept rows to the next


@dataclass(frozen=True, eq=False)
class Seen:
    """Hold what an estimator knows of its stream.

    Attributes
    ----------
    rows : tuple of Source, or None
        The first rows, as long as there are few: parts in memory, each longer than the next.
    n_fitted : int
        How many of them the last fit was of.
    stream : Stream or None
        None before the first fit.
    mixture : Mixture or None
        What was reported last.
    n_rows : int
        Rows seen.
    n_updates : int
        M-steps so far.
    n_components : int
        That the last fit was asked for.
    policy : DegeneratePolicy
    """

    policy: DegeneratePolicy
    rows: tuple[Source, ...] | None = None
    n_fitted: int = 0
    stream: Stream | None = None
    mixture: Mixture | None = None
    n_rows: int = 0
    n_updates: int = 0
    n_components: int = 0

    @property
    def n_kept(self) -> int:
        """Rows that are kept."""
        return sum(part.n_rows for part in self.rows or ())


@dataclass(frozen=True, eq=False)
class Batch:
    """Move a stream on by one batch of rows.

    Attributes
    ----------
    estimator : GaussianMixture
    source : Source
        The rows.
    family : CovarianceFamily
    executor : Executor
    fitted : list
        The run and the complaints of a fit of kept rows, if there was one.
    """

    estimator: Any
    source: Source
    family: CovarianceFamily
    executor: Executor
    fitted: list[tuple[Trained, list[str]]] = field(default_factory=list)

    def after(self, seen: Seen) -> Seen:
        """Return what is known after the batch."""
        n_rows = seen.n_rows + self.source.n_rows
        keeping = seen.stream is None or seen.rows is not None
        if keeping and seen.n_kept + self.source.n_rows <= self._limit:
            rows = _appended(seen.rows or (), self.source)
            if seen.n_kept + self.source.n_rows < (GROWTH * seen.n_fitted if seen.stream else self.least):
                return replace(self._stepped(seen), rows=rows, n_rows=n_rows)
            whole = _joined(rows)
            return replace(self._started(seen, whole), rows=(whole,), n_rows=n_rows)
        if seen.stream is None:
            some = sample_rows(self.source, self._limit - seen.n_kept, np.random.default_rng(0))
            seen = self._started(seen, _joined((*(seen.rows or ()), some)))
        elif seen.rows is not None and seen.n_kept >= _LAST_GROWTH * seen.n_fitted:
            seen = self._started(seen, _joined(seen.rows))
        return replace(self._stepped(seen), rows=None, n_rows=n_rows)

    @property
    def least(self) -> int:
        """Rows without which nothing is fitted."""
        K, D = int(self.estimator.n_components), self.source.n_features
        return max(_FIRST_PER_COMPONENT * K, _FIRST_PER_MEAN * K * (D + 1))

    @property
    def _limit(self) -> int:
        """Rows that are kept at most."""
        K, D = int(self.estimator.n_components), self.source.n_features
        n_parameters = self.family.n_parameters(K, D) + K * (D + 1)
        wanted = min(max(_KEPT, _KEPT_PER_PARAMETER * n_parameters), _MOST_KEPT_VALUES // D)
        if self.estimator.half_life is not None:
            wanted = min(wanted, int(self.estimator.half_life))
        return max(wanted, 2 * self.least)

    def _started(self, seen: Seen, rows: Source) -> Seen:
        """Return the stream that begins with a fit of the kept rows."""
        estimator = self.estimator
        if estimator.half_life is not None and estimator.half_life < self.least:
            raise ParameterError(
                f"half_life={estimator.half_life:g} leaves fewer rows than {estimator.n_components} components need: "
                f"set it to {self.least} or more, or to None"
            )
        problem = problem_of(estimator, rows, self.executor, self.family)
        if not problem.prior.maximises:
            raise ParameterError("partial_fit needs a prior that is maximised: use fit, or prior=None")
        trained, complaints = best_fit(estimator, problem, previous=previous_fit(estimator))
        self.fitted.append((trained, complaints))
        model = trained.result.model
        moments = self.executor.map_reduce(self._e_step(model), problem.partitions)
        stream = Stream.after(model, moments, rows.n_rows, estimator.half_life)
        n_updates = seen.n_updates + len(trained.result.history)
        return replace(
            seen,
            n_fitted=rows.n_rows,
            stream=stream,
            mixture=model,
            n_updates=n_updates,
            n_components=int(estimator.n_components),
        )

    def _stepped(self, seen: Seen) -> Seen:
        """Return the stream after steps over the batch, each shorter than its memory; before a fit, the same."""
        if seen.stream is None:
            return seen
        stream, n_updates, N = self._measured(seen.stream), seen.n_updates, self.source.n_rows
        size = -(-N // -(-N // stream.most_rows))  # steps of the same size
        size = min(size, block_rows(N, self.source.n_features, self.estimator.n_components))
        blocks = self.source.partitions(size)
        start = 0
        while start < len(blocks):
            end = start + max(1, stream.most_rows // size)
            moments = self.executor.map_reduce(self._e_step(stream.model), blocks[start:end])
            if not np.isfinite(moments.buffer).all():
                raise DataError(
                    "rows of this batch lie so far from all others that their squares are beyond the range of "
                    "float64: drop or rescale them"
                )
            n_rows = min(N, end * size) - start * size
            if moments.weight > 0:
                n_updates += 1
                stream = self._mended(stream.step(moments, n_rows), seen.policy, n_updates)
            start = end
        return replace(seen, stream=stream, mixture=stream.mixture, n_updates=n_updates)

    def _e_step(self, model: Mixture) -> EStep[Moments]:
        return EStep(model, self.estimator.assignment == "hard")

    def _measured(self, stream: Stream) -> Stream:
        """Return the stream with the features' units as they are now known, which ``reg_covar`` counts in."""
        estimator = self.estimator
        stream = stream.forgetting(estimator.half_life) if stream.half_life != estimator.half_life else stream
        if estimator.prior is not None:
            return stream
        unit, _ = feature_units(*marginal(stream.average))
        if self.family.invariance == "orthogonal":
            unit = np.full_like(unit, unit.mean())
        added = estimator.reg_covar * unit if estimator.reg_covar > 0 else None
        return stream.believing(Flat(added, FLOOR * unit, estimator.equal_weights))

    def _mended(self, stream: Stream, policy: DegeneratePolicy, n_updates: int) -> Stream:
        """Return the stream with collapsed components treated."""
        if not stream.model.collapsed.any():
            return stream
        mended = policy(stream.model, n_updates)
        return stream if mended is stream.model else stream.restarted(mended)


def _appended(parts: tuple[Source, ...], rows: Source) -> tuple[Source, ...]:
    """Return the parts with rows behind them; short ones are joined, so that no row is copied often."""
    parts = (*parts, _joined((rows,)))
    while len(parts) > 1 and parts[-2].n_rows <= parts[-1].n_rows:
        parts = (*parts[:-2], _joined(parts[-2:]))
    return parts


def _joined(parts: Sequence[Source]) -> Source:
    """Return a copy of the rows of all parts in memory."""
    X = np.concatenate([part.take(np.arange(part.n_rows)) for part in parts])
    weight = None
    if any(part.sample_weight is not None for part in parts):
        weights = (
            np.ones(part.n_rows) if part.sample_weight is None else part.sample_weight for part in parts
        )
        weight = np.concatenate(list(weights))
    return ArraySource(X, weight, parts[-1].feature_names)
