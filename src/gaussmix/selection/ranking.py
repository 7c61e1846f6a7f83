"""The order of the cells, and what they are measured against."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from gaussmix.selection.criteria import CRITERIA, Criterion
from gaussmix.selection.grid import Cell
from gaussmix.selection.outcome import Fitter, Outcome
from gaussmix.types import IntArray


def against_one(outcomes: Sequence[Outcome], fitter: Fitter | None) -> list[Outcome]:
    """Return the outcomes with the likelihood of one component of the same family, which NEC asks for.

    Parameters
    ----------
    outcomes : sequence of Outcome
    fitter : Fitter or None
        Fits the single components that are not among the outcomes; without it, these stay NaN.
    """
    single: dict[tuple[str, bool], float] = {}
    compared = []
    for outcome in outcomes:
        cell, fitted = outcome.cell, outcome.fitted
        if fitted is None:
            compared.append(outcome)
            continue
        if cell.n_components == 1:
            single[cell.path] = fitted.evidence.log_likelihood
        elif cell.path not in single:
            single[cell.path] = math.nan if fitter is None else _single(cell, fitter)
        evidence = replace(fitted.evidence, single=single[cell.path])
        compared.append(replace(outcome, fitted=replace(fitted, evidence=evidence)))
    return compared


def ranks(outcomes: Sequence[Outcome], criterion: str) -> IntArray:
    """Return the rank of each cell, 1 for the best; cells without a fit share the last one.

    Spurious fits come after all others. Where the criterion cannot decide, the model with fewer parameters is better.

    Parameters
    ----------
    outcomes : sequence of Outcome
    criterion : str
        A key of ``CRITERIA``.
    """
    keys = {
        index: _key(outcome, CRITERIA[criterion])
        for index, outcome in enumerate(outcomes)
        if outcome.fitted is not None
    }
    order = sorted(keys, key=lambda index: (keys[index], index))
    ranked = np.full(len(outcomes), len(order) + 1)
    ranked[order] = np.arange(1, len(order) + 1)
    return ranked


def _key(outcome: Outcome, criterion: Criterion) -> tuple[bool, float, int]:
    fitted = outcome.fitted
    assert fitted is not None
    value = criterion(fitted.evidence)
    return fitted.spurious, value if math.isfinite(value) else math.inf, fitted.evidence.n_parameters


def _single(cell: Cell, fitter: Fitter) -> float:
    return fitter.fit(replace(cell, n_components=1)).evidence.log_likelihood
