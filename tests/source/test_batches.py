from __future__ import annotations

import numpy as np
import pytest

from gaussmix.errors import DataError, DataTypeError
from gaussmix.source import as_source
from gaussmix.source.stored import StoredSource

pd = pytest.importorskip("pandas")

X = np.random.default_rng(0).normal(size=(600, 3))


class Batches:
    """Gives batches anew each time."""

    def __init__(self, *batches):
        self.batches = batches

    def __iter__(self):
        return iter(self.batches)


def rows_of(source):
    return np.concatenate([partition.load()[0] for partition in source.partitions(97)])


@pytest.mark.parametrize(
    "data",
    [
        Batches(X[:100], X[100:101], X[101:]),
        Batches(np.asfortranarray(X[:100]), X[:0], X[100:].tolist()),
        lambda: iter([X]),
        lambda: [X[:10], X[10:]],
        lambda: (X[i : i + 7] for i in range(0, 600, 7)),
        (X[:10], X[10:]),
        [X],
    ],
)
@pytest.mark.parametrize("memory_limit", [None, 600 * 3 * 8 - 1])
def test_rows_are_those_of_the_batches(data, memory_limit):
    source = as_source(data, memory_limit=memory_limit)
    assert isinstance(source, StoredSource) == (memory_limit is not None)
    assert rows_of(source).tobytes() == X.tobytes()


@pytest.mark.parametrize("data", [[[1, 2], [3, 4]], ([1, 2], [3, 4]), [np.array([1, 2]), np.array([3, 4])]])
def test_lists_of_rows_are_a_matrix(data):
    assert rows_of(as_source(data)).tolist() == [[1, 2], [3, 4]]


@pytest.mark.parametrize("data", [iter([X]), (X for _ in range(2)), map(np.array, [X])])
def test_what_can_be_read_only_once_is_refused_with_a_way_out(data):
    with pytest.raises(DataTypeError, match=r"only once: .* a callable that returns an iterator of batches"):
        as_source(data)


@pytest.mark.parametrize(
    ("batches", "says"),
    [
        ([X, X[:, :2]], "batch 1 .* has 2 columns of float64, but those before have 3 columns of float64"),
        ([X, X.astype("f4")], "batch 1 .* has 3 columns of float32"),
        ([pd.DataFrame(X), pd.DataFrame(X, columns=list("abc"))], "batch 1 .* 'a', 'b', 'c', but those"),
        ([X, X[0]], "batch 1 .*one-dimensional"),
        ([X, "text"], "batch 1 .*"),
        ([3.0], "batch 0 .*"),
        ([], "no rows in the batches"),
        ([X[:0]], "no rows in the batches"),
        ([X, np.full((2, 3), np.inf)], "row 600, column 0 is inf"),
    ],
)
def test_batches_that_cannot_be_used_are_named(batches, says):
    with pytest.raises((DataError, DataTypeError), match=says):
        as_source(Batches(*batches))


@pytest.mark.parametrize("data", [lambda one: [X], lambda: X, lambda: None, lambda: pd.DataFrame(X)])
def test_a_callable_must_return_batches(data):
    with pytest.raises(DataTypeError, match="it is to return"):
        as_source(data)


@pytest.mark.parametrize("data", [{}, {1, 2}, "", b"", 1, None, object(), int, [], range(3)])
def test_other_objects_are_no_batches(data):
    with pytest.raises((DataError, DataTypeError, OSError)):
        as_source(data)


def test_integers_and_floats_mix():
    source = as_source(Batches(np.arange(6).reshape(2, 3), X))
    assert rows_of(source)[:2].tolist() == [[0, 1, 2], [3, 4, 5]]
