from __future__ import annotations

import pickle
from decimal import Decimal

import numpy as np
import pytest
import scipy.sparse

from gaussmix.errors import DataError, DataTypeError, ParameterError
from gaussmix.source import ArraySource

VALUES = np.random.default_rng(0).integers(0, 2, (23, 3))  # 0 and 1: exact in every type, bool included


def unaligned(X):
    raw = np.zeros(X.nbytes + 1, np.uint8)
    view = raw[1:].view(X.dtype).reshape(X.shape)
    view[:] = X
    assert view.flags.aligned == (X.dtype.alignment == 1)
    return view


def read_only(X):
    X = X.copy()
    X.flags.writeable = False
    return X


def spread(X):
    wide = np.full((2 * X.shape[0], 3 * X.shape[1]), 7, X.dtype)
    wide[::2, ::3] = X
    return wide[::2, ::3]


LAYOUTS = {
    "C": np.ascontiguousarray,
    "Fortran": np.asfortranarray,
    "strided": spread,
    "negative strides": lambda X: X[::-1, ::-1].copy()[::-1, ::-1],
    "transposed": lambda X: X.T.copy().T,
    "read-only": read_only,
    "unaligned": unaligned,
    "big-endian": lambda X: X.astype(X.dtype.newbyteorder(">")),
}
DTYPES = ["?", "i1", "u1", "i2", "i4", "i8", "u8", "f2", "f4", "f8", "g", "O"]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_type_and_layout_loads_as_the_same_values(dtype, layout):
    if dtype == "O" and layout in ("unaligned", "big-endian"):
        pytest.skip("objects have neither")
    X = LAYOUTS[layout](VALUES.astype(dtype))
    before = X.tobytes()
    source = ArraySource(X)
    expected = np.float32 if dtype == "f4" else np.float64
    blocks = [partition.load() for partition in source.partitions(10)]
    assert [len(rows) for rows, _ in blocks] == [10, 10, 3]
    for rows, weight in blocks:
        assert rows.dtype == source.dtype == expected
        assert rows.dtype.isnative
        assert rows.flags.c_contiguous
        assert rows.flags.aligned
        assert weight is None
    assert np.array_equal(np.concatenate([rows for rows, _ in blocks]), VALUES)
    assert X.tobytes() == before


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_native_contiguous_rows_are_views(dtype):
    X = VALUES.astype(dtype)
    assert all(np.shares_memory(p.load()[0], X) for p in ArraySource(X).partitions(4))


def test_memory_map_is_not_copied(tmp_path):
    np.save(tmp_path / "x.npy", VALUES.astype("f8"))
    X = np.load(tmp_path / "x.npy", mmap_mode="r")
    rows, _ = ArraySource(X).partitions(5)[1].load()
    assert type(rows) is np.ndarray
    assert np.shares_memory(rows, X)


@pytest.mark.parametrize("dtype", ["f4", ">f8", "i2"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_take_copies_the_rows_asked_for(dtype, order):
    X = np.asarray(VALUES, dtype=dtype, order=order)
    rows = np.array([0, 5, 5, 22])
    source = ArraySource(X)
    taken = source.take(rows)
    assert taken.dtype == source.dtype
    assert taken.flags.c_contiguous
    assert not np.shares_memory(taken, X)
    assert np.array_equal(taken, VALUES[rows])
    assert source.take(rows[:0]).shape == (0, 3)


def test_weights_are_cut_like_rows():
    weight = np.arange(23)[::-1]
    source = ArraySource(VALUES, weight)
    parts = [p.load()[1] for p in source.partitions(8)]
    assert np.array_equal(np.concatenate(parts), weight)
    assert all(part.dtype == np.float64 and part.flags.c_contiguous for part in parts)
    assert np.array_equal(source.weight_of(np.array([0, 22])), [22, 0])
    assert ArraySource(VALUES).with_weight(weight).sample_weight[0] == 22
    assert source.with_weight(None).weight_of(np.array([1])) is None


def test_partition_pickles_to_its_own_rows():
    X = np.zeros((100_000, 2))
    X[10:20] = 1
    content = pickle.dumps(ArraySource(X).partitions(10)[1])
    assert len(content) < 2_000
    assert np.array_equal(pickle.loads(content).load()[0], X[10:20])


@pytest.mark.parametrize("block_rows", [1, 7, 23, 1000])
def test_runs_are_consecutive(block_rows):
    loaded = [p.load()[0] for p in ArraySource(VALUES).partitions(block_rows)]
    assert {len(rows) for rows in loaded[:-1]} <= {block_rows}
    assert np.array_equal(np.concatenate(loaded), VALUES)


def test_block_of_no_rows_is_refused():
    with pytest.raises(ParameterError, match="block_rows is 0"):
        ArraySource(VALUES).partitions(0)


def test_source_is_frozen():
    with pytest.raises(AttributeError):
        ArraySource(VALUES).n_rows = 3


@pytest.mark.parametrize(
    ("X", "error", "message"),
    [
        (np.ma.masked_equal(VALUES, 0), DataTypeError, "mask would be ignored"),
        (scipy.sparse.csr_matrix(VALUES), DataTypeError, "sparse"),
        (scipy.sparse.coo_array(VALUES), DataTypeError, "sparse"),
        (None, DataTypeError, "NoneType"),
        ({}, DataTypeError, "dict"),
        (np.array(1.0), DataError, "single value"),
        (np.ones(3), DataError, r"one-dimensional, of shape \(3,\): reshape your data"),
        (np.ones((2, 2, 2)), DataError, "3 dimensions"),
        (np.ones((0, 3)), DataError, "0 rows and 3 columns"),
        (np.ones((3, 0)), DataError, "3 rows and 0 columns"),
        (np.ones((2, 2), complex), DataError, "complex data not supported"),
        (np.zeros((2, 2), "M8[s]"), DataError, "dates"),
        (np.zeros((2, 2), "m8[s]"), DataError, "time spans"),
        (np.array([["1", "2"]]), DataError, "text"),
        (np.array([[b"1"]]), DataError, "bytes"),
        (np.zeros((2, 2), [("a", "f8")]), DataError, "structured"),
        ([[1, 2], [3]], DataError, "same number of values"),
        (np.array([[1.0, "2"]], object), DataError, "row 0, column 1 is '2'"),
        (np.array([[10**400]], object), DataError, "row 0, column 0 is 1000"),
    ],
)
def test_what_is_no_matrix_of_numbers_is_refused(X, error, message):
    with pytest.raises(error, match=message):
        ArraySource(X)


def test_names_must_fit():
    with pytest.raises(DataError, match="2 feature names for 3 columns"):
        ArraySource(VALUES, feature_names=("a", "b"))


def test_name_stands_in_message():
    with pytest.raises(DataError, match="row 0, column 'size' is 'x'"):
        ArraySource(np.array([[1, "x"]], object), feature_names=("a", "size"))


def test_none_is_nan():
    source = ArraySource([[1.0, None], [Decimal("2.5"), 4]])
    np.testing.assert_array_equal(source.take(np.arange(2)), [[1.0, np.nan], [2.5, 4.0]])
