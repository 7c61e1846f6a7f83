"""What a fit has done so far, kept in a checkpoint, so that a fit that was cut short goes on where it stood.

A fit is a series of runs of EM: one for each start, more where values are missing, and some with a background. Of
each run the journal keeps its start, the state of the random numbers after it was found, and where it stood last,
between two sweeps or two iterations, or its result. A resumed fit does again what leads to its first run that was not
begun, with the same random numbers, and takes all else from the journal: its bits are those of a fit that never
stopped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gaussmix.estimator.checkpoint_file import CheckpointFile
from gaussmix.fit import FitResult, Optima


@dataclass
class RunRecord:
    """Hold what is known of one run.

    Attributes
    ----------
    start : Model
    optima : Optima or None
    generator : dict
        The random numbers' state after the start was found.
    n_spawned : int
        Generators that were spawned until then.
    ready : bool
        Whether the loop begins at the start, and not incremental EM.
    state : Sweep, LoopState, TruncatedState or None
        Where the run stood last, as its method noted it.
    result : FitResult or None
        Once the run has ended.
    """

    start: Any
    optima: Optima | None
    generator: dict[str, Any]
    n_spawned: int
    ready: bool = False
    state: Any = None
    result: FitResult[Any] | None = None


class Journal:
    """Keep no record: what a fit without checkpoints uses, and the contract of one that has them."""

    def begin(self, find: Callable[[np.random.Generator], Found], rng: np.random.Generator) -> RunRecord:
        """Return the record of the next run; ``find`` is called for its start where there is none yet."""
        model, optima = find(rng)
        return RunRecord(model, optima, {}, 0)

    def open(self, record: RunRecord, start: Any, optima: Optima | None) -> None:
        """Take note of where the loop of a run begins."""
        record.start, record.optima, record.ready, record.state = start, optima, True, None

    def note(self, state: Any) -> None:
        """Take note of where the run stands."""

    def end(self, result: FitResult[Any]) -> None:
        """Take note of a run's result."""

    @property
    def on_state(self) -> Callable[[Any], None] | None:
        """What a run calls between its sweeps and iterations."""
        return None

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Keep what was noted whatever happens inside."""
        yield


Found = tuple[Any, Optima | None]
"""The model that a run starts from, and what a search has seen on the way."""


@dataclass
class CheckpointJournal(CheckpointFile, Journal):
    """Keep the record in a file.

    Parameters
    ----------
    path, every, about, shared
        As in ``CheckpointFile``.
    records : list of RunRecord
        Of the fit that this one goes on from.
    """

    records: list[RunRecord] = field(default_factory=list)
    _next: int = field(default=0, init=False)

    @property
    def state(self) -> object:
        return [
            (one.start, one.optima, one.generator, one.n_spawned, one.ready, one.state, one.result)
            for one in self.records
        ]

    @property
    def lacks(self) -> str | None:
        return None if self.records else "the start was still being searched for"

    def begin(self, find: Callable[[np.random.Generator], Found], rng: np.random.Generator) -> RunRecord:
        if self._next < len(self.records):
            record = self.records[self._next]
            _restore(rng, record)
        else:
            model, optima = find(rng)
            record = RunRecord(model, optima, dict(rng.bit_generator.state), _n_spawned(rng))
            self.records.append(record)
            self.changed()
        self._next += 1
        return record

    def open(self, record: RunRecord, start: Any, optima: Optima | None) -> None:
        super().open(record, start, optima)
        self.changed()

    def note(self, state: Any) -> None:
        self.records[self._next - 1].state = state
        self.changed()

    def end(self, result: FitResult[Any]) -> None:
        record = self.records[self._next - 1]
        if record.result is None:
            record.result, record.state = result, None
            self.changed()

    @property
    def on_state(self) -> Callable[[Any], None] | None:
        return self.note


def _n_spawned(rng: np.random.Generator) -> int:
    return int(rng.bit_generator.seed_seq.n_children_spawned)  # type: ignore[attr-defined]


def _restore(rng: np.random.Generator, record: RunRecord) -> None:
    """Bring a generator of the same seed to where the record's search has left it."""
    rng.spawn(max(record.n_spawned - _n_spawned(rng), 0))
    rng.bit_generator.state = record.generator
