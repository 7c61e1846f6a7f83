"""One source from the files that hold its rows: in memory where they fit, otherwise read again in each pass."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from gaussmix.errors import DataError, ResourceLimitError
from gaussmix.source.array import ArraySource
from gaussmix.source.base import Source
from gaussmix.source.check import listed
from gaussmix.source.contents import Contents, Opened
from gaussmix.source.files import map_npy, open_file
from gaussmix.source.finite import checked_blocks
from gaussmix.source.limit import exceeds, in_units, too_large_to_fill_in
from gaussmix.source.matrix import Matrix
from gaussmix.source.parquet import ParquetRows
from gaussmix.source.raw_files import RawFiles
from gaussmix.source.request import Request
from gaussmix.source.spill import Spill
from gaussmix.source.stored import Storage, served, served_unread
from gaussmix.types import FloatArray

_DECODED: Final = 64 << 20  # bytes that may be decoded at once, whatever the limit
_BLANK: Final = (
    ".csv",
    ".tsv",
)  # an empty one is no sign of damage


def read_files(paths: Sequence[Path], readers: Mapping[str, str], request: Request) -> Source:
    """Return a source of the rows of one or more files, whose values were checked.

    Parameters
    ----------
    paths : sequence of Path
        At least one, in the order of their rows.
    readers : mapping of str to str
        As ``gaussmix.source.READERS``.
    request : Request
        Whose weights are an array. NaN is refused where the rows do not fit into memory.

    Returns
    -------
    Source

    Raises
    ------
    OSError
        If a file cannot be opened.
    DataError
        If formats or columns differ, or rows cannot be used; the message names the file.
    ResourceLimitError
        If there is not enough space for the converted rows.
    """
    _require_one_format(paths, readers)
    files = []
    for path in paths:
        if len(paths) > 1 and path.suffix.lower() in _BLANK and path.stat().st_size == 0:
            continue
        with named(path):
            files.append(open_file(path, request.columns, readers))
            files[0].require_same_columns(files[-1])
            _require_small_parts(files[-1].contents, request.limit)
    if not files:
        raise DataError(f"{paths[0]}: the file is empty, as are all others: write them again")
    files = [file for file in files if file.contents.n_rows != 0] or files[:1]
    if files[0].contents.raw is not None:
        source = _by_position(files, request)
        if source is not None:
            return source
    return _collected(files, request)


def _require_small_parts(contents: Contents, limit: int) -> None:
    if contents.decoded_at_once > max(limit, _DECODED):
        raise ResourceLimitError(
            f"its largest batch needs {in_units(contents.decoded_at_once)}, which have to be decoded at once: write"
            " the file again in smaller batches, or raise memory_limit"
        )


def names_of_columns(
    path: Path, readers: Mapping[str, str], columns: Sequence[str] | None = None
) -> tuple[str, ...] | None:
    """Return the names of the columns of a file, from its header alone; None where they have no names."""
    with named(path):
        return open_file(path, columns, readers).contents.names


def _require_one_format(paths: Sequence[Path], readers: Mapping[str, str]) -> None:
    formats = {readers.get(path.suffix.lower()): path for path in reversed(paths)}
    if len(formats) > 1:
        kinds = sorted({path.suffix.lower() for path in paths})
        examples = ", ".join(str(path) for path in sorted(formats.values())[:2])
        raise DataError(
            f"the files are of several formats, {listed(kinds)} (such as {examples}): name those of one format, with"
            " a glob such as FOLDER/*.parquet"
        )


def _by_position(files: Sequence[Opened], request: Request) -> Source | None:
    """Return a source that reads the files as they are; None if they are several and fit into memory."""
    first = files[0].contents
    if not _fits(sum(file.contents.n_rows or 0 for file in files), first, request.limit):
        raws = [file.contents.raw for file in files]
        storage = RawFiles([raw for raw in raws if raw is not None], first.dtype)
        return served_unread(storage, request)
    if len(files) > 1:
        return None
    with named(files[0].path):
        weighted = ArraySource(map_npy(files[0].path), request.sample_weight)
        blocks = files[0].blocks()  # not of the map, whose pages would count as memory of this process
        absent = [absent for _, absent in checked_blocks(blocks, None, missing=request.missing)]
    return replace(weighted, incomplete=any(absent))


def _collected(files: Sequence[Opened], request: Request) -> Source:
    """Return a source of the rows of files that were read once."""
    declared = [file.contents.n_rows for file in files]
    known = [n for n in declared if n is not None]
    with named(files[0].path):
        n_rows = sum(known) if len(known) == len(files) else None
        gathered = Gathered(files[0].contents, n_rows, request.limit)
    for file in files:
        with named(file.path):
            for X, absent in checked_blocks(file.blocks(), file.contents.names, missing=request.missing):
                gathered.incomplete |= absent
                gathered.append(X)
    with named(files[0].path):
        origin = ParquetRows.of(files) if all(file.contents.groups for file in files) else None
        return gathered.source(request, origin)


class Gathered:
    """Collects rows in memory, and once they exceed the limit in a temporary file."""

    def __init__(self, contents: Contents, n_rows: int | None, limit: int) -> None:
        self.incomplete = False
        self._contents, self._limit = contents, limit
        self._kind = contents.n_features, contents.dtype
        self._spill: Spill | None = None
        self._matrix: Matrix | None = None
        if n_rows is None or _fits(n_rows, contents, limit):
            self._matrix = Matrix(*self._kind, n_rows)
        else:
            self._spill = Spill(*self._kind, n_rows)

    def append(self, X: FloatArray) -> None:
        if self._matrix is not None and not _fits(self._matrix.n_rows + len(X), self._contents, self._limit):
            self._spill = Spill(*self._kind)
            self._spill.append(self._matrix.rows())
            self._matrix = None
        if self._spill is not None and self.incomplete:
            raise DataError(too_large_to_fill_in(self._limit, what="values here or in rows before"))
        target = self._spill if self._matrix is None else self._matrix
        if target is not None:
            target.append(X)

    def source(self, request: Request, origin: Storage | None = None) -> Source:
        names = self._contents.names
        if self._spill is None:
            X: Any = np.empty((0, self._kind[0])) if self._matrix is None else self._matrix.rows()
            return ArraySource(X, request.sample_weight, names, self.incomplete)
        storage = RawFiles([self._spill.rows()], self._spill.dtype, origin=origin)
        return served(storage, request, names)


def _fits(n_rows: int, contents: Contents, limit: int) -> bool:
    return not exceeds(n_rows, contents.n_features, limit)


@contextmanager
def named(path: Path) -> Iterator[None]:
    """Put the file's name before messages about its content."""
    try:
        yield
    except (DataError, ResourceLimitError) as error:
        if str(error).startswith(f"{path}: "):
            raise
        raise type(error)(f"{path}: {error}") from error
