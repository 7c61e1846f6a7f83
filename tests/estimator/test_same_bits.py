"""The same rows and the same seed give the same bits, however many threads run and wherever the rows lie."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from pyarrow import parquet

from gaussmix import GaussianMixture
from gaussmix.source.blocks import block_rows

N, D, K = 40_000, 16, 10
NAMES = [f"x{d}" for d in range(D)]

# A few iterations are enough to tell bits apart.
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture(scope="module", params=[np.float32, np.float64])
def rows(request: pytest.FixtureRequest) -> Any:
    rng = np.random.default_rng(0)
    return (rng.normal(size=(N, D)) + 2.0 * rng.integers(K, size=(N, 1))).astype(request.param)


def fitted(X: Any, covariance_type: str = "full", n_jobs: int = 2, **data: Any) -> dict[str, Any]:
    """Return the results of a short fit; test_auto.py looks at searched starts."""
    options = {"init_params": "kmeans", "random_state": 0, "max_iter": 4}
    model = GaussianMixture(K, covariance_type=covariance_type, n_jobs=n_jobs, **options)
    model.fit(X, **data)
    names = ("weights_", "means_", "covariances_", "lower_bounds_")
    return {name: getattr(model, name) for name in names} | {"density": model.score_samples(X)}


@pytest.fixture(scope="module")
def expected(rows: Any) -> Callable[..., dict[str, Any]]:
    """Return a function of the covariance type: the results of one thread on an array, fitted once."""
    return cache(lambda covariance_type="full": fitted(rows, covariance_type, n_jobs=1))


def assert_same_bits(one: dict[str, Any], other: dict[str, Any]) -> None:
    for name, value in one.items():
        np.testing.assert_array_equal(other[name], value, err_msg=name)


def test_there_are_several_blocks() -> None:
    assert 4 * block_rows(N, D, K) < N


@pytest.mark.parametrize("n_jobs", [2, 4, -1, None])
def test_threads(rows: Any, expected: Any, covariance_type: str, n_jobs: int | None) -> None:
    assert_same_bits(expected(covariance_type), fitted(rows, covariance_type, n_jobs=n_jobs))


def test_weights_and_threads(rows: Any) -> None:
    weight = np.random.default_rng(1).uniform(size=N)
    results = [fitted(rows, n_jobs=n_jobs, sample_weight=weight) for n_jobs in (1, 2, 4)]
    assert_same_bits(results[0], results[1])
    assert_same_bits(results[0], results[2])


def in_folder(X: Any, folder: Path) -> dict[str, Any]:
    """Return the same values in all the places that a fit reads from."""
    np.save(folder / "rows.npy", X)
    parquet.write_table(
        pa.table(dict(zip(NAMES, X.T, strict=True))), folder / "rows.parquet", row_group_size=777
    )
    return {
        "npy": folder / "rows.npy",
        "parquet": str(folder / "rows.parquet"),
        "memmap": np.load(folder / "rows.npy", mmap_mode="r"),
        "pandas": pd.DataFrame(X, columns=NAMES),
        "polars": pl.DataFrame(X, schema=NAMES),
        "arrow": pa.table(dict(zip(NAMES, X.T, strict=True))),
    }


@pytest.mark.parametrize("place", ["npy", "parquet", "memmap", "pandas", "polars", "arrow"])
def test_sources(rows: Any, expected: Any, place: str, tmp_path: Path) -> None:
    assert_same_bits(expected(), fitted(in_folder(rows, tmp_path)[place]))


def unaligned(X: Any) -> Any:
    buffer = np.empty(X.nbytes + 1, np.uint8)[1:]
    view = buffer.view(X.dtype).reshape(X.shape)
    view[...] = X
    return view


LAYOUTS = {
    "fortran": np.asfortranarray,
    "strided": lambda X: np.repeat(X, 2, axis=0)[::2],
    "reversed": lambda X: X[::-1].copy()[::-1],
    "big-endian": lambda X: X.astype(X.dtype.newbyteorder(">")),
    "unaligned": unaligned,
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts(rows: Any, expected: Any, layout: str) -> None:
    X = LAYOUTS[layout](rows)
    before = X.copy()
    assert_same_bits(expected(), fitted(X))
    np.testing.assert_array_equal(X, before)


def test_rows_are_read_only(rows: Any, expected: Any) -> None:
    X = rows.copy()
    X.flags.writeable = False
    assert_same_bits(expected(), fitted(X))


def test_float32_rows_stay_float32(rows: Any) -> None:
    model = GaussianMixture(K, init_params="kmeans", random_state=0, max_iter=2).fit(rows)
    assert model.score_samples(rows[:5]).dtype == model.predict_proba(rows[:5]).dtype == rows.dtype
    assert model.means_.dtype == np.float64
