"""What a search says of its outcomes: errors where nothing was fitted, and warnings."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Final

from sklearn.exceptions import ConvergenceWarning

from gaussmix.errors import DataError, DegenerateWarning, ExecutorError, UnfinishedWarning
from gaussmix.selection import Outcome
from gaussmix.selection.outcome import INTERRUPTED, OUT_OF_TIME

_CUT_SHORT: Final = {
    INTERRUPTED: "the search was interrupted",
    OUT_OF_TIME: "the time budget of the search is over",
}
_REASONS: Final = 5  # that an error lists


def require_one(outcomes: Sequence[Outcome]) -> None:
    """Raise unless a cell was fitted."""
    if any(outcome.fitted is not None for outcome in outcomes):
        return
    interrupted = [outcome for outcome in outcomes if outcome.status == INTERRUPTED]
    if interrupted and interrupted[0].message:
        raise ExecutorError(interrupted[0].message)
    if interrupted:
        raise KeyboardInterrupt
    reasons = [f"{outcome.cell}: {outcome.message}" for outcome in outcomes if outcome.message]
    more = f"; and {len(reasons) - _REASONS} more" if len(reasons) > _REASONS else ""
    raise DataError(
        f"none of the {len(outcomes)} cells could be fitted: {'; '.join(reasons[:_REASONS])}{more}"
    )


def warn_of(outcomes: Sequence[Outcome], best_index: int) -> None:
    """Warn of what the user of the best estimator should know."""
    fitted = outcomes[best_index].fitted
    assert fitted is not None
    for message in fitted.complaints:
        warnings.warn(message, DegenerateWarning, stacklevel=5)
    if not fitted.result.converged:
        warnings.warn(
            f"The best cell, {outcomes[best_index].cell}, did not converge. Try to increase max_iter or tol.",
            ConvergenceWarning,
            stacklevel=5,
        )
    for status, what in _CUT_SHORT.items():
        cells = [outcome for outcome in outcomes if outcome.status == status]
        if cells:
            why = f" ({cells[0].message})" if cells[0].message else ""
            warnings.warn(
                f"{what}{why}: {len(cells)} of {len(outcomes)} cells were not fitted",
                UnfinishedWarning,
                stacklevel=5,
            )
