"""Files larger than memory: the peak of a process that fits them, and its rate beside that of rows in memory.

A process of its own fits the file with at most ``_LIMIT`` of rows in memory, reports its peak, and then times passes
over the file and over the first rows of it in memory, in turns. The start is given, so that there is no search. The
files are in the cache of the operating system where that is large enough: what is measured is our reading of them,
not the disk.

``python -m benchmark.out_of_core FILE`` prints the peak in bytes, and the rows a second from the file and in memory.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any, Final

import numpy as np

from benchmark.data import Array, clustered, start_for
from benchmark.environment import ROOT
from benchmark.memory import peak
from benchmark.settings import Settings, say
from benchmark.table import OURS, Row, at_least, at_most
from gaussmix import GaussianMixture
from gaussmix.estimator.threads import executor_for
from gaussmix.executor import Executor
from gaussmix.fit import EStep
from gaussmix.source import Source, as_source
from gaussmix.source.blocks import block_rows

_ROWS: Final = dict.fromkeys(("npy", "parquet", "csv"), 33_000_000)  # 4.2 GB each; as text 10 GB
_LEAST_ROWS: Final = 20_000
_D, _K = 16, 16
_LIMIT: Final = "128 MiB"
_ITERATIONS: Final = 5
_PASSES: Final = 3
_PART: Final = 2_000_000  # rows in memory that the rate is compared with
_CHUNK: Final = 500_000  # rows that are made at a time
_JITTER: Final = 0.1


def measure(settings: Settings) -> Iterator[Row]:
    """Yield two rows for each format: peak memory, and the rate as a share of that in memory."""
    for extension, n_rows in _ROWS.items():
        N = settings.rows(n_rows, _LEAST_ROWS)
        title = f"out of core: {extension}, full {N:,} × {_D}, K={_K}"
        titles = f"{title}, peak memory of the process", f"{title}, rate of a pass beside memory"
        if not any(map(settings.wants, titles)):
            continue
        say(title)
        with tempfile.TemporaryDirectory(prefix="gaussmix-benchmark-") as folder:
            path = Path(folder) / f"rows.{extension}"
            _WRITERS[extension](path, N)
            most, rate, in_memory = _in_process(path)
        say(f"{rate:,.0f} rows a second, {in_memory:,.0f} in memory")
        yield Row(titles[0], {OURS: most / 1e6}, unit="MB", bars=[at_most(600, "MB")])
        yield Row(titles[1], {OURS: 100 * rate / in_memory}, unit="%", bars=[at_least(70, "%")])


def _in_process(path: Path) -> tuple[float, ...]:
    command = [sys.executable, "-m", "benchmark.out_of_core", str(path)]
    run = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    return tuple(map(float, run.stdout.split()))


def _fitted(path: Path) -> tuple[int, float, float]:
    """Return the peak of this process in bytes after a fit, and the rows a second from the file and in memory."""
    start = start_for(clustered(_CHUNK // 10, _D, _K), _K, "full")
    model = GaussianMixture(
        _K,
        weights_init=start.weights,
        means_init=start.means,
        precisions_init=start.precisions,
        max_iter=_ITERATIONS,
    )
    source = as_source(path, memory_limit=_LIMIT)  # once, as text takes minutes to convert
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a few iterations do not converge
        model.fit(source)
    most = peak()
    part = as_source(source.take(np.arange(min(_PART, source.n_rows))))
    executor = executor_for(None)
    seconds: dict[str, float] = {}
    for _ in range(_PASSES):  # in turns, so that what else the machine does meets both
        for name, rows in (("file", source), ("memory", part)):
            seconds[name] = min(seconds.get(name, np.inf), _pass(model.mixture_, rows, executor))
    return most, source.n_rows / seconds["file"], part.n_rows / seconds["memory"]


def _pass(mixture: Any, source: Source, executor: Executor) -> float:
    """Return the seconds of the E-step of one iteration."""
    partitions = source.partitions(block_rows(source.n_rows, _D, _K))
    start = perf_counter()
    executor.map_reduce(EStep(mixture), partitions)
    return perf_counter() - start


def _chunk(index: int) -> Array:
    """Return the rows of one chunk: those of the first, each moved a little."""
    rng = np.random.default_rng(index)
    X = clustered(_CHUNK // 10, _D, _K)
    return np.asarray(np.tile(X, (10, 1)) + _JITTER * rng.standard_normal((_CHUNK, _D)))


def _chunks(n_rows: int) -> Iterator[Array]:
    for start in range(0, n_rows, _CHUNK):
        yield _chunk(start // _CHUNK)[: n_rows - start]


def _write_npy(path: Path, n_rows: int) -> None:
    with path.open("wb") as file:
        header = {"descr": "<f8", "fortran_order": False, "shape": (n_rows, _D)}
        np.lib.format.write_array_header_1_0(file, header)
        for X in _chunks(n_rows):
            X.astype("<f8").tofile(file)


def _write_table(path: Path, n_rows: int, writer: Callable[..., Any]) -> None:
    import pyarrow as pa

    schema = pa.schema([(f"x{column}", pa.float64()) for column in range(_D)])
    with writer(path, schema) as out:
        for X in _chunks(n_rows):
            out.write_table(pa.table(list(X.T), schema=schema))


def _write_parquet(path: Path, n_rows: int) -> None:
    from pyarrow import parquet

    _write_table(path, n_rows, partial(parquet.ParquetWriter, compression="zstd"))


def _write_csv(path: Path, n_rows: int) -> None:
    from pyarrow import csv

    _write_table(path, n_rows, csv.CSVWriter)


_WRITERS: Final = {"npy": _write_npy, "parquet": _write_parquet, "csv": _write_csv}


if __name__ == "__main__":
    print(*_fitted(Path(sys.argv[1])))
