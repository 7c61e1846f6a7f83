"""Rows of a Spark DataFrame, in the order of its partitions: kept in the cluster, cut into logical blocks there.

The rows are packed into bytes once and stored on the workers' disks, so that their order stays as it is however the
DataFrame was made. For a fit they are cut into logical blocks, which one shuffle brings together, and which lie in
files beside the workers. A DataFrame that fits well into the driver is collected instead: a Spark job takes longer
than a pass over so few rows in memory.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from operator import itemgetter
from typing import Any, Final

import numpy as np

from gaussmix.errors import DataError, DataTypeError
from gaussmix.source import checked
from gaussmix.source.array import ArraySource
from gaussmix.source.base import Source
from gaussmix.source.check import check_sample_weight, choose_columns, refuse_columns
from gaussmix.source.finite import Unusable
from gaussmix.source.limit import exceeds, limit_in_bytes
from gaussmix.source.spark_blocks import SparkSource, Stored, collect, spread, worker_errors
from gaussmix.source.spark_rows import PACKED, Layout, Pack, Take, parts_of, read_batch
from gaussmix.types import Float64Array, FloatArray

# Of rows that are brought to the driver: 256 MiB, of the 1 GB that Spark lets it collect.
COLLECTED_VALUES = 1 << 25
_TASKS: Final = 4  # for each core, in which rows are read: one that is lost is not much work
_NUMBER: Final = "gaussmix_row"  # a column of this name, of the numbers of rows

__all__ = ["SparkSource", "feature_columns", "read", "spread"]


def read(
    data: Any,
    columns: Sequence[str] | None = None,
    sample_weight: object = None,
    *,
    missing: bool = False,
    memory_limit: int | str | None = None,
) -> Source:
    """Return a source of the rows of a Spark DataFrame.

    Parameters
    ----------
    data : pyspark.sql.DataFrame
        Of numeric columns, or of one column of vectors (``pyspark.ml``) or arrays of numbers.
    columns : sequence of str, optional
        Columns to use. Default: all but that of the weights.
    sample_weight : str or array-like of shape (N,), optional
        A column, or one weight for each row in the order of ``data.collect()``.
    missing : bool, default=False
        Whether NaN and null are missing values: only where the rows are few enough to be collected.
    memory_limit : int, str or None
        What rows may take in the memory of the driver, as in ``as_source``.

    Raises
    ------
    DataError
        If columns, rows or weights cannot be used; rows are numbered as ``data.collect()`` gives them.
    DataTypeError
        If ``data`` is no Spark DataFrame.
    MissingDependencyError
        If the workers' Python has no gaussmix.
    """
    if not hasattr(data, "mapInArrow"):
        raise DataTypeError(
            f"X is a {type(data).__name__} of pyspark: pass a Spark DataFrame, X.to_spark() of a pandas-on-Spark one"
        )
    limit = limit_in_bytes(memory_limit)
    with worker_errors():
        weight_column = sample_weight if isinstance(sample_weight, str) else None
        selected, layout, names = _selected(data, columns, weight_column)
        with _evaluated_once(data, selected):
            n_rows = selected.count()
            if n_rows == 0:
                raise DataError("X has 0 rows: at least one is needed")
            few = n_rows * layout.n_features <= COLLECTED_VALUES
            if few and not exceeds(n_rows, layout.n_features, limit):
                X, weight = _collected(selected, layout)
                given: Any = sample_weight if weight_column is None else weight
                return checked(ArraySource(X, given, names), missing=missing)
            source, rows = _packed(selected, layout, names)
        _require_finite(rows, source.starts, names, layout.dtype)
        source = replace(source, exceeds_memory=exceeds(source.n_rows, layout.n_features, limit))
        if weight_column is not None:
            weight = np.empty(source.n_rows)
            collect(source.packed.frame, Take(layout, source.starts, "weight"), weight)
            return replace(source, sample_weight=check_sample_weight(weight, source.n_rows))
        return source if sample_weight is None else source.with_weight(sample_weight)


@contextmanager
def _evaluated_once(data: Any, selected: Any) -> Iterator[None]:
    """Have Spark keep the rows while they are counted and then read, unless it keeps those of the user."""
    kept = data.storageLevel
    if kept.useMemory or kept.useDisk:
        yield
        return
    selected.persist()
    try:
        yield
    finally:
        selected.unpersist()


def _collected(selected: Any, layout: Layout) -> tuple[FloatArray, Float64Array | None]:
    """Return all rows and their weights, brought here without Python's help on the workers."""
    # Stable: the batches of a part stay as they come.
    batches = sorted(parts_of(selected.toArrow().to_batches()), key=itemgetter(0))
    n_rows = sum(batch.num_rows for _, batch in batches)
    X = np.empty((n_rows, layout.n_features), layout.dtype)
    weight = np.empty(n_rows) if layout.weighted else None
    first = 0
    for _, batch in batches:
        rows = slice(first, first := first + batch.num_rows)
        X[rows], some = read_batch(batch, layout)
        if weight is not None:
            weight[rows] = some
    return X, weight


def _packed(selected: Any, layout: Layout, names: tuple[str, ...] | None) -> tuple[SparkSource, list[Any]]:
    """Return a source of rows that stay where they are, and what is known of each run of them."""
    from pyspark import StorageLevel

    packed = selected.mapInArrow(Pack(layout), PACKED).persist(StorageLevel.DISK_ONLY)
    rows = packed.drop("records").collect()
    rows.sort(key=lambda row: (row.part, row.first))
    starts, n_rows = _starts(rows)
    parallel = _cores(selected.sparkSession) or max(1, len(starts))
    return SparkSource(Stored(packed), layout, starts, parallel, n_rows, names), rows


def _selected(
    data: Any, columns: Sequence[str] | None, weight: str | None
) -> tuple[Any, Layout, tuple[str, ...] | None]:
    """Return the columns to pack, features and then weights; how they are laid out; and their names."""
    from pyspark.sql import functions

    names = choose_columns([name for name in data.columns if columns or name != weight], columns)
    if weight is not None:
        choose_columns(data.columns, [weight])
    features, array, dtype = _cast(data, names)
    n_features = len(names)
    if array:
        first = data.select(functions.size(features[0])).first()
        n_features = 1 if first is None else max(1, first[0])
    weights = [] if weight is None else [column_of(weight).cast("double")]
    layout = Layout(dtype, n_features, weight is not None)
    # Not the number of the partition: for rows that it holds itself, Spark takes 0 for all, and divides them later.
    selected = data.select(*features, *weights, functions.monotonically_increasing_id().alias(_NUMBER))
    return _in_few_tasks(selected), layout, None if array else tuple(names)


def _in_few_tasks(frame: Any) -> Any:
    """Return the same rows, to be read in few tasks however many partitions they lie in: each takes its time."""
    cores = _cores(frame.sparkSession)
    return frame if cores is None else frame.coalesce(_TASKS * cores)


def feature_columns(data: Any, names: Sequence[str] | None, n_features: int) -> list[Any]:
    """Return Spark columns of the features of a fit, as float32 if all of them are, else float64.

    Parameters
    ----------
    data : pyspark.sql.DataFrame
    names : sequence of str, or None
        Of the features, where they had names; otherwise all columns are used.
    n_features : int
    """
    chosen = choose_columns(data.columns, names)
    features, array, _ = _cast(data, chosen)
    if not array and len(features) != n_features:
        raise DataError(
            f"X has {len(features)} columns, and the mixture was fitted on {n_features} features without names: "
            "select the columns of these"
        )
    return features


def _cast(data: Any, names: Sequence[str]) -> tuple[list[Any], bool, np.dtype[Any]]:
    """Return columns as float32 if all of them are, else float64; whether it is one of arrays; and the type."""
    kinds = {field.name: field.dataType for field in data.schema.fields if field.name in set(names)}
    array = len(names) == 1 and _array(column_of(names[0]), kinds[names[0]])
    if array:
        return [array[0]], True, array[1]
    refuse_columns({name: kinds[name].simpleString() for name in names if not _is_numeric(kinds[name])})
    float32 = all(kind.typeName() == "float" for kind in kinds.values())
    cast = [column_of(name).cast("float" if float32 else "double") for name in names]
    return cast, False, np.dtype(np.float32 if float32 else np.float64)


def column_of(name: str) -> Any:
    """Return the Spark column of this name, whatever characters it has."""
    from pyspark.sql import functions

    return functions.col("`" + name.replace("`", "``") + "`")


def _is_numeric(kind: Any) -> bool:
    """Return whether a Spark type holds numbers."""
    from pyspark.sql.types import BooleanType, NumericType

    return isinstance(kind, NumericType | BooleanType)


def _array(column: Any, kind: Any) -> tuple[Any, np.dtype[Any]] | None:
    """Return a column of vectors or arrays as one of arrays of float32 or float64; None for other columns."""
    if type(kind).__name__ == "VectorUDT":
        from pyspark.ml.functions import vector_to_array

        return vector_to_array(column), np.dtype(np.float64)
    if kind.typeName() != "array" or not _is_numeric(kind.elementType):
        return None
    if kind.elementType.typeName() == "float":
        return column, np.dtype(np.float32)
    return column.cast("array<double>"), np.dtype(np.float64)


def _starts(rows: Sequence[Any]) -> tuple[dict[int, int], int]:
    """Return the number of the first row of each Spark partition that has rows, and that of all rows."""
    starts: dict[int, int] = {}
    n_rows = 0
    for row in rows:
        starts.setdefault(row.part, n_rows)
        n_rows += row.n_rows
    return starts, n_rows


def _require_finite(
    rows: Sequence[Any], starts: Mapping[int, int], names: Sequence[str] | None, dtype: np.dtype[Any]
) -> None:
    """Raise DataError if a value is not finite, naming the first: rows are numbered as ``collect()`` gives them."""
    for row in rows:
        if row.bad_row is not None:
            unusable = Unusable(row.bad_row, row.bad_column, row.bad, dtype)
            raise unusable.error(starts[row.part] + row.first, names)


def _cores(session: Any) -> int | None:
    """Return how many tasks Spark runs at a time; None where Spark Connect does not tell."""
    context = getattr(session, "sparkContext", None)
    return None if context is None else max(1, context.defaultParallelism)
