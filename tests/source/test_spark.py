"""Rows of Spark DataFrames, by Spark's own workers on this machine."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from gaussmix.errors import DataError
from gaussmix.source import ArraySource, as_source, spark_stored
from gaussmix.source import spark as spark_source
from gaussmix.source.spark import SparkSource
from gaussmix.source.spark_files import Files, Keep
from gaussmix.source.spark_rows import Layout
from tests.spark_session import MARKS, spark

pytestmark = MARKS
Session = Any


@pytest.fixture(scope="module")
def session() -> Iterator[Session]:
    with spark() as started:
        yield started


@pytest.fixture
def in_spark(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have no rows come to the driver."""
    monkeypatch.setattr(spark_source, "COLLECTED_VALUES", 0)


def until(holds: Any) -> None:
    """Wait for what a thread does, for half a minute at most."""
    deadline = time.monotonic() + 30
    while not holds() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert holds()


def test_few_rows_come_to_the_driver(session: Session) -> None:
    holed = np.array([[1.0, 2.0], [3.0, np.nan], [5.0, 6.0]])
    frame = session.createDataFrame(pa.table({"a": holed[:, 0], "b": holed[:, 1]}))
    source = as_source(frame, missing=True)
    assert (type(source), source.incomplete) == (ArraySource, True)
    np.testing.assert_array_equal(source.take(np.arange(3)), holed)


@pytest.mark.parametrize("collected", [0, 1 << 25])
@pytest.mark.parametrize("kind", ["many partitions", "of the driver"])
def test_rows_come_in_the_order_of_collect(
    session: Session, monkeypatch: pytest.MonkeyPatch, collected: int, kind: str
) -> None:
    monkeypatch.setattr(spark_source, "COLLECTED_VALUES", collected)
    if kind == "of the driver":
        frame = session.createDataFrame(pa.table({"a": np.arange(1_000.0)[::-1]}))
    else:
        frame = session.range(1_000).selectExpr("cast(id as double) as a").repartition(40, "a").persist()
    expected = [[row.a] for row in frame.collect()]
    np.testing.assert_array_equal(as_source(frame).take(np.arange(1_000)), expected)


def test_rows_in_vectors_and_their_weights_come_to_the_driver(session: Session) -> None:
    from pyspark.ml.functions import array_to_vector

    rows = session.createDataFrame(pa.table({"x": [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], "w": [1, 0, 2]}))
    source = as_source(rows.select(array_to_vector("x").alias("x"), "w"), sample_weight="w")
    np.testing.assert_array_equal(source.take(np.arange(3)), [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    np.testing.assert_array_equal(source.sample_weight, [1.0, 0.0, 2.0])


def test_more_rows_than_the_memory_limit_stay_in_spark(session: Session) -> None:
    source = as_source(session.createDataFrame(pa.table({"a": np.arange(1_000.0)})), memory_limit="4 kB")
    assert (type(source), source.exceeds_memory) == (SparkSource, True)


@pytest.mark.parametrize("collected", [0, 1 << 25])
def test_a_dataframe_is_evaluated_once(
    session: Session, monkeypatch: pytest.MonkeyPatch, collected: int
) -> None:
    from pyspark.sql.functions import udf

    monkeypatch.setattr(spark_source, "COLLECTED_VALUES", collected)
    seen = session.sparkContext.accumulator(0)

    def counted(value: int) -> float:
        seen.add(1)
        return float(value)

    counting = udf(counted, "double", useArrow=False).asNondeterministic()
    as_source(session.range(100).select(counting("id").alias("a")))
    assert seen.value == 100


def test_columns_that_are_no_numbers_are_refused(session: Session) -> None:
    with pytest.raises(DataError, match="not numeric: 'b'"):
        as_source(session.createDataFrame([(1.0, "x")], ["a", "b"]))


@pytest.mark.parametrize("ansi", ["true", "false"])
@pytest.mark.parametrize(("first", "what"), [(None, "null"), ([], "of 0 numbers")], ids=["null", "empty"])
def test_arrays_may_begin_with_one_of_no_use_which_is_named(
    session: Session, ansi: str, first: Any, what: str
) -> None:
    session.conf.set("spark.sql.ansi.enabled", ansi)
    try:
        frame = session.createDataFrame(pa.table({"x": [first, [1.0, 2.0], [3.0, 4.0]]})).coalesce(1)
        with pytest.raises(DataError, match=f"row 0: the array is {what}, others have 2"):
            as_source(frame)
    finally:
        session.conf.unset("spark.sql.ansi.enabled")


@pytest.mark.usefixtures("in_spark")
def test_a_source_stays_as_it_is_when_another_of_the_same_dataframe_is_gone(session: Session) -> None:
    from pyspark.sql.functions import udf

    drawn = udf(lambda _: np.random.default_rng().random(), "double").asNondeterministic()
    frame = session.range(200, numPartitions=2).select(drawn("id").alias("a"))
    stored = session.sparkContext._jsc.getPersistentRDDs
    before = len(stored())
    first, second = as_source(frame), as_source(frame)
    rows = second.take(np.arange(200))
    assert len(stored()) == before + 4
    del first
    until(lambda: len(stored()) == before + 2)
    (block,) = second.with_weight(np.ones(200)).partitions(200)
    np.testing.assert_array_equal(block.load()[0], rows)


@pytest.mark.slow
@pytest.mark.usefixtures("in_spark")
def test_a_job_that_fails_leaves_no_files(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Any] = []

    def fails_at_the_second(
        files: Files,
    ) -> Any:  # inside the test, so that workers need not import this file
        def keep(batches: Any) -> Iterator[Any]:
            for told in Keep(files)(batches):
                if told["file"][0].as_py() == 1:
                    raise RuntimeError("a worker is out of order")
                yield told

        made.append(files)
        return keep

    monkeypatch.setattr(spark_stored, "Keep", fails_at_the_second)
    monkeypatch.setattr(spark_stored, "_ENDING", 1.0)
    with pytest.raises(Exception, match="out of order"):
        as_source(session.range(200_000).selectExpr("cast(id as double) as a"))
    assert left(made[0].name)
    until(lambda: not left(made[0].name))


def left(name: str) -> list[Path]:
    return list(Path(tempfile.gettempdir()).glob(f"blockmgr-*/gaussmix-{name}-*"))


def test_rows_that_are_missing_when_collected_are_an_error() -> None:
    frame: Any = SimpleNamespace(toArrow=lambda: pa.table({"a": [1.0, 2.0], "number": [0, 1]}))
    with pytest.raises(DataError, match="other rows"):
        spark_source._collected(frame, Layout(np.dtype(np.float64), 1, False), {0: (0, 3)})


@pytest.mark.parametrize(("dynamic", "n_tasks"), [("true", None), ("false", 8)])
def test_rows_are_read_in_few_tasks_unless_workers_come_as_they_are_needed(
    dynamic: str, n_tasks: int | None
) -> None:
    conf = {"spark.dynamicAllocation.enabled": dynamic}
    session = SimpleNamespace(sparkContext=SimpleNamespace(defaultParallelism=4), conf=conf)
    frame: Any = SimpleNamespace(sparkSession=session, coalesce=lambda n: n)
    assert spark_source._in_few_tasks(frame) == (n_tasks or frame)
