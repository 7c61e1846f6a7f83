from __future__ import annotations

import sys
from operator import methodcaller

import numpy as np
import pytest

from gaussmix import GaussianMixture
from gaussmix.errors import DataError, DataTypeError, MissingDependencyError
from gaussmix.source import as_source
from tests.clusters import cluster

dask = pytest.importorskip("dask")
da = pytest.importorskip("dask.array")
dd = pytest.importorskip("dask.dataframe")
pd = pytest.importorskip("pandas")

X = np.random.default_rng(0).normal(size=(600, 3)) + np.repeat([[0.0], [6.0]], 300, axis=0)


def frame(values=X, **columns):
    return pd.DataFrame(values, columns=list("abc")).assign(**columns)


def rows_of(source):
    return np.concatenate([partition.load()[0] for partition in source.partitions(97)])


def counted(calls):
    def chunk(values, block_id=None):
        calls.append(block_id)
        return values

    return da.from_array(X, chunks=(100, 3)).map_blocks(chunk, dtype="f8", meta=X[:0])


def test_reading_measures_each_chunk_once_and_a_pass_computes_each_once():
    calls = []
    source = as_source(counted(calls))
    assert len(calls) == 6
    rows_of(source)
    rows_of(source)
    assert len(calls) == 12  # and keeps it, since all fit into memory


def test_a_column_of_weights_is_computed_with_the_features():
    calls = []

    def part(rows):
        calls.append(len(rows))
        return rows

    rows = frame(w=np.arange(600.0))
    parts = dd.from_pandas(rows, npartitions=4).map_partitions(part, meta=rows[:0])
    with dask.config.set(scheduler="sync"):
        source = as_source(parts, sample_weight="w", memory_limit=1)
    assert sum(calls) == 600
    assert source.sample_weight.tolist() == list(range(600))
    assert rows_of(source).tobytes() == X.tobytes()


@pytest.mark.parametrize("columns", [{"w": "one"}, {"w": np.repeat([1.0, np.nan], [599, 1])}])
def test_a_column_that_holds_no_weights_is_named(columns):
    with pytest.raises(DataError, match="'w'"):
        as_source(dd.from_pandas(frame(**columns), npartitions=4), sample_weight="w")


def test_taking_rows_computes_their_chunks_only():
    calls = []
    source = as_source(counted(calls), memory_limit=1)
    assert source.exceeds_memory
    assert not as_source(counted([])).exceeds_memory
    rows = np.array([5, 7, 250, 250])
    calls.clear()
    assert source.take(rows).tobytes() == X[rows].tobytes()
    assert len(calls) == 2
    assert rows_of(source).tobytes() == X.tobytes()


def test_all_chunks_are_measured_in_one_graph(monkeypatch):
    graphs = []

    def get(graph, keys, **options):
        graphs.append(keys)
        return dask.get(graph, keys, **options)

    with dask.config.set(scheduler=get):
        as_source(da.from_array(X, chunks=(1, 3)))
    assert len(graphs) == 1


def test_missing_values_of_rows_beyond_the_limit_are_refused():
    values = X.copy()
    values[7, 1] = np.nan
    with pytest.raises(
        DataError, match=r"must fit into memory, where they may take 1\.0 kB: raise memory_limit"
    ):
        as_source(da.from_array(values, chunks=(100, 3)), missing=True, memory_limit=1000)


def test_partitions_of_any_length_are_joined():
    parts = [frame()[:100], frame()[100:100], frame()[100:101], frame()[101:]]
    source = as_source(dd.from_delayed([dask.delayed(part) for part in parts], meta=frame()[:0]))
    assert source.feature_names == ("a", "b", "c")
    assert rows_of(source).tobytes() == X.tobytes()


def test_columns_of_all_kinds_of_numbers_become_one_type():
    table = frame(b=np.arange(600) % 7, c=pd.array([1, None, 3] * 200, dtype="Int64"))
    source = as_source(dd.from_pandas(table, npartitions=3), missing=True)
    expected = table.astype("float64").to_numpy()
    assert source.incomplete
    np.testing.assert_array_equal(rows_of(source), expected)


def test_columns_that_are_not_numeric_are_named_before_anything_is_computed():
    table = dd.from_pandas(frame(b="text"), npartitions=2)
    with pytest.raises(DataError, match=r"columns that are not numeric: 'b'"):
        as_source(table)
    assert rows_of(as_source(table, columns=["c", "a"])).tobytes() == X[:, [2, 0]].tobytes()


@pytest.mark.parametrize("wrong", ["series", "bag", "masked", "1-d", "no rows", "no columns known"])
def test_what_has_no_plain_rows_and_columns_is_refused(wrong):
    array = da.from_array(X, chunks=(200, 2))
    bag = pytest.importorskip("dask.bag")
    data = {
        "series": dd.from_pandas(frame(), npartitions=2)["a"],
        "bag": bag.from_sequence([1, 2], npartitions=2),
        "masked": da.ma.masked_greater(array, 0),
        "1-d": array[:, 0],
        "no rows": array[array[:, 0] > 1e9],
        "no columns known": array[:, array[0] > 0],
    }[wrong]
    with pytest.raises((DataError, DataTypeError)):
        as_source(data)


def test_weights_may_be_a_collection():
    weight = np.arange(600.0)
    source = as_source(da.from_array(X, chunks=(200, 2)), sample_weight=da.from_array(weight, chunks=50))
    assert source.sample_weight.tobytes() == weight.tobytes()


def test_a_missing_package_is_named_with_its_extra(monkeypatch):
    array = da.from_array(X)
    monkeypatch.setitem(sys.modules, "dask.array", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'gaussmix\[dask\]'"):
        as_source(array)


@pytest.fixture(scope="module")
def client():
    with cluster(2, processes=True) as client:
        yield client


SLOW = [pytest.param(kind, marks=pytest.mark.slow) for kind in ("array", "persisted array", "of persisted")]


@pytest.mark.parametrize("kind", ["persisted dataframe", "of futures", *SLOW])
def test_workers_load_partitions_of_what_the_cluster_holds(kind, client):
    array, table = da.from_array(X, chunks=(200, 2)), dd.from_pandas(frame(), npartitions=4)
    data = {
        "array": lambda: array,
        "persisted array": lambda: client.persist(array),
        "persisted dataframe": lambda: client.persist(table),
        "of persisted": lambda: client.persist(table)[["a", "b", "c"]],
        "of futures": lambda: da.from_delayed(client.submit(np.array, X), X.shape, "f8"),
    }[kind]()
    source = as_source(data)
    assert rows_of(source).tobytes() == X.tobytes()
    futures = client.map(methodcaller("load"), list(source.partitions(97)), pure=False)
    assert np.concatenate([rows for rows, _ in client.gather(futures)]).tobytes() == X.tobytes()
    assert source.take(np.array([3, 500])).tobytes() == X[[3, 500]].tobytes()


def test_a_persisted_collection_is_fitted_with_the_bits_of_the_array(client):
    table = client.persist(dd.from_pandas(frame(), npartitions=4))
    fitted = GaussianMixture(2, random_state=0).fit(table)
    expected = GaussianMixture(2, random_state=0).fit(frame())
    assert fitted.means_.tobytes() == expected.means_.tobytes()
    assert fitted.feature_names_in_.tolist() == ["a", "b", "c"]
