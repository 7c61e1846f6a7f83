"""Files larger than the memory limit give the same rows as arrays, whatever the cut."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from gaussmix import GaussianMixture
from gaussmix.errors import DataError
from gaussmix.source import ArraySource, as_source, stored
from gaussmix.source.stored import StoredSource

pa = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")

X = np.random.default_rng(0).normal(size=(1000, 3)) * 10.0 ** np.arange(-200, 201, 200)
X[0] = -0.0, 5e-324, np.nextafter(1, 2)
NAMES = ("x0", "x1", "x2")
CUTS = [0, 1, 1, 400, 1000]  # of several files, one without rows


def table(rows):
    return pa.table({name: rows[:, column] for column, name in enumerate(NAMES)})


def write_arrow(path, rows):
    with pa.ipc.new_file(str(path), table(rows).schema) as out:
        out.write_table(table(rows), max_chunksize=170)


def write_text(path, rows):
    np.savetxt(path, rows, fmt="%.17g", delimiter=",", header=",".join(NAMES), comments="")


WRITERS = {
    "C.npy": np.save,
    "Fortran.npy": lambda path, rows: np.save(path, np.asfortranarray(rows)),
    "big-endian.npy": lambda path, rows: np.save(path, rows.astype(">f8")),
    "x.parquet": lambda path, rows: parquet.write_table(table(rows), path, row_group_size=170),
    "x.arrow": write_arrow,
    "x.csv": write_text,
}


def in_one(name, folder):
    WRITERS[name](folder / name, X)
    return folder / name


def in_many(name, folder, X=X):
    for index, (start, stop) in enumerate(pairwise(CUTS)):
        WRITERS[name](folder / f"{index} {name}", X[start:stop])
    return folder


@pytest.fixture
def npy(tmp_path):
    return in_many("C.npy", tmp_path)


@pytest.mark.parametrize("limit", [1, 10_000, 100_000])
@pytest.mark.parametrize("layout", [in_one, in_many])
@pytest.mark.parametrize("name", WRITERS)
def test_every_cut_gives_the_rows_bit_for_bit(name, layout, limit, tmp_path):
    source = as_source(layout(name, tmp_path), memory_limit=limit)
    assert isinstance(source, StoredSource if limit < X.nbytes else ArraySource)
    for size in (1, 7, 400, 2000):
        partitions = source.partitions(size)
        assert len(partitions) == -(-1000 // size)
        for index, partition in enumerate(partitions):
            rows, weight = partition.load()
            assert rows.tobytes() == X[index * size : (index + 1) * size].tobytes()
            assert weight is None
    assert source.feature_names == (None if name.endswith(".npy") else NAMES)


@pytest.mark.parametrize("name", WRITERS)
def test_rows_are_taken_one_by_one(name, tmp_path):
    source = as_source(in_many(name, tmp_path), memory_limit=1)
    for rows in ([], [0], [999], [0, 1, 1, 399, 400, 999, 999], np.arange(1000), np.arange(0, 1000, 99)):
        rows = np.array(rows, dtype=int)
        assert source.take(rows).tobytes() == X[rows].tobytes()


def test_rows_far_apart_are_read_by_themselves(tmp_path):
    wide = np.arange(4000.0 * 20).reshape(4000, 20)
    for order, rows in {"C": wide, "F": np.asfortranarray(wide)}.items():
        np.save(tmp_path / f"{order}.npy", rows)
        source = as_source(tmp_path / f"{order}.npy", memory_limit=1)
        some = np.array([0, 1, 110, 111, 2000, 3999])
        assert np.array_equal(source.take(some), wide[some])


@pytest.mark.parametrize("dtype", ["?", "i1", "u8", "f2", "f4", ">f4", "g"])
def test_other_types_are_converted(dtype, tmp_path):
    rows = np.random.default_rng(0).integers(0, 2, (50, 3)).astype(dtype)
    np.save(tmp_path / "x.npy", rows)
    source, expected = as_source(tmp_path / "x.npy", memory_limit=1), ArraySource(rows)
    assert source.dtype == expected.dtype
    assert source.partitions(50)[0].load()[0].tobytes() == expected.partitions(50)[0].load()[0].tobytes()


@pytest.mark.parametrize("extension", ["parquet", "arrow"])
def test_float32_stays_float32(extension, tmp_path):
    single = pa.table({"a": pa.array([1.5, 2.5], pa.float32())})
    path = tmp_path / f"x.{extension}"
    if extension == "parquet":
        parquet.write_table(single, path)
    else:
        with pa.ipc.new_stream(str(path), single.schema) as out:
            out.write_table(single)
    source = as_source(path, memory_limit=1)
    assert source.dtype == source.take(np.array([1])).dtype == np.float32


def test_columns_of_files_are_chosen(tmp_path):
    source = as_source(in_many("x.csv", tmp_path), columns=["x2", "x0"], memory_limit=1)
    assert np.array_equal(source.take(np.arange(1000)), X[:, [2, 0]])


def test_weights(npy):
    weight = np.arange(1000.0)
    for source in (
        as_source(npy, memory_limit=1, sample_weight=weight),
        as_source(npy, memory_limit=1).with_weight(weight),
    ):
        assert source.partitions(300)[3].load()[1].tolist() == weight[900:].tolist()
        assert source.weight_of(np.array([5])) == [5.0]
    with pytest.raises(DataError, match=r"expected one weight for each row, \(1000,\)"):
        as_source(npy, memory_limit=1, sample_weight=[1.0])


def test_partitions_pickle_to_paths(npy, monkeypatch):
    monkeypatch.chdir(npy)
    partition = as_source([f"{index} C.npy" for index in (0, 2, 3)], memory_limit=1).partitions(500)[0]
    content = pickle.dumps(partition)
    monkeypatch.chdir("/")
    assert len(content) < 2000
    assert pickle.loads(content).load()[0].tobytes() == X[:500].tobytes()


def test_resident_partition_needs_no_file(npy):
    partition = as_source(npy, memory_limit=1, sample_weight=np.arange(1000.0)).partitions(600)[1].resident()
    for path in npy.iterdir():
        path.unlink()
    rows, weight = pickle.loads(pickle.dumps(partition)).load()
    assert (rows.tobytes(), weight.tolist()) == (X[600:].tobytes(), list(range(600, 1000)))


def n_descriptors():
    return len(list(Path("/dev/fd").iterdir()))


def test_many_threads_read_in_any_order_and_leave_nothing_behind(npy):
    before = threading.active_count(), n_descriptors()
    partitions = as_source(npy, memory_limit=1).partitions(10)
    order = np.random.default_rng(0).permutation(np.repeat(np.arange(100), 3))
    with ThreadPoolExecutor(4) as pool:
        loaded = list(pool.map(lambda index: partitions[index].load()[0], order))
    for index, rows in zip(order, loaded, strict=True):
        assert rows.tobytes() == X[index * 10 : index * 10 + 10].tobytes()
    assert (threading.active_count(), n_descriptors()) == before


def test_next_blocks_are_announced_where_blocks_are_read_in_order(npy, monkeypatch):
    asked = []
    monkeypatch.setattr(
        os,
        "posix_fadvise",
        lambda _, at, size, __: asked.extend(range(at - 128, at - 128 + size, 1200)),
        raising=False,
    )
    partitions = as_source(npy / "3 C.npy", memory_limit=1).partitions(50)  # 600 rows
    for index in (0, 1, 3, 2, 11, 5):
        partitions[index].load()
    assert [at // 1200 for at in asked] == [1, 2, 3, 4, 5, 6]
    partitions[0].load()
    assert [at // 1200 for at in asked[6:]] == [1, 2, 3]


@pytest.mark.parametrize("name", ["C.npy", "x.parquet", "x.csv"])
@pytest.mark.parametrize("covariance_type", ["full", "diag"])
def test_fit_has_the_bits_of_a_fit_in_memory(name, covariance_type, tmp_path):
    settings = {"n_components": 2, "covariance_type": covariance_type, "random_state": 0}
    X = np.random.default_rng(0).normal(size=(1000, 3)) + np.repeat([0, 5], 500)[:, None]
    path = in_many(name, tmp_path, X)
    expected = GaussianMixture(**settings).fit(X)
    model = GaussianMixture(**settings, memory_limit=1).fit(path)
    assert model.covariances_.tobytes() == expected.covariances_.tobytes()
    assert model.n_iter_ == expected.n_iter_
    assert np.array_equal(model.predict(path), expected.predict(X))
    assert model.score(path) == expected.score(X)


@pytest.mark.parametrize("change", ["longer", "shorter", "touched", "gone"])
def test_file_that_changes_between_passes_is_named(change, npy):
    partition = as_source(npy, memory_limit=1).partitions(100)[0]
    path = npy / "2 C.npy"
    if change == "gone":
        path.unlink()
    elif change == "touched":
        os.utime(path, ns=(0, 0))
    else:
        np.save(path, X[: 500 if change == "longer" else 2])
    with pytest.raises((DataError, FileNotFoundError), match=r"2 C\.npy"):
        partition.load()


def test_rows_are_checked_when_they_are_first_read_and_not_again(npy, monkeypatch):
    looked = []
    monkeypatch.setattr(stored, "examine", lambda X, missing: looked.append(len(X)) or (False, None))
    partitions = as_source(npy, memory_limit=1).partitions(400)
    assert looked == []
    for _ in range(2):
        assert [len(partition.load()[0]) for partition in partitions] == [400, 400, 200]
    assert looked == [400, 400, 200]


@pytest.mark.parametrize("extension", ["npy", "h5", "zarr"])
def test_value_that_is_not_finite_is_named_wherever_it_is_first_met(extension, tmp_path):
    rows = np.where(np.arange(3000.0).reshape(1000, 3) == 1500, np.nan, 1.0)
    path = tmp_path / f"x.{extension}"
    if extension == "npy":
        np.save(path, rows)
    elif extension == "h5":
        with pytest.importorskip("h5py").File(path, "w") as file:
            file["x"] = rows
    else:
        pytest.importorskip("zarr").save_array(path, rows)
    source = as_source(path, memory_limit=1)
    model = GaussianMixture(memory_limit=1).fit(np.eye(3))
    for read in (
        lambda: source.partitions(300)[1].load(),
        lambda: source.take(np.array([3, 500])),
        lambda: pickle.loads(pickle.dumps(source.partitions(700)[0])).load(),
        lambda: model.score(source),
    ):
        with pytest.raises(DataError, match=rf"x\.{extension}: row 500, column 0 is NaN"):
            read()
    assert len(source.take(np.array([499, 501]))) == 2


@pytest.mark.skipif(sys.platform != "linux", reason="the bytes read are counted in /proc")
def test_no_row_is_read_for_the_check_alone(tmp_path):
    rows = np.zeros((200_000, 2))
    np.save(tmp_path / "x.npy", rows)

    def n_read():
        return int(Path("/proc/self/io").read_text().split()[1])

    before = n_read()
    source = as_source(tmp_path / "x.npy", memory_limit=1)
    assert n_read() - before < rows.nbytes / 10
    for partition in source.partitions(50_000):
        partition.load()
    assert n_read() - before < rows.nbytes * 1.1


FIT = """
import sys, warnings
from pathlib import Path
import numpy as np, pyarrow.parquet
from gaussmix import GaussianMixture
def peak():
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) // 1024
warnings.simplefilter("ignore")
model = GaussianMixture(3, means_init=np.eye(3, 8), max_iter=2, n_jobs=2, memory_limit="10MB")
before = peak()
model.fit(sys.argv[1])
print(peak() - before)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the peak is read from /proc")
@pytest.mark.parametrize(("extension", "most"), [("npy", 100), ("parquet", 250)])
def test_memory_of_a_fit_does_not_grow_with_the_file(extension, most, tmp_path):
    path = tmp_path / f"x.{extension}"
    rows = np.random.default_rng(0).normal(size=(6_000_000, 8))  # 384 MB
    if extension == "npy":
        np.save(path, rows)
    else:
        parquet.write_table(pa.table({f"x{column}": values for column, values in enumerate(rows.T)}), path)
    run = subprocess.run([sys.executable, "-c", FIT, path], capture_output=True, text=True, check=True)
    assert int(run.stdout) < most  # MB


@pytest.mark.parametrize("format_name", ["npy", "h5", "zarr"])
def test_values_missing_beyond_the_limit_are_named(format_name, tmp_path):
    rows = np.zeros((900, 3))
    rows[700, 1] = np.nan
    path = tmp_path / f"x.{format_name}"
    if format_name == "npy":
        np.save(tmp_path / "w.npy", rows[:100] * 0)
        np.save(path, rows)
    elif format_name == "h5":
        with pytest.importorskip("h5py").File(path, "w") as file:
            file["x"] = rows
    else:
        pytest.importorskip("zarr").save_array(str(path), rows)
    data = [tmp_path / "w.npy", path] if format_name == "npy" else path
    source = as_source(data, missing=True, memory_limit=1000)
    where = rf"x\.{format_name}(::/?x)?: row 700, column 1 is NaN \(a missing value\), and rows with missing"
    with pytest.raises(DataError, match=where):
        [partition.load() for partition in source.partitions(64)]


@pytest.mark.parametrize("task", ["labels", "noise", "background"])
def test_what_needs_all_rows_at_once_is_refused_beyond_the_limit(task, tmp_path):
    X = np.random.default_rng(0).normal(size=(100, 2))
    np.save(tmp_path / "x.npy", X)
    model = GaussianMixture(2, memory_limit=1000, background="uniform" if task == "background" else None)
    labels = np.where(np.arange(100) < 5, 0, -1) if task == "labels" else None
    noise = {"noise": np.full((100, 2), 0.1)} if task == "noise" else {}
    with pytest.raises(
        DataError, match="rows with partial labels, noise or a background must fit into memory"
    ):
        model.fit(tmp_path / "x.npy", labels, **noise)
    assert not hasattr(model, "mixture_")
