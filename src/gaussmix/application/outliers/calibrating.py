"""Which rows are held out of a fit, to calibrate it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from gaussmix.errors import ParameterError
from gaussmix.source import ArraySource, Source
from gaussmix.types import IntArray


def held_out(source: Source, calibration: float, rng: np.random.Generator) -> Iterator[tuple[Source, Source]]:
    """Yield the rows that are held out, and the others.

    They are parted, not only weighted by zero: a row without weight still has a say in where a fit starts and about
    which point it sums, and a held-out row must have none.

    Parameters
    ----------
    source : Source
    calibration : float
        Below 1 the share to hold out, once; otherwise the number of folds, each of which is held out in turn.
    rng : numpy.random.Generator

    Raises
    ------
    ParameterError
        If no row, or fewer than two others, would be left.
    """
    weight = np.ones(source.n_rows) if source.sample_weight is None else source.sample_weight
    rows = rng.permutation(np.flatnonzero(weight > 0))
    once = [rows[: round(calibration * len(rows))]]
    parts = once if calibration < 1 else np.array_split(rows, int(calibration))
    if not all(0 < len(part) <= len(rows) - 2 for part in parts):
        raise ParameterError(
            f"calibration={calibration:g} cannot divide {len(rows)} rows: at least one has to be held out, and two "
            "have to be left to fit"
        )
    for part in parts:
        left = weight > 0
        left[part] = False
        yield _taken(source, np.sort(part)), _taken(source, np.flatnonzero(left))


def _taken(source: Source, rows: IntArray) -> Source:
    return ArraySource(source.take(rows), source.weight_of(rows), source.feature_names)
