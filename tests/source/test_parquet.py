"""Rows of Parquet files that other processes decode."""

from __future__ import annotations

import os
import pickle
from itertools import pairwise

import numpy as np
import pytest

from gaussmix.errors import DataError
from gaussmix.source import as_source

pa = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")

X = np.random.default_rng(0).normal(size=(1000, 3))
CUTS = [0, 1, 1, 400, 1000]  # of several files, one without rows


@pytest.fixture
def source(tmp_path):
    for index, (start, stop) in enumerate(pairwise(CUTS)):
        columns = {name: X[start:stop, column] for column, name in enumerate("xyz")}
        parquet.write_table(pa.table(columns), tmp_path / f"{index}.parquet", row_group_size=170)
    return as_source(tmp_path, columns=["z", "x"], sample_weight=np.arange(1000.0), memory_limit=1)


@pytest.mark.parametrize("size", [1, 97, 170, 1000])
def test_other_processes_load_the_same_bits(source, size):
    for index in {0, 1000 // size // 2, -(-1000 // size) - 1}:
        content = pickle.dumps(source.partitions(size)[index])
        rows, weight = pickle.loads(content).load()
        run = slice(index * size, (index + 1) * size)
        assert rows.tobytes() == X[run][:, [2, 0]].tobytes()
        assert weight.tolist() == list(range(*run.indices(1000)))
        assert pickle.loads(content).resident().load()[0].tobytes() == rows.tobytes()


def test_only_paths_and_the_weights_are_sent(source):
    assert len(pickle.dumps(source.with_weight(None).partitions(1000)[0])) < 1500


def test_only_the_row_groups_that_hold_the_rows_are_decoded(source):
    partition = pickle.loads(pickle.dumps(source.partitions(100)[6]))  # rows 200 to 300 of the last file
    (group,) = partition.storage.groups
    assert (group.index, partition.storage.bounds.tolist()) == (1, [570, 740])


def test_file_that_has_changed_is_named(source, tmp_path):
    partition = pickle.loads(pickle.dumps(source.partitions(100)[6]))
    os.utime(tmp_path / "3.parquet", ns=(0, 0))
    with pytest.raises(DataError, match=r"3\.parquet: the file has changed"):
        partition.load()
    assert r"3.parquet" in repr(partition)
