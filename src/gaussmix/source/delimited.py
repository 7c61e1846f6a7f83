"""Files of delimited text: one header line of names, then rows of numbers.

pyarrow converts the numbers (correctly rounded, so 17 digits give back the same float64), but says of errors
only what its parser saw; here they are put in terms of the table's rows and columns.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, TextIO

from gaussmix.errors import DataError
from gaussmix.source.arrow import MappedFile, arrow_errors, dtype_of, matrix_blocks, require_pyarrow, select
from gaussmix.source.check import choose_columns
from gaussmix.source.contents import Contents
from gaussmix.types import FloatArray

_BLOCK_BYTES = 1 << 22  # what pyarrow parses at once; a line must fit into it
_DELIMITERS = {",": "a comma", "\t": "a tab", ";": "a semicolon", "|": "a bar", " ": "a space"}
_NUMBER = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*")
_SPECIAL = re.compile(r"\s*[+-]?(nan|inf|infinity)\s*", re.IGNORECASE)
_BAD_CELL = re.compile(r"In CSV column #(\d+): Row #(\d+): .*?invalid value '(.*)'", re.DOTALL)
_RAGGED = re.compile(r"Row #(\d+): Expected (\d+) columns, got (\d+)")


def read_csv(path: Path, columns: Sequence[str] | None) -> Contents:
    """Return what the first rows say of a comma-separated file; see :func:`read_delimited`."""
    return read_delimited(path, columns, ",")


def read_tsv(path: Path, columns: Sequence[str] | None) -> Contents:
    """Return what the first rows say of a tab-separated file; see :func:`read_delimited`."""
    return read_delimited(path, columns, "\t")


def read_delimited(path: Path, columns: Sequence[str] | None, delimiter: str) -> Contents:
    """Return what the first rows say of a text file, whose numeric columns are read as float64; empty cells are NaN.

    A file whose first row holds only numbers has no header; its columns are named x0, x1, ... Blank lines are
    skipped.

    Parameters
    ----------
    path : Path
        A file in UTF-8, with or without byte order mark; lines may end in LF or CRLF.
    columns : sequence of str, or None
        Columns to read; None for all.
    delimiter : str
        One character.

    Raises
    ------
    DataError
        Naming the row and column of a cell that is not a number, or the row with too few or too many cells.
    """
    first_row = _first_row(path, delimiter)
    has_header = not _is_numeric(first_row)
    names = first_row if has_header else [f"x{column}" for column in range(len(first_row))]
    chosen = _choose(names, columns)
    layout = partial(_open, names=names, has_header=has_header, delimiter=delimiter)
    errors = partial(_errors, names, has_header, delimiter)
    with errors(), MappedFile(path) as content:
        with layout(content) as reader:
            schema = reader.schema  # types guessed from the first rows
        kinds = {name: _kind(schema.field(name).type) for name in chosen}
        with layout(content, kinds=kinds) as reader:
            schema = reader.schema
            select(schema, chosen)

    def blocks() -> Iterator[FloatArray]:
        with errors(), MappedFile(path) as content, layout(content, kinds=kinds) as reader:
            yield from matrix_blocks(reader.schema, reader, chosen, content.forget)

    types = ("number",) * len(chosen)  # truth values in one file and numbers in another are no difference
    return Contents(len(chosen), tuple(chosen), types, dtype_of(schema, chosen), None, blocks)


def _choose(names: list[str], columns: Sequence[str] | None) -> list[str]:
    chosen = choose_columns(names, columns)
    if "" in chosen:
        raise DataError(
            f"column {names.index('')} has no name (a row index that was written along?): name it in the"
            " header, or choose the columns to use with columns=[...]"
        )
    return chosen


def _first_row(path: Path, delimiter: str) -> list[str]:
    """Return the cells of the first line that is not blank."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            row = next((row for row in csv.reader(_lines(file), delimiter=delimiter) if row), None)
    except UnicodeDecodeError as error:
        raise DataError(f"the text is not in UTF-8 ({error.reason}): save the file in UTF-8") from error
    except csv.Error as error:
        raise DataError(
            f"the first line cannot be read ({error}): is this a file of delimited text?"
        ) from error
    if row is None:
        raise DataError("there are no rows: nothing but blank lines")
    if len(row) > 1 and row == [str(column) for column in range(len(row))]:
        raise DataError(
            "the first line is 0, 1, 2, ..., which may be column numbers or data: give the columns names in"
            " the first line"
        )
    return row


def _lines(file: TextIO) -> Iterator[str]:
    """Yield the lines of a file, none of which is read if it is longer than the parser takes."""
    for line in iter(partial(file.readline, _BLOCK_BYTES), ""):
        if len(line) == _BLOCK_BYTES and not line.endswith(("\n", "\r")):
            raise csv.Error(f"it is longer than {_BLOCK_BYTES >> 20} MiB")
        yield line


def _is_numeric(cells: list[str]) -> bool:
    numbers = [_NUMBER.fullmatch(cell) is not None for cell in cells]
    return any(numbers) and all(
        is_number or _SPECIAL.fullmatch(cell) for is_number, cell in zip(numbers, cells, strict=True)
    )


def _kind(guessed: Any) -> Any:
    """Return what to read a column as: true and false stay truth values, all else has to be a float."""
    pa = require_pyarrow()
    return guessed if pa.types.is_boolean(guessed) else pa.float64()


def _open(
    content: MappedFile,
    *,
    names: list[str],
    has_header: bool,
    delimiter: str,
    kinds: dict[str, Any] | None = None,
) -> Any:
    from pyarrow import csv as arrow_csv

    return arrow_csv.open_csv(
        content.reader(),  # of its own: it is read ahead in the background
        # one thread: only then do errors carry row numbers
        arrow_csv.ReadOptions(
            use_threads=False, block_size=_BLOCK_BYTES, column_names=None if has_header else names
        ),
        arrow_csv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
        arrow_csv.ConvertOptions(column_types=kinds, include_columns=None if kinds is None else list(kinds)),
    )


@contextmanager
def _errors(names: list[str], has_header: bool, delimiter: str) -> Iterator[None]:
    """Put pyarrow's messages in terms of rows and columns."""
    try:
        with arrow_errors("a file of delimited text"):
            yield
    except DataError as error:
        text = str(error.__cause__)
        lines_before = 2 if has_header else 1  # pyarrow numbers lines from 1, and the header is one
        hint = _delimiter_hint(names, delimiter)
        if found := _BAD_CELL.search(text):
            name = names[int(found[1])]
            raise DataError(
                f"row {int(found[2]) - lines_before}, column {name!r} is {found[3][:40]!r}, not a number:"
                " correct the cell, or choose the columns to use with columns=[...] (rows count from 0)"
                + hint
            ) from error
        if found := _RAGGED.search(text):
            raise DataError(
                f"row {int(found[1]) - lines_before} has {found[3]} cell(s) where {found[2]} are expected"
                f" (rows count from 0): correct the row{hint}"
            ) from error
        raise


def _delimiter_hint(names: list[str], delimiter: str) -> str:
    """Return a sentence if the only column's name looks like several."""
    others = [other for other in _DELIMITERS if other != delimiter and other in names[0]]
    if len(names) > 1 or not others:
        return ""
    return (
        f"; the delimiter may be wrong: expected {_DELIMITERS[delimiter]}, but the first line holds"
        f" {_DELIMITERS[others[0]]} (.csv means commas, .tsv tabs)"
    )
