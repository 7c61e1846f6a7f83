"""Rows in files beside Spark's workers, without a cluster and without Java."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from gaussmix.errors import DataError
from gaussmix.source import ArraySource
from gaussmix.source.spark_files import Files, Forget, Keep, first_unusable
from gaussmix.source.spark_kept import TAKEN, OfNumbers, ReadBlocks, Take, WhereKept
from gaussmix.source.spark_rows import PIECES, Layout, Ranges, one_row

N, D, SIZE = 50, 3, 7
RANGES = Ranges(N, 14, SIZE - 1)
X = np.random.default_rng(0).normal(size=(N, D))
WEIGHT = np.arange(float(N))
LAYOUTS = [Layout(np.dtype(np.float64), D, False), Layout(np.dtype(np.float32), D, True)]


@pytest.fixture(autouse=True)
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SPARK_LOCAL_DIRS", f"{tmp_path / 'a'},{tmp_path / 'b'}")
    return tmp_path


def pieces(layout: Layout, values: Any = X) -> list[pa.RecordBatch]:
    """Return the rows of each file in pieces of 5."""
    records = layout.records(values, WEIGHT if layout.weighted else None)
    return [
        one_row(PIECES, [file, start, records[start : min(start + 5, RANGES.of(file)[1])]])
        for file in range(RANGES.n_files)
        for start in range(*RANGES.of(file), 5)
    ]


def kept(layout: Layout) -> tuple[Files, list[pa.RecordBatch]]:
    """Return files that were written, from pieces in no order, and their numbers."""
    files = Files("x", layout, RANGES)
    made = pieces(layout)
    made[:2] = made[1::-1]
    return files, list(Keep(files)(iter(made)))


def path_of(files: Files, file: int) -> Path:
    path = files.path(file)
    assert path is not None
    return path


@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
@pytest.mark.parametrize("of_files", [True, False])
@pytest.mark.parametrize("blocks", [(0, 8), (3, 6)])
def test_blocks_are_those_of_an_array(layout: Layout, of_files: bool, blocks: tuple[int, int]) -> None:
    files, numbers = kept(layout)
    found = list(ReadBlocks(files, SIZE, *blocks)(numbers if of_files else pieces(layout)))
    whole = ArraySource(X.astype(layout.dtype), WEIGHT if layout.weighted else None).partitions(SIZE)
    assert [block for block, _ in found] == list(range(blocks[1] - blocks[0]))
    for (_, block), other in zip(found, list(whole)[slice(*blocks)], strict=True):
        np.testing.assert_equal(block.load(), other.load())
        assert block.load()[0].dtype == layout.dtype
        assert block.load()[0].flags.aligned


@pytest.mark.parametrize("of_files", [True, False])
@pytest.mark.parametrize("rows", [slice(5, 44), np.array([3, 3, 19, 20, 49])], ids=str)
@pytest.mark.parametrize("name", ["X", "weight"])
def test_some_rows_are_taken_wherever_they_are(of_files: bool, rows: Any, name: str) -> None:
    files, numbers = kept(LAYOUTS[1])
    expected = (X.astype(np.float32) if name == "X" else WEIGHT)[rows]
    taken = np.zeros_like(expected)
    for batch in Take(files, name, rows)(numbers if of_files else pieces(LAYOUTS[1])):
        values = np.frombuffer(batch["content"][0].as_buffer(), taken.dtype).reshape(-1, *taken.shape[1:])
        taken[batch["first"][0].as_py() :][: len(values)] += values  # each but once
    np.testing.assert_array_equal(taken, expected)


def test_a_file_that_is_elsewhere_or_cut_short_is_named() -> None:
    files, numbers = kept(LAYOUTS[0])
    path_of(files, 2).unlink()
    path_of(files, 0).write_bytes(path_of(files, 0).read_bytes()[:-8])
    where = WhereKept(Take(files, "X", slice(0, N)), files, TAKEN, range(3))
    assert [batch["first"][0].as_py() for batch in where(numbers)] == [-1, 14, -3]


def test_numbers_may_come_as_rows() -> None:
    files, _ = kept(LAYOUTS[0])
    row = type("Row", (), {"file": 1})
    ((first, content),) = OfNumbers(Take(files, "X", slice(0, N)))([row])
    np.testing.assert_array_equal(np.frombuffer(content).reshape(-1, D), X[first:28])


def test_files_are_for_this_user_only() -> None:
    files, _ = kept(LAYOUTS[0])
    assert path_of(files, 0).stat().st_mode & 0o777 == 0o600


def test_a_worker_without_a_folder_keeps_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SPARK_LOCAL_DIRS")
    files, numbers = kept(LAYOUTS[0])
    where = WhereKept(Take(files, "X", slice(0, N)), files, TAKEN, range(4))
    assert [batch["first"][0].as_py() for batch in where(numbers)] == [-1, -2, -3, -4]


def test_files_are_removed_and_those_that_were_begun(folders: Path) -> None:
    files, numbers = kept(LAYOUTS[0])
    path_of(files, 2).unlink()
    path_of(files, 1).with_name(f"{path_of(files, 1).name}.begun").touch()
    other = path_of(Files("y", LAYOUTS[0], RANGES), 0)
    other.touch()
    assert not list(Forget(files)(numbers[:1]))
    assert [path for path in folders.rglob("*") if path.is_file()] == [other]


def test_a_file_that_cannot_be_written_is_left_out_and_the_rows_are_checked(
    folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start, calls = Files._start, iter(range(100))

    def full(self: Files, *of: Any) -> int:
        if next(calls) == 1:
            raise OSError(28, "No space left on device")
        return start(self, *of)

    monkeypatch.setattr(Files, "_start", full)
    files = Files("x", LAYOUTS[0], RANGES)
    made = pieces(LAYOUTS[0])
    assert [batch["file"][0].as_py() for batch in Keep(files)(made)] == [0, 1, 2, 3]
    assert [files.has(file) for file in range(4)] == [False, True, True, True]
    assert len([path for path in folders.rglob("*") if path.is_file()]) == 3
    with pytest.raises(DataError, match="other rows"):
        list(Keep(Files("y", LAYOUTS[0], RANGES))(made[1:]))


def test_a_folder_that_cannot_be_made_does_no_harm(folders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folders / "file").touch()
    monkeypatch.setenv("SPARK_LOCAL_DIRS", str(folders / "file"))
    files, numbers = kept(LAYOUTS[1])
    assert len(numbers) == 4
    assert not any(map(files.has, range(4)))


@pytest.mark.parametrize("change", ["lost", "twice"])
def test_rows_that_are_missing_or_come_twice_are_an_error_and_leave_nothing(
    folders: Path, change: str
) -> None:
    made = pieces(LAYOUTS[0])
    made = made[1:] if change == "lost" else made[:1] + made
    with pytest.raises(DataError, match="other rows"):
        list(Keep(Files("x", LAYOUTS[0], RANGES))(made))
    assert not [path for path in folders.rglob("*") if path.is_file()]


@pytest.mark.parametrize("first", [0, 37])
def test_the_first_value_that_is_not_finite_is_told(first: int) -> None:
    holed = X.copy()
    holed[[first, 38, 49], [1, 0, 0]] = np.inf, np.nan, np.nan
    batches = Keep(Files("x", LAYOUTS[0], RANGES))(reversed(pieces(LAYOUTS[0], holed)))
    told = [type("Row", (), batch.to_pylist()[0]) for batch in batches]
    found = first_unusable(told, LAYOUTS[0].dtype)
    assert found is not None
    assert (found.row, found.column, found.value) == (first, 1, np.inf)
