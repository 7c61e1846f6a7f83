from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from gaussmix import GaussianMixture, StudentTMixture
from gaussmix.errors import DataError

array = pytest.importorskip("dask.array")
frame = pytest.importorskip("dask.dataframe")
METHODS = ["predict", "predict_proba", "score_samples"]


def rows():
    X = np.random.default_rng(0).normal(size=(100, 3))
    X[:50] += 5
    return X


@pytest.fixture(scope="module")
def model():
    return GaussianMixture(2, random_state=0).fit(rows())


@pytest.fixture(scope="module")
def named():
    return GaussianMixture(2, random_state=0).fit(pd.DataFrame(rows(), columns=list("abc")))


def assert_lazy(lazy, expected):
    values = lazy.compute()
    assert isinstance(lazy, array.Array)
    assert lazy.dtype == values.dtype == expected.dtype
    np.testing.assert_array_equal(values, expected)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int16])
@pytest.mark.parametrize("method", METHODS)
def test_arrays_give_arrays(model, method, dtype):
    X = rows().astype(dtype)
    lazy, expected = getattr(model, method)(array.from_array(X, chunks=(30, 2))), getattr(model, method)(X)
    assert lazy.shape == expected.shape
    assert lazy.chunks[0] == (30, 30, 30, 10)
    assert_lazy(lazy, expected)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("method", METHODS)
def test_dataframes_give_arrays(named, method, dtype):
    X = pd.DataFrame(rows(), columns=list("abc")).astype(dtype)
    assert_lazy(getattr(named, method)(frame.from_pandas(X, npartitions=3)), getattr(named, method)(X))


@pytest.mark.parametrize("method", METHODS)
def test_chunks_without_rows_give_none(named, method):
    X = pd.DataFrame(rows(), columns=list("abc"))
    X = X.sort_values("a")
    few = frame.from_pandas(X, npartitions=5, sort=False)
    assert_lazy(getattr(named, method)(few[few.a < 0]), getattr(named, method)(X[X.a < 0]))


def test_nothing_is_computed(model):
    def burn(block):
        raise OSError("computed")

    X = array.from_array(rows(), chunks=50).map_blocks(burn, meta=np.empty((0, 0)))
    with pytest.raises(OSError, match="computed"):
        model.predict(X).compute()


def test_other_densities_too():
    model = StudentTMixture(1).fit(rows())
    X = array.from_array(rows(), chunks=(50, 3))
    assert_lazy(model.outlyingness(X), model.outlyingness(rows()))


def test_the_features_are_checked_at_once(model, named):
    with pytest.raises(ValueError, match="2 features, but GaussianMixture is expecting 3"):
        model.predict(array.ones((10, 2)))
    with pytest.raises(ValueError, match="same order"):
        named.predict(frame.from_pandas(pd.DataFrame(rows(), columns=list("bac")), npartitions=2))
    with pytest.raises(DataError, match="1 dimensions"):
        model.predict(array.ones(10))


def test_a_value_that_is_not_finite_is_found_when_it_is_computed(model):
    X = rows()
    X[33, 1] = np.inf
    lazy = model.predict(array.from_array(X, chunks=(30, 3)))
    with pytest.raises(DataError, match="row 3, column 1"):
        lazy.compute()
