"""Files of rows: NumPy's .npy by position, Parquet and Arrow IPC through pyarrow."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from pathlib import Path
from tokenize import TokenError
from typing import Any

import numpy as np

from gaussmix.errors import DataError, ParameterError
from gaussmix.source.array import ArraySource, served_dtype
from gaussmix.source.arrow import (
    MappedFile,
    arrow_errors,
    batch_rows,
    dtype_of,
    kinds_of,
    matrix_blocks,
    require_pyarrow,
    select,
)
from gaussmix.source.arrow_headers import declared_batches
from gaussmix.source.check import listed
from gaussmix.source.contents import Contents, Opened, Reader
from gaussmix.source.raw import NamedFile, RawRows, Stamp
from gaussmix.types import FloatArray

_END_OF_STREAM = b"\xff\xff\xff\xff\x00\x00\x00\x00"


def open_file(path: Path, columns: Sequence[str] | None, readers: Mapping[str, str]) -> Opened:
    """Return what the reader of its extension says of a file.

    Parameters
    ----------
    path : Path
        The file; its extension, in upper or lower case, says what it holds.
    columns : sequence of str, or None
        Columns to read; None for all.
    readers : mapping of str to str
        As ``gaussmix.source.READERS``.

    Returns
    -------
    Opened

    Raises
    ------
    OSError
        If the file cannot be opened: FileNotFoundError, PermissionError, ...
    DataError
        If the extension is unknown, or the content cannot be used.
    """
    with path.open("rb") as file:
        is_empty = not file.read(1)
    name = readers.get(path.suffix.lower())
    if name is None:
        raise DataError(
            f"the extension {path.suffix!r} is not known: save the file as one of {listed(list(readers))}"
        )
    if is_empty:
        raise DataError("the file is empty: write it again")
    stamp = Stamp.of(path.stat())
    module, _, function = name.rpartition(".")
    reader: Reader = getattr(import_module(module), function)
    return Opened(path, stamp, reader(path, columns))


def read_npy(path: Path, columns: Sequence[str] | None) -> Contents:
    """Return what the header of a .npy file says; nothing is ever unpickled.

    Parameters
    ----------
    path : Path
        The file.
    columns : None
        An array's columns have no names to choose by.

    Raises
    ------
    DataError
        If this is no .npy file of a matrix of numbers, holds Python objects, or is shorter than its header says.
    ParameterError
        If columns are given.
    """
    if columns is not None:
        raise ParameterError(
            f"columns={columns!r}: the columns of a .npy file have no names: leave columns out"
        )
    X = map_npy(path)
    if X.ndim != 2 or X.shape[1] == 0 or X.dtype.kind == "O":
        ArraySource(X)  # raises, and says why
    stored, offset = X.dtype, X.offset
    home = NamedFile(str(path.absolute()), str(path), Stamp.of(path.stat()))
    by_columns = X.flags.f_contiguous and not X.flags.c_contiguous
    n_rows, n_features = X.shape
    raw = RawRows(home, offset, n_rows, n_features, stored, by_columns)
    dtype = served_dtype(stored)
    kinds = (str(stored.newbyteorder("=")),)
    return Contents(n_features, None, kinds, dtype, n_rows, partial(_raw_blocks, raw, dtype), raw)


def map_npy(path: Path) -> np.memmap[Any, Any]:
    """Return the array of a .npy file as a read-only memory map."""
    try:
        return np.lib.format.open_memmap(path, mode="r")
    except OSError:
        raise
    except (ValueError, TypeError, EOFError, OverflowError, SyntaxError, TokenError, RecursionError) as error:
        reason = str(error).splitlines()[0].rstrip(".") if str(error) else "it ends early"
        raise DataError(
            f"this is not a complete .npy file of numbers ({reason}): write it again with numpy.save"
        ) from error


def _raw_blocks(raw: RawRows, dtype: np.dtype[Any]) -> Iterator[FloatArray]:
    size = batch_rows(raw.n_features)
    for start in range(0, raw.n_rows, size):
        X = np.empty((min(size, raw.n_rows - start), raw.n_features), dtype)
        with raw.home.descriptor() as descriptor:
            raw.read_into(X, start, descriptor)
        yield X


def read_parquet(path: Path, columns: Sequence[str] | None) -> Contents:
    """Return what the footer of a Parquet file says.

    Parameters
    ----------
    path : Path
        The file.
    columns : sequence of str, or None
        Columns to read, others are not decoded; None for all.

    Raises
    ------
    DataError
        If the file is damaged or its columns cannot be used.
    """
    with open_parquet(path) as (file, _):
        schema, about = file.schema_arrow, file.metadata
        names = select(schema, columns)
        groups = tuple(about.row_group(index).num_rows for index in range(about.num_row_groups))
    blocks = partial(_parquet_blocks, path, names)
    kinds, dtype = kinds_of(schema, names), dtype_of(schema, names)
    return Contents(len(names), tuple(names), kinds, dtype, about.num_rows, blocks, groups=groups)


@contextmanager
def open_parquet(path: Path) -> Iterator[tuple[Any, MappedFile]]:
    """Return a context with a ``pyarrow.parquet.ParquetFile`` and its bytes."""
    require_pyarrow()
    from pyarrow import parquet

    with arrow_errors("a Parquet file"), MappedFile(path) as content:
        # checksums where there are any; columns are read in pieces, not whole row groups
        yield parquet.ParquetFile(content.reader(), page_checksum_verification=True), content


def _parquet_blocks(path: Path, names: list[str]) -> Iterator[FloatArray]:
    with open_parquet(path) as (file, content):
        # pre_buffer is off in ParquetFile, so no more than one row group is decoded ahead
        batches = file.iter_batches(batch_size=batch_rows(len(names)), columns=names)
        yield from matrix_blocks(file.schema_arrow, batches, names, content.forget)


def read_arrow(path: Path, columns: Sequence[str] | None) -> Contents:
    """Return what the schema of an Arrow IPC file or stream (also Feather version 2) says.

    Parameters
    ----------
    path : Path
        The file.
    columns : sequence of str, or None
        Columns to read; None for all.

    Raises
    ------
    DataError
        If the file is damaged or its columns cannot be used.
    """
    with _arrow(path) as (reader, content):
        schema = reader.schema
        names = select(schema, columns)
        batches = list(declared_batches(content.buffer[8:] if _is_file(content) else content.buffer))
    n_rows = sum(n for n, _ in batches) or None  # only reading tells that there are none
    decoded = max((n for n, compressed in batches if compressed), default=0) * len(schema.names) * 8
    kinds, dtype = kinds_of(schema, names), dtype_of(schema, names)
    blocks = partial(_arrow_blocks, path, names)
    return Contents(len(names), tuple(names), kinds, dtype, n_rows, blocks, decoded_at_once=decoded)


@contextmanager
def _arrow(path: Path) -> Iterator[tuple[Any, MappedFile]]:
    pa = require_pyarrow()
    with arrow_errors("an Arrow IPC file"), MappedFile(path) as content:
        buffer = content.buffer
        if _is_file(content):
            yield pa.ipc.open_file(buffer), content
            return
        reader = pa.ipc.open_stream(buffer)
        if buffer[-len(_END_OF_STREAM) :].to_pybytes() != _END_OF_STREAM:
            raise DataError("the Arrow stream has no end mark, so rows may be missing: write the file again")
        yield reader, content


def _is_file(content: MappedFile) -> bool:
    """Return whether the content is a file, which is a stream after eight bytes and before a table of its batches."""
    return bool(content.buffer[: len(b"ARROW1")].to_pybytes() == b"ARROW1")


def _arrow_blocks(path: Path, names: list[str]) -> Iterator[FloatArray]:
    with _arrow(path) as (reader, content):
        yield from matrix_blocks(reader.schema, _batches(reader), names, content.forget)


def _batches(reader: Any) -> Iterator[Any]:
    """Yield the batches of a file or stream."""
    n_batches = getattr(reader, "num_record_batches", None)  # a file has a table of them
    if n_batches is None:
        yield from reader
    else:
        yield from map(reader.get_batch, range(n_batches))
