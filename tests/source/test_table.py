from __future__ import annotations

import subprocess
import sys
from decimal import Decimal

import numpy as np
import pytest

from gaussmix.errors import DataError, DataTypeError, ParameterError
from gaussmix.source import ArraySource, as_source, is_table

pa = pytest.importorskip("pyarrow")
pd = pytest.importorskip("pandas")
pl = pytest.importorskip("polars")

X = np.random.default_rng(0).normal(size=(50, 3))
COLUMNS = {"a": X[:, 0], "b": X[:, 1], "ü c": X[:, 2]}


class Stream:
    """What DuckDB's relations and other engines offer: the protocol and nothing else."""

    def __init__(self, table):
        self._table = table

    def __arrow_c_stream__(self, requested_schema=None):
        return self._table.__arrow_c_stream__(requested_schema)


MAKERS = {
    "pandas": pd.DataFrame,
    "polars": pl.DataFrame,
    "pyarrow": pa.table,
    "batch": lambda columns: pa.table(columns).to_batches()[0],
    "reader": lambda columns: pa.table(columns).to_reader(max_chunksize=7),
    "stream": lambda columns: Stream(pa.table(columns)),
}


def values(source):
    return source.take(np.arange(source.n_rows))


@pytest.mark.parametrize("maker", MAKERS)
def test_tables_hold_the_same_bits_as_the_array(maker):
    table = MAKERS[maker](COLUMNS)
    assert is_table(table)
    source = as_source(table, sample_weight=np.ones(50))
    assert source.feature_names == ("a", "b", "ü c")
    assert values(source).tobytes() == X.tobytes()


@pytest.mark.parametrize("maker", MAKERS)
def test_columns_are_chosen_in_order(maker):
    source = as_source(MAKERS[maker]({**COLUMNS, "text": ["x"] * 50}), columns=["ü c", "a"])
    assert source.feature_names == ("ü c", "a")
    assert np.array_equal(values(source), X[:, [2, 0]])


@pytest.mark.parametrize("maker", MAKERS)
def test_float32_stays_float32_only_if_all_columns_are(maker):
    single = {name: column.astype("f4") for name, column in COLUMNS.items()}
    assert as_source(MAKERS[maker](single)).dtype == np.float32
    mixed = {**single, "a": np.arange(50, dtype="i2"), "b": np.arange(50) > 3}
    source = as_source(MAKERS[maker](mixed))
    assert source.dtype == np.float64
    assert np.array_equal(values(source)[:, 1], np.arange(50) > 3)


@pytest.mark.parametrize("maker", MAKERS)
@pytest.mark.parametrize("column", [[1.5, None, 2.5], [1, None, 3], [True, None, False], [1.0, np.nan, 2.0]])
def test_missing_values_are_named(maker, column):
    table = pa.table({"fine": [1, 2, 3], "x2": column})
    if maker == "pandas":
        table = table.to_pandas(types_mapper=pd.ArrowDtype)
    else:
        table = MAKERS[maker]({name: table[name] for name in table.column_names})
    with pytest.raises(DataError, match="row 1, column 'x2' is NaN"):
        as_source(table)


@pytest.mark.parametrize("dtype", ["Int64", "Float64", "boolean"])
def test_nullable_pandas_columns(dtype):
    assert values(as_source(pd.DataFrame({"a": pd.array([0, 1], dtype)}))).tolist() == [[0], [1]]
    with pytest.raises(DataError, match="row 1, column 'a' is NaN"):
        as_source(pd.DataFrame({"a": pd.array([0, pd.NA], dtype)}))


@pytest.mark.parametrize("maker", MAKERS)
def test_columns_that_are_not_numeric_are_named(maker):
    table = {"a": [1.0], "name": ["x"], "when": np.zeros(1, "M8[ms]")}
    with pytest.raises(DataError, match=r"not numeric: 'name', 'when' .*columns=\[\.\.\.\]"):
        as_source(MAKERS[maker](table))
    assert as_source(MAKERS[maker](table), columns="a").n_features == 1


@pytest.mark.parametrize("maker", ["polars", "pyarrow", "stream"])
def test_decimals_are_numbers(maker):
    source = as_source(MAKERS[maker]({"a": [Decimal("1.25"), Decimal("-3.10")]}))
    assert values(source).tolist() == [[1.25], [-3.1]]


@pytest.mark.parametrize(
    ("column", "message"),
    [
        ([1.5, "2"], "row 1, column 'a' is '2'"),
        ([1.5, None], "row 1, column 'a' is NaN"),
        ([1.5, pd.NA], "row 1, column 'a' is NaN"),
    ],
)
def test_pandas_objects_are_looked_at_cell_by_cell(column, message):
    with pytest.raises(DataError, match=message):
        as_source(pd.DataFrame({"a": pd.Series(column, dtype=object)}))
    numbers = pd.DataFrame({"a": pd.Series([1, 2.5], dtype=object)})
    assert values(as_source(numbers)).tolist() == [[1], [2.5]]


@pytest.mark.parametrize(
    "table",
    [
        pd.DataFrame([[1, 2]], columns=["a", "a"]),
        pa.Table.from_arrays([pa.array([1]), pa.array([2])], ["a", "a"]),
        Stream(pa.Table.from_arrays([pa.array([1]), pa.array([2])], ["a", "a"])),
    ],
)
def test_repeated_names_are_refused(table):
    assert is_table(table)
    with pytest.raises(DataError, match=r"two columns .*'a'"):
        as_source(table)


def test_numbered_columns_have_no_names():
    frame = pd.DataFrame(X)
    assert as_source(frame).feature_names is None
    assert np.array_equal(values(as_source(frame, columns=[2])), X[:, 2:])
    with pytest.raises(DataTypeError, match="mix text and int"):
        as_source(pd.DataFrame([[1, 2]], columns=["a", 0]))


@pytest.mark.parametrize(
    ("data", "error", "message"),
    [
        (pl.LazyFrame({"a": [1]}), DataTypeError, r"LazyFrame\), which has no rows yet: call .collect\(\)"),
        (pd.Series([1.0]), DataError, r"single column: .*to_frame"),
        (pl.Series([1.0]), DataError, r"single column: .*to_frame"),
        (Stream(pa.chunked_array([[1]])), DataTypeError, "does not stream the columns of a table"),
        (pl.DataFrame({"a": []}, schema={"a": pl.Float64}), DataError, "0 rows and 1 columns"),
        (pd.DataFrame(), DataError, "0 rows and 0 columns"),
        (pa.table({"a": [[1]]}), DataError, "not numeric: 'a'"),
    ],
)
def test_what_is_no_table_of_rows_is_refused(data, error, message):
    with pytest.raises(error, match=message):
        as_source(data)


def test_unknown_column_lists_what_exists():
    with pytest.raises(DataError, match="no column 'z': the columns are 'a', 'b', 'ü c'"):
        as_source(pd.DataFrame(COLUMNS), columns=["a", "z"])


@pytest.mark.parametrize("data", [X, X.tolist(), ArraySource(X)])
def test_columns_of_an_array_have_no_names(data):
    assert not is_table(data)
    with pytest.raises(ParameterError, match="columns="):
        as_source(data, columns=["a"])


@pytest.mark.parametrize("data", [(row for row in X), iter([1]), map(int, [])])
def test_what_can_be_read_once_is_refused(data):
    with pytest.raises(DataTypeError, match="only once"):
        as_source(data)


def test_arrays_are_checked_to_be_finite():
    with pytest.raises(DataError, match="row 1, column 0 is NaN"):
        as_source([[1.0], [float("nan")]])


def test_source_passes_through():
    source = ArraySource(X)
    assert as_source(source) is source
    assert as_source(source, sample_weight=np.ones(50)).sample_weight.sum() == 50


def test_tables_are_not_changed():
    frame = pd.DataFrame(COLUMNS)
    as_source(frame)
    assert np.array_equal(frame.to_numpy(), X)


def test_importing_loads_no_optional_package():
    code = "import sys, gaussmix.source; assert not {'pyarrow', 'pandas', 'polars'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
