"""Where rows come from: arrays, memory maps, dataframes, Arrow streams and files.

The registry is ``READERS``: a format of files costs one function and one line here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from importlib import import_module
from os import PathLike
from pathlib import Path

from gaussmix.errors import DataError, DataTypeError, ParameterError, ResourceLimitError
from gaussmix.source.array import ArraySource
from gaussmix.source.base import Known, Partition, Source
from gaussmix.source.check import check_sample_weight, first_non_finite, has_missing, require_finite
from gaussmix.source.delimited import read_csv, read_tsv
from gaussmix.source.files import Reader, read_arrow, read_file, read_npy, read_parquet
from gaussmix.source.incomplete import IncompleteRows, by_group, by_pattern
from gaussmix.source.table import is_table, read_table

READERS: dict[str, Reader] = {
    ".npy": read_npy,
    ".csv": read_csv,
    ".tsv": read_tsv,
    ".parquet": read_parquet,
    ".arrow": read_arrow,
    ".feather": read_arrow,
    ".ipc": read_arrow,
}
"""The reader of each extension: ``(path, columns) -> (X, names)``."""

ADAPTERS: dict[str, str] = {}
"""The module that makes sources of another package's collections, by the name of that package.

It has ``read(data, columns, sample_weight, missing=) -> Source``, and is imported where such data come.
"""

__all__ = [
    "Source",
    "Partition",
    "ArraySource",
    "IncompleteRows",
    "Known",
    "as_source",
    "by_group",
    "by_pattern",
    "has_missing",
    "is_table",
    "first_non_finite",
    "require_finite",
    "check_sample_weight",
    "checked",
    "READERS",
    "ADAPTERS",
]


def as_source(
    data: object,
    *,
    columns: Sequence[str] | None = None,
    sample_weight: object | None = None,
    missing: bool = False,
) -> Source:
    """Return a source of finite rows over whatever holds them.

    Parameters
    ----------
    data : str, path, dataframe, Arrow stream, array-like of shape (N, D), or Source
        A path is read by its extension, one of those in ``READERS``. Arrays and .npy files are not copied;
        tables and other files become one matrix in memory. A record batch reader is read to its end. A source
        is returned unread, with ``sample_weight`` if that is given.
    columns : sequence of str, optional
        Columns of a table or file to use, in this order. Default: all.
    sample_weight : array-like of shape (N,), optional
        Weights of the rows: finite, none negative, not all zero.
    missing : bool, default=False
        Whether NaN is taken as a missing value; refused otherwise.

    Returns
    -------
    Source

    Raises
    ------
    DataError
        If rows, columns or weights cannot be used; the message names the file, and the row (from 0) or
        column.
    DataTypeError
        If ``data`` is of a kind that has no dense, readable rows.
    ParameterError
        If ``columns`` are given for data whose columns have no names.
    MissingDependencyError
        If reading needs pyarrow and it is not installed.
    OSError
        If a file cannot be opened.

    Examples
    --------
    >>> source = as_source([[1, 2], [3, 4], [5, 6]])
    >>> source.n_rows, source.n_features
    (3, 2)
    >>> as_source([[1.0, float("nan")]])
    Traceback (most recent call last):
        ...
    gaussmix.errors.DataError: row 0, column 1 is NaN (a missing value): drop the row or fill ...
    """
    if isinstance(data, Source):
        if columns is not None:
            raise ParameterError(
                f"columns={columns!r}: a Source has its own columns: choose where it is built"
            )
        if data.incomplete and not missing:
            raise DataError("values are missing (NaN): drop their rows or fill in finite values")
        return data if sample_weight is None else data.with_weight(sample_weight)
    if isinstance(data, str | PathLike):
        return _from_file(Path(data), columns, sample_weight, missing=missing)
    adapter = ADAPTERS.get(type(data).__module__.partition(".")[0])
    if adapter is not None:
        source: Source = import_module(adapter).read(data, columns, sample_weight, missing=missing)
        return source
    if isinstance(data, Iterator) and not hasattr(data, "__arrow_c_stream__"):
        raise DataTypeError(
            f"X is a {type(data).__name__}, which can be read only once: pass an array, numpy.array(list(X))"
        )
    if is_table(data):
        return _checked(*read_table(data, columns), sample_weight, missing=missing)
    if columns is not None:
        raise ParameterError(f"columns={columns!r}: an array's columns have no names: choose by X[:, [...]]")
    return _checked(data, None, sample_weight, missing=missing)


def _from_file(
    path: Path, columns: Sequence[str] | None, sample_weight: object | None, *, missing: bool
) -> Source:
    try:
        return _checked(*read_file(path, columns, READERS), sample_weight, missing=missing)
    except (DataError, ResourceLimitError) as error:
        raise type(error)(f"{path}: {error}") from error


def _checked(
    X: object, names: tuple[str, ...] | None, sample_weight: object | None, *, missing: bool
) -> Source:
    return checked(ArraySource(X, sample_weight, names), missing=missing)  # type: ignore[arg-type]


def checked(source: ArraySource, *, missing: bool) -> ArraySource:
    """Return a source whose values were found to be finite, or with ``missing`` NaN.

    Raises
    ------
    DataError
        Naming the first row and column whose value is not, or the row of which nothing is known.
    """
    if not missing:
        require_finite(source)
        return source
    return replace(source, incomplete=True) if has_missing(source) else source
