"""Arrow record batches into one C-ordered matrix, for Parquet, Arrow and CSV files and Arrow streams."""

from __future__ import annotations

import mmap
from collections.abc import Callable, Iterable, Iterator, Sequence
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
from gaussmix.source.matrix import Matrix

BATCH_ROWS = 65_536
_TILE_VALUES, _LEAST_TILE = 1 << 16, 64
_BATCH_VALUES = 1 << 20  # 8 MiB of float64: some such blocks are alive while a file is converted
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


class MappedFile:
    """Hold the bytes of a file as a memory map, within a context.

    Mapped by Python, because pyarrow's own map takes no path that is not UTF-8.

    Parameters
    ----------
    path : Path
        A file that is not empty.
    """

    def __init__(self, path: Path) -> None:
        with path.open("rb") as file:
            self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self.buffer: Any = require_pyarrow().py_buffer(self._map)

    def __enter__(self) -> MappedFile:
        return self

    def __exit__(self, *_: object) -> None:
        self.forget()  # the map ends with the last buffer that pyarrow has of it

    def reader(self) -> Any:
        """Return the bytes as a new file of pyarrow."""
        return require_pyarrow().BufferReader(self.buffer)

    def forget(self) -> None:
        """Have the pages that were read no longer count as memory of this process."""
        if hasattr(self._map, "madvise"):
            self._map.madvise(mmap.MADV_DONTNEED)


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


def kinds_of(schema: Any, names: Sequence[str]) -> tuple[str, ...]:
    """Return the types of the named columns, in pyarrow's words."""
    return tuple(str(schema.field(name).type) for name in names)


def dtype_of(schema: Any, names: Sequence[str]) -> np.dtype[Any]:
    """Return float32 if all named columns are float32, else float64."""
    return np.dtype(np.float32 if set(kinds_of(schema, names)) <= {"float"} else np.float64)


def batch_rows(n_features: int) -> int:
    """Return how many rows to read at once."""
    return max(1, min(BATCH_ROWS, _BATCH_VALUES // max(1, n_features)))


def matrix_blocks(
    schema: Any, batches: Iterable[Any], names: Sequence[str], forget: Callable[[], None] | None = None
) -> Iterator[NDArray[Any]]:
    """Yield the named columns of all batches in C-ordered blocks of rows; empty cells become NaN.

    Parameters
    ----------
    schema : pyarrow.Schema
        Columns of the batches.
    batches : iterable of pyarrow.RecordBatch
        Read once; columns that are not named are ignored.
    names : sequence of D str
        Numeric columns, as from :func:`select`.
    forget : callable, optional
        Called when a block was copied from what the batches point to.

    Yields
    ------
    ndarray of shape (n, D)
        float32 if all named columns are float32, else float64; each in the place of the last.
    """
    n = batch_rows(len(names))
    block = np.empty((n, len(names)), dtype_of(schema, names))
    for batch in batches:
        batch.validate()  # that its buffers are as long as it says: costs nothing beside the copy
        for start in range(0, batch.num_rows, n):
            part = batch.slice(start, n)
            columns = [_values(part.column(part.schema.get_field_index(name))) for name in names]
            _transpose(columns, block[: part.num_rows])
            if forget is not None:
                forget()
            yield block[: part.num_rows]


def _transpose(columns: Sequence[NDArray[Any]], rows: NDArray[Any]) -> None:
    """Fill rows, (n, D), with D columns, in tiles that stay in the cache: several times as fast as whole columns."""
    n = max(_LEAST_TILE, _TILE_VALUES // max(1, len(columns)))
    for start in range(0, len(rows), n):
        tile = rows[start : start + n]
        for column, values in enumerate(columns):
            tile[:, column] = values[start : start + n]


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
    matrix = Matrix(len(names), dtype_of(schema, names), n_rows)
    for block in matrix_blocks(schema, batches, names):
        matrix.append(block)
    return matrix.rows(), tuple(names)


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
    with _stream(data) as reader:
        return to_matrix(reader.schema, reader, select(reader.schema, columns))


def read_all(data: object) -> Any:
    """Return the ``pyarrow.Table`` that an object with ``__arrow_c_stream__`` streams, which is read once."""
    with _stream(data) as reader:
        return reader.read_all()


@contextmanager
def _stream(data: object) -> Iterator[Any]:
    pa = require_pyarrow()
    try:
        reader = pa.RecordBatchReader.from_stream(data)
    except (pa.ArrowException, TypeError) as error:
        raise DataTypeError(
            f"X is a {type(data).__name__}, which does not stream the columns of a table ({error})"
        ) from error
    with reader, arrow_errors("a readable Arrow stream"):
        yield reader
