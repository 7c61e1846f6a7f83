"""A record of what was done so far in a file that is written now and then, and in any case when the work ends."""

from __future__ import annotations

import signal
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType
from typing import Any, Final, NoReturn

from gaussmix.errors import CheckpointError

_TERMINATED: Final = 143  # the exit code of a process that SIGTERM ended, as shells count


@dataclass
class CheckpointFile(ABC):
    """Keep a record in a file.

    Parameters
    ----------
    path : path-like
    every : float
        Seconds between two writes, at least.
    about : mapping
        Rows, parameters and versions that the record belongs to.
    shared : mapping of str to object
        What each fit of these makes anew: its prior and family.
    """

    path: Any
    every: float
    about: Mapping[str, Mapping[str, Any]]
    shared: Mapping[str, object]
    _written: float = field(default_factory=time.monotonic, init=False)
    _changed: bool = field(default=False, init=False)

    @property
    @abstractmethod
    def state(self) -> object:
        """What is written: of the classes that ``persistence.state`` knows, lists, tuples, dicts and numbers."""

    @property
    @abstractmethod
    def lacks(self) -> str | None:
        """Why nothing is in the record yet; None where something is."""

    @property
    def finished(self) -> bool:
        """Whether all was done where the work has ended without an error."""
        return True

    def changed(self) -> None:
        """Write the record if the last one is old enough."""
        self._changed = True
        if time.monotonic() - self._written >= self.every:
            self.write()

    def write(self, *, finished: bool = False) -> None:
        """Write the record, if anything has changed.

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
        save_checkpoint(self.path, self.state, self.about, self.shared, finished=finished)
        self._changed, self._written = False, time.monotonic()

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Keep what was noted whatever happens inside."""
        with _terminable():
            try:
                yield
                self.write(finished=self.finished)
            except (
                BaseException
            ) as error:  # Ctrl-C, SIGTERM, a lost worker: whatever it was, nothing noted is lost
                try:
                    self.write()
                except OSError as failure:
                    error.add_note(f"the checkpoint {self.path} could not be written: {failure}")
                if self.lacks is not None:
                    error.add_note(f"nothing is in {self.path} yet: {self.lacks}")
                raise


def saved_for(path: Any, about: Mapping[str, Mapping[str, Any]], *, resume: bool) -> Any:
    """Return the checkpoint to go on from, or None to take the place of one that has ended.

    Raises
    ------
    CheckpointError
        If it belongs to other rows, parameters or versions, or is that of a fit that has not ended and ``resume`` is
        not asked for.
    ModelFormatError
        If it is damaged, or no checkpoint.
    OSError
        If it cannot be read.
    """
    from gaussmix.persistence.checkpoint import load_checkpoint

    saved = load_checkpoint(path)
    if resume:
        saved.require(_named_as(about, saved.about))
        return saved
    if not saved.finished:
        raise CheckpointError(
            f"{path} is the checkpoint of a fit that has not ended: go on with fit(..., resume=True), name "
            "another file, or delete it"
        )
    return None


def _named_as(about: Mapping[str, Mapping[str, Any]], saved: Any) -> Mapping[str, Mapping[str, Any]]:
    """Return ``about`` with the names of the saved columns where only one of the two has names: an array has none."""
    here, there = about.get("data", {}), saved.get("data", {})
    if "names" not in here or "names" not in there or None not in (here["names"], there["names"]):
        return about
    return {**about, "data": {**here, "names": there["names"]}}


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
