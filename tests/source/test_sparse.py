"""Sparse rows as a source: blocks, samples, and what cannot be used."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp

from gaussmix.errors import DataError, DataTypeError, ParameterError, ResourceLimitError
from gaussmix.source import as_source
from gaussmix.source.sparse import SparseSource

DENSE = np.array([[0.0, 2.0, 0.0], [0.0, 0.0, 0.0], [1.0, 0.0, -3.0], [0.0, 4.0, 5.0]])


def loaded(source: Any, block_rows: int = 2) -> Any:
    return np.concatenate([part.load()[0].toarray() for part in source.partitions(block_rows)])


@pytest.mark.parametrize(
    "container", [sp.csr_array, sp.csr_matrix, sp.csc_array, sp.coo_matrix, sp.lil_array]
)
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int8, np.bool_])
def test_blocks_hold_the_rows_of_any_format_and_type(container: Any, dtype: Any) -> None:
    source = as_source(container(DENSE.astype(dtype)))
    assert source.sparse
    assert source.dtype == (np.float32 if dtype == np.float32 else np.float64)
    assert all(part.load()[0].dtype == source.dtype for part in source.partitions(2))
    np.testing.assert_array_equal(loaded(source), DENSE.astype(dtype))


def test_repeated_and_unsorted_entries_are_summed_without_touching_the_users_matrix() -> None:
    X = sp.csr_array((np.array([1.0, 2.0, 3.0]), np.array([2, 0, 2]), np.array([0, 3, 3])), shape=(2, 3))
    source = as_source(X)
    np.testing.assert_array_equal(loaded(source), [[2, 0, 4], [0, 0, 0]])
    np.testing.assert_array_equal(X.indices, [2, 0, 2])


def test_sorted_rows_are_not_copied() -> None:
    X = sp.csr_array(DENSE)
    assert np.shares_memory(as_source(X).partitions(4)[0].load()[0].data, X.data)


def test_weights_and_samples_follow_the_rows() -> None:
    source = SparseSource(sp.csr_array(DENSE), [1.0, 2.0, 3.0, 4.0])  # type: ignore[arg-type]
    np.testing.assert_array_equal(source.partitions(3)[1].load()[1], [4.0])
    np.testing.assert_array_equal(source.take(np.array([0, 2, 2])), DENSE[[0, 2, 2]])
    assert source.with_weight(None).sample_weight is None


def test_a_partition_pickles_to_its_own_rows() -> None:
    source = SparseSource(sp.csr_array(np.eye(10_000)))
    one = source.partitions(10)[3]
    text = pickle.dumps(one)
    assert len(text) < 2_000
    np.testing.assert_array_equal(pickle.loads(text).load()[0].toarray(), np.eye(10_000)[30:40])


@pytest.mark.parametrize(("value", "named"), [(np.nan, "NaN"), (np.inf, "inf")])
def test_a_value_that_is_not_finite_is_named(value: float, named: str) -> None:
    X = sp.csr_array(DENSE)
    X[3, 2] = value
    with pytest.raises(DataError, match=rf"row 3, column 2 is {named}"):
        as_source(X, missing=True)


def test_large_samples_are_refused() -> None:
    source = SparseSource(sp.csr_array((1_000_000, 1_000)))
    with pytest.raises(ResourceLimitError, match="fewer rows"):
        source.take(np.arange(1_000_000))


@pytest.mark.parametrize(
    ("X", "error"),
    [
        (np.eye(2), DataTypeError),
        (sp.coo_array(np.arange(3.0)), DataError),
        (sp.csr_array((0, 3)), DataError),
        (sp.csr_array(np.eye(2) * 1j), DataError),
    ],
)
def test_what_is_no_real_sparse_matrix_is_refused(X: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        SparseSource(X)


def test_columns_out_of_range_are_refused() -> None:
    X = sp.csr_array(DENSE)
    X.indices[0] = 7
    with pytest.raises(DataError, match="not a valid sparse matrix"):
        SparseSource(X)


def test_columns_have_no_names() -> None:
    with pytest.raises(ParameterError, match="columns"):
        as_source(sp.csr_array(DENSE), columns=["a"])
