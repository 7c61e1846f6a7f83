"""What Spark's workers do with rows: find their numbers, and pack them into pieces for the files that hold them.

Rows travel as the bytes of records, float32 or float64 in the order of the columns, with the weight behind them where
there is one: Spark moves them without looking inside. All of it goes through ``DataFrame.mapInArrow``, which is there
with Spark Connect too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from gaussmix.errors import DataError
from gaussmix.source.array import ArrayPartition
from gaussmix.types import Float64Array, FloatArray, IntArray

PIECES: Final = "file int, first long, records binary"
PART_BITS: Final = 33  # of the number that Spark gives a row, behind that of its part
PIECE_BYTES: Final = 1 << 22  # of one value of bytes: 4 MiB, as much as Spark caches in one batch
CHANGED: Final = (
    "the DataFrame gave other rows when Spark read it again: persist it, or write it to a file and read that"
)

Records = NDArray[Any]
Batches = Iterable[Any]  # of pyarrow.RecordBatch


@dataclass(frozen=True, slots=True)
class Layout:
    """Say how a row is laid out in bytes.

    Attributes
    ----------
    dtype : numpy.dtype
    n_features : int
    weighted : bool
        Whether the row's weight follows, as float64.
    """

    dtype: np.dtype[Any]
    n_features: int
    weighted: bool

    @property
    def record(self) -> np.dtype[Any]:
        """The NumPy type of one row."""
        fields: list[Any] = [("X", self.dtype, (self.n_features,))]
        return np.dtype([*fields, ("weight", np.float64)] if self.weighted else fields)

    def records(self, X: Any, weight: Any = None) -> Records:
        """Return rows and their weights as records."""
        made = np.empty(len(X), self.record)
        made["X"] = X
        if self.weighted:
            made["weight"] = weight
        return made

    def of_bytes(self, value: Any) -> Records:
        """Return the records in a binary value, without a copy of an Arrow buffer."""
        raw = value.as_buffer() if hasattr(value, "as_buffer") else value
        return np.frombuffer(raw, self.record)

    def partition(self, records: Records) -> ArrayPartition:
        """Return a partition that holds these rows."""
        X = np.require(records["X"], self.dtype, ["C", "A"])
        weight = np.require(records["weight"], np.float64, ["C", "A"]) if self.weighted else None
        return ArrayPartition(X, weight, self.dtype)


@dataclass(frozen=True, slots=True)
class Ranges:
    """Say which rows each file holds: its own, and those behind them that a block which begins in it may reach.

    So files serve blocks of any size up to ``reach + 1`` rows.

    Attributes
    ----------
    n_rows : int
        N, of all files.
    size : int
        The rows of its own that each file holds; the last may have fewer.
    reach : int
        How many of the next rows it holds besides.
    """

    n_rows: int
    size: int
    reach: int

    @property
    def n_files(self) -> int:
        """How many files there are."""
        return -(-self.n_rows // self.size)

    def of(self, file: int) -> tuple[int, int]:
        """Return the numbers of the first row that a file holds and of that behind the last."""
        return file * self.size, min((file + 1) * self.size + self.reach, self.n_rows)

    def own_stop(self, file: int) -> int:
        """Return the number of the row behind the last of a file's own."""
        return min((file + 1) * self.size, self.n_rows)

    def files_of(self, first: int, stop: int) -> range:
        """Return the files that hold any of these rows."""
        return range(max(0, (first - self.reach) // self.size), (stop - 1) // self.size + 1)

    def blocks_of(self, file: int, block_rows: int) -> range:
        """Return the logical blocks that begin among a file's own rows."""
        return range(-(-file * self.size // block_rows), -(-self.own_stop(file) // block_rows))


def numbered(batch: Any, parts: Mapping[int, tuple[int, int]]) -> tuple[IntArray, Any]:
    """Return the numbers of the rows of a record batch, of which its last column tells, and its other columns."""
    last = batch.num_columns - 1
    return row_numbers(batch.column(last).to_numpy(), parts), batch.select(list(range(last)))


def row_numbers(numbers: IntArray, parts: Mapping[int, tuple[int, int]]) -> IntArray:
    """Return where rows stand in ``DataFrame.collect()``, from the numbers that Spark gave them.

    Parameters
    ----------
    numbers : ndarray of int
        Of ``monotonically_increasing_id``: the number of a part, and behind it the row's in this part.
    parts : mapping of int to (int, int)
        The number of the first row of each part, and how many rows it has.

    Raises
    ------
    DataError
        If there is no such row.
    """
    part, offset = numbers >> PART_BITS, numbers & ((1 << PART_BITS) - 1)
    rows: IntArray = offset.copy()
    for found in np.unique(part):
        start, count = parts.get(int(found), (0, 0))
        of_part = part == found
        if offset[of_part].max() >= count:
            raise DataError(CHANGED)
        rows[of_part] += start
    return rows


@dataclass(frozen=True)
class Pack:
    """Pack the columns of rows into pieces for files.

    Behind the columns are the numbers that Spark gives the rows: see ``row_numbers``. ``name`` is that of the files:
    Spark would take two equal plans for one, store their rows once, and forget those of both with either.
    """

    name: str
    layout: Layout
    parts: Mapping[int, tuple[int, int]] = field(repr=False)
    ranges: Ranges

    def __call__(self, batches: Batches) -> Iterator[Any]:
        for batch in (batch for batch in batches if batch.num_rows):
            rows, columns = numbered(batch, self.parts)
            records = self.layout.records(*read_batch(columns, self.layout, rows))
            for start, end in pairwise([0, *(np.flatnonzero(np.diff(rows) != 1) + 1), len(rows)]):
                yield from _pieces(self.ranges, int(rows[start]), records[start:end])


@dataclass(frozen=True)
class Cut:
    """Cut pieces anew, for other files or with other weights.

    Attributes
    ----------
    name : str
        Of the files: see ``Pack``.
    layout, cut_layout : Layout
        Of the rows that come and go.
    ranges, cut_ranges : Ranges
        Of their files.
    weight : ndarray of shape (N,), or None
        Weights of all rows; None where those that come with the rows stay.
    """

    name: str
    layout: Layout
    ranges: Ranges
    cut_layout: Layout
    cut_ranges: Ranges
    weight: Float64Array | None = field(default=None, repr=False)

    def __call__(self, batches: Batches) -> Iterator[Any]:
        for file, first, records in pieces_of(batches, self.layout):
            own = records[: max(0, self.ranges.own_stop(file) - first)]
            if self.weight is not None:
                own = self.cut_layout.records(own["X"], self.weight[first : first + len(own)])
            elif self.cut_layout != self.layout:
                own = self.cut_layout.records(own["X"])
            if len(own):
                yield from _pieces(self.cut_ranges, first, own)


def _pieces(ranges: Ranges, start: int, records: Records) -> Iterator[Any]:
    """Yield rows that follow each other, the first of number ``start``, once for each file that holds them."""
    step = max(1, PIECE_BYTES // records.itemsize)
    for done in range(0, len(records), step):
        some, begin = records[done : done + step], start + done
        for file in ranges.files_of(begin, begin + len(some)):
            first, stop = ranges.of(file)
            held = some[max(first - begin, 0) : max(stop - begin, 0)]
            yield one_row(PIECES, [file, max(first, begin), held])


def pieces_of(batches: Batches, layout: Layout) -> Iterator[tuple[int, int, Records]]:
    """Yield the file of each piece, the number of its first row, and its records."""
    for batch in batches:
        columns = (batch.column(name) for name in ("file", "first", "records"))
        for file, first, value in zip(*columns, strict=True):
            yield file.as_py(), first.as_py(), layout.of_bytes(value)


def read_batch(batch: Any, layout: Layout, rows: IntArray) -> tuple[FloatArray, Any]:
    """Return the rows of an Arrow record batch, and their weights, the last column, where there are any.

    ``rows`` are their numbers, for messages.
    """
    columns, weight = batch.columns, None
    if layout.weighted:
        weight = _numbers(columns.pop())
    if len(columns) == 1 and hasattr(columns[0], "flatten"):
        return matrix_of_arrays(columns[0], layout.n_features, rows), weight
    X = np.empty((batch.num_rows, layout.n_features), layout.dtype)
    for d, values in enumerate(columns):
        X[:, d] = _numbers(values)
    return X, weight


def matrix_of_arrays(column: Any, n_features: int, rows: IntArray) -> FloatArray:
    """Return an Arrow column of arrays as a matrix, or raise DataError if one is not of ``n_features`` numbers."""
    lengths = column.value_lengths().to_numpy(zero_copy_only=False)
    if (lengths != n_features).any():  # of a null it is NaN
        at = int((lengths != n_features).argmax())
        length = "null" if np.isnan(lengths[at]) else f"of {lengths[at]:.0f} numbers"
        raise DataError(
            f"row {rows[at]}: the array is {length}, others have {n_features}: give each row as many"
        )
    values: FloatArray = _numbers(column.flatten()).reshape(-1, n_features)
    return values


def _numbers(column: Any) -> NDArray[Any]:
    """Return an Arrow column of float32 or float64; nulls are NaN."""
    values: NDArray[Any] = column.to_numpy(zero_copy_only=False)
    return values


def one_row(schema: str, values: list[Any]) -> Any:
    """Return a record batch of one row; a value of bytes may be a contiguous array, which is not copied."""
    import pyarrow as pa

    kinds = {"int": pa.int32(), "long": pa.int64(), "double": pa.float64(), "binary": pa.binary()}
    fields = [field.split() for field in schema.split(", ")]
    arrays = [
        _binary(value) if isinstance(value, np.ndarray) else pa.array([value], kinds[kind])
        for value, (_, kind) in zip(values, fields, strict=True)
    ]
    return pa.record_batch(arrays, names=[name for name, _ in fields])


def _binary(values: NDArray[Any]) -> Any:
    """Return an Arrow array of one value: the bytes of a contiguous array."""
    import pyarrow as pa

    content = values.reshape(-1).view(np.uint8)
    offsets = pa.py_buffer(np.array([0, content.nbytes], np.int32))
    return pa.Array.from_buffers(pa.binary(), 1, [None, offsets, pa.py_buffer(content)])
