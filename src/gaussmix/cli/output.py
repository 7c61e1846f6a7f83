"""Results to a file, whole or not at all, or to standard output.

To add a format: one function that writes a `Rows` to a stream, and one line in ``WRITERS``.
"""

from __future__ import annotations

import contextlib
import csv
import errno
import io
import json
import math
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from gaussmix.errors import DataError, MissingDependencyError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Rows:
    """A table of one type, written block by block.

    Attributes
    ----------
    names : sequence of str
        Of the columns.
    dtype : dtype
    n_rows : int
    blocks : iterable of ndarray of shape (n, columns)
    """

    names: Sequence[str]
    dtype: np.dtype[Any]
    n_rows: int
    blocks: Iterable[NDArray[Any]]


def check_output(
    path: str | None, inputs: Iterable[str | None], suffixes: Iterable[str] | None, *, option: str = "-o"
) -> None:
    """Raise if ``path``, which ``option`` gave, cannot be written, before any work is done for it.

    Parameters
    ----------
    path : str or None
    inputs : iterable of str or None
        Files, folders and patterns that are read.
    suffixes : iterable of str or None
        What the name may end in; None for anything.
    option : str

    Raises
    ------
    click.UsageError
        If the extension is unknown, or the file is one of the inputs.
    OSError
        If the folder is missing or may not be written to, or the path is a folder.
    """
    if path is None:
        return
    target, known = Path(path), None if suffixes is None else list(suffixes)
    if known is not None and target.suffix.lower() not in known:
        raise click.UsageError(f"{option} {path}: the name of the file should end in {' or '.join(known)}")
    if not target.parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, "there is no such folder", str(target.parent))
    if target.is_dir():
        raise IsADirectoryError(errno.EISDIR, "is a folder, not a file", path)
    if not os.access(target.parent, os.W_OK):
        raise PermissionError(errno.EACCES, "no permission to write into this folder", str(target.parent))
    if any(_same(target, source) for source in _files(inputs)):
        raise click.UsageError(
            f"{option} {path} is an input, or named twice, and would be overwritten: choose another name"
        )


def _same(one: Path, other: Path) -> bool:
    if one.exists() and other.exists():
        return one.samefile(other)
    return one.absolute() == other.absolute()


def _files(inputs: Iterable[str | None]) -> Iterator[Path]:
    """Yield the files that are read; what a folder or a pattern stands for costs an import."""
    for data in inputs:
        if data is None:
            continue
        if not Path(data).is_dir() and not set(data) & set("*?["):
            yield Path(data)
            continue
        from gaussmix.source import READERS
        from gaussmix.source.paths import find_files

        with contextlib.suppress(OSError, DataError):  # told by who reads them
            yield from find_files(data, READERS)


def write_rows(rows: Rows, path: str | None) -> None:
    """Write a table to a file by its extension, or as CSV to standard output."""
    if path is None:
        stream = sys.stdout.buffer
        _write_csv(rows, stream)
        stream.flush()
        return
    from gaussmix.persistence import write_atomically

    writer = WRITERS[Path(path).suffix.lower()]
    write_atomically(path, lambda stream: writer(rows, stream))


def write_json(table: dict[str, Any]) -> None:
    """Print one JSON object; a number that is not finite becomes null."""
    click.echo(json.dumps(_finite(table), allow_nan=False))


def _finite(value: Any) -> Any:
    if hasattr(value, "tolist"):  # NumPy's arrays and numbers
        value = value.tolist()
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _write_csv(rows: Rows, stream: BinaryIO) -> None:
    text = io.TextIOWrapper(stream, encoding="utf-8", newline="", write_through=False)
    try:
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(rows.names)
        for block in rows.blocks:
            # The shortest text that reads back to the same float; Python's repr knows float64 only.
            exact = block.astype("U") if block.dtype == "float32" else block
            writer.writerows(exact.tolist())
            text.flush()
    finally:
        text.detach()  # the stream is not ours to close


def _write_npy(rows: Rows, stream: BinaryIO) -> None:
    import numpy as np

    columns = len(rows.names)
    shape = (rows.n_rows,) if columns == 1 else (rows.n_rows, columns)
    header = {"descr": np.lib.format.dtype_to_descr(rows.dtype), "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(stream, header)
    for block in rows.blocks:
        stream.write(np.ascontiguousarray(block, dtype=rows.dtype).data)


def _write_parquet(rows: Rows, stream: BinaryIO) -> None:
    _require_pyarrow("Parquet")
    from pyarrow import parquet

    schema = _schema(rows)
    with parquet.ParquetWriter(stream, schema) as writer:
        for batch in _batches(rows, schema):
            writer.write_batch(batch)


def _write_arrow(rows: Rows, stream: BinaryIO) -> None:
    pa = _require_pyarrow("Arrow")
    schema = _schema(rows)
    with pa.ipc.new_file(stream, schema) as writer:
        for batch in _batches(rows, schema):
            writer.write_batch(batch)


def _schema(rows: Rows) -> Any:
    import pyarrow as pa

    kind = pa.from_numpy_dtype(rows.dtype)
    return pa.schema([(name, kind) for name in rows.names])


def _batches(rows: Rows, schema: Any) -> Iterator[Any]:
    import numpy as np
    import pyarrow as pa

    for block in rows.blocks:
        columns = [pa.array(np.ascontiguousarray(column, dtype=rows.dtype)) for column in block.T]
        yield pa.record_batch(columns, schema=schema)


def _require_pyarrow(kind: str) -> Any:
    try:
        import pyarrow as pa
        import pyarrow.ipc
    except ImportError as error:
        raise MissingDependencyError(f"writing {kind} needs pyarrow: pip install 'gaussmix[io]'") from error
    return pa


WRITERS: dict[str, Callable[[Rows, BinaryIO], None]] = {
    ".csv": _write_csv,
    ".parquet": _write_parquet,
    ".arrow": _write_arrow,
    ".npy": _write_npy,
}
