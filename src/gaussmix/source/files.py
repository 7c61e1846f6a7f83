"""Files of rows: NumPy's .npy through a memory map, Parquet and Arrow IPC through pyarrow."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from tokenize import TokenError
from typing import Any

import numpy as np

from gaussmix.errors import DataError, ParameterError
from gaussmix.source.arrow import (
    BATCH_ROWS,
    Columns,
    arrow_errors,
    map_file,
    require_pyarrow,
    select,
    to_matrix,
)
from gaussmix.source.check import listed

Reader = Callable[[Path, "Sequence[str] | None"], Columns]
_END_OF_STREAM = b"\xff\xff\xff\xff\x00\x00\x00\x00"


def read_file(path: Path, columns: Sequence[str] | None, readers: Mapping[str, Reader]) -> Columns:
    """Return the rows of a file, read by the reader of its extension.

    Parameters
    ----------
    path : Path
        The file; its extension, in upper or lower case, says what it holds.
    columns : sequence of str, or None
        Columns to read; None for all.
    readers : mapping of str to callable
        ``(path, columns) -> (X, names)`` by extension.

    Returns
    -------
    X : ndarray of shape (N, D)
    names : tuple of str, or None

    Raises
    ------
    OSError
        If the file cannot be opened: FileNotFoundError, IsADirectoryError, PermissionError, ...
    DataError
        If the extension is unknown, or the content cannot be used.
    """
    with path.open("rb") as file:
        is_empty = not file.read(1)
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise DataError(
            f"the extension {path.suffix!r} is not known: save the file as one of {listed(list(readers))}"
        )
    if is_empty:
        raise DataError("the file is empty: write it again")
    return reader(path, columns)


def read_npy(path: Path, columns: Sequence[str] | None) -> Columns:
    """Return the array of a .npy file as a read-only memory map; nothing is ever unpickled.

    Parameters
    ----------
    path : Path
        The file.
    columns : None
        An array's columns have no names to choose by.

    Returns
    -------
    X : ndarray
        Of the type, shape and order of the file.
    names : None

    Raises
    ------
    DataError
        If this is no .npy file, holds Python objects, or is shorter than its header says.
    ParameterError
        If columns are given.
    """
    if columns is not None:
        raise ParameterError(
            f"columns={columns!r}: the columns of a .npy file have no names: leave columns out"
        )
    try:
        X = np.lib.format.open_memmap(path, mode="r")
    except OSError:
        raise
    except (ValueError, TypeError, EOFError, OverflowError, SyntaxError, TokenError, RecursionError) as error:
        reason = str(error).splitlines()[0].rstrip(".") if str(error) else "it ends early"
        raise DataError(
            f"this is not a complete .npy file of numbers ({reason}): write it again with numpy.save"
        ) from error
    return X, None


def read_parquet(path: Path, columns: Sequence[str] | None) -> Columns:
    """Return the columns of a Parquet file as one C-ordered matrix.

    Parameters
    ----------
    path : Path
        The file.
    columns : sequence of str, or None
        Columns to read, others are not decoded; None for all.

    Returns
    -------
    X : ndarray of shape (N, D)
    names : tuple of str

    Raises
    ------
    DataError
        If the file is damaged or its columns cannot be used.
    """
    require_pyarrow()
    from pyarrow import parquet

    with arrow_errors("a Parquet file"):
        file = parquet.ParquetFile(map_file(path), page_checksum_verification=True)  # where there are any
        names = select(file.schema_arrow, columns)
        # pre_buffer is off in ParquetFile, so no more than one row group is decoded ahead
        batches = file.iter_batches(batch_size=BATCH_ROWS, columns=names)
        return to_matrix(file.schema_arrow, batches, names, file.metadata.num_rows)


def read_arrow(path: Path, columns: Sequence[str] | None) -> Columns:
    """Return the columns of an Arrow IPC file or stream (also Feather version 2) as one C-ordered matrix.

    Parameters
    ----------
    path : Path
        The file.
    columns : sequence of str, or None
        Columns to read; None for all.

    Returns
    -------
    X : ndarray of shape (N, D)
    names : tuple of str

    Raises
    ------
    DataError
        If the file is damaged or its columns cannot be used.
    """
    pa = require_pyarrow()
    with arrow_errors("an Arrow IPC file"):
        content = map_file(path)
        if content[: len(b"ARROW1")].to_pybytes() == b"ARROW1":
            reader = pa.ipc.open_file(content)
            batches: Iterator[Any] = (reader.get_batch(index) for index in range(reader.num_record_batches))
        else:
            reader = pa.ipc.open_stream(content)
            if content[-len(_END_OF_STREAM) :].to_pybytes() != _END_OF_STREAM:
                raise DataError(
                    "the Arrow stream has no end mark, so rows may be missing: write the file again"
                )
            batches = iter(reader)
        return to_matrix(reader.schema, batches, select(reader.schema, columns))
