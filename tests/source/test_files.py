from __future__ import annotations

import io
import os
import pickle
import sys

import numpy as np
import pytest

from gaussmix.errors import DataError, MissingDependencyError, ParameterError, ResourceLimitError
from gaussmix.source import READERS, as_source
from gaussmix.source.arrow import to_matrix

pa = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")

X = np.random.default_rng(0).normal(size=(1000, 3)) * 10.0 ** np.arange(-200, 201, 200)
X[0] = -0.0, 5e-324, np.nextafter(1, 2)
NAMES = ("x0", "x1", "x2")
TABLE = pa.table({name: X[:, j] for j, name in enumerate(NAMES)})


def write_ipc(writer):
    def write(path):
        with writer(str(path), TABLE.schema) as out:
            out.write_table(TABLE, max_chunksize=300)

    return write


def write_text(delimiter):
    header = delimiter.join(NAMES)
    return lambda path: np.savetxt(path, X, fmt="%.17g", delimiter=delimiter, header=header, comments="")


WRITERS = {
    "C.npy": lambda path: np.save(path, X),
    "Fortran.npy": lambda path: np.save(path, np.asfortranarray(X)),
    "big-endian.npy": lambda path: np.save(path, X.astype(">f8")),
    "x.parquet": lambda path: parquet.write_table(TABLE, path, row_group_size=170),
    "file.arrow": write_ipc(pa.ipc.new_file),
    "stream.arrow": write_ipc(pa.ipc.new_stream),
    "x.feather": write_ipc(pa.ipc.new_file),
    "x.ipc": write_ipc(pa.ipc.new_stream),
    "x.csv": write_text(","),
    "x.TSV": write_text("\t"),
}


def test_every_extension_is_tested():
    assert {"." + name.rpartition(".")[2].lower() for name in WRITERS} == set(READERS)


@pytest.mark.parametrize("name", WRITERS)
def test_every_format_gives_the_same_blocks_bit_for_bit(name, tmp_path):
    path = tmp_path / f"with space ü {name}"
    WRITERS[name](path)
    source = as_source(str(path), sample_weight=np.ones(1000))
    for index, partition in enumerate(source.partitions(128)):
        rows, weight = partition.load()
        assert rows.tobytes() == X[index * 128 : (index + 1) * 128].tobytes()
        assert len(rows) == len(weight)
    assert source.feature_names == (None if name.endswith(".npy") else NAMES)


@pytest.mark.parametrize("extension", ["parquet", "arrow", "feather", "npy"])
def test_float32_stays_float32(extension, tmp_path):
    path = tmp_path / f"x.{extension}"
    single = pa.table({"a": pa.array([1.5], pa.float32()), "b": pa.array([2.5], pa.float32())})
    if extension == "npy":
        np.save(path, np.array([[1.5, 2.5]], "f4"))
    elif extension == "parquet":
        parquet.write_table(single, path)
    else:
        with pa.ipc.new_file(str(path), single.schema) as out:
            out.write_table(single)
    assert as_source(path).dtype == np.float32


def test_npy_is_mapped_not_read(tmp_path):
    np.save(tmp_path / "x.npy", X)
    rows, _ = as_source(tmp_path / "x.npy").partitions(10)[3].load()
    base = rows
    while isinstance(base, np.ndarray) and not isinstance(base, np.memmap):
        base = base.base
    assert isinstance(base, np.memmap)


@pytest.mark.parametrize("columns", [["a"], ["a.b"], ["a.b", "a"]])
def test_dotted_names_of_parquet_columns_are_plain_names(columns, tmp_path):
    parquet.write_table(pa.table({"a": [1.5], "a.b": [2.5], "c": [{"x": 1}]}), tmp_path / "x.parquet")
    source = as_source(tmp_path / "x.parquet", columns=columns)
    assert source.take(np.array([0])).tolist() == [[{"a": 1.5, "a.b": 2.5}[name] for name in columns]]


def npy(array, cut=None):
    out = io.BytesIO()
    np.save(out, array, allow_pickle=True)
    return out.getvalue()[:cut]


class Canary:
    def __reduce__(self):
        return os.mkdir, ("unpickled",)


NPY = {
    "short data": (npy(X, -1), "mmap length is greater than file size"),
    "short header": (npy(X, 30), "complete .npy file"),
    "huge": (npy(X, 200).replace(b"(1000, 3), }      ", b"(1000, 300000), }"), "complete .npy file"),
    "objects": (npy(np.array([[Canary()]], object)), "Python objects"),
    "pickle": (pickle.dumps(Canary()), "complete .npy file"),
    "zip": (b"PK\x03\x04" + bytes(50), "complete .npy file"),
    "one-dimensional": (npy(np.ones(3)), "one-dimensional"),
    "no rows": (npy(np.ones((0, 3))), "0 rows"),
    "text": (npy(np.array([["a"]])), "text"),
    "complex": (npy(np.ones((2, 2), complex)), "complex"),
    "structured": (npy(np.zeros((2, 2), [("a", "f8")])), "structured"),
    "scalar": (npy(np.array(1.0)), "single value"),
    "NaN": (npy(np.array([[1, 2], [3, np.nan]])), "row 1, column 1 is NaN"),
}


@pytest.mark.parametrize("case", NPY)
def test_bad_npy_files_are_refused_and_never_unpickled(case, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    content, message = NPY[case]
    (tmp_path / "x.npy").write_bytes(content)
    with pytest.raises(DataError, match=message) as caught:
        as_source("x.npy")
    assert str(caught.value).startswith("x.npy: ")
    assert not (tmp_path / "unpickled").exists()


@pytest.mark.parametrize("limit", [1, None])
@pytest.mark.parametrize("name", ["C.npy", "x.parquet", "file.arrow", "stream.arrow"])
def test_truncated_files_are_refused(name, limit, tmp_path):
    path = tmp_path / name
    WRITERS[name](path)
    content = path.read_bytes()
    for size in (1, 3, 7, 8, 100, len(content) // 2, len(content) - 8, len(content) - 1):
        path.write_bytes(content[:size])
        with pytest.raises(DataError, match=path.name):
            as_source(path, memory_limit=limit)


def test_damaged_parquet_pages_are_refused(tmp_path):
    path = tmp_path / "x.parquet"
    parquet.write_table(TABLE, path, write_page_checksum=True)
    content = bytearray(path.read_bytes())
    content[1000] ^= 1  # one bit of one value
    path.write_bytes(content)
    with pytest.raises(DataError, match="not a Parquet file, or a damaged one"):
        as_source(path)


@pytest.mark.parametrize("extension", READERS)
def test_empty_and_foreign_files_are_refused(extension, tmp_path):
    path = tmp_path / f"x{extension}"
    path.write_bytes(b"")
    with pytest.raises(DataError, match="the file is empty"):
        as_source(path)
    path.write_bytes(b"\x7fELF\x02\x01\x01\xff" * 100)
    with pytest.raises(DataError, match=path.name):
        as_source(path)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"a": [1.0], "s": ["x"]}, "not numeric: 's'"),
        ({"a": [1.0, None]}, "row 1, column 'a' is NaN"),
        ({"a": pa.array([], pa.float64())}, "0 rows and 1 columns"),
        ({}, "0 rows and 0 columns"),
    ],
)
def test_bad_columns_of_files_are_named(table, message, tmp_path):
    path = tmp_path / "x.parquet"
    parquet.write_table(pa.table(table), path)
    with pytest.raises(DataError, match=message):
        as_source(path)


def test_unknown_extension_lists_the_known_ones(tmp_path):
    (tmp_path / "x.xlsx").write_text("1")
    with pytest.raises(DataError, match=r"'\.xlsx' is not known: .*'\.npy', '\.csv', '\.tsv', '\.parquet'"):
        as_source(tmp_path / "x.xlsx")


@pytest.mark.parametrize("name", ["missing.npy", "missing.csv", "missing", "no/such/folder.parquet"])
def test_missing_file_is_file_not_found(name, tmp_path):
    with pytest.raises(FileNotFoundError, match=name):
        as_source(tmp_path / name)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_unreadable_file_is_permission_error(tmp_path):
    np.save(tmp_path / "x.npy", X)
    (tmp_path / "x.npy").chmod(0)
    with pytest.raises(PermissionError):
        as_source(tmp_path / "x.npy")


def test_columns_of_npy_have_no_names(tmp_path):
    np.save(tmp_path / "x.npy", X)
    with pytest.raises(ParameterError, match="no names"):
        as_source(tmp_path / "x.npy", columns=["x0"])


def test_missing_pyarrow_names_the_command(tmp_path, monkeypatch):
    (tmp_path / "x.csv").write_text("a\n1\n")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'gaussmix\[io\]'"):
        as_source(tmp_path / "x.csv")


def test_declared_size_beyond_memory_is_refused():
    with pytest.raises(ResourceLimitError, match="rows and 1 columns need"):
        to_matrix(pa.schema([("a", pa.float64())]), [], ["a"], n_rows=2**60)


def test_more_rows_than_declared_are_all_read():
    batches = TABLE.to_batches(max_chunksize=90)
    rows, names = to_matrix(TABLE.schema, batches, NAMES, n_rows=100)
    assert rows.tobytes() == X.tobytes()
    assert names == NAMES


@pytest.mark.skipif(sys.platform != "linux", reason="other file systems refuse the name")
@pytest.mark.parametrize("extension", ["npy", "csv", "parquet", "arrow"])
def test_path_that_is_not_utf8(extension, tmp_path):
    name = next(name for name in WRITERS if name.endswith(extension))
    WRITERS[name](tmp_path / name)
    path = os.fsdecode(os.fsencode(tmp_path) + b"/\xff." + extension.encode())
    (tmp_path / name).rename(path)
    assert as_source(path).n_rows == 1000
