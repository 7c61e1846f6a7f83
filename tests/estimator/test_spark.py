"""Fits and predictions of Spark DataFrames, by Spark's own workers on this machine."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from gaussmix import GaussianMixture, GaussianMixtureSearch
from gaussmix.errors import DataError
from gaussmix.estimator.spark import executor, spark_udf
from gaussmix.executor import Serial
from gaussmix.fit import EStep
from gaussmix.model import Mixture
from gaussmix.source import ArraySource, as_source
from gaussmix.source import spark as spark_source
from tests.spark_session import MARKS, spark

pytestmark = [
    *MARKS,
    pytest.mark.filterwarnings("ignore:Best performing initialization did not converge"),
]

N, D, K = 9_000, 3, 3
RNG = np.random.default_rng(0)
X = RNG.normal(size=(N, D)) + 6.0 * RNG.integers(0, K, size=(N, 1))
NAMES = [f"x{d}" for d in range(D)]
SETTINGS: dict[str, Any] = {"n_components": K, "means_init": X[:K], "tol": 0.0, "max_iter": 4}

Session = Any
Frames = Callable[..., Any]


@pytest.fixture(scope="module")
def session() -> Iterator[Session]:
    with spark() as started:
        yield started


@pytest.fixture
def frames(session: Session, monkeypatch: pytest.MonkeyPatch) -> Frames:
    """Return a maker of DataFrames whose rows stay in Spark, in blocks of 1,152."""
    monkeypatch.setattr(spark_source, "COLLECTED_VALUES", 0)
    monkeypatch.setattr("gaussmix.source.blocks._WORK", 1.0)

    def frame(values: Any = X, n_partitions: int = 2, first: int = 0) -> Any:
        columns = {name: values[:, d] for d, name in enumerate(NAMES)} | {"order": np.arange(len(values))}
        made = session.createDataFrame(pa.table(columns)).repartitionByRange(n_partitions, "order")
        return made.sortWithinPartitions("order").filter(f"order >= {first}").drop("order")

    return frame


@pytest.fixture
def in_memory(monkeypatch: pytest.MonkeyPatch) -> GaussianMixture:
    monkeypatch.setattr("gaussmix.source.blocks._WORK", 1.0)
    return GaussianMixture(**SETTINGS).fit(X)


@pytest.mark.parametrize(
    "n_partitions", [pytest.param(1, marks=pytest.mark.slow), 3, pytest.param(8, marks=pytest.mark.slow)]
)
def test_a_fit_has_the_bits_of_one_in_memory(
    frames: Frames, in_memory: GaussianMixture, n_partitions: int
) -> None:
    model = GaussianMixture(**SETTINGS).fit(frames(n_partitions=n_partitions))
    np.testing.assert_array_equal(model.covariances_, in_memory.covariances_)
    assert model.lower_bounds_ == in_memory.lower_bounds_
    assert list(model.feature_names_in_) == NAMES


def test_rows_are_taken_and_blocks_loaded_as_of_an_array(frames: Frames) -> None:
    source, array = as_source(frames(n_partitions=4, first=5_000)), ArraySource(X[5_000:])
    rows = np.array([0, 7, 7, 2_500, 3_999])
    np.testing.assert_array_equal(source.take(rows), array.take(rows))
    np.testing.assert_array_equal(source.partitions(300)[-1].load()[0], array.partitions(300)[-1].load()[0])


def test_a_run_of_blocks_is_summed_as_of_an_array(frames: Frames) -> None:
    task = EStep(Mixture.from_parameters(np.full(K, 1 / K), X[:K], np.ones((K, D)), "diag"))
    there, here = as_source(frames()).partitions(300)[3:20], ArraySource(X).partitions(300)[3:20]
    total = executor(Serial()).map_reduce(task, there)
    np.testing.assert_array_equal(total.buffer, Serial().map_reduce(task, here).buffer)


@pytest.mark.slow
def test_weights_are_a_column_or_an_array(frames: Frames) -> None:
    weight = np.arange(1.0, N + 1)
    expected = GaussianMixture(**SETTINGS).fit(X, sample_weight=weight).means_
    from_here = GaussianMixture(**SETTINGS).fit(frames(), sample_weight=weight).means_
    column = frames().selectExpr("*", "row_number() OVER (ORDER BY monotonically_increasing_id()) AS w")
    from_there = GaussianMixture(**SETTINGS).fit(column, sample_weight="w").means_
    np.testing.assert_array_equal(from_here, expected)
    np.testing.assert_array_equal(from_there, expected)


def test_what_a_task_says_of_the_rows_comes_through(frames: Frames) -> None:
    from gaussmix.errors import DataError as Refused

    def refuses(partition: Any) -> Any:
        raise Refused("row 3 is of no use")

    with pytest.raises(DataError, match=r"^row 3 is of no use$"):
        executor(Serial()).map_reduce(refuses, as_source(frames()).partitions(300))


def test_blocks_larger_than_those_of_a_fit_are_cut_first(frames: Frames) -> None:
    source = as_source(frames())
    np.testing.assert_array_equal(source.partitions(N)[0].load()[0], X)


def test_a_value_that_is_missing_is_named(frames: Frames) -> None:
    holed = X.copy()
    holed[7_654, 1] = np.nan
    with pytest.raises(DataError, match="row 7654, column 'x1' is NaN"):
        GaussianMixture(K).fit(frames(holed, 3))


def test_predictions_are_columns_of_the_same_values(frames: Frames, in_memory: GaussianMixture) -> None:
    model = GaussianMixture(**SETTINGS).fit(frames())
    frame = model.score_samples(model.predict_proba(model.predict(frames().selectExpr("'a' AS key", "*"))))
    table = frame.toArrow()
    np.testing.assert_array_equal(table["prediction"], in_memory.predict(X))
    np.testing.assert_array_equal(np.stack(table["probability"].to_numpy()), in_memory.predict_proba(X))
    np.testing.assert_array_equal(table["log_density"], in_memory.score_samples(X))
    assert model.score(frames()) == in_memory.score(X)


def test_a_model_of_an_array_is_a_function_of_columns(frames: Frames, in_memory: GaussianMixture) -> None:
    cluster = spark_udf(in_memory)
    frame = frames().selectExpr("*", "array(x0, x1, x2) AS x")
    table = frame.select(cluster(*NAMES).alias("of_columns"), cluster("x").alias("of_arrays")).toArrow()
    for column in table.columns:
        np.testing.assert_array_equal(column, in_memory.predict(X))


@pytest.mark.slow
def test_a_column_of_vectors_is_the_rows(frames: Frames, in_memory: GaussianMixture) -> None:
    from pyspark.ml.feature import VectorAssembler

    frame = VectorAssembler(inputCols=NAMES, outputCol="features").transform(frames()).select("features")
    model = GaussianMixture(**SETTINGS).fit(frame)
    np.testing.assert_array_equal(model.means_, in_memory.means_)
    np.testing.assert_array_equal(model.predict(frame).toArrow()["prediction"], in_memory.predict(X))


@pytest.mark.parametrize("named", [True, False])
def test_labels_come_beside_rows_with_a_column_of_weights(session: Session, named: bool) -> None:
    table = pa.table({"x": [[0.0, 0.5], [0.5, 0.0], [9.0, 9.5], [9.5, 9.0]], "w": [1, 2, 2, 1]})
    rows = session.createDataFrame(table)
    if named:
        rows = rows.selectExpr("x[0] AS a", "w", "x[1] AS b")
    labelled = GaussianMixture(2, covariance_type="tied", random_state=0).fit_predict(rows, sample_weight="w")
    assert labelled.columns == (["a", "w", "b", "prediction"] if named else ["x", "prediction"])
    assert [row.prediction for row in labelled.collect()] == [0, 0, 1, 1]


def test_the_search_labels_rows_of_spark_with_a_column_of_weights(frames: Frames) -> None:
    search = GaussianMixtureSearch([K], covariance_type=["spherical"], effort="low", random_state=0)
    labels = search.fit_predict(frames().selectExpr("*", "1 AS w"), sample_weight="w")
    np.testing.assert_array_equal(labels, search.best_estimator_.mixture_.predict(X))


@pytest.mark.slow
def test_a_worker_that_dies_is_replaced_and_the_bits_stay(frames: Frames, tmp_path: Path) -> None:
    step = EStep(Mixture.from_parameters(np.full(K, 1 / K), X[:K], np.ones((K, D)), "diag"))
    mark = tmp_path / "died"

    def dies_once(partition: Any) -> Any:  # inside the test, so that workers need not import this file
        try:
            mark.touch(exist_ok=False)
        except FileExistsError:
            return step(partition)
        os._exit(1)

    total = executor(Serial()).map_reduce(dies_once, as_source(frames()).partitions(300))
    assert mark.exists()
    np.testing.assert_array_equal(
        total.buffer, Serial().map_reduce(step, ArraySource(X).partitions(300)).buffer
    )


@pytest.mark.slow
def test_rows_whose_file_is_on_another_machine_are_handed_over(frames: Frames) -> None:
    step = EStep(Mixture.from_parameters(np.full(K, 1 / K), X[:K], np.ones((K, D)), "diag"))
    blocks: Any = as_source(frames()).partitions(300)
    expected = executor(Serial()).map_reduce(step, blocks)
    (file,) = Path(tempfile.gettempdir()).glob(f"blockmgr-*/gaussmix-{blocks.rows.files.name}-1")
    file.unlink()
    total = executor(Serial()).map_reduce(step, blocks)
    assert not file.exists()
    np.testing.assert_array_equal(total.buffer, expected.buffer)


@pytest.mark.slow
def test_spark_forgets_the_rows_of_a_source_that_is_gone(frames: Frames, session: Session) -> None:
    stored = session.sparkContext._jsc.getPersistentRDDs
    before = set(stored())

    def count(partition: Any) -> int:
        return len(partition.load()[0])

    source: Any = as_source(frames())
    assert executor(Serial()).map_reduce(count, source.partitions(300)) == N
    made = set(stored()) - before
    assert len(made) == 2
    name = source.rows.files.name
    del source
    deadline = time.monotonic() + 30
    while made & set(stored()) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not made & set(stored())
    assert not list(Path(tempfile.gettempdir()).glob(f"blockmgr-*/gaussmix-{name}-*"))
