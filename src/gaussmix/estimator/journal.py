"""What a fit has done so far, kept in a checkpoint, so that a fit that was cut short goes on where it stood.

A fit is a series of runs of EM: one for each start, more where values are missing. Of each run the journal keeps its
start, the state of the random numbers after it was found, and where the loop stood last, or its result. A resumed fit
does again what leads to its first run that was not begun, with the same random numbers, and takes all else from the
journal: its bits are those of a fit that never stopped.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType
from typing import Any, Final, NoReturn

import numpy as np

from gaussmix.errors import CheckpointError
from gaussmix.fit import FitResult, Optima
from gaussmix.fit.em import LoopState
from gaussmix.model import Mixture

_TERMINATED: Final = 143  # the exit code of a process that SIGTERM ended, as shells count


@dataclass
class RunRecord:
    """Hold what is known of one run.

    Attributes
    ----------
    start : Mixture
    optima : Optima or None
    generator : dict
        The random numbers' state after the start was found.
    n_spawned : int
        Generators that were spawned until then.
    ready : bool
        Whether the loop begins at the start, and not incremental EM.
    state : LoopState or None
        Where the loop stood last.
    result : FitResult or None
        Once the run has ended.
    """

    start: Mixture
    optima: Optima | None
    generator: dict[str, Any]
    n_spawned: int
    ready: bool = False
    state: LoopState | None = None
    result: FitResult | None = None


class Journal:
    """Keep no record: what a fit without checkpoints uses, and the contract of one that has them."""

    def begin(self, find: Callable[[np.random.Generator], Found], rng: np.random.Generator) -> RunRecord:
        """Return the record of the next run; ``find`` is called for its start where there is none yet."""
        model, optima = find(rng)
        return RunRecord(model, optima, {}, 0)

    def open(self, record: RunRecord, start: Mixture, optima: Optima | None) -> None:
        """Take note of where the loop of a run begins."""
        record.start, record.optima, record.ready = start, optima, True

    def note(self, state: LoopState) -> None:
        """Take note of where the loop stands."""

    def end(self, result: FitResult) -> None:
        """Take note of a run's result."""

    @property
    def on_state(self) -> Callable[[LoopState], None] | None:
        """What the loop calls between iterations."""
        return None

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Keep what was noted whatever happens inside."""
        yield


Found = tuple[Mixture, Optima | None]


@dataclass
class CheckpointJournal(Journal):
    """Keep the record in a file.

    Parameters
    ----------
    path : path-like
    every : float
        Seconds between two writes, at least.
    about : mapping
        Rows, parameters and versions that the record belongs to.
    shared : mapping of str to object
        What each fit of these makes anew: its prior and family.
    records : list of RunRecord
        Of the fit that this one goes on from.
    """

    path: Any
    every: float
    about: Mapping[str, Mapping[str, Any]]
    shared: Mapping[str, object]
    records: list[RunRecord] = field(default_factory=list)
    _next: int = 0
    _written: float = field(default_factory=time.monotonic)
    _changed: bool = False

    @classmethod
    def at(
        cls,
        path: Any,
        every: float,
        about: Mapping[str, Mapping[str, Any]],
        shared: Mapping[str, object],
        *,
        resume: bool,
    ) -> CheckpointJournal:
        """Return the journal for a path where there is a file: it goes on from it, or takes its place.

        Raises
        ------
        CheckpointError
            If it belongs to other rows, parameters or versions, or is that of a fit that has not ended and
            ``resume`` is not asked for.
        ModelFormatError
            If it is damaged, or no checkpoint.
        OSError
            If it cannot be read.
        """
        from gaussmix.persistence.checkpoint import load_checkpoint

        saved = load_checkpoint(path)
        if not resume:
            if not saved.finished:
                raise CheckpointError(
                    f"{path} is the checkpoint of a fit that has not ended: go on with fit(..., resume=True), name "
                    "another file, or delete it"
                )
            return cls(path, every, about, shared)
        saved.require(about)
        records = [RunRecord(*values) for values in saved.runs(shared)]
        return cls(path, every, about, shared, records)

    def begin(self, find: Callable[[np.random.Generator], Found], rng: np.random.Generator) -> RunRecord:
        if self._next < len(self.records):
            record = self.records[self._next]
            _restore(rng, record)
        else:
            model, optima = find(rng)
            record = RunRecord(model, optima, dict(rng.bit_generator.state), _n_spawned(rng))
            self.records.append(record)
            self._note_change()
        self._next += 1
        return record

    def open(self, record: RunRecord, start: Mixture, optima: Optima | None) -> None:
        super().open(record, start, optima)
        self._note_change()

    def note(self, state: LoopState) -> None:
        self.records[self._next - 1].state = state
        self._note_change()

    def end(self, result: FitResult) -> None:
        record = self.records[self._next - 1]
        if record.result is None:
            record.result, record.state = result, None
            self._note_change()

    def _note_change(self) -> None:
        """Write the checkpoint if the last one is old enough."""
        self._changed = True
        if time.monotonic() - self._written >= self.every:
            self.write()

    @property
    def on_state(self) -> Callable[[LoopState], None] | None:
        return self.note

    def write(self, *, finished: bool = False) -> None:
        """Write the checkpoint, if anything has changed.

        Parameters
        ----------
        finished : bool
            Whether the fit has ended.

        Raises
        ------
        OSError
            If it cannot be written; the one before is unchanged then.
        """
        from gaussmix.persistence.checkpoint import save_checkpoint

        if not (self._changed or finished):
            return
        state = [
            (one.start, one.optima, one.generator, one.n_spawned, one.ready, one.state, one.result)
            for one in self.records
        ]
        save_checkpoint(self.path, state, self.about, self.shared, finished=finished)
        self._changed, self._written = False, time.monotonic()

    @contextmanager
    def kept(self) -> Iterator[None]:
        with _terminable():
            try:
                yield
                self.write(finished=True)
            except (
                BaseException
            ) as error:  # Ctrl-C, SIGTERM, a lost worker: whatever it was, nothing noted is lost
                try:
                    self.write()
                except OSError as failure:
                    error.add_note(f"the checkpoint {self.path} could not be written: {failure}")
                if not self.records:
                    error.add_note(f"nothing is in {self.path} yet: the start was still being searched for")
                raise


def _n_spawned(rng: np.random.Generator) -> int:
    return int(rng.bit_generator.seed_seq.n_children_spawned)  # type: ignore[attr-defined]


def _restore(rng: np.random.Generator, record: RunRecord) -> None:
    """Bring a generator of the same seed to where the record's search has left it."""
    rng.spawn(max(record.n_spawned - _n_spawned(rng), 0))
    rng.bit_generator.state = record.generator


@contextmanager
def _terminable() -> Iterator[None]:
    """Let SIGTERM leave by an exception where nobody else handles it, and only the main thread may say so."""
    main = threading.current_thread() is threading.main_thread()
    if not main or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield
        return
    signal.signal(signal.SIGTERM, _terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _terminate(number: int, frame: FrameType | None) -> NoReturn:
    raise SystemExit(_TERMINATED)
