"""Arrow record batches into one C-ordered matrix, for Parquet, Arrow and CSV files and Arrow streams."""

from __future__ import annotations

import mmap
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gaussmix.errors import (
    DataError,
    DataTypeError,
    GaussmixError,
    MissingDependencyError,
    ResourceLimitError,
)
from gaussmix.source.check import choose_columns, refuse_columns

BATCH_ROWS = 65_536
Columns = tuple[NDArray[Any], tuple[str, ...] | None]
"""A matrix of shape (N, D) and the names of its columns."""


def require_pyarrow() -> ModuleType:
    """Return pyarrow.

    Returns
    -------
    module

    Raises
    ------
    MissingDependencyError
        With the command that installs it.
    """
    try:
        import pyarrow as pa
    except ImportError as error:
        raise MissingDependencyError("reading this needs pyarrow: pip install 'gaussmix[io]'") from error
    return pa  # type: ignore[no-any-return]


def map_file(path: Path) -> Any:
    """Return the bytes of a file as a pyarrow buffer over a memory map.

    Mapped by Python, because pyarrow's own map takes no path that is not UTF-8.

    Parameters
    ----------
    path : Path
        A file that is not empty.

    Returns
    -------
    pyarrow.Buffer
    """
    with path.open("rb") as file:
        return require_pyarrow().py_buffer(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))


@contextmanager
def arrow_errors(kind: str) -> Iterator[None]:
    """Turn pyarrow's exceptions about damaged content into one of ours.

    Parameters
    ----------
    kind : str
        What was being read, as in "a Parquet file".

    Raises
    ------
    DataError
        For damaged content. pyarrow reports some damage as an OSError without a number; one that the
        operating system raised has a number, and passes.
    ResourceLimitError
        If memory does not suffice.
    """
    try:
        yield
    except GaussmixError:
        raise
    except MemoryError as error:
        raise ResourceLimitError(
            f"there is not enough memory to read it ({error}): choose fewer columns"
        ) from error
    except (OSError, ValueError, TypeError, LookupError, NotImplementedError) as error:
        # all of pyarrow's own exceptions are among these
        if isinstance(error, OSError) and error.errno is not None:
            raise
        reason = str(error).strip().splitlines()[:1]
        raise DataError(
            f"this is not {kind}, or a damaged one ({''.join(reason)}): write the file again"
        ) from error


def select(schema: Any, columns: Sequence[str] | None) -> list[str]:
    """Return the names of the numeric columns to read.

    Parameters
    ----------
    schema : pyarrow.Schema
        The columns that exist.
    columns : sequence of str, or None
        Those asked for; None for all.

    Returns
    -------
    list of str

    Raises
    ------
    DataError
        If a column is repeated, unknown or not numeric.
    """
    chosen = choose_columns(schema.names, columns)
    types = {name: schema.field(name).type for name in chosen}
    refuse_columns({name: str(kind) for name, kind in types.items() if not _is_numeric(kind)})
    return chosen


def _is_numeric(kind: Any) -> bool:
    is_type = require_pyarrow().types
    tests = (is_type.is_integer, is_type.is_floating, is_type.is_boolean, is_type.is_decimal, is_type.is_null)
    return any(test(kind) for test in tests)


def to_matrix(
    schema: Any, batches: Iterable[Any], names: Sequence[str], n_rows: int | None = None
) -> Columns:
    """Return the named columns of all batches as one C-ordered matrix; empty cells become NaN.

    Parameters
    ----------
    schema : pyarrow.Schema
        Columns of the batches.
    batches : iterable of pyarrow.RecordBatch
        Read once; columns that are not named are ignored.
    names : sequence of D str
        Numeric columns, as from :func:`select`.
    n_rows : int, optional
        How many rows to expect; the matrix grows where there are more.

    Returns
    -------
    X : ndarray of shape (N, D)
        float32 if all named columns are float32, else float64.
    names : tuple of str

    Raises
    ------
    ResourceLimitError
        If the matrix does not fit into memory.
    """
    all_float32 = all(str(schema.field(name).type) == "float" for name in names)
    X = _allocate(
        BATCH_ROWS if n_rows is None else n_rows, len(names), np.float32 if all_float32 else np.float64
    )
    stop = 0
    for batch in batches:
        batch.validate()  # that its buffers are as long as it says: costs nothing beside the copy
        start, stop = stop, stop + batch.num_rows
        if stop > len(X):
            X.resize((max(stop, len(X) * 5 // 4), len(names)), refcheck=False)  # nobody else has seen X
        for column, name in enumerate(names):
            X[start:stop, column] = _values(batch.column(batch.schema.get_field_index(name)))
    if stop < len(X):
        X.resize((stop, len(names)), refcheck=False)
    return X, tuple(names)


def _allocate(n_rows: int, n_features: int, dtype: type[np.floating[Any]]) -> NDArray[Any]:
    try:
        return np.empty((n_rows, n_features), dtype)
    except (MemoryError, ValueError, OverflowError) as error:
        size = n_rows * n_features * np.dtype(dtype).itemsize / 2**30
        raise ResourceLimitError(
            f"{n_rows} rows and {n_features} columns need {size:.0f} GiB of memory: choose fewer columns"
        ) from error


def _values(array: Any) -> NDArray[Any]:
    pa = require_pyarrow()
    kind = array.type
    if pa.types.is_boolean(kind) or pa.types.is_decimal(kind) or pa.types.is_null(kind):
        array = array.cast(pa.float64())  # to_numpy would make objects of these
    values: NDArray[Any] = array.to_numpy(zero_copy_only=False)
    return values


def read_stream(data: object, columns: Sequence[str] | None) -> Columns:
    """Return the rows of an object with ``__arrow_c_stream__``, which is read once.

    Parameters
    ----------
    data : object
        A record batch reader, a DuckDB relation, ...
    columns : sequence of str, or None
        Columns to read; None for all.

    Returns
    -------
    X : ndarray of shape (N, D)
    names : tuple of str

    Raises
    ------
    DataError
        If the columns cannot be used.
    DataTypeError
        If the stream does not hold a table.
    """
    pa = require_pyarrow()
    try:
        reader = pa.RecordBatchReader.from_stream(data)
    except (pa.ArrowException, TypeError) as error:
        raise DataTypeError(
            f"X is a {type(data).__name__}, which does not stream the columns of a table ({error})"
        ) from error
    with reader, arrow_errors("a readable Arrow stream"):
        return to_matrix(reader.schema, reader, select(reader.schema, columns))
