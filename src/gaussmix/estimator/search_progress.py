"""What a search shows while it runs: a bar on a terminal, lines if asked for, nothing in a pipe."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from typing import Any

from gaussmix.selection import Outcome

Observe = Callable[[Outcome], None]


@contextlib.contextmanager
def shown(n_cells: int, verbose: int) -> Iterator[Observe]:
    """Yield a function that is told of each outcome.

    Parameters
    ----------
    n_cells : int
    verbose : int
        0 shows nothing, 1 a bar if stderr is a terminal, more a line a cell on standard output.
    """
    if verbose > 1:
        yield _line
    elif verbose == 1 and sys.stderr.isatty():
        with _bar(n_cells) as observe:
            yield observe
    else:
        yield _silent


def _silent(outcome: Outcome) -> None:
    """Show nothing."""


def _line(outcome: Outcome) -> None:
    fitted = outcome.fitted
    detail = outcome.message if fitted is None else f"log-likelihood {fitted.evidence.log_likelihood:.6g}"
    print(f"{outcome.cell}: {outcome.status}, {outcome.seconds:.2f} s, {detail}")  # noqa: T201 - asked for


@contextlib.contextmanager
def _bar(n_cells: int) -> Iterator[Observe]:
    try:
        from rich.console import Console
        from rich.progress import Progress
    except ImportError:  # an extra: without it there is no bar
        yield _silent
        return
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task: Any = progress.add_task("searching", total=n_cells)

        def advance(outcome: Outcome) -> None:
            progress.update(task, advance=1, description=f"searching: {outcome.cell}")

        yield advance
