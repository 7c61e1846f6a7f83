"""Rows of a Spark DataFrame, in the order of its partitions: brought into files beside the workers.

The rows are numbered and counted, so that their order stays as it is however the DataFrame was made. Then one query
packs them into bytes, brings those of each file together and writes it. A DataFrame that fits well into the driver is
collected instead: a Spark job takes longer than a pass over so few rows in memory.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Final
from uuid import uuid4

import numpy as np

from gaussmix.errors import DataError, DataTypeError
from gaussmix.source import checked
from gaussmix.source.array import ArraySource
from gaussmix.source.base import Source
from gaussmix.source.check import check_sample_weight, choose_columns, refuse_columns
from gaussmix.source.limit import exceeds
from gaussmix.source.request import Request
from gaussmix.source.spark_blocks import SparkSource, spread
from gaussmix.source.spark_files import Files
from gaussmix.source.spark_rows import CHANGED, PART_BITS, PIECES, Layout, Pack, numbered, read_batch
from gaussmix.source.spark_stored import keep, ranges_of, worker_errors
from gaussmix.types import Float64Array, FloatArray

# Of rows that are brought to the driver: 256 MiB, of the 1 GB that Spark lets it collect.
COLLECTED_VALUES = 1 << 25
_TASKS: Final = 2  # for each core, in which rows are read: each takes its time, the last one ends alone
_NUMBER: Final = "gaussmix_row"  # a column of this name, of the numbers of rows
_ARRAYS: Final = "gaussmix_x"  # and one of arrays

__all__ = ["SparkSource", "feature_columns", "read", "spread"]


def read(data: Any, request: Request) -> Source:
    """Return a source of the rows of a Spark DataFrame.

    Parameters
    ----------
    data : pyspark.sql.DataFrame
        Of numeric columns, or of one column of vectors (``pyspark.ml``) or arrays of numbers.
    request : Request
        An array of weights is in the order of ``data.collect()``. NaN and null are missing values only where the rows
        are few enough to be collected; its limit is that of the driver's memory.

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
    limit, weight_column = request.limit, request.weight_column
    with worker_errors():
        selected, layout, names = _selected(data, request.columns, weight_column)
        with _evaluated_once(data, selected):
            parts, length = _parts(selected, layout)
            layout = replace(layout, n_features=length or layout.n_features)
            n_rows = sum(count for _, count in parts.values())
            if n_rows == 0:
                raise DataError("X has 0 rows: at least one is needed")
            few = n_rows * layout.n_features <= COLLECTED_VALUES
            if few and not exceeds(n_rows, layout.n_features, limit):
                X, weight = _collected(selected, layout, parts)
                given: Any = request.sample_weight if weight_column is None else weight
                return checked(ArraySource(X, given, names), missing=request.missing)
            ranges = ranges_of(layout, n_rows, _cores(selected.sparkSession) or max(1, len(parts)))
            files = Files(uuid4().hex, layout, ranges)
            rows = keep(selected.mapInArrow(Pack(files.name, layout, parts, ranges), PIECES), files)
    if rows.unusable is not None:
        raise rows.unusable.error(names=names)
    source = SparkSource(rows, names, exceeds_memory=exceeds(n_rows, layout.n_features, limit))
    if weight_column is not None:
        return replace(source, sample_weight=check_sample_weight(source.column_of_weights(), n_rows))
    return source if request.sample_weight is None else source.with_weight(request.sample_weight)


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


def _parts(selected: Any, layout: Layout) -> tuple[dict[int, tuple[int, int]], int]:
    """Return of each of Spark's partitions that has rows the number of its first and how many; and D of arrays.

    D is that of any of the rows that are not empty, and 0 where rows are no arrays.
    """
    from pyspark.sql import functions

    part = functions.shiftright(_NUMBER, PART_BITS).alias("part")
    arrays = layout.n_features == 0
    size = functions.size(_ARRAYS) if arrays else functions.lit(0)
    length = functions.first(functions.when(size > 0, size), ignorenulls=True)  # of a null, null or -1
    found = selected.groupBy(part).agg(functions.count("*").alias("n_rows"), length.alias("length")).collect()
    parts, start = {}, 0
    found.sort(key=lambda row: row.part)
    for row in found:
        parts[row.part] = (start, row.n_rows)
        start += row.n_rows
    lengths = (row.length for row in found if row.length is not None)
    return parts, next(lengths, 1) if arrays else 0


def _collected(
    selected: Any, layout: Layout, parts: Mapping[int, tuple[int, int]]
) -> tuple[FloatArray, Float64Array | None]:
    """Return all rows and their weights, brought here without Python's help on the workers."""
    n_rows = sum(count for _, count in parts.values())
    X = np.empty((n_rows, layout.n_features), layout.dtype)
    weight = np.empty(n_rows) if layout.weighted else None
    n_found = 0
    for batch in selected.toArrow().to_batches():
        rows, columns = numbered(batch, parts)
        X[rows], some = read_batch(columns, layout, rows)
        if weight is not None:
            weight[rows] = some
        n_found += len(rows)
    if n_found != n_rows:
        raise DataError(CHANGED)
    return X, weight


def _selected(
    data: Any, columns: Sequence[str] | None, weight: str | None
) -> tuple[Any, Layout, tuple[str, ...] | None]:
    """Return the columns to pack, features and then weights; how they are laid out; and their names."""
    from pyspark.sql import functions

    names = choose_columns([name for name in data.columns if columns or name != weight], columns)
    if weight is not None:
        choose_columns(data.columns, [weight])
    features, array, dtype = _cast(data, names)
    if array:
        features = [features[0].alias(_ARRAYS)]
    weights = [] if weight is None else [column_of(weight).cast("double")]
    layout = Layout(dtype, 0 if array else len(names), weight is not None)  # see _parts
    # A plan of its own, by a condition that Spark drops: it would keep equal plans once, and forget both with either.
    own = data.filter(functions.lit(uuid4().hex) != "")
    # Not the number of the partition: for rows that it holds itself, Spark takes 0 for all, and divides them later.
    selected = own.select(*features, *weights, functions.monotonically_increasing_id().alias(_NUMBER))
    return _in_few_tasks(selected), layout, None if array else tuple(names)


def _in_few_tasks(frame: Any) -> Any:
    """Return the same rows, to be read in few tasks however many partitions they lie in: each takes its time.

    Where workers come as they are needed, those that are there do not tell how many tasks are few.
    """
    cores = _cores(frame.sparkSession)
    if cores is None:
        return frame
    dynamic = frame.sparkSession.conf.get("spark.dynamicAllocation.enabled", "false")
    return frame if str(dynamic).lower() == "true" else frame.coalesce(_TASKS * cores)


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
        from pyspark.sql import functions

        # The values of dense vectors as they are: Spark takes longer to convert each.
        inside = functions.unwrap_udt(column)
        dense = functions.when(inside["type"] == 1, inside["values"])
        return dense.otherwise(vector_to_array(column)), np.dtype(np.float64)
    if kind.typeName() != "array" or not _is_numeric(kind.elementType):
        return None
    if kind.elementType.typeName() == "float":
        return column, np.dtype(np.float32)
    return column.cast("array<double>"), np.dtype(np.float64)


def _cores(session: Any) -> int | None:
    """Return how many tasks Spark runs at a time; None where Spark Connect does not tell."""
    context = getattr(session, "sparkContext", None)
    return None if context is None else max(1, context.defaultParallelism)
