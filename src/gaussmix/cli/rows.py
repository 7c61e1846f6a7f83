"""Rows of DATA as the model's features, block by block."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from gaussmix.errors import DataError, ParameterError

if TYPE_CHECKING:
    from gaussmix.model.mixture import Mixture
    from gaussmix.persistence import SavedModel
    from gaussmix.source import Source
    from gaussmix.types import FloatArray

BLOCK_ROWS = 65_536
STANDARD_INPUT = "-"


def open_data(data: str, columns: Sequence[str] | None = None, weights: str | None = None) -> Source:
    """Return the rows of a file, or of CSV on standard input.

    Parameters
    ----------
    data : str
        A path, or ``"-"``.
    columns : sequence of str, optional
        Columns to use; all by default, but that of the weights.
    weights : str, optional
        The column of sample weights.
    """
    table: Any = _read_standard_input() if data == STANDARD_INPUT else data
    try:
        if weights is None:
            return _as_source(table, columns)
        weight = _as_source(table, [weights])
        if columns is None:
            columns = [name for name in _as_source(table).feature_names or () if name != weights]
            if not columns:
                raise ParameterError(
                    f"{weights!r} is the only column: there are no features beside the weights"
                )
        return _as_source(table, columns, _column(weight))
    except (DataError, ParameterError) as error:
        # The advice is for Python; here the same choice is an option.
        raise type(error)(str(error).replace("columns=[...]", "--columns")) from error


def open_for_model(data: str, saved: SavedModel, columns: Sequence[str] | None = None) -> Source:
    """Return the rows of a file with the features of a model, found by their names in any order.

    Columns that the model does not know are left out. Where model or file have no names, or ``columns`` are
    given, the number of columns must fit.
    """
    names = saved.feature_names if columns is None and not data.endswith(".npy") else columns
    source = open_data(data, names)
    expected = saved.mixture.n_features
    if source.n_features != expected:
        raise DataError(
            f"{data}: {source.n_features} columns, but the model has {expected} features: "
            "choose as many with --columns"
        )
    return source


def blocks(source: Source) -> Iterator[FloatArray]:
    """Yield the rows in blocks, so that no result of N×K values is ever held."""
    for partition in source.partitions(BLOCK_ROWS):
        X, _ = partition.load()
        yield X


def _as_source(data: Any, columns: Sequence[str] | None = None, weight: Any = None) -> Source:
    from gaussmix.source import as_source

    return as_source(data, columns=columns, sample_weight=weight)


def _column(source: Source) -> Any:
    import numpy as np

    return np.concatenate([block[:, 0] for block in blocks(source)])


def _read_standard_input() -> Any:
    from gaussmix.source.arrow import arrow_errors, require_pyarrow

    require_pyarrow()
    from pyarrow import csv

    with arrow_errors("CSV on standard input"):
        return csv.read_csv(sys.stdin.buffer)


def evaluated(mixture: Mixture, source: Source) -> dict[str, float]:
    """Return log-likelihood, its mean by weight (score), BIC and AIC of the rows under a mixture, in nats."""
    from joblib import cpu_count

    from gaussmix.executor import local_executor
    from gaussmix.model import evaluate

    score = evaluate.score(mixture, source, local_executor(cpu_count()))
    total = source.n_rows if source.sample_weight is None else float(source.sample_weight.sum())
    log_likelihood = score * total
    return {
        "log_likelihood": log_likelihood,
        "score": score,
        "bic": mixture.n_parameters * math.log(total) - 2 * log_likelihood,
        "aic": 2 * mixture.n_parameters - 2 * log_likelihood,
    }
