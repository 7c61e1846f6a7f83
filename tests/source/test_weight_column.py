"""``sample_weight="name"`` takes the weights from a column, wherever columns have names."""

from __future__ import annotations

import numpy as np
import pytest

from gaussmix import GaussianMixture
from gaussmix.errors import DataError, ParameterError
from gaussmix.source import as_source

pa = pytest.importorskip("pyarrow")
pd = pytest.importorskip("pandas")
parquet = pytest.importorskip("pyarrow.parquet")

X = np.random.default_rng(0).normal(size=(60, 2))
WEIGHT = np.arange(60.0)
FRAME = pd.DataFrame({"a": X[:, 0], "w": WEIGHT, "b": X[:, 1]})
TABLE = pa.Table.from_pandas(FRAME)


def in_text(folder, frame=FRAME):
    frame.to_csv(folder / "x.csv", index=False, float_format="%.17g")
    return folder / "x.csv"


def in_parquet(folder):
    parquet.write_table(TABLE, folder / "x.parquet", row_group_size=17)
    return folder / "x.parquet"


def of_dask(folder):
    return pytest.importorskip("dask.dataframe").from_pandas(FRAME, npartitions=3)


MAKERS = {
    "pandas": lambda _: FRAME,
    "polars": lambda _: pytest.importorskip("polars").from_pandas(FRAME),
    "arrow": lambda _: TABLE,
    "stream": lambda _: pa.RecordBatchReader.from_batches(TABLE.schema, TABLE.to_batches(17)),
    "batches": lambda _: lambda: iter([FRAME[:20], FRAME[20:]]),
    "csv": in_text,
    "parquet": in_parquet,
    "dask": of_dask,
}


@pytest.mark.parametrize("limit", [100, None])
@pytest.mark.parametrize("maker", MAKERS)
def test_the_column_is_no_feature(maker, limit, tmp_path):
    source = as_source(MAKERS[maker](tmp_path), sample_weight="w", memory_limit=limit)
    assert source.feature_names == ("a", "b")
    assert source.take(np.arange(60)).tobytes() == X.tobytes()
    assert source.sample_weight.tobytes() == WEIGHT.tobytes()


@pytest.mark.parametrize("maker", MAKERS)
def test_a_column_that_is_not_there_is_named(maker, tmp_path):
    with pytest.raises(DataError, match="no column 'v': the columns are 'a', 'w', 'b'"):
        as_source(MAKERS[maker](tmp_path), sample_weight="v")


@pytest.mark.parametrize("maker", MAKERS)
def test_chosen_columns_may_be_the_weights_too(maker, tmp_path):
    source = as_source(MAKERS[maker](tmp_path), sample_weight="w", columns=["b", "w"])
    assert source.feature_names == ("b", "w")
    assert source.take(np.arange(60)).tobytes() == np.column_stack([X[:, 1], WEIGHT]).tobytes()


def test_weights_of_float64_leave_features_of_float32_as_they_are():
    source = as_source(FRAME.astype({"a": "f4", "b": "f4"}), sample_weight="w")
    assert (source.dtype, source.sample_weight.dtype) == (np.float32, np.float64)


@pytest.mark.parametrize(
    "data", [X, X.tolist(), lambda: iter([X]), as_source(FRAME)], ids=["array", "list", "batches", "source"]
)
def test_without_names_there_is_no_such_column(data):
    with pytest.raises(ParameterError, match="sample_weight='w' names a column"):
        as_source(data, sample_weight="w")


def test_weights_that_cannot_be_used_are_named(tmp_path):
    path = in_text(tmp_path, FRAME.assign(w=np.where(WEIGHT == 7, np.nan, 1.0)))
    with pytest.raises(DataError, match=r"x\.csv: row 7, column 'w' is NaN"):
        as_source(path, sample_weight="w")
    with pytest.raises(
        ParameterError, match="'w' is the only column: there are no features beside the weights"
    ):
        as_source(FRAME[["w"]], sample_weight="w")


@pytest.mark.parametrize("maker", ["pandas", "csv"])
def test_fit_and_score(maker, tmp_path):
    expected = GaussianMixture(2, random_state=0).fit(X, sample_weight=WEIGHT)
    model = GaussianMixture(2, random_state=0).fit(MAKERS[maker](tmp_path), sample_weight="w")
    assert model.means_.tobytes() == expected.means_.tobytes()
    assert model.feature_names_in_.tolist() == ["a", "b"]
    assert model.score(MAKERS[maker](tmp_path), sample_weight="w") == expected.score(X, sample_weight=WEIGHT)
