"""What Spark's workers do with rows, without a cluster and without Java."""

from __future__ import annotations

import pickle
from collections.abc import Iterable
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from gaussmix.errors import DataError
from gaussmix.source import spark_rows as rows
from gaussmix.source.spark_rows import Cut, Layout, Pack, Ranges, pieces_of, row_numbers

X = np.random.default_rng(0).normal(size=(50, 3))
WEIGHT = np.arange(50.0)
F64, F32 = np.dtype(np.float64), np.dtype(np.float32)
RANGES = Ranges(50, 12, 6)
ONE_PART = {0: (0, 50)}


def of_part(number: int, columns: list[Any]) -> pa.RecordBatch:
    """Return columns as Spark hands them over: the numbers of the rows come last."""
    rows = pa.array((number << 33) + np.arange(len(columns[0])))
    return pa.record_batch([*columns, rows], names=[*map(str, range(len(columns))), "number"])


def packed(layout: Layout, ranges: Ranges = RANGES) -> list[pa.RecordBatch]:
    """Return the pieces of three Spark partitions, which come in any order."""
    parts, batches = {}, []
    for number, part in {2: slice(0, 20), 5: slice(20, 21), 7: slice(21, 50)}.items():
        columns = [*X[part].astype(layout.dtype).T, *([WEIGHT[part]] if layout.weighted else [])]
        whole = of_part(number, columns)
        batches += [whole.slice(4), whole.slice(0, 0), whole.slice(0, 4)]
        parts[number] = (part.start, part.stop - part.start)
    return list(Pack("x", layout, parts, ranges)(reversed(batches)))


def rows_of_files(pieces: Iterable[pa.RecordBatch], layout: Layout, ranges: Ranges = RANGES) -> list[Any]:
    """Return the records of each file."""
    of_file: dict[int, list[Any]] = {file: [] for file in range(ranges.n_files)}
    for file, first, records in pieces_of(pieces, layout):
        of_file[file].append((first, records))
    return [np.concatenate([r for _, r in sorted(some, key=lambda s: s[0])]) for some in of_file.values()]


@pytest.mark.parametrize(
    "layout", [Layout(F64, 3, False), Layout(F32, 3, False), Layout(F32, 3, True)], ids=str
)
@pytest.mark.parametrize("piece_bytes", [100, 1 << 22])
def test_files_get_their_rows_however_these_were_partitioned(
    layout: Layout, piece_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rows, "PIECE_BYTES", piece_bytes)
    files = rows_of_files(packed(layout), layout)
    for file, records in enumerate(files):
        part = slice(12 * file, min(12 * file + 18, 50))
        np.testing.assert_array_equal(records["X"], X[part].astype(layout.dtype))
        if layout.weighted:
            np.testing.assert_array_equal(records["weight"], WEIGHT[part])
    assert len(files) == 5


@pytest.mark.parametrize("block_rows", [1, 5, 7])
def test_each_block_begins_in_one_file_which_holds_all_its_rows(block_rows: int) -> None:
    blocks = [(block, file) for file in range(RANGES.n_files) for block in RANGES.blocks_of(file, block_rows)]
    assert [block for block, _ in blocks] == list(range(-(-50 // block_rows)))
    for block, file in blocks:
        first, stop = RANGES.of(file)
        assert first <= block * block_rows
        assert min(block * block_rows + block_rows, 50) <= stop


def test_pieces_are_cut_anew_for_other_files_and_weights() -> None:
    layout, weighted, ranges = Layout(F64, 3, False), Layout(F64, 3, True), Ranges(50, 30, 20)
    made = Cut("x", layout, RANGES, weighted, ranges, WEIGHT + 1)(packed(layout))
    for file, records in enumerate(rows_of_files(made, weighted, ranges)):
        part = slice(30 * file, 50)
        np.testing.assert_array_equal(records["X"], X[part])
        np.testing.assert_array_equal(records["weight"], WEIGHT[part] + 1)


def test_weights_may_be_left_out() -> None:
    layout, weighted = Layout(F64, 3, False), Layout(F64, 3, True)
    made = Cut("x", weighted, RANGES, layout, RANGES)(packed(weighted))
    np.testing.assert_array_equal(rows_of_files(made, layout)[4]["X"], X[48:])


def test_rows_of_several_partitions_may_come_in_one_batch() -> None:
    both = pa.concat_batches([of_part(3, list(X[:20].T)), of_part(7, list(X[20:].T))])
    layout = Layout(F64, 3, False)
    (records,) = rows_of_files(
        Pack("x", layout, {3: (0, 20), 7: (20, 30)}, Ranges(50, 50, 0))([both]), layout, Ranges(50, 50, 0)
    )
    np.testing.assert_array_equal(records["X"], X)


@pytest.mark.parametrize("number", [(1 << 33) + 5, 2 << 33])
def test_rows_that_were_not_counted_are_an_error(number: int) -> None:
    with pytest.raises(DataError, match="other rows"):
        row_numbers(np.array([number]), {1: (0, 5)})


def test_arrays_are_rows() -> None:
    layout = Layout(F64, 3, False)
    pieces = Pack("x", layout, ONE_PART, RANGES)([of_part(0, [pa.array(X.tolist())])])
    np.testing.assert_array_equal(rows_of_files(pieces, layout)[0]["X"], X[:18])


def test_plans_for_other_files_differ() -> None:
    layout = Layout(F64, 3, False)
    first, second = (
        [Pack(name, layout, ONE_PART, RANGES), Cut(name, layout, RANGES, layout, RANGES)] for name in "xy"
    )
    assert all(pickle.dumps(a) != pickle.dumps(b) for a, b in zip(first, second, strict=True))


@pytest.mark.parametrize("wrong", [[1.0], None], ids=str)
def test_arrays_of_other_lengths_are_refused(wrong: object) -> None:
    batch = of_part(0, [pa.array([[1.0, 2.0], wrong])])
    with pytest.raises(DataError, match=r"row 1: the array is .*: give each row as many"):
        list(Pack("x", Layout(F64, 2, False), ONE_PART, RANGES)([batch]))
