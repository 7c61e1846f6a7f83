"""What Spark's workers do with rows, without a cluster and without Java."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from gaussmix.errors import DataError
from gaussmix.source import ArraySource
from gaussmix.source import spark_rows as rows
from gaussmix.source.spark_rows import Cut, Layout, Pack, ReadBlocks, Take

X = np.random.default_rng(0).normal(size=(50, 3))
WEIGHT = np.arange(50.0)
F64, F32 = np.dtype(np.float64), np.dtype(np.float32)


def of_part(number: int, columns: list[Any]) -> pa.RecordBatch:
    """Return columns as Spark hands them over: the numbers of the rows come last."""
    rows = pa.array((number << 33) + np.arange(len(columns[0])))
    return pa.record_batch([*columns, rows], names=[*map(str, range(len(columns))), "number"])


def packed(layout: Layout, *parts: slice) -> tuple[list[pa.RecordBatch], dict[int, int]]:
    """Return Spark partitions of some rows each, packed by one worker; and where each starts."""
    rows = []
    for number, part in enumerate(parts):
        columns = [*X[part].astype(layout.dtype).T, *([WEIGHT[part]] if layout.weighted else [])]
        whole = of_part(number, columns)
        rows += [whole.slice(0, 4), whole.slice(4)]
    batches = list(Pack(layout)(rows))
    return batches, {number << 33: part.start for number, part in enumerate(parts)}


def cut(
    layout: Layout, batches: list[pa.RecordBatch], starts: dict[int, int], **new: object
) -> list[pa.RecordBatch]:
    """Return the pieces of blocks of 7 rows in the order in which a Spark partition holds them."""
    to = Layout(layout.dtype, 3, layout.weighted or "weight" in new)
    task = Cut(layout, to, starts, 7, 2, np.arange(100, 104), new.get("weight"))  # type: ignore[arg-type]
    pieces = list(task(reversed(batches)))
    return sorted(pieces, key=lambda piece: (piece["block"][0].as_py(), piece["first"][0].as_py()))


@pytest.mark.parametrize(
    "layout", [Layout(F64, 3, False), Layout(F32, 3, False), Layout(F32, 3, True)], ids=str
)
def test_blocks_are_those_of_an_array_however_the_rows_were_partitioned(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rows, "_PIECE_BYTES", 100)
    batches, starts = packed(layout, slice(0, 20), slice(20, 21), slice(21, 50))
    blocks = list(ReadBlocks(layout, 7, 50)(cut(layout, batches, starts)))
    expected = ArraySource(X.astype(layout.dtype), WEIGHT if layout.weighted else None).partitions(7)
    assert [index for index, _ in blocks] == list(range(8))
    for (_, block), other in zip(blocks, expected, strict=True):
        np.testing.assert_equal(block.load(), other.load())
        assert block.load()[0].dtype == layout.dtype
        assert block.load()[0].flags.aligned


def test_all_blocks_of_a_group_have_its_key() -> None:
    layout = Layout(F64, 3, False)
    pieces = cut(layout, *packed(layout, slice(0, 50)))
    keys = {(piece["block"][0].as_py() // 2, piece["place"][0].as_py()) for piece in pieces}
    assert keys == {(0, 100), (1, 101), (2, 102), (3, 103)}


def test_new_weights_take_the_place_of_those_that_came_with_the_rows() -> None:
    layout = Layout(F64, 3, True)
    pieces = cut(layout, *packed(layout, slice(0, 50)), weight=WEIGHT + 1)
    blocks = [block for _, block in ReadBlocks(layout, 7, 50)(pieces)]
    np.testing.assert_array_equal(np.concatenate([block.load()[1] for block in blocks]), WEIGHT + 1)


def test_some_rows_are_taken_wherever_they_are() -> None:
    layout = Layout(F64, 3, False)
    batches, starts = packed(layout, slice(0, 20), slice(20, 50))
    wanted = np.array([3, 3, 19, 20, 49])
    taken = np.empty((5, 3))
    for batch in Take(layout, starts, "X", wanted)(reversed(batches)):
        values = np.frombuffer(batch["records"][0].as_buffer()).reshape(-1, 3)
        first = batch["first"][0].as_py()
        taken[first : first + len(values)] = values
    np.testing.assert_array_equal(taken, X[wanted])


def test_the_first_value_that_is_not_finite_is_noted() -> None:
    columns = [pa.array([1.0, 2.0, None]), pa.array([1.0, np.inf, 3.0])]
    (batch,) = Pack(Layout(F64, 2, False))([of_part(0, columns)])
    assert batch.select(["bad_row", "bad_column", "bad"]).to_pylist() == [
        {"bad_row": 1, "bad_column": 1, "bad": np.inf}
    ]


def test_rows_of_several_partitions_may_come_in_one_batch() -> None:
    both = pa.concat_batches([of_part(3, list(X[:20].T)), of_part(7, list(X[20:].T))])
    made = list(Pack(Layout(F64, 3, False))([both.slice(0, 0), both.slice(0, 30), both.slice(30)]))
    assert [[batch[name][0].as_py() for name in ("part", "first", "n_rows")] for batch in made] == [
        [3 << 33, 0, 20],
        [7 << 33, 0, 30],
    ]
    records = np.concatenate([np.frombuffer(batch["records"][0].as_buffer()) for batch in made])
    np.testing.assert_array_equal(records.reshape(-1, 3), X)


def test_an_empty_spark_partition_gives_nothing() -> None:
    assert list(Pack(Layout(F64, 3, False))([])) == []


def test_arrays_are_rows() -> None:
    column = pa.array(X.tolist())
    (batch,) = Pack(Layout(F64, 3, False))([of_part(0, [column])])
    np.testing.assert_array_equal(np.frombuffer(batch["records"][0].as_buffer()).reshape(-1, 3), X)


@pytest.mark.parametrize("wrong", [[1.0], None], ids=str)
def test_arrays_of_other_lengths_are_refused(wrong: object) -> None:
    batch = of_part(0, [pa.array([[1.0, 2.0], wrong])])
    with pytest.raises(DataError, match="give each row as many"):
        list(Pack(Layout(F64, 2, False))([batch]))


def test_rows_that_are_missing_from_a_block_are_an_error() -> None:
    layout = Layout(F64, 3, False)
    pieces = cut(layout, *packed(layout, slice(0, 45)))
    with pytest.raises(DataError, match="other rows"):
        list(ReadBlocks(layout, 7, 50)(pieces))
