"""What Spark's workers do with rows: pack them into bytes, cut them into logical blocks, and read these again.

Rows travel as the bytes of records, float32 or float64 in the order of the columns, with the weight behind them where
there is one: Spark moves them without looking inside. All of it goes through ``DataFrame.mapInArrow``, which is there
with Spark Connect too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby, pairwise
from operator import itemgetter
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from gaussmix.errors import DataError
from gaussmix.source.array import ArrayPartition
from gaussmix.source.finite import examine
from gaussmix.types import Float64Array, FloatArray, IntArray

PACKED: Final = "part long, first long, n_rows long, bad_row long, bad_column int, bad double, records binary"
CUT: Final = "place long, block long, first long, records binary"
TAKEN: Final = "first long, records binary"
_PIECE_BYTES: Final = 1 << 22  # of one value of bytes: 4 MiB, as much as Spark caches in one batch
_CHANGED: Final = (
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

    @property
    def piece_rows(self) -> int:
        """How many rows one value of bytes holds, at most."""
        return max(1, _PIECE_BYTES // self.record.itemsize)

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


@dataclass(frozen=True)
class Pack:
    """Pack the columns of rows into records, those of each part by themselves.

    Behind the columns are the numbers that Spark gives the rows. A part holds rows that are numbered one after the
    other, of one Spark partition or some of its rows: several follow, since Spark is asked to read them in few tasks.
    The first value that is not finite is noted.
    """

    layout: Layout

    def __call__(self, batches: Batches) -> Iterator[Any]:
        for part, some in groupby(parts_of(batches), key=itemgetter(0)):
            first = 0
            made = (self.layout.records(*read_batch(batch, self.layout)) for _, batch in some)
            for records in _runs(made, self.layout.piece_rows):
                yield one_row(PACKED, [part, first, len(records), *_first_bad(records), records.tobytes()])
                first += len(records)


def parts_of(batches: Batches) -> Iterator[tuple[int, Any]]:
    """Yield the same rows as batches of one part each, with its first row's number, without the numbers.

    In the order of these numbers, parts are in the order of ``DataFrame.collect()``.
    """
    part = following = -1
    for batch in batches:
        number = batch.column(batch.num_columns - 1).to_numpy()
        rows = batch.select(list(range(batch.num_columns - 1)))
        if len(number):
            for start, end in pairwise([0, *(np.flatnonzero(np.diff(number) != 1) + 1), len(number)]):
                if number[start] != following:
                    part = int(number[start])
                following = int(number[end - 1]) + 1
                yield part, rows.slice(start, end - start)


def read_batch(batch: Any, layout: Layout) -> tuple[FloatArray, Any]:
    """Return the rows of an Arrow record batch, and their weights, the last column, where there are any."""
    columns, weight = batch.columns, None
    if layout.weighted:
        weight = _numbers(columns.pop())
    if len(columns) == 1 and hasattr(columns[0], "flatten"):
        return matrix_of_arrays(columns[0], layout.n_features), weight
    X = np.empty((batch.num_rows, layout.n_features), layout.dtype)
    for d, values in enumerate(columns):
        X[:, d] = _numbers(values)
    return X, weight


def matrix_of_arrays(column: Any, n_features: int) -> FloatArray:
    """Return an Arrow column of arrays as a matrix, or raise DataError if one is not of ``n_features`` numbers."""
    lengths = column.value_lengths().to_numpy(zero_copy_only=False)
    if (lengths != n_features).any():  # of a null it is NaN
        row = int((lengths != n_features).argmax())
        length = "null" if np.isnan(lengths[row]) else f"of {lengths[row]:.0f} numbers"
        raise DataError(
            f"an array of the column is {length}, others have {n_features}: give each row as many"
        )
    values: FloatArray = _numbers(column.flatten()).reshape(-1, n_features)
    return values


def _numbers(column: Any) -> NDArray[Any]:
    """Return an Arrow column of float32 or float64; nulls are NaN."""
    values: NDArray[Any] = column.to_numpy(zero_copy_only=False)
    return values


def _runs(batches: Iterable[Records], n_rows: int) -> Iterator[Records]:
    """Yield the same rows in runs of ``n_rows``; the last may be shorter."""
    held: list[Records] = []
    count = 0
    for records in batches:
        held.append(records)
        count += len(records)
        if count < n_rows:
            continue
        joined = np.concatenate(held)
        whole = count // n_rows * n_rows
        yield from (joined[start : start + n_rows] for start in range(0, whole, n_rows))
        held, count = [joined[whole:]], count - whole
    if count:
        yield np.concatenate(held)


def _first_bad(records: Records) -> tuple[int | None, int | None, float | None]:
    """Return row, column and value of the first value that is not finite."""
    unusable = examine(records["X"], missing=False)[1]
    return (None, None, None) if unusable is None else (unusable.row, unusable.column, unusable.value)


@dataclass(frozen=True)
class Cut:
    """Cut packed rows into pieces of logical blocks, each with the key of the Spark partition where it belongs.

    Attributes
    ----------
    packed, cut : Layout
        Of the rows that come and go: weights may be new.
    starts : mapping of int to int
        The number of the first row of each Spark partition.
    block_rows : int
    group : int
        Blocks of one Spark partition.
    keys : ndarray of int
        The key of each group.
    weight : ndarray of shape (N,), or None
        New weights of all rows.
    """

    packed: Layout
    cut: Layout
    starts: Mapping[int, int]
    block_rows: int
    group: int
    keys: IntArray
    weight: Float64Array | None = field(default=None, repr=False)

    def __call__(self, batches: Batches) -> Iterator[Any]:
        for part, first, value in _values(batches, "part", "first", "records"):
            if part.as_py() not in self.starts:
                raise DataError(_CHANGED)
            start = self.starts[part.as_py()] + first.as_py()
            records = self.packed.of_bytes(value)
            if self.cut != self.packed or self.weight is not None:
                stop = start + len(records)
                weight = None if self.weight is None else self.weight[start:stop]
                records = self.cut.records(records["X"], weight)
            yield from self._pieces(start, records)

    def _pieces(self, start: int, records: Records) -> Iterator[Any]:
        done = 0
        while done < len(records):
            block, first = divmod(start + done, self.block_rows)
            piece = records[done : done + self.block_rows - first]
            key = int(self.keys[block // self.group])
            yield one_row(CUT, [key, block, first, piece.tobytes()])
            done += len(piece)


@dataclass(frozen=True)
class ReadBlocks:
    """Read logical blocks from the pieces of a Spark partition, which come in the order of their rows.

    Attributes
    ----------
    layout : Layout
    block_rows : int
    n_rows : int
        N, of all blocks.
    """

    layout: Layout
    block_rows: int
    n_rows: int

    def __call__(self, batches: Batches) -> Iterator[tuple[int, ArrayPartition]]:
        """Yield the number of each block, and a partition that holds its rows."""
        held: list[Records] = []
        count = 0
        for index, value in _values(batches, "block", "records"):
            block = index.as_py()
            held.append(self.layout.of_bytes(value))
            count += len(held[-1])
            if count == min(self.block_rows, self.n_rows - block * self.block_rows):
                records = held[0] if len(held) == 1 else np.concatenate(held)
                yield block, self.layout.partition(records)
                held, count = [], 0
        if held:
            raise DataError(_CHANGED)


@dataclass(frozen=True)
class Take:
    """Take X or weight of some of the packed rows.

    Attributes
    ----------
    layout : Layout
    starts : mapping of int to int
        The number of the first row of each Spark partition.
    name : {"X", "weight"}
    rows : ndarray of int, or None
        Numbers of rows, ascending; None for all.
    """

    layout: Layout
    starts: Mapping[int, int]
    name: str
    rows: IntArray | None = field(default=None, repr=False)

    def __call__(self, batches: Batches) -> Iterator[Any]:
        for part, first, value in _values(batches, "part", "first", "records"):
            start = self.starts[part.as_py()] + first.as_py()
            records = self.layout.of_bytes(value)
            values = records[self.name]
            if self.rows is not None:
                low, high = np.searchsorted(self.rows, [start, start + len(records)])
                start, values = int(low), values[self.rows[low:high] - start]
            if len(values):
                yield one_row(TAKEN, [start, values.tobytes()])


def _values(batches: Batches, *names: str) -> Iterator[tuple[Any, ...]]:
    """Yield the Arrow values of some columns, row by row."""
    for batch in batches:
        yield from zip(*(batch.column(name) for name in names), strict=True)


def one_row(schema: str, values: list[Any]) -> Any:
    """Return a record batch of one row."""
    import pyarrow as pa

    kinds = {"int": pa.int32(), "long": pa.int64(), "double": pa.float64(), "binary": pa.binary()}
    fields = [field.split() for field in schema.split(", ")]
    arrays = [pa.array([value], kinds[kind]) for value, (_, kind) in zip(values, fields, strict=True)]
    return pa.record_batch(arrays, names=[name for name, _ in fields])
