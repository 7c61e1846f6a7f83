"""Rows of DATA as the model's features, block by block."""

from __future__ import annotations

import contextlib
import math
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gaussmix.errors import DataError, ParameterError, ResourceLimitError

if TYPE_CHECKING:
    from gaussmix.persistence import SavedModel
    from gaussmix.source import Source
    from gaussmix.types import FloatArray

BLOCK_ROWS = 65_536
BLOCK_VALUES = 1 << 24  # of a block of rows, and of a result with a column for each component: 128 MB
STANDARD_INPUT = "-"


def open_data(
    data: str,
    columns: Sequence[str] | None = None,
    weights: str | None = None,
    *,
    missing: bool = False,
    memory_limit: str | None = None,
) -> Source:
    """Return the rows of a file, or of CSV on standard input.

    Parameters
    ----------
    data : str
        A path, a folder, a pattern, or ``"-"``.
    columns : sequence of str, optional
        Columns to use; all by default, but that of the weights.
    weights : str, optional
        The column of sample weights.
    missing : bool
        Whether an empty cell is a missing value; refused otherwise.
    memory_limit : str, optional
        What the rows may take in memory.
    """
    limits: dict[str, Any] = {"missing": missing}
    if memory_limit is not None:
        limits["memory_limit"] = memory_limit
    if data == STANDARD_INPUT:
        with _spooled() as path:
            return _open(path, "standard input", columns, weights, limits)
    return _open(data, data, columns, weights, limits)


def open_for_model(
    data: str,
    saved: SavedModel,
    columns: Sequence[str] | None = None,
    *,
    missing: bool = False,
    memory_limit: str | None = None,
) -> Source:
    """Return the rows of files with the features of a model, found by their names in any order.

    Columns that the model does not know are left out. Where model or file have no names, or ``columns`` are
    given, the number of columns must fit. ``missing`` is for models that know what a missing value is.
    """
    names = saved.feature_names if columns is None and _has_names(data) else columns
    missing = missing and takes_missing(saved)
    source = open_data(data, names, missing=missing, memory_limit=memory_limit)
    expected = saved.mixture.n_features
    if source.n_features != expected:
        raise DataError(
            f"{data}: {source.n_features} columns, but the model has {expected} features: "
            "choose as many with --columns"
        )
    return source


def takes_missing(saved: SavedModel) -> bool:
    """Return whether the model knows what a missing value is: a Gaussian mixture that stands alone."""
    from gaussmix.persistence.kind import GAUSSIAN, kind_of

    return kind_of(saved.model) is GAUSSIAN


def _has_names(data: str) -> bool:
    """Return whether the columns of these data have names, as far as the kind of files tells."""
    if data == STANDARD_INPUT:
        return True
    from gaussmix.source import READERS, STORES
    from gaussmix.source.paths import find_files, split_store

    return split_store(data, STORES)[0] is None and find_files(data, READERS)[0].suffix.lower() != ".npy"


def blocks(source: Source, n_classes: int = 1) -> Iterator[FloatArray]:
    """Yield the rows in blocks, so that no result of N×K values is ever held."""
    rows = min(BLOCK_ROWS, BLOCK_VALUES // max(source.n_features, n_classes))
    for partition in source.partitions(max(rows, 1)):
        X, _ = partition.load()
        yield X


def _open(
    path: str, name: str, columns: Sequence[str] | None, weights: str | None, limits: dict[str, Any]
) -> Source:
    from gaussmix.source import as_source

    chosen = "--columns" if columns is not None else "--weights" if weights is not None else None
    if chosen is not None and not _has_names(path):
        raise ParameterError(f"{name}: its columns have no names: leave {chosen} out, or save it as Parquet")
    try:
        return as_source(path, columns=columns, sample_weight=weights, **limits)
    except (DataError, ParameterError, ResourceLimitError) as error:
        raise type(error)(str(error).replace(path, name)) from error  # a file may stand for a pipe


def about(data: str, error: DataError) -> DataError:
    """Return the error with the name of the data before it, if it does not begin with a file of theirs."""
    text = str(error)
    return error if Path(text.partition(": ")[0]).exists() else DataError(f"{data}: {text}")


@contextlib.contextmanager
def _spooled() -> Iterator[str]:
    """Yield the path of a file that holds standard input, so that a pipe is read by the rules of a file."""
    with tempfile.NamedTemporaryFile(prefix="gaussmix-", suffix=".csv") as file:
        shutil.copyfileobj(sys.stdin.buffer, file)
        file.flush()
        yield file.name


def evaluated(model: Any, source: Source) -> dict[str, float]:
    """Return log-likelihood, its mean by weight (score), BIC and AIC of the rows under a model, in nats."""
    from joblib import cpu_count

    from gaussmix.executor import local_executor
    from gaussmix.model import evaluate

    score = evaluate.score(model, source, local_executor(cpu_count()))
    total = source.n_rows if source.sample_weight is None else float(source.sample_weight.sum())
    log_likelihood = score * total
    return {
        "log_likelihood": log_likelihood,
        "score": score,
        "bic": model.n_parameters * math.log(total) - 2 * log_likelihood,
        "aic": 2 * model.n_parameters - 2 * log_likelihood,
    }
