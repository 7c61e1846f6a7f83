"""Spark on this machine, for tests."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

pytest.importorskip("pyspark", reason="pyspark is not installed")
if shutil.which("java") is None and "JAVA_HOME" not in os.environ:
    pytest.skip("there is no Java", allow_module_level=True)

MARKS = [
    pytest.mark.timeout(600),  # Spark starts in a quarter of a minute, and in more on a busy machine
    pytest.mark.xdist_group("spark"),  # one Java is enough
    pytest.mark.filterwarnings("ignore:PySpark does not yet fully support pandas:FutureWarning"),
]


@contextmanager
def spark() -> Iterator[Any]:
    """Give a session of two tasks at a time, each tried four times."""
    from pyspark.sql import SparkSession

    os.environ["PYSPARK_PYTHON"] = sys.executable
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))
    builder = SparkSession.builder.master("local[2,4]").config("spark.ui.enabled", "false")
    for name in ("spark.driver.host", "spark.driver.bindAddress"):
        builder = builder.config(name, "127.0.0.1")
    started = builder.config("spark.ui.showConsoleProgress", "false").getOrCreate()
    yield started
    started.stop()
