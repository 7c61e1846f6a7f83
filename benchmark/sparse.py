"""Sparse rows, one value in a hundred not zero: a pass beside that over the same rows made dense, and memory.

``python -m benchmark.sparse N D`` prints by how many bytes the peak of a process rises that fits N × D sparse rows.
"""

from __future__ import annotations

import subprocess
import sys
import warnings
from collections.abc import Iterator
from functools import partial
from typing import Any, Final

import numpy as np
from scipy.sparse import csr_array
from threadpoolctl import threadpool_limits

from benchmark.clock import elapsed, least_times
from benchmark.environment import ROOT
from benchmark.memory import peak
from benchmark.settings import Settings, say
from benchmark.table import ITSELF, OURS, Bar, Row, at_most
from gaussmix import GaussianMixture
from gaussmix.executor import Serial
from gaussmix.fit import EStep
from gaussmix.source import ArraySource, Source, as_source
from gaussmix.source.blocks import block_rows

_ROWS, _FEATURES = 20_000, 2_000
_WIDE: Final = (50_000, 10_000)  # 4 GB if they were dense
_K, _Q = 10, 5
_PART: Final = 100  # one value in so many is not zero
_LEAST_ROWS: Final = 2_000
_FITTED_ROWS: Final = 2_000
_BARS: Final = {"diag": 3.0, "spherical": 3.0, "mfa": 5.0}


def rows(n_rows: int, n_features: int) -> Any:
    """Return sparse rows of ``_K`` groups, each of which has values in features of its own more often."""
    rng = np.random.default_rng(0)
    groups = rng.integers(_K, size=n_rows)
    own = rng.integers(n_features, size=(_K, n_features // 4))
    columns = rng.integers(n_features, size=(n_rows, n_features // _PART))
    half = columns.shape[1] // 2
    drawn = rng.integers(own.shape[1], size=(n_rows, half))
    columns[:, :half] = own[groups[:, None], drawn]
    columns.sort(axis=1)
    starts = np.arange(n_rows + 1) * columns.shape[1]
    values = 1.0 + 0.3 * rng.standard_normal(columns.size)
    X = csr_array((values, columns.astype(np.int32).ravel(), starts), shape=(n_rows, n_features))
    X.sum_duplicates()
    return X


def measure(settings: Settings) -> Iterator[Row]:
    """Yield a row for each covariance type, and one for memory."""
    N = settings.rows(_ROWS, _LEAST_ROWS)
    for name, factor in _BARS.items():
        title = f"sparse: one pass, {name} {N:,} × {_FEATURES:,}, K={_K}, beside dense rows"
        if settings.wants(title):
            say(title)
            yield Row(title, _passes(name, N, settings), bars=[Bar(ITSELF, factor, f"≥ {factor:g}× dense")])
    wide = settings.rows(_WIDE[0], _LEAST_ROWS), _WIDE[1]
    title = f"sparse: memory of a fit over the data, diag {wide[0]:,} × {wide[1]:,}, K={_K}"
    if settings.wants(title):
        say(title)
        yield Row(title, {OURS: _in_process(*wide) / 1e6}, unit="MB", bars=[at_most(250, "MB")])


def _passes(name: str, n_rows: int, settings: Settings) -> dict[str, float]:
    """Return the milliseconds of one E-step over sparse rows and over the same rows made dense, on one thread."""
    X = rows(n_rows, _FEATURES)
    mixture = _fit(X[:_FITTED_ROWS], name).mixture_

    def one_pass(source: Source) -> None:
        blocks = source.partitions(block_rows(source.n_rows, source.n_features, _K))
        Serial().map_reduce(EStep(mixture), blocks)

    ours, dense = (partial(one_pass, source) for source in (as_source(X), ArraySource(X.toarray())))
    contenders = {OURS: partial(elapsed, ours), ITSELF: partial(elapsed, dense)}
    with threadpool_limits(1, "blas"):  # as in the blocks of a fit
        seconds = least_times(contenders, settings.patience)
    return {contender: 1e3 * value for contender, value in seconds.items()}


def _fit(X: Any, covariance_type: str) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a few iterations do not converge
        model = GaussianMixture(
            _K,
            covariance_type=covariance_type,
            n_factors=_Q,
            init_params="kmeans",
            random_state=0,
            max_iter=3,
        )
        return model.fit(X)


def _in_process(n_rows: int, n_features: int) -> float:
    command = [sys.executable, "-m", "benchmark.sparse", str(n_rows), str(n_features)]
    return float(subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout)


def _risen(n_rows: int, n_features: int) -> int:
    """Return the bytes by which the peak rose while a mixture was fitted to sparse rows."""
    X = rows(n_rows, n_features)
    before = peak()
    _fit(X, "diag")
    return peak() - before


if __name__ == "__main__":
    print(_risen(int(sys.argv[1]), int(sys.argv[2])))
