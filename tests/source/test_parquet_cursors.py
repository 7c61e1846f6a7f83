"""Decoding of Parquet files that goes on where it stopped."""

from __future__ import annotations

import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from gaussmix.errors import DataError
from gaussmix.source import as_source, parquet_cursors
from gaussmix.source.parquet_cursors import Cursors

pa = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")

X = np.random.default_rng(0).normal(size=(1000, 2))


@pytest.fixture
def path(tmp_path):
    parquet.write_table(pa.table({"x": X[:, 0], "y": X[:, 1]}), tmp_path / "x.parquet", row_group_size=400)
    return tmp_path / "x.parquet"


@pytest.fixture
def decoded(monkeypatch):
    """The numbers of rows of the blocks that were decoded, in a list."""
    sizes, blocks = [], parquet_cursors.matrix_blocks

    def counted(*args):
        for block in blocks(*args):
            sizes.append(len(block))
            yield block

    monkeypatch.setattr(parquet_cursors, "matrix_blocks", counted)
    monkeypatch.setattr(parquet_cursors, "batch_rows", lambda n_features: 10)
    return sizes


def sent(path, size):
    return pickle.loads(pickle.dumps([*as_source(path, memory_limit=1).partitions(size)]))


def test_blocks_in_the_order_of_their_rows_decode_each_row_once(path, decoded):
    rows = [partition.load()[0] for partition in sent(path, 30)]
    assert np.concatenate(rows).tobytes() == X.tobytes()
    assert sum(decoded) == 1000


def test_blocks_in_any_order_are_the_same_and_begin_no_earlier_than_their_row_group(path, decoded):
    partitions = sent(path, 100)
    for index in (7, 2, 3, 0, 9, 1):
        assert partitions[index].load()[0].tobytes() == X[100 * index : 100 * index + 100].tobytes()
    assert sum(decoded) == 400 + 300 + 100 + 100 + 200 + 100


def test_threads_share_no_place(path, decoded):
    partitions = sent(path, 17) * 5
    with ThreadPoolExecutor(8) as pool:
        rows = list(pool.map(lambda partition: partition.load()[0], partitions))
    assert np.concatenate(rows).tobytes() == X.tobytes() * 5


def test_few_are_kept_and_none_that_failed_or_ended(path):
    home = sent(path, 100)[0].storage.groups[0].home
    cursors, row = Cursors(2), np.empty((1, 2))
    for start in (0, 10, 5, 999):
        with cursors.near(home, "xy", group=0, first=0, start=start) as cursor:
            cursor.read_into(row, start)
            assert row.tobytes() == X[start].tobytes()
    assert [cursor.at for cursor in cursors._free] == [6]
    with (
        pytest.raises(DataError, match="fewer rows"),
        cursors.near(home, "xy", group=0, first=0, start=999) as cursor,
    ):
        cursor.read_into(np.empty((2, 2)), 999)
    assert cursors._free == []


def test_a_process_ends_in_silence_where_one_is_left(path):
    code = f"""import pickle
from gaussmix.source import as_source
part = as_source({str(path)!r}, memory_limit=1).partitions(30)[0]
pickle.loads(pickle.dumps(part)).load()
"""
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, timeout=60, check=True
    )
    assert run.stderr == b""
