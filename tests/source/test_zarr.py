from __future__ import annotations

import json
import os

import numpy as np
import pytest

from gaussmix.errors import DataError, DataTypeError, ResourceLimitError
from gaussmix.source import as_source

zarr = pytest.importorskip("zarr")
numcodecs = pytest.importorskip("numcodecs")

X = np.arange(60.0).reshape(20, 3)
FORMATS = pytest.mark.parametrize("version", [2, 3])


def written(path, values=X, **options):
    array = zarr.create_array(path, shape=values.shape, chunks=(6, 2), dtype=values.dtype, **options)
    array[:] = values
    return array


def rows_of(source):
    return np.concatenate([partition.load()[0] for partition in source.partitions(7)])


@pytest.fixture
def path(tmp_path):
    return tmp_path / "x.zarr"


@FORMATS
@pytest.mark.parametrize("dtype", ["i1", "u8", ">i4", "f2", ">f4", ">f8", "?"])
def test_all_types_of_numbers_are_read(dtype, version, path):
    written(path, X.astype(dtype), zarr_format=version)
    source = as_source(path)
    assert source.dtype == (np.float32 if dtype == ">f4" else np.float64)
    assert rows_of(source).tobytes() == X.astype(dtype).astype(source.dtype).tobytes()


@pytest.mark.parametrize(
    "values", [X[:0], X[:, 0], X[None, :, :], X + 1j], ids=["empty", "1-d", "3-d", "complex"]
)
def test_what_is_no_matrix_of_numbers_is_refused(values):
    array = zarr.create_array(zarr.storage.MemoryStore(), shape=values.shape, dtype=values.dtype)
    with pytest.raises(DataError, match=r"rows|dimensions|complex"):
        as_source(array)


@FORMATS
def test_matrices_are_listed_where_it_is_not_clear_which(version, path):
    group = zarr.open_group(path, mode="w", zarr_format=version)
    for name in ("b", "g/a"):
        group.create_array(name, shape=X.shape, dtype="f8")[:] = X
    group.create_array("weights", shape=(20,), dtype="f8")
    with pytest.raises(DataError, match=r"2 matrices in it, '/b', '/g/a': say which, as 'folder.zarr::/b'"):
        as_source(path)
    assert rows_of(as_source(f"{path}::/g/a")).tobytes() == X.tobytes()
    assert rows_of(as_source(group["g"])).tobytes() == X.tobytes()


@pytest.mark.parametrize("name", ["nothing", "../y.zarr", "g/../../y.zarr"])
def test_names_stay_in_the_folder(name, path):
    written(path)
    written(path.with_name("y.zarr"))
    with pytest.raises(DataError):
        as_source(f"{path}::{name}")


@FORMATS
def test_links_out_of_the_folder_are_refused(version, path):
    array = written(path, zarr_format=version, compressors=None)
    chunk = next(file for file in path.rglob("*0") if file.is_file() and file.stat().st_size == 96)
    chunk.unlink()
    chunk.symlink_to("/etc/passwd")
    for data in (path, array):
        with pytest.raises(DataError, match="is a link out of the folder"):
            as_source(data)


def test_links_within_the_folder_are_followed(path):
    written(path)
    moved = (path / "c").rename(path / "chunks")
    (path / "c").symlink_to(moved, target_is_directory=True)
    assert rows_of(as_source(path)).tobytes() == X.tobytes()


@pytest.mark.parametrize("version", [2, 3])
def test_declared_terabytes_are_refused_before_anything_is_allocated(version, path):
    array = zarr.create_array(path, shape=(10**12, 10), chunks=(1000, 10), dtype="f8", zarr_format=version)
    for data in (path, array):
        with pytest.raises(
            ResourceLimitError, match=r"1000000000000 rows and 10 columns, 80.0 TB, of which only"
        ):
            as_source(data)


def test_chunks_too_large_to_decode_are_refused(path):
    array = zarr.create_array(path, shape=(100, 2), chunks=(10**9, 2), dtype="f8")
    with pytest.raises(
        ResourceLimitError, match=r"chunks of 1000000000 rows and 2 columns, 16\.0 GB at once"
    ):
        as_source(array)


def test_codecs_that_could_run_code_are_refused(path):
    written(path, zarr_format=2)
    metadata = json.loads((path / ".zarray").read_text())
    metadata["compressor"] = {"id": "pickle", "protocol": 5}
    (path / ".zarray").write_text(json.dumps(metadata))
    with pytest.raises(DataError, match="pickle"):
        as_source(path)
    with pytest.raises(DataError, match="encoded by 'base64', which is not known to be safe"):
        as_source(written(path.with_name("y.zarr"), zarr_format=2, compressors=numcodecs.Base64()))


@pytest.mark.parametrize("codec", [numcodecs.Zlib(), numcodecs.BZ2(), numcodecs.LZ4(), numcodecs.Blosc()])
def test_codecs_that_decode_numbers_are_read(codec, path):
    written(path, zarr_format=2, compressors=codec, filters=[numcodecs.Shuffle(8)])
    assert rows_of(as_source(path)).tobytes() == X.tobytes()


@FORMATS
def test_an_array_that_changes_between_passes_is_noticed(version, path):
    source = as_source(written(path, zarr_format=version))
    os.utime(path / ("zarr.json" if version == 3 else ".zarray"), ns=(0, 0))
    with pytest.raises(DataError, match="the file has changed since it was opened"):
        rows_of(source)


def test_damage_is_refused(path):
    written(path)
    (path / "c" / "1" / "0").write_bytes(b"damage")
    with pytest.raises(DataError, match="rows from 0 cannot be read"):
        as_source(path)
    (path / "zarr.json").write_text("{")
    with pytest.raises(DataError, match=r"x\.zarr: this is not a Zarr store, or a damaged one"):
        as_source(path)
    with pytest.raises(FileNotFoundError):
        as_source(path.with_name("nothing.zarr"))


def test_stores_that_are_not_on_this_machine_are_refused(path):
    array = written(zarr.storage.LoggingStore(zarr.storage.MemoryStore()))
    with pytest.raises(DataTypeError, match="stored in a LoggingStore: only folders of this machine"):
        as_source(array)
