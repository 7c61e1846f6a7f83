from __future__ import annotations

import json
import os
import pickle
import shutil

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


@pytest.fixture
def small_bombs(monkeypatch):
    monkeypatch.setattr("gaussmix.source.encoded._LEAST", 2_000_000)


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


@FORMATS
@pytest.mark.parametrize("shards", [None, (12, 4)])
def test_chunks_that_change_between_passes_are_noticed(shards, version, path):
    if shards and version == 2:
        pytest.skip("version 2 has no shards")
    array = zarr.create_array(
        path, shape=X.shape, chunks=(6, 2), shards=shards, dtype="f8", zarr_format=version
    )
    array[:12] = X[:12]  # the rest is never written
    source = as_source(array)
    rows = pickle.loads(pickle.dumps(source.partitions(20)[0])).load()[0]
    assert rows.tobytes() == np.concatenate([X[:12], np.zeros((8, 3))]).tobytes()
    changed = next(file for file in path.rglob("*") if file.name.endswith("0") and file.is_file())
    os.utime(changed, ns=(2**62, 2**62))
    with pytest.raises(DataError, match=r"0: the file has changed since it was opened"):
        as_source(source).storage.read(0)


def test_chunks_that_were_removed_are_noticed(path):
    source = as_source(written(path))
    shutil.rmtree(path / "c" / "0")
    os.utime(path / "c", ns=(2**62, 2**62))
    with pytest.raises(DataError, match="the file has changed since it was opened"):
        source.storage.read(0)


def test_relative_paths_hold_from_every_folder(path, monkeypatch):
    written(path)
    monkeypatch.chdir(path.parent)
    sources = [as_source(path.name), as_source(zarr.open_array(path.name))]
    monkeypatch.chdir("/")
    for source in sources:
        assert rows_of(source).tobytes() == X.tobytes()


def test_missing_values_of_rows_beyond_the_limit_are_refused(path):
    values = X.copy()
    values[7, 1] = np.nan
    for data in (path, written(path, values)):
        source = as_source(data, missing=True, memory_limit=100)
        with pytest.raises(
            DataError, match=r"x\.zarr: row 7, column 1 is NaN .*take 100 bytes: raise memory_limit"
        ):
            rows_of(source)
    assert as_source(path, missing=True).incomplete


def test_chunks_larger_than_the_limit_are_refused(path):
    array = zarr.create_array(path, shape=(9_000_000, 1), chunks=(9_000_000, 1), dtype="f8")
    with pytest.raises(ResourceLimitError, match=r"72\.0 MB at once: .* or raise memory_limit"):
        as_source(array, memory_limit=100)


BOMB = bytes(4 << 20)
BOMBS = [numcodecs.Zstd(), numcodecs.GZip(1), numcodecs.Zlib(1), numcodecs.Blosc("zstd", 1), numcodecs.LZ4()]


@pytest.mark.parametrize("codec", BOMBS, ids=lambda codec: codec.codec_id)
def test_chunks_that_decode_to_far_more_than_declared_are_refused(codec, path, small_bombs):
    array = written(path, zarr_format=2, compressors=codec)
    (path / "0.0").write_bytes(codec.encode(BOMB))
    for data in (path, array):
        with pytest.raises(ResourceLimitError, match=r"0\.0 decodes to more than 2\.0 MB"):
            as_source(data)


def test_bombs_in_shards_are_refused(path, small_bombs):
    array = zarr.create_array(path, shape=X.shape, chunks=(6, 3), shards=(24, 3), dtype="f8")
    array[:] = X
    bomb = numcodecs.Zstd().encode(BOMB)
    index = np.full((4, 2), 2**64 - 1, "<u8")
    index[1] = 0, len(bomb)
    content = index.tobytes()
    checksum = numcodecs.CRC32C(location="end").encode(content)[-4:]
    (path / "c" / "0" / "0").write_bytes(bomb + content + bytes(checksum))
    with pytest.raises(ResourceLimitError, match=r"decodes to more than 2\.0 MB"):
        as_source(path)


def test_bombs_behind_links_are_refused(path, small_bombs):
    zarr.open_group(path, mode="w").create_array("a", shape=X.shape, chunks=(6, 3), dtype="f8")[:] = X
    moved = (path / "a" / "c").rename(path / "chunks")
    (path / "a" / "c").symlink_to(moved, target_is_directory=True)
    (moved / "round").symlink_to(path, target_is_directory=True)
    assert rows_of(as_source(f"{path}::a")).tobytes() == X.tobytes()
    (moved / "0" / "0").write_bytes(numcodecs.Zstd().encode(BOMB))
    with pytest.raises(ResourceLimitError, match=r"decodes to more than 2\.0 MB"):
        as_source(f"{path}::a")


def test_codecs_after_a_compressor_are_refused(path):
    array = written(path, zarr_format=2, compressors=numcodecs.Zlib(), filters=[numcodecs.Zlib()])
    with pytest.raises(DataError, match="encoded by 'zlib' and then by 'zlib'"):
        as_source(array)


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
