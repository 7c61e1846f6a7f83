"""Rows whose values are mostly zero: SciPy's sparse arrays and matrices, of which only small samples become dense."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from gaussmix.errors import DataError, DataTypeError, ResourceLimitError
from gaussmix.linalg import is_sparse
from gaussmix.source.array import converted
from gaussmix.source.base import Partition, Source, row_runs
from gaussmix.source.check import check_sample_weight
from gaussmix.source.finite import examine
from gaussmix.source.request import Request
from gaussmix.types import Float64Array, FloatArray, IntArray

_MOST_VALUES: Final = 1 << 26  # of rows that are made dense at once: 512 MB
_FLOAT32, _FLOAT64 = np.dtype(np.float32), np.dtype(np.float64)


@dataclass(frozen=True, slots=True, eq=False)
class SparsePartition(Partition):
    """Address a run of rows, as views that pickle to these rows only.

    Attributes
    ----------
    values, columns : ndarray of shape (nnz,)
        Of the stored values of these rows.
    starts : ndarray of shape (n + 1,)
        Where each row starts among them.
    weight : ndarray of shape (n,), or None
    n_features : int
    dtype : numpy.dtype
    """

    values: NDArray[Any]
    columns: IntArray
    starts: IntArray
    weight: Float64Array | None
    n_features: int
    dtype: np.dtype[Any]

    def load(self) -> tuple[Any, Float64Array | None]:
        """Return the rows as a ``csr_array`` (n, D) without repeated entries, and their weights."""
        with np.errstate(over="ignore"):  # a longdouble beyond float64 becomes inf; it is found by the check
            values = np.require(self.values, self.dtype, ["C", "A"])
        shape = (len(self.starts) - 1, self.n_features)
        return csr_array((values, self.columns, self.starts), shape=shape), self.weight


@dataclass(frozen=True, eq=False)
class SparseSource(Source):
    """Serve the rows of a sparse matrix as blocks of compressed sparse rows.

    Parameters
    ----------
    X : scipy.sparse array or matrix of shape (N, D)
        Real numbers in any format. Compressed sparse rows (CSR) with sorted, distinct columns in each row are not
        copied; all else is converted once. Nothing is written to ``X``. float32 is served as float32, everything
        else as float64, converted as blocks are loaded. Values are not checked to be finite.
    sample_weight : array-like of shape (N,), optional
        Finite weights, none negative and not all zero.

    Raises
    ------
    DataError
        If the matrix is not two-dimensional, has no rows or columns, holds no real numbers or has columns out of
        range, or if weights do not fit.
    DataTypeError
        If X is not sparse.

    Examples
    --------
    >>> from scipy.sparse import csr_array
    >>> source = SparseSource(csr_array([[0, 2, 0], [1, 0, 0]]))
    >>> source.n_rows, source.n_features, str(source.dtype)
    (2, 3, 'float64')
    >>> [partition.load()[0].nnz for partition in source.partitions(1)]
    [1, 1]
    """

    X: Any = field(repr=False)
    sample_weight: Float64Array | None = field(default=None, repr=False)
    feature_names: tuple[str, ...] | None = field(default=None, init=False)
    sparse: bool = field(default=True, init=False)
    n_rows: int = field(init=False)
    n_features: int = field(init=False)
    dtype: np.dtype[Any] = field(init=False)

    def __post_init__(self) -> None:
        X = _as_rows(self.X)
        n_rows, n_features = X.shape
        weight = None if self.sample_weight is None else check_sample_weight(self.sample_weight, n_rows)
        dtype = _FLOAT32 if X.dtype == _FLOAT32 else _FLOAT64
        values = {"X": X, "sample_weight": weight, "n_rows": n_rows, "n_features": n_features, "dtype": dtype}
        for name, value in values.items():
            object.__setattr__(self, name, value)

    def partitions(self, block_rows: int) -> Sequence[SparsePartition]:
        """Return views of consecutive runs of ``block_rows`` rows."""
        X, weight = self.X, self.sample_weight
        parts = []
        for run in row_runs(self.n_rows, block_rows):
            first, last = int(X.indptr[run.start]), int(X.indptr[run.stop])
            starts = X.indptr[run.start : run.stop + 1] - X.indptr[run.start]
            part = SparsePartition(
                X.data[first:last],
                X.indices[first:last],
                starts.astype(X.indices.dtype, copy=False),
                None if weight is None else weight[run],
                self.n_features,
                self.dtype,
            )
            parts.append(part)
        return parts

    def take(self, rows: IntArray) -> FloatArray:
        """Return a dense copy of some rows.

        Raises
        ------
        ResourceLimitError
            If they would take more than 512 MB.
        """
        if len(rows) * self.n_features > _MOST_VALUES:
            gigabytes = 8 * len(rows) * self.n_features / 2**30
            raise ResourceLimitError(
                f"{len(rows)} dense rows of {self.n_features} features would take {gigabytes:,.1f} GiB, and this "
                "cannot be done with sparse rows: take fewer rows"
            )
        dense: FloatArray = self.X[rows].toarray().astype(self.dtype, copy=False)
        return np.ascontiguousarray(dense)

    def with_weight(self, sample_weight: object) -> SparseSource:
        """Return a source of the same rows with other weights."""
        return SparseSource(self.X, sample_weight)  # type: ignore[arg-type]  # checked there


def read(data: object, request: Request) -> Source:
    """Return a source of the finite rows of a sparse matrix, which are in memory already.

    Raises
    ------
    DataError
        Naming the first row and column whose value is not finite. Sparse rows take no missing values.
    ParameterError
        If columns are named.
    """
    request.require_no_columns("an array's columns have no names: choose by X[:, [...]]")
    source = SparseSource(data, request.sample_weight)
    stored = source.X
    _, unusable = examine(converted(stored.data[:, None], source.dtype), missing=False)
    if unusable is not None:
        row = int(np.searchsorted(stored.indptr, unusable.row, side="right")) - 1
        raise replace(unusable, row=row, column=int(stored.indices[unusable.row])).error()
    return source


def _as_rows(X: Any) -> Any:
    """Return a matrix as compressed sparse rows whose columns are sorted and distinct in each row, or refuse it."""
    if not is_sparse(X):
        raise DataTypeError(f"X is a {type(X).__name__}: expected a SciPy sparse array or matrix")
    if X.ndim != 2:
        raise DataError(f"X has {X.ndim} dimension(s), shape {X.shape}: expected rows and columns")
    if 0 in X.shape:
        raise DataError(f"X has {X.shape[0]} rows and {X.shape[1]} columns: at least one of each is needed")
    if X.dtype.kind not in "biuf":
        raise DataError(
            f"X is of type {X.dtype}: sparse rows hold real numbers, convert with X.astype(float)"
        )
    rows = csr_array(X.tocsr())  # its own object on the same arrays, so that X is left as it is
    try:
        rows.check_format(full_check=True)
    except (ValueError, IndexError) as error:
        raise DataError(
            f"X is not a valid sparse matrix ({error}): build it anew, e.g. X.tocoo().tocsr()"
        ) from error
    if not rows.has_canonical_format:
        rows = rows.copy()
        rows.sum_duplicates()
    return rows
