from __future__ import annotations

import os
import zlib

import numpy as np
import pytest

from gaussmix.errors import DataError, DataTypeError, ResourceLimitError
from gaussmix.source import as_source

h5py = pytest.importorskip("h5py")

X = np.arange(60.0).reshape(20, 3)


@pytest.fixture
def path(tmp_path):
    (tmp_path / "inner").mkdir()
    return tmp_path / "inner" / "x.h5"


@pytest.fixture
def elsewhere(tmp_path):
    with h5py.File(tmp_path / "elsewhere.h5", "w") as file:
        file["x"] = X
    return tmp_path / "elsewhere.h5"


def written(path, **datasets):
    with h5py.File(path, "w") as file:
        for name, values in datasets.items():
            file[name] = values
    return path


def virtual(path, source, name="x", shape=X.shape):
    layout = h5py.VirtualLayout(shape, "f8")
    layout[:] = h5py.VirtualSource(source, name, shape)
    with h5py.File(path, "a") as file:
        file.create_virtual_dataset("v", layout)
    return f"{path}::v"


def rows_of(source):
    return np.concatenate([partition.load()[0] for partition in source.partitions(7)])


@pytest.mark.parametrize("dtype", ["i1", "u8", ">i4", "f2", ">f4", ">f8", "?"])
def test_all_types_of_numbers_are_read(dtype, path):
    source = as_source(written(path, x=X.astype(dtype)))
    assert source.dtype == (np.float32 if dtype == ">f4" else np.float64)
    assert rows_of(source).tobytes() == X.astype(dtype).astype(source.dtype).tobytes()


@pytest.mark.parametrize("values", [["a", "b"], np.zeros((3, 2), "f4,f4"), h5py.Empty("f8"), 1.0])
def test_datasets_that_hold_no_matrix_are_refused(values, path):
    with pytest.raises(DataError):
        as_source(f"{written(path, x=values)}::x")
    with h5py.File(path) as file, pytest.raises(DataError):
        as_source(file["x"])


def test_matrices_are_listed_where_it_is_not_clear_which(path):
    written(path, **{"b": X, "group/a": X + 1, "weights": X[:, 0], "names": ["a"]})
    with pytest.raises(DataError, match=r"2 matrices in it, '/b', '/group/a': say which, as 'file.h5::/b'"):
        as_source(path)
    assert rows_of(as_source(f"{path}::group/a")).tobytes() == (X + 1).tobytes()
    with h5py.File(path) as file:
        assert rows_of(as_source(file["group"])).tobytes() == (X + 1).tobytes()


@pytest.mark.parametrize(
    ("name", "says"), [("nothing", "no dataset 'nothing'"), ("g", "is a group"), ("x/y", "no dataset")]
)
def test_a_wrong_name_is_named(name, says, path):
    with pytest.raises(DataError, match=says):
        as_source(f"{written(path, **{'g/y': X, 'x': X})}::{name}")


def test_links_within_the_file_are_followed(path):
    with h5py.File(written(path, **{"g/x": X}), "a") as file:
        file["soft"] = h5py.SoftLink("/g")
        file["g/relative"] = h5py.SoftLink("x")
        file["circle"] = h5py.SoftLink("/circle")
    assert rows_of(as_source(f"{path}::soft/relative")).tobytes() == X.tobytes()
    with pytest.raises(DataError, match="circle"):
        as_source(f"{path}::circle")


def test_links_to_other_files_are_refused(path, elsewhere):
    with h5py.File(path, "w") as file:
        file["x"] = h5py.ExternalLink(str(elsewhere), "/x")
        file["soft"] = h5py.SoftLink("/x")
        file["file"] = h5py.ExternalLink(str(elsewhere), "/")
    for name in ("x", "soft", "file/x"):
        with pytest.raises(DataError, match="link to another file, which is not followed"):
            as_source(f"{path}::{name}")
    with pytest.raises(DataError, match="no numeric array"):
        as_source(path)


def test_values_outside_of_the_file_are_refused(path):
    with h5py.File(path, "w") as file:
        file.create_dataset("x", (10, 2), "u1", external=[("/etc/passwd", 0, 20)])
        with pytest.raises(DataError, match="keeps its values outside of the file"):
            as_source(file["x"])
    with pytest.raises(DataError, match=r"x\.h5: the dataset '/x' keeps its values outside of the file"):
        as_source(path)


def test_virtual_datasets_are_read_from_the_folder_only(path, elsewhere):
    written(path.parent / "part.h5", x=X)
    assert rows_of(as_source(virtual(path, "part.h5"))).tobytes() == X.tobytes()
    for source in (str(elsewhere), "../elsewhere.h5"):
        other = path.with_name("other.h5")
        other.unlink(missing_ok=True)
        with pytest.raises(DataError, match="which is no file in the folder of its own"):
            as_source(virtual(other, source))
    with pytest.raises(DataError, match=r"'missing.h5', which is not there"):
        as_source(virtual(path.with_name("third.h5"), "missing.h5"))


def test_virtual_datasets_of_a_pattern_of_files_are_refused(path):
    written(path.with_name("0.h5"), x=X)
    with h5py.File(path, "w") as file:
        unlimited = h5py.h5s.UNLIMITED
        space = h5py.h5s.create_simple(X.shape, (unlimited, 3))
        space.select_hyperslab((0, 0), (unlimited, 1), stride=X.shape, block=X.shape)
        plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        plist.set_virtual(space, b"%b.h5", b"x", h5py.h5s.create_simple(X.shape))
        h5py.h5d.create(file.id, b"v", h5py.h5t.NATIVE_DOUBLE, space, plist)
    with pytest.raises(DataError, match=r"reads '%b\.h5', which is no file"):
        as_source(path)


def test_virtual_datasets_lead_out_by_no_detour(path, elsewhere):
    with h5py.File(path.parent / "part.h5", "w") as file:
        file["x"] = h5py.ExternalLink(str(elsewhere), "/x")
    with pytest.raises(DataError, match="link to another file"):
        as_source(virtual(path, "part.h5"))
    (path.parent / "link.h5").symlink_to(elsewhere)
    with pytest.raises(DataError, match="which is no file in the folder of its own"):
        as_source(virtual(path.with_name("other.h5"), "link.h5"))


def test_unknown_filters_are_refused(path):
    with h5py.File(path, "w") as file:
        plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        plist.set_chunk((5, 3))
        plist.set_filter(400, h5py.h5z.FLAG_OPTIONAL)
        h5py.h5d.create(file.id, b"x", h5py.h5t.NATIVE_DOUBLE, h5py.h5s.create_simple((20, 3)), plist)
    with pytest.raises(DataError, match=r"the filter 400 .*, which is not installed"):
        as_source(path)


@pytest.mark.parametrize("options", [{}, {"chunks": (1000, 10), "compression": "gzip"}])
def test_declared_terabytes_are_refused_before_anything_is_allocated(options, path):
    with h5py.File(path, "w") as file:
        file.create_dataset("x", (10**11, 10), "f8", **options)
    assert path.stat().st_size < 10_000
    with pytest.raises(
        ResourceLimitError, match=r"100000000000 rows and 10 columns, 8.0 TB, of which only 0 bytes"
    ):
        as_source(path)


def test_chunks_too_large_to_decode_are_refused(path):
    with h5py.File(path, "w") as file:
        file.create_dataset("x", (100, 2), "f8", chunks=(2**28, 1), maxshape=(None, 2), compression="gzip")
    with pytest.raises(ResourceLimitError, match=r"chunks of 268435456 rows and 1 columns, 2\.1 GB"):
        as_source(path)


@pytest.mark.parametrize(("rows", "most"), [(10, r"2\.0 MB"), (60_000, r"2\.9 MB")])
def test_chunks_that_decode_to_far_more_than_declared_are_refused(rows, most, path, monkeypatch):
    monkeypatch.setattr("gaussmix.source.encoded._LEAST", 2_000_000)
    deflate = zlib.compressobj(1)
    bomb = b"".join(deflate.compress(bytes(1 << 20)) for _ in range(4)) + deflate.flush()
    with h5py.File(path, "w") as file:
        data = file.create_dataset(
            "x", (rows, 3), "f8", chunks=(rows, 3), compression="gzip", fletcher32=True
        )
        data.id.write_direct_chunk((0, 0), bomb + b"\0" * 4)
    with pytest.raises(ResourceLimitError, match=rf"the chunk from \(0, 0\) decodes to more than {most}"):
        as_source(path)


def test_lzf_that_decodes_to_far_more_than_declared_is_refused(path, monkeypatch):
    monkeypatch.setattr("gaussmix.source.encoded._LEAST", 2_000_000)
    with h5py.File(path, "w") as file:
        file.create_dataset("zeros", data=np.zeros((300_000, 1)), chunks=(300_000, 1), compression="lzf")
        _, bomb = file["zeros"].id.read_direct_chunk((0, 0))
        data = file.create_dataset("x", (10, 3), "f8", chunks=(10, 3), compression="lzf", shuffle=True)
        data.id.write_direct_chunk((0, 0), bomb)
    with pytest.raises(ResourceLimitError, match=r"the chunk from \(0, 0\) decodes to more than 2\.0 MB"):
        as_source(f"{path}::x")
    assert as_source(f"{path}::zeros").n_rows == 300_000


def test_large_chunks_that_keep_to_what_they_declare_are_read(path):
    values = np.random.default_rng(0).normal(size=(60_000, 3)).round(2)
    with h5py.File(path, "w") as file:
        file.create_dataset("x", data=values, chunks=values.shape, compression="gzip", shuffle=True)
        assert file["x"].id.get_chunk_info(0).size * 1032 > 256 << 20
    assert rows_of(as_source(path)).tobytes() == values.tobytes()


def test_filters_after_a_compressor_are_refused(path):
    with h5py.File(path, "w") as file:
        plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        plist.set_chunk((5, 3))
        plist.set_deflate(4)
        plist.set_deflate(4)
        h5py.h5d.create(file.id, b"x", h5py.h5t.NATIVE_DOUBLE, h5py.h5s.create_simple((20, 3)), plist)
    with pytest.raises(DataError, match="is encoded again after 1"):
        as_source(path)


def test_what_virtual_datasets_are_put_together_from_is_checked(path):
    with h5py.File(path.with_name("part.h5"), "w") as file:
        file.create_dataset("x", (2**28, 1), "f8", chunks=(2**28, 1), compression="gzip")
    with h5py.File(path, "w") as file:
        layout = h5py.VirtualLayout((100, 1), "f8")
        layout[:] = h5py.VirtualSource("part.h5", "x", (2**28, 1))[:100]
        file.create_virtual_dataset("v", layout)
    with pytest.raises(ResourceLimitError, match="268435456 rows and 1 columns"):
        as_source(path)


def test_missing_values_of_rows_beyond_the_limit_are_refused(path):
    values = X.copy()
    values[7, 1] = np.nan
    written(path, x=values)
    source = as_source(path, missing=True, memory_limit=100)
    with pytest.raises(
        DataError, match=r"x\.h5: row 7, column 1 is NaN .*may take 100 bytes: raise memory_limit"
    ):
        rows_of(source)
    source = as_source(path, missing=True)
    assert source.incomplete
    assert not source.exceeds_memory


def test_a_file_that_changes_between_passes_is_noticed(path):
    source = as_source(written(path, x=X))
    os.utime(path, ns=(0, 0))
    with pytest.raises(DataError, match=r"x\.h5: the file has changed since it was opened"):
        rows_of(source)


def test_a_dataset_whose_file_was_closed_is_opened_again(path):
    with h5py.File(path, "w") as file:
        file["x"] = X
        source = as_source(file["x"])
    assert rows_of(source).tobytes() == X.tobytes()


@pytest.mark.parametrize("content", [b"", b"\x89HDF\r\n\x1a\n", b"x" * 3000])
def test_damaged_files_are_refused(content, path):
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"x\.h5: this is not an HDF5 file, or a damaged one"):
        as_source(path)
    with pytest.raises(FileNotFoundError):
        as_source(path.with_name("nothing.h5"))


def test_damaged_chunks_are_refused(path):
    with h5py.File(path, "w") as file:
        file.create_dataset("x", data=X, chunks=(20, 3), compression="gzip")
        at = file["x"].id.get_chunk_info(0).byte_offset
    content = bytearray(path.read_bytes())
    content[at : at + 20] = b"\0" * 20
    path.write_bytes(content)
    with pytest.raises(DataError, match="rows from 0 cannot be read"):
        as_source(path)


def test_other_objects_of_h5py_are_refused(path):
    with h5py.File(written(path, x=X)) as file, pytest.raises(DataTypeError, match="pass the dataset itself"):
        as_source(file["x"].astype("f4"))
