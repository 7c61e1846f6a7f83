"""Blocks in files beside Spark's workers, without a cluster and without Java."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from gaussmix.source import ArraySource
from gaussmix.source.spark_kept import WHOLE, Files, Forget, Keep, ReadKept, WhereKept, Whole
from gaussmix.source.spark_rows import Layout, ReadBlocks, one_row

N, D, SIZE, GROUP = 50, 3, 7, 2
X = np.random.default_rng(0).normal(size=(N, D))
WEIGHT = np.arange(float(N))
LAYOUTS = [Layout(np.dtype(np.float64), D, False), Layout(np.dtype(np.float32), D, True)]


@pytest.fixture(autouse=True)
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SPARK_LOCAL_DIRS", f"{tmp_path / 'a'},{tmp_path / 'b'}")
    return tmp_path


def expected(layout: Layout) -> Any:
    return ArraySource(X.astype(layout.dtype), WEIGHT if layout.weighted else None).partitions(SIZE)


def pieces(layout: Layout) -> list[pa.RecordBatch]:
    schema = "block long, first long, records binary"
    blocks = enumerate(expected(layout))
    return [one_row(schema, [b, 0, layout.records(*block.load()).tobytes()]) for b, block in blocks]


def kept(layout: Layout) -> tuple[Files, list[pa.RecordBatch]]:
    """Return files that were written, and the numbers of their groups."""
    files = Files("x", ReadBlocks(layout, SIZE, N), GROUP)
    return files, list(Keep(files)(iter(pieces(layout))))


def path_of(files: Files, group: int) -> Path:
    path = files.path(group)
    assert path is not None
    return path


@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
def test_blocks_come_back_from_the_files(layout: Layout, folders: Path) -> None:
    files, groups = kept(layout)
    blocks = list(ReadKept(files, 0, files.n_blocks)(groups))
    assert [block for block, _ in blocks] == list(range(8))
    for (_, block), other in zip(blocks, expected(layout), strict=True):
        np.testing.assert_equal(block.load(), other.load())
    assert {len(list(folder.iterdir())) for folder in folders.iterdir()} == {2}


@pytest.mark.parametrize("of_files", [True, False])
def test_a_run_of_blocks_is_read_from_files_or_pieces(of_files: bool) -> None:
    layout = LAYOUTS[0]
    files, groups = kept(layout)
    blocks = list(ReadKept(files, 3, 6)(groups[1:3] if of_files else pieces(layout)[2:6]))
    assert [block for block, _ in blocks] == [0, 1, 2]
    for (_, block), other in zip(blocks, expected(layout)[3:6], strict=True):
        np.testing.assert_equal(block.load(), other.load())


def test_a_group_whose_file_is_elsewhere_or_cut_short_is_named() -> None:
    files, groups = kept(LAYOUTS[0])
    path_of(files, 2).unlink()
    path_of(files, 0).write_bytes(path_of(files, 0).read_bytes()[:-8])
    found = list(WhereKept(Whole(ReadKept(files, 0, 8)), files, WHOLE)(groups))
    assert [batch["block"][0].as_py() for batch in found] == [-1, 2, 3, -3, 6, 7]


def test_files_are_for_this_user_only() -> None:
    files, _ = kept(LAYOUTS[0])
    assert path_of(files, 0).stat().st_mode & 0o777 == 0o600


def test_a_worker_without_a_folder_keeps_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SPARK_LOCAL_DIRS")
    files, groups = kept(LAYOUTS[0])
    found = list(WhereKept(Whole(ReadKept(files, 0, 8)), files, WHOLE)(groups))
    assert [batch["block"][0].as_py() for batch in found] == [-1, -2, -3, -4]


def test_files_are_removed_and_one_that_is_gone_does_no_harm(folders: Path) -> None:
    files, groups = kept(LAYOUTS[0])
    path_of(files, 2).unlink()
    assert [batch["group"][0].as_py() for batch in Forget(files)(groups)] == [0, 1, 2, 3]
    assert not [path for path in folders.rglob("*") if path.is_file()]


def test_a_file_that_cannot_be_written_leaves_nothing(folders: Path) -> None:
    files = Files("x", ReadBlocks(LAYOUTS[0], SIZE, N), GROUP)

    def half() -> Any:
        yield expected(LAYOUTS[0])[0]
        raise OSError("no space left")

    with pytest.raises(OSError, match="no space"):
        files.write(0, half())
    assert not [path for path in folders.rglob("*") if path.is_file()]
