"""Fits of a Spark DataFrame beside Spark ML's own GaussianMixture: time, and likelihood far from the origin.

Both get the same cached column of vectors in the same session of two threads. Spark ML takes no start: each starts as
it does by itself, and runs the same number of iterations. Left out where pyspark or Java is missing.
"""

from __future__ import annotations

import os
import shutil
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from importlib.util import find_spec
from typing import Any, Final

import numpy as np

from benchmark.clock import elapsed, least_times
from benchmark.data import Array, clustered
from benchmark.settings import Settings, say
from benchmark.table import OURS, Bar, Row, at_most, times
from gaussmix import GaussianMixture, Mixture

_THEIRS: Final = "Spark ML"
_SPREAD: Final = "in Spark"
_ITERATIONS: Final = 10
_FAR: Final = (20_000, 60, 3)  # rows, features, components
_OFFSET: Final = 1e6


def measure(settings: Settings) -> Iterator[Row]:
    """Yield a row of times, and one of what is lost of the log-likelihood."""
    N, D, K = settings.rows(1_000_000, 20_000), 10, 10
    fit = f"spark: a fit of {_ITERATIONS} iterations, {N:,} × {D}, K={K}, local[2,4]"
    far = f"spark: log-likelihood lost in {_FAR[1]} dimensions at an offset of {_OFFSET:g}, a row"
    if not (settings.wants(fit) or settings.wants(far)):
        return
    if find_spec("pyspark") is None or shutil.which("java") is None:
        say("spark is left out: it needs pyspark and Java")
        return
    with _session() as session:
        if settings.wants(fit):
            say(fit)
            frame = _vectors(session, clustered(N, D, K))
            fits = {
                OURS: partial(_ours, frame, K),
                _SPREAD: partial(_spread, frame, K),
                _THEIRS: partial(_theirs, frame, K),
            }
            seconds = least_times({n: partial(elapsed, call) for n, call in fits.items()}, settings.patience)
            milliseconds = {n: 1e3 * s for n, s in seconds.items()}
            yield Row(fit, milliseconds, bars=[times(_THEIRS, 10)])
            there = {OURS: milliseconds[_SPREAD], _THEIRS: milliseconds[_THEIRS]}
            yield Row(f"{fit}, of rows that stay in Spark", there, bars=[times(_THEIRS, 10)])
        if settings.wants(far):
            say(far)
            with _in_spark():
                lost = _lost(session, *_FAR)
            yield Row(far, lost, unit="nats", bars=[at_most(1e-3, "nats"), _WRONG])


_WRONG: Final = Bar(_THEIRS, 1.0, "at most theirs")


@contextmanager
def _session() -> Iterator[Any]:
    """Give a Spark session of two threads of this machine."""
    from pyspark.sql import SparkSession

    os.environ["PYSPARK_PYTHON"] = sys.executable
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))
    settings = {
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.memory": "4g",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
    }
    session = SparkSession.builder.master("local[2,4]").config(map=settings).getOrCreate()
    session.sparkContext.setLogLevel("ERROR")
    try:
        yield session
    finally:
        session.stop()


@contextmanager
def _in_spark() -> Iterator[None]:
    """Have no rows be few enough to be collected."""
    from gaussmix.source import spark

    few, spark.COLLECTED_VALUES = spark.COLLECTED_VALUES, 0
    try:
        yield
    finally:
        spark.COLLECTED_VALUES = few


def _vectors(session: Any, X: Array) -> Any:
    """Return rows as a cached column of vectors."""
    import pyarrow as pa
    from pyspark.ml.feature import VectorAssembler

    names = [f"x{d}" for d in range(X.shape[1])]
    table = session.createDataFrame(pa.table({name: X[:, d] for d, name in enumerate(names)}))
    frame = VectorAssembler(inputCols=names, outputCol="features").transform(table).select("features").cache()
    frame.count()
    return frame


def _ours(frame: Any, n_components: int, max_iter: int = _ITERATIONS) -> Mixture:
    model = GaussianMixture(
        n_components, init_params="kmeans", tol=0.0, max_iter=max_iter, acceleration=None, random_state=0
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it does not converge
        mixture: Mixture = model.fit(frame).mixture_
    return mixture


def _spread(frame: Any, n_components: int) -> Mixture:
    with _in_spark():
        return _ours(frame, n_components)


def _theirs(frame: Any, n_components: int, max_iter: int = _ITERATIONS) -> Any:
    from pyspark.ml.clustering import GaussianMixture as Theirs

    return Theirs(k=n_components, maxIter=max_iter, tol=0.0, seed=0).fit(frame)


def _lost(session: Any, n_rows: int, n_features: int, n_components: int) -> dict[str, float]:
    """Return how far mean log-densities of the rows lie below that of a fit in memory near the origin."""
    X = clustered(n_rows, n_features, n_components, spread=6.0)
    best = GaussianMixture(n_components, random_state=0).fit(X).mixture_.log_prob(X).mean()
    X += _OFFSET
    frame = _vectors(session, X)
    theirs = _theirs(frame, n_components, 50)
    gaussians = theirs.gaussiansDF.collect()
    means = np.array([row.mean.toArray() for row in gaussians])
    covariances = np.array([row.cov.toArray() for row in gaussians])
    say(f"the means of Spark ML lie up to {np.ptp(means - _OFFSET, axis=0).max():.3g} apart")
    try:
        rebuilt = Mixture.from_parameters(theirs.weights, means, covariances, "full")
        loss = float(best - rebuilt.log_prob(X).mean())
    except ValueError as error:
        say(f"the fit of Spark ML is no mixture: {error}")
        loss = float("inf")
    return {OURS: float(best - _ours(frame, n_components, 50).log_prob(X).mean()), _THEIRS: loss}
