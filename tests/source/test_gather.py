"""Several files, conversions and bad content, within and beyond the memory limit."""

from __future__ import annotations

import errno
import os
import pickle
import subprocess
import sys
from collections import namedtuple

import numpy as np
import pytest

from gaussmix.errors import DataError, DataTypeError, ResourceLimitError
from gaussmix.source import as_source, column_names
from gaussmix.source import spill as spill_module

pa = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")

X = np.random.default_rng(0).normal(size=(100, 3))
LIMITS = [1, None]


def write(path, rows, names="xyz", types=("f8", "f8", "f8")):
    """Write rows in the format of the path's extension."""
    path.parent.mkdir(exist_ok=True)
    if path.suffix == ".npy":
        np.save(path, rows.astype(types[0]))
    elif path.suffix == ".csv":
        np.savetxt(path, rows, fmt="%.17g", delimiter=",", header=",".join(names), comments="")
    else:
        columns = zip(names, rows.T, types, strict=True)
        parquet.write_table(pa.table({name: values.astype(kind) for name, values, kind in columns}), path)


def write_parts(folder, extension, rows=X):
    for part in range(4):
        write(folder / f"part-{part}{extension}", rows[part * 25 : part * 25 + 25])


def loaded(source):
    return [partition.load() for partition in source.partitions(30)]


@pytest.mark.parametrize("limit", LIMITS)
@pytest.mark.parametrize("extension", [".npy", ".csv", ".parquet"])
@pytest.mark.parametrize(("value", "what"), [(np.nan, "is NaN"), (-np.inf, "is -inf")])
def test_bad_value_is_named_by_file_and_row_of_the_file(extension, value, what, limit, tmp_path):
    rows = X.copy()
    rows[2 * 25 + 17, 2] = value
    write_parts(tmp_path / "data", extension, rows)
    column = "2" if extension == ".npy" else "'z'"
    with pytest.raises(DataError, match=rf"data/part-2\{extension}: row 17, column {column} {what}"):
        loaded(as_source(tmp_path / "data", memory_limit=limit))


@pytest.mark.parametrize("extension", [".npy", ".csv", ".parquet"])
def test_missing_values_must_fit_into_memory(extension, tmp_path):
    rows = X.copy()
    rows[60, 1] = np.nan
    write_parts(tmp_path, extension, rows)
    assert as_source(tmp_path, missing=True).incomplete
    with pytest.raises(DataError, match=r"part-2.*NaN.*take 1 bytes: raise memory_limit"):
        loaded(as_source(tmp_path, missing=True, memory_limit=1))


def differ(folder, extension, **other):
    write(folder / f"a{extension}", X)
    write(folder / f"b{extension}", other.pop("rows", X), **other)
    return folder


@pytest.mark.parametrize("limit", LIMITS)
@pytest.mark.parametrize(
    ("extension", "other", "message"),
    [
        (".npy", {"rows": X[:, :2]}, "2 columns instead of 3"),
        (".npy", {"types": ["f4"]}, "values are of type float32 instead of float64"),
        (".csv", {"names": "xzy"}, "column 1 is 'z' instead of 'y'"),
        (".csv", {"names": "xyq"}, "'z' is missing"),
        (".parquet", {"names": "xy", "rows": X[:, :2], "types": ["f8"] * 2}, "'z' is missing"),
        (".parquet", {"types": ["f8", "f8", "f4"]}, "column 'z' is of type float instead of double"),
        (".parquet", {"names": "xyz0", "rows": X[:, [0, 1, 2, 0]], "types": ["f8"] * 4}, "'0' is additional"),
    ],
)
def test_columns_that_differ_are_named_with_both_files(extension, other, message, limit, tmp_path):
    differ(tmp_path, extension, **other)
    with pytest.raises(
        DataError, match=rf"b\{extension}: the columns differ from .*a\{extension}: {message}"
    ):
        as_source(tmp_path, memory_limit=limit)


def test_chosen_columns_may_stand_in_any_order(tmp_path):
    source = as_source(differ(tmp_path, ".csv", names="zyx"), columns=["x"], memory_limit=1)
    assert np.array_equal(source.take(np.array([0, 100])), X[[0, 0], [0, 2]][:, None])


@pytest.mark.parametrize("limit", LIMITS)
@pytest.mark.parametrize("extension", [".npy", ".csv", ".parquet"])
def test_files_without_rows_are_left_out(extension, limit, tmp_path):
    for name in "ac":
        write(tmp_path / f"{name}{extension}", X[:0])
    with pytest.raises(DataError, match="0 rows and 3 columns"):
        as_source(tmp_path, memory_limit=limit)
    write(tmp_path / f"b{extension}", X)
    assert np.array_equal(as_source(tmp_path, memory_limit=limit).take(np.arange(100)), X)


def test_blank_text_files_are_left_out_but_other_blank_files_refused(tmp_path):
    for extension in (".csv", ".parquet"):
        folder = tmp_path / extension[1:]
        write(folder / f"a{extension}", X)
        (folder / f"b{extension}").touch()
    assert as_source(tmp_path / "csv").n_rows == 100
    with pytest.raises(DataError, match=r"b\.parquet: the file is empty"):
        as_source(tmp_path / "parquet")
    (tmp_path / "csv" / "a.csv").write_bytes(b"")
    with pytest.raises(DataError, match="the file is empty, as are all others"):
        as_source(tmp_path / "csv")


@pytest.mark.parametrize("limit", LIMITS)
def test_bad_cell_of_one_file_is_named(limit, tmp_path):
    write(tmp_path / "a.csv", X)
    (tmp_path / "b.csv").write_text("x,y,z\n1,2,3\n4,five,6\n")
    with pytest.raises(DataError, match=r"b\.csv: row 1, column 'y' is 'five'"):
        as_source(tmp_path, memory_limit=limit)


def test_names_of_columns_without_reading_the_rows(tmp_path):
    write_parts(tmp_path, ".parquet")
    assert column_names(tmp_path) == ("x", "y", "z")
    assert column_names(tmp_path, ["z"]) == ("z",)


def test_rows_are_spilled_once_they_exceed_the_limit(tmp_path):
    rows = np.arange(200_000.0)[:, None]
    write(tmp_path / "x.csv", rows, "x")
    source = as_source(tmp_path / "x.csv", memory_limit="1MB")
    assert np.array_equal(source.take(np.arange(len(rows))), rows)


def test_converted_rows_do_not_pickle(tmp_path):
    write(tmp_path / "x.csv", X)
    partition = as_source(tmp_path / "x.csv", memory_limit=1).partitions(10)[1]
    with pytest.raises(DataTypeError, match=r"raise memory_limit .* save them as \.npy"):
        pickle.dumps(partition)
    assert pickle.loads(pickle.dumps(partition.resident())).load()[0].tobytes() == X[10:20].tobytes()


def test_spill_folder_is_used_and_left_empty(tmp_path, monkeypatch):
    write(tmp_path / "x.csv", X)
    monkeypatch.setenv("GAUSSMIX_SPILL", str(tmp_path / "none"))
    with pytest.raises(FileNotFoundError, match="none"):
        as_source(tmp_path / "x.csv", memory_limit=1)
    (tmp_path / "none").mkdir()
    source = as_source(tmp_path / "x.csv", memory_limit=1)
    assert list((tmp_path / "none").iterdir()) == []
    assert source.n_rows == 100


def test_bomb_is_refused_if_it_exceeds_the_disk_and_else_streamed(tmp_path, monkeypatch):
    constant = pa.table({"x": pa.chunked_array([pa.array(np.ones(1_000_000))] * 3)})
    parquet.write_table(constant, tmp_path / "x.parquet")
    assert (tmp_path / "x.parquet").stat().st_size < 20_000
    usage = namedtuple("usage", "free")
    monkeypatch.setattr(spill_module.shutil, "disk_usage", lambda _: usage(10_000_000))
    with pytest.raises(ResourceLimitError, match=r"needs 24.0 MB \(24000000 bytes\).*GAUSSMIX_SPILL"):
        as_source(tmp_path / "x.parquet", memory_limit="1MB")
    monkeypatch.undo()
    assert as_source(tmp_path / "x.parquet", memory_limit="1MB").n_rows == 3_000_000


def test_batch_that_needs_more_memory_than_allowed_is_refused_before_it_is_decoded(tmp_path):
    constant = pa.table({"x": np.ones(9_000_000)})
    options = pa.ipc.IpcWriteOptions(compression="zstd")
    for size, name in [(None, "bomb"), (1_000_000, "good")]:
        with pa.ipc.new_file(str(tmp_path / f"{name}.arrow"), constant.schema, options=options) as out:
            out.write_table(constant, max_chunksize=size)
    with pytest.raises(ResourceLimitError, match=r"bomb\.arrow: its largest batch needs 72\.0 MB"):
        as_source(tmp_path / "bomb.arrow", memory_limit="60MB")
    assert as_source(tmp_path / "good.arrow", memory_limit="60MB").n_rows == 9_000_000


@pytest.mark.parametrize("extension", [".csv", ".parquet"])
def test_full_disk_names_the_folder_and_the_variable(extension, tmp_path):
    write(tmp_path / f"x{extension}", np.ones((5000, 3)))
    code = (
        "import resource, sys; from gaussmix.source import as_source\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))\n"
        "try: as_source(sys.argv[1], memory_limit=1)\n"
        "except ValueError as error: print(error)"
    )
    command = [sys.executable, "-c", code, str(tmp_path / f"x{extension}")]
    run = subprocess.run(
        command,
        env={**os.environ, "GAUSSMIX_SPILL": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "(120000 bytes) or more in the folder" in run.stdout
    assert f"{tmp_path}, which is full: set the environment variable GAUSSMIX_SPILL" in run.stdout
    assert [path.name for path in tmp_path.iterdir()] == [f"x{extension}"]


def test_other_errors_of_the_disk_are_the_operating_systems(tmp_path, monkeypatch):
    def fail(self, content):
        raise OSError(errno.EIO, "Input/output error")

    write(tmp_path / "x.csv", X)
    monkeypatch.setattr(spill_module.TemporaryHome, "write", fail)
    with pytest.raises(OSError, match="Input/output error"):
        as_source(tmp_path / "x.csv", memory_limit=1)


def test_file_that_changes_while_it_is_converted_is_named(tmp_path, monkeypatch):
    write(tmp_path / "x.csv", X)
    append = spill_module.Spill.append

    def meddle(self, rows):
        append(self, rows)
        with (tmp_path / "x.csv").open("a") as file:
            file.write("1,2,3\n")

    monkeypatch.setattr(spill_module.Spill, "append", meddle)
    with pytest.raises(DataError, match=r"x\.csv: the file has changed"):
        as_source(tmp_path / "x.csv", memory_limit=1)
