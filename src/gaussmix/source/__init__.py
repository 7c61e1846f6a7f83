"""Where rows come from: arrays, memory maps, dataframes, Arrow streams and files.

The registry is ``READERS``: a format of files costs one function and one line here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from importlib import import_module
from typing import Any

from gaussmix.errors import DataError, DataTypeError
from gaussmix.source.array import ArraySource
from gaussmix.source.base import Known, Partition, Source
from gaussmix.source.batches import is_batches, read_batches
from gaussmix.source.check import check_sample_weight, features_beside, weights_of
from gaussmix.source.finite import check_values
from gaussmix.source.incomplete import IncompleteRows, by_group, by_pattern
from gaussmix.source.paths import find_files, is_path, split_store
from gaussmix.source.request import Request
from gaussmix.source.table import is_table, read_table, split_weight

READERS: dict[str, str] = {
    ".npy": "gaussmix.source.files.read_npy",
    ".csv": "gaussmix.source.delimited.read_csv",
    ".tsv": "gaussmix.source.delimited.read_tsv",
    ".parquet": "gaussmix.source.files.read_parquet",
    ".arrow": "gaussmix.source.files.read_arrow",
    ".feather": "gaussmix.source.files.read_arrow",
    ".ipc": "gaussmix.source.files.read_arrow",
}
"""The name of the reader of each extension, ``(path, columns) -> Contents``, which is imported where it is needed."""

ADAPTERS: dict[str, str] = {
    "dask": "gaussmix.source.dask",
    "h5py": "gaussmix.source.hdf5",
    "zarr": "gaussmix.source.zarr",
    "pyspark": "gaussmix.source.spark",
    "scipy": "gaussmix.source.sparse",
}
"""The module that makes sources of another package's collections, by the name of that package.

It has ``read(data, request: Request) -> Source``, and is imported where they come.
"""

STORES: dict[str, str] = {
    ".h5": "gaussmix.source.hdf5",
    ".hdf5": "gaussmix.source.hdf5",
    ".zarr": "gaussmix.source.zarr",
}
"""The module that reads stores of arrays, by the extension of the file or folder.

It has ``STORE``, a ``gaussmix.source.store.Store``; ``"path::name"`` names the array in the store.
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
    "column_names",
    "is_collection",
    "is_path",
    "is_table",
    "check_sample_weight",
    "check_values",
    "checked",
    "READERS",
    "ADAPTERS",
    "STORES",
]


def as_source(
    data: object,
    *,
    columns: Sequence[str] | None = None,
    sample_weight: object | None = None,
    missing: bool = False,
    memory_limit: int | str | None = None,
) -> Source:
    """Return a source of finite rows over whatever holds them.

    Parameters
    ----------
    data : str, path, list of paths, dataframe, Arrow stream, array-like of shape (N, D), or Source
        A path is a file, read by its extension, one of those in ``READERS``; a folder of files of one format, in the
        order of their paths, with its ``key=value`` folders, whose names are not read as columns; or a glob. Names
        that begin with a dot or an underscore are left out, and files without rows. HDF5 files and Zarr folders hold
        one matrix, or it is named, as in ``"file.h5::/group/data"``. h5py's datasets, arrays of Zarr and Dask and
        Dask's dataframes are read or computed block by block in each pass. A callable without parameters that returns
        an iterator of batches of rows, or an object whose ``iter()`` gives them anew, is gone through once. Arrays
        are not copied; a table becomes one matrix in memory. A record batch reader is read to its end. A source is
        returned unread, with ``sample_weight`` if that is given.
    columns : sequence of str, optional
        Columns of a table or file to use, in this order. Default: all.
    sample_weight : array-like of shape (N,) or str, optional
        Weights of the rows: finite, none negative, not all zero. Of files and tables whose columns have names: the
        column that holds them, which is then no feature unless ``columns`` name it.
    missing : bool, default=False
        Whether NaN is taken as a missing value; refused otherwise.
    memory_limit : int or str, optional
        Bytes, or text such as ``"2GiB"``, that rows which come in no array or table may take in memory, each value
        counted as eight bytes. Where there are more, .npy files are read anew in each pass, and other files and
        batches are converted once to a temporary file, in the folder that the environment variable
        ``GAUSSMIX_SPILL`` names. HDF5 and Zarr are read in each pass whatever their size; chunks of Dask up to the
        limit are kept. Default: a quarter of the memory that this process may use.

    Returns
    -------
    Source

    Raises
    ------
    DataError
        If rows, columns or weights cannot be used; the message names the file, and the row (from 0) or column. Rows
        of .npy files, HDF5 and Zarr beyond the limit are not read for that alone: the first reader of a value that is
        not finite gets the error.
    DataTypeError
        If ``data`` is of a kind that has no dense, readable rows.
    ParameterError
        If columns are named of data whose columns have no names, or a limit is not one.
    MissingDependencyError
        If reading needs pyarrow and it is not installed.
    ResourceLimitError
        If there is not enough memory or space for the rows.
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
    request = Request(columns, sample_weight, missing, memory_limit)
    if isinstance(data, Source):
        request.require_no_columns("a Source has its own columns: choose where it is built")
        if data.incomplete and not missing:
            raise DataError("values are missing (NaN): drop their rows or fill in finite values")
        return data if sample_weight is None else data.with_weight(sample_weight)
    if is_path(data):
        return _from_paths(data, request)
    adapter = ADAPTERS.get(type(data).__module__.partition(".")[0])
    if adapter is not None:
        source: Source = import_module(adapter).read(data, request)
        return source
    if isinstance(data, Iterator) and not hasattr(data, "__arrow_c_stream__"):
        raise DataTypeError(
            f"X is a {type(data).__name__}, which can be read only once: pass an array, numpy.array(list(X)), or what"
            " can be read again and again: a callable that returns an iterator of batches of rows, or an object whose"
            " iter() begins anew"
        )
    if is_table(data):
        table, request = split_weight(data, request)
        return _checked(*read_table(table, request.columns), request)
    if is_batches(data):
        return read_batches(data, request)
    request.require_no_columns("an array's columns have no names: choose by X[:, [...]]")
    return _checked(data, None, request)


def _from_paths(data: object, request: Request) -> Source:
    """Return a source of the rows of files, or of an array in a store."""
    from gaussmix.source.gather import named, read_files  # here: rows in memory need not wait for it

    if (weight := request.weight_column) is not None:
        columns = request.columns
        if columns is None:
            columns = features_beside(weight, column_names(data), None)
        weights = weights_of(_from_paths(data, Request([weight], memory_limit=request.memory_limit)))
        request = replace(request, columns=columns, sample_weight=weights)
    store, name = split_store(data, STORES)
    if store is None:
        return read_files(find_files(data, READERS, STORES), READERS, request)
    with named(store):
        source: Source = import_module(STORES[store.suffix.lower()]).STORE.open_store(store, name, request)
        return source


def is_collection(data: object) -> bool:
    """Return whether :func:`as_source` reads ``data`` part by part, where others would make one array of it.

    Parameters
    ----------
    data : object
        Anything.

    Returns
    -------
    bool
        True for what the packages of ``ADAPTERS`` make, and for batches.
    """
    return type(data).__module__.partition(".")[0] in ADAPTERS or (not is_table(data) and is_batches(data))


def column_names(data: object, columns: Sequence[str] | None = None) -> tuple[str, ...] | None:
    """Return the names of the columns of the files that :func:`as_source` would read, without reading the rows.

    Parameters
    ----------
    data : str, path, or list of paths
        A file, a folder, a glob or a list of these.
    columns : sequence of str, optional
        Columns to use. Default: all.

    Returns
    -------
    tuple of str, or None
        None where columns have no names.
    """
    if split_store(data, STORES)[0] is not None:
        return None
    from gaussmix.source.gather import names_of_columns

    return names_of_columns(find_files(data, READERS, STORES)[0], READERS, columns)


def _checked(X: Any, names: tuple[str, ...] | None, request: Request) -> Source:
    return checked(ArraySource(X, request.sample_weight, names), missing=request.missing)


def checked(source: ArraySource, *, missing: bool) -> ArraySource:
    """Return a source whose values were found to be finite, or with ``missing`` NaN.

    Raises
    ------
    DataError
        Naming the first row and column whose value is not, or the row of which nothing is known.
    """
    return replace(source, incomplete=True) if check_values(source, missing=missing) else source
