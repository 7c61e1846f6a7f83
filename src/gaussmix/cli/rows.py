"""Rows of DATA as the model's features, block by block."""

from __future__ import annotations

import contextlib
import math
import shutil
import sys
import tempfile
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


def open_data(
    data: str,
    columns: Sequence[str] | None = None,
    weights: str | None = None,
    *,
    missing: bool = False,
) -> Source:
    """Return the rows of a file, or of CSV on standard input.

    Parameters
    ----------
    data : str
        A path, or ``"-"``.
    columns : sequence of str, optional
        Columns to use; all by default, but that of the weights.
    weights : str, optional
        The column of sample weights.
    missing : bool
        Whether an empty cell is a missing value; refused otherwise.
    """
    if data == STANDARD_INPUT:
        with _spooled() as path:
            return _open(path, "standard input", columns, weights, missing=missing)
    return _open(data, data, columns, weights, missing=missing)


def open_for_model(
    data: str, saved: SavedModel, columns: Sequence[str] | None = None, *, missing: bool = False
) -> Source:
    """Return the rows of a file with the features of a model, found by their names in any order.

    Columns that the model does not know are left out. Where model or file have no names, or ``columns`` are
    given, the number of columns must fit.
    """
    names = saved.feature_names if columns is None and not data.lower().endswith(".npy") else columns
    source = open_data(data, names, missing=missing)
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


def _open(
    path: str, name: str, columns: Sequence[str] | None, weights: str | None, *, missing: bool
) -> Source:
    from gaussmix.source import as_source

    try:
        if weights is None:
            return as_source(path, columns=columns, missing=missing)
        weight = as_source(path, columns=[weights])
        if columns is None:
            columns = [
                name for name in as_source(path, missing=missing).feature_names or () if name != weights
            ]
            if not columns:
                raise ParameterError(
                    f"{weights!r} is the only column: there are no features beside the weights"
                )
        return as_source(path, columns=columns, sample_weight=_column(weight), missing=missing)
    except (DataError, ParameterError) as error:
        # The advice is for Python: here the same choice is an option, and a file may stand for a pipe.
        message = str(error).replace("columns=[...]", "--columns").replace(path, name)
        raise type(error)(message) from error


@contextlib.contextmanager
def _spooled() -> Iterator[str]:
    """Yield the path of a file that holds standard input, so that a pipe is read by the rules of a file."""
    with tempfile.NamedTemporaryFile(prefix="gaussmix-", suffix=".csv") as file:
        shutil.copyfileobj(sys.stdin.buffer, file)
        file.flush()
        yield file.name


def _column(source: Source) -> Any:
    import numpy as np

    return np.concatenate([block[:, 0] for block in blocks(source)])


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
