"""What holds of every store and collection: the rows are those of the array, whatever they come from."""

from __future__ import annotations

import pickle
import sys

import cloudpickle
import numpy as np
import pytest

from gaussmix import GaussianMixture
from gaussmix.errors import DataError, MissingDependencyError, ParameterError
from gaussmix.source import as_source

h5py = pytest.importorskip("h5py")
zarr = pytest.importorskip("zarr")
da = pytest.importorskip("dask.array")
dd = pytest.importorskip("dask.dataframe")
pd = pytest.importorskip("pandas")

RNG = np.random.default_rng(0)
X = RNG.normal(size=(900, 3)) * [1.0, 1e-3, 1e5] + np.repeat([[0.0, 0, 0], [5, 5e-3, 5e5]], 450, axis=0)
X[7] = -0.0, 5e-324, np.nextafter(1, 2)
NAMES = ("a", "b", "c")


def hdf5(path, values, **options):
    with h5py.File(path / "x.h5", "w") as file:
        file.create_dataset("group/x", data=values, **options)
    return path / "x.h5"


def zarr_array(path, values, **options):
    store = path / "x.zarr" if options.pop("local", True) else zarr.storage.MemoryStore()
    array = zarr.create_array(
        store, shape=values.shape, chunks=(200, 2), dtype=values.dtype, overwrite=True, **options
    )
    array[:] = values
    return array


def frame(values):
    return pd.DataFrame(values, columns=list(NAMES[: values.shape[1]]))


KINDS = {
    "HDF5 file": hdf5,
    "HDF5 file, compressed": lambda path, X: hdf5(path, X, chunks=(200, 2), compression="gzip", shuffle=True),
    "HDF5 file, name": lambda path, X: f"{hdf5(path, X)}::/group/x",
    "HDF5 dataset": lambda path, X: h5py.File(hdf5(path, X))["group/x"],
    "HDF5 in memory": lambda path, X: h5py.File("x", "w", driver="core", backing_store=False).create_dataset(
        "x", data=X
    ),
    "Zarr 2": lambda path, X: zarr_array(path, X, zarr_format=2),
    "Zarr 3": zarr_array,
    "Zarr folder": lambda path, X: zarr_array(path, X).store.root,
    "Zarr folder, name": lambda path, X: f"{zarr_array(path, X, name='g/x').store.root}::g/x",
    "Zarr shards": lambda path, X: zarr_array(path, X, shards=(400, 4)),
    "Zarr in memory": lambda path, X: zarr_array(path, X, local=False),
    "Dask array": lambda path, X: da.from_array(X, chunks=(200, 2)),
    "Dask array, filtered": lambda path, X: (x := da.from_array(X, chunks=(200, 3)))[~(x[:, 0] < -1e9)],
    "Dask dataframe": lambda path, X: dd.from_pandas(frame(X), npartitions=7),
    "batches of arrays": lambda path, X: [X[:300], X[:0], X[300:]],
    "callable for tables": lambda path, X: lambda: (frame(X[i : i + 400]) for i in range(0, len(X), 400)),
}


@pytest.fixture(params=KINDS)
def kind(request):
    return KINDS[request.param]


def rows_of(partitions):
    return np.concatenate([partition.load()[0] for partition in partitions])


def test_blocks_have_the_bits_of_the_array(kind, tmp_path):
    source = as_source(kind(tmp_path, X))
    for block_rows in (900, 97, 2000, 450):
        for index, partition in enumerate(source.partitions(block_rows)):
            rows, weight = partition.load()
            assert rows.tobytes() == X[index * block_rows : (index + 1) * block_rows].tobytes()
            assert weight is None
            assert rows.flags.c_contiguous
            assert partition.resident().load()[0].tobytes() == rows.tobytes()


def test_partitions_pickle_to_their_rows_at_most(kind, tmp_path):
    weight = np.arange(900.0)
    partitions = as_source(kind(tmp_path, X), sample_weight=weight).partitions(200)
    pickles = [cloudpickle.dumps(partition) for partition in partitions]
    assert max(map(len, pickles)) < 2 * 200 * 4 * 8 + 5000  # two chunks, and the weights
    loaded = [pickle.loads(one) for one in pickles]
    assert rows_of(loaded).tobytes() == X.tobytes()
    assert np.concatenate([partition.load()[1] for partition in loaded]).tobytes() == weight.tobytes()


def test_rows_are_taken_in_order_and_twice(kind, tmp_path):
    source = as_source(kind(tmp_path, X))
    rows = np.array([0, 5, 5, 17, 199, 200, 399, 899])
    assert source.take(rows).tobytes() == X[rows].tobytes()
    assert source.take(rows[:0]).shape == (0, 3)


def test_float32_stays_float32(kind, tmp_path):
    single = X.astype(np.float32)
    source = as_source(kind(tmp_path, single))
    assert source.dtype == np.float32
    assert rows_of(source.partitions(333)).tobytes() == single.tobytes()


def test_the_first_value_that_is_not_finite_is_named(kind, tmp_path):
    broken = X.copy()
    broken[567, 1] = np.nan
    broken[800, 0] = np.inf
    with pytest.raises(DataError, match=r"row 567, column (1|'b') is NaN"):
        as_source(kind(tmp_path, broken))
    with pytest.raises(DataError, match=r"row 800, column (0|'a') is inf"):
        as_source(kind(tmp_path, broken), missing=True)
    broken[800, 0] = 0.0
    source = as_source(kind(tmp_path, broken), missing=True)
    assert source.incomplete
    assert np.isnan(source.take(np.array([567]))[0, 1])


def test_weights_must_fit(kind, tmp_path):
    with pytest.raises(DataError, match=r"sample_weight has shape \(2,\)"):
        as_source(kind(tmp_path, X), sample_weight=[1, 2])


def test_a_fit_has_the_bits_of_a_fit_of_the_array(kind, tmp_path):
    options = {"random_state": 0, "max_iter": 5, "n_jobs": 2}
    expected = GaussianMixture(2, **options).fit(X)
    fitted = GaussianMixture(2, **options).fit(kind(tmp_path, X))
    assert fitted.means_.tobytes() == expected.means_.tobytes()
    assert fitted.covariances_.tobytes() == expected.covariances_.tobytes()
    assert fitted.n_features_in_ == 3
    assert np.asarray(fitted.predict(kind(tmp_path, X))).tolist() == expected.predict(X).tolist()


@pytest.mark.parametrize("kind", [kind for kind in KINDS if "table" not in kind and "dataframe" not in kind])
def test_arrays_have_no_columns_to_choose_by_name(kind, tmp_path):
    with pytest.raises((DataError, ParameterError), match="have no names"):
        as_source(KINDS[kind](tmp_path, X), columns=["a"])


@pytest.mark.parametrize("kind", ["Dask dataframe", "callable for tables"])
def test_columns_of_tables_are_chosen_by_name(kind, tmp_path):
    source = as_source(KINDS[kind](tmp_path, X), columns=["c", "a"])
    assert source.feature_names == ("c", "a")
    assert rows_of(source.partitions(333)).tobytes() == X[:, [2, 0]].tobytes()


@pytest.mark.parametrize(
    "values", [X[:0], X[:, 0], X[None, :, :], X + 1j], ids=["empty", "1-d", "3-d", "complex"]
)
@pytest.mark.parametrize("package", ["h5py", "dask"])
def test_what_is_no_matrix_of_numbers_is_refused(package, values, tmp_path):
    data = h5py.File(hdf5(tmp_path, values))["group/x"] if package == "h5py" else da.from_array(values)
    with pytest.raises(DataError, match=r"rows|dimensions|complex"):
        as_source(data)


@pytest.mark.parametrize(("package", "name"), [("h5py", "x.h5"), ("zarr", "x.zarr")])
def test_a_missing_package_is_named_with_its_extra(package, name, tmp_path, monkeypatch):
    path = hdf5(tmp_path, X) if package == "h5py" else zarr_array(tmp_path, X).store.root
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'gaussmix\[io\]'"):
        as_source(path)


def test_rows_beyond_the_limit_say_so(kind, tmp_path):
    data = kind(tmp_path, X)
    source = as_source(data, memory_limit=20_000)
    assert source.exceeds_memory
    assert source.with_weight(np.ones(900)).exceeds_memory
    assert rows_of(source.partitions(97)).tobytes() == X.tobytes()
    assert not as_source(data, memory_limit=30_000).exceeds_memory
