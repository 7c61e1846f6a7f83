"""The table of a search."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np

from gaussmix.errors import MissingDependencyError
from gaussmix.selection import CRITERIA, Fitted, Outcome, ranks

# Columns that a fit fills, and what stands there without one.
_OF_FITS: Final[dict[str, tuple[Callable[[Fitted], Any], Any]]] = {
    "cv_standard_error": (lambda fitted: fitted.held_out_error, math.nan),
    "log_likelihood": (lambda fitted: fitted.evidence.log_likelihood, math.nan),
    "n_parameters": (lambda fitted: fitted.evidence.n_parameters, 0),
    "converged": (lambda fitted: fitted.result.converged, False),
    "n_iter": (lambda fitted: len(fitted.result.history), 0),
    "spurious": (lambda fitted: fitted.spurious, False),
}


def columns(outcomes: Sequence[Outcome], criterion: str) -> dict[str, Any]:
    """Return the columns of the table, one entry a cell.

    Parameters
    ----------
    outcomes : sequence of Outcome
    criterion : str
        A key of ``CRITERIA``, which ranks the cells.
    """
    cells = [outcome.cell for outcome in outcomes]
    fits = [outcome.fitted for outcome in outcomes]
    return {
        "n_components": np.array([cell.n_components for cell in cells]),
        "covariance_type": np.array([cell.name for cell in cells], dtype=object),
        "equal_weights": np.array([cell.equal_weights for cell in cells]),
        **{
            name: np.array([math.nan if fitted is None else value(fitted.evidence) for fitted in fits])
            for name, value in CRITERIA.items()
        },
        **{
            name: np.array([other if fitted is None else take(fitted) for fitted in fits])
            for name, (take, other) in _OF_FITS.items()
        },
        "seconds": np.array([outcome.seconds for outcome in outcomes]),
        "status": np.array([outcome.status for outcome in outcomes], dtype=object),
        "message": np.array([outcome.message for outcome in outcomes], dtype=object),
        "rank": ranks(outcomes, criterion),
    }


def data_frame(table: dict[str, Any]) -> Any:
    """Return the table as a pandas DataFrame, best cells first.

    Raises
    ------
    MissingDependencyError
        If pandas is not installed.
    """
    try:
        import pandas as pd
    except ImportError as error:
        raise MissingDependencyError(
            "results_frame needs pandas: pip install pandas (results_ is the same table as a dict of arrays)"
        ) from error
    return pd.DataFrame(table).sort_values("rank", kind="stable", ignore_index=True)
