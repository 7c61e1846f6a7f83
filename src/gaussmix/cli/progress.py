"""What a running fit shows on stderr: a status line on a terminal, plain lines with -v, nothing in a pipe."""

from __future__ import annotations

import contextlib
import io
import sys
import threading
from collections.abc import Iterator
from typing import Any

PATIENCE = 1.0  # seconds before a status line appears: a short fit needs none


@contextlib.contextmanager
def shown(verbose: int, quiet: bool) -> Iterator[int]:
    """Yield the ``verbose`` that the estimator should have; what it then prints is shown on stderr.

    Parameters
    ----------
    verbose : int
        How often -v was given.
    quiet : bool
        Show nothing.
    """
    if quiet or not (verbose or sys.stderr.isatty()):
        yield 0
    elif verbose:
        with contextlib.redirect_stdout(sys.stderr):
            yield verbose
    else:
        status = StatusLine()
        with contextlib.closing(status), contextlib.redirect_stdout(status):
            yield 2


@contextlib.contextmanager
def lines_on_stderr() -> Iterator[None]:
    """Show on stderr what an estimator prints."""
    with contextlib.redirect_stdout(sys.stderr):
        yield


class StatusLine(io.TextIOBase):
    """A stream whose last line is shown beside a spinner, once `PATIENCE` is over."""

    def __init__(self) -> None:
        self._text = "fitting"
        self._status: Any = None
        self._lock = threading.Lock()
        self._timer = threading.Timer(PATIENCE, self._show)
        self._timer.daemon = True
        self._timer.start()

    def write(self, text: str) -> int:
        """Keep the line, and show it if it is time."""
        with self._lock:
            if text.strip():
                self._text = f"fitting: {' '.join(text.split())}"
            if self._status is not None:
                self._status.update(self._text)
        return len(text)

    def close(self) -> None:
        """Take the line away."""
        self._timer.cancel()
        with self._lock:
            if self._status is not None:
                self._status.stop()
            self._status = None
        super().close()

    def _show(self) -> None:
        try:
            from rich.console import Console
        except ImportError:  # an extra: without it there is no status line
            return
        with self._lock:
            if not self.closed:
                self._status = Console(stderr=True).status(self._text)
                self._status.start()
