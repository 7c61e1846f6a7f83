"""What the run of EM has to say."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from gaussmix.selection.diagnosis.finding import MOST_NAMED, Finding, count, note, warning

if TYPE_CHECKING:
    from gaussmix.selection.diagnosis.report import Diagnosis


def convergence(diagnosis: Diagnosis) -> Iterator[Finding]:
    """Warn of a run that stopped early."""
    run = diagnosis.run
    if run.converged is False and run.n_iter != 0:
        after = "" if run.n_iter is None else f" after {run.n_iter} iterations"
        yield warning(
            "convergence",
            (),
            f"EM had not converged{after}: raise max_iter or loosen tol.",
            n_iter=run.n_iter,
        )


def degenerate(diagnosis: Diagnosis) -> Iterator[Finding]:
    """Warn of components that collapsed on the way."""
    events = diagnosis.run.degenerate
    if events:
        components = sorted({int(event["component"]) for event in events})
        what = "; ".join(
            f"component {event['component']} in iteration {event.get('iteration')} ({event.get('reason')}, "
            f"{event.get('action')})"
            for event in events[:MOST_NAMED]
        )
        yield warning(
            "degenerate",
            components,
            f"Components collapsed during the fit: {what}. Use fewer components or a larger reg_covar.",
            n_events=len(events),
        )


def optima(diagnosis: Diagnosis) -> Iterator[Finding]:
    """Report how often the best optimum was reached, and how many others were seen."""
    optima = diagnosis.run.optima
    if optima is None or optima.n_starts < 2:
        return
    n, best, others = optima.n_starts, optima.n_best, optima.n_optima - 1
    sentence = f"The best of {n} starts was reached by {best} of them; " + (
        f"{count(others, 'other optimum', 'other optima')} {'was' if others == 1 else 'were'} seen."
        if others
        else "no other optimum was seen."
    )
    if best == 1 and others:
        sentence += " A better one may exist: effort='high' or a larger n_init searches longer."
    yield note("optima", (), sentence, n_starts=n, n_best=best, n_optima=optima.n_optima)
