from __future__ import annotations

import numpy as np
import pytest

from gaussmix.moments import DIAGONAL, FULL, POOLED, TRACE, Moments
from gaussmix.prior import Flat

from ..mixtures import REDUCE, flat

# Two components in the plane, about (0, 0) and (10, 10): 4 rows of mean (1, 0), 6 rows of mean (10, 12).
COUNT = np.array([4.0, 6.0])
REFERENCE = np.array([[0.0, 0.0], [10.0, 10.0]])
FIRST = np.array([[4.0, 0.0], [0.0, 12.0]])
SECOND = np.array([[[8.0, 1.0], [1.0, 9.0]], [[6.0, 2.0], [2.0, 30.0]]])
SCATTER = np.array([[[4.0, 1.0], [1.0, 9.0]], [[6.0, 2.0], [2.0, 6.0]]])  # about the means


def moments(kind, count=COUNT, first=FIRST, second=SECOND):
    parts = ([0.0, count.sum()], count, first, REDUCE[kind.name](second))
    return Moments(np.concatenate([np.ravel(part) for part in parts]), REFERENCE, kind)


@pytest.mark.parametrize("kind", [FULL, POOLED, DIAGONAL, TRACE], ids=lambda kind: kind.name)
def test_maximum_likelihood_by_hand(kind):
    posterior = flat(2).update(moments(kind))
    assert posterior.weights.tolist() == [0.4, 0.6]
    assert posterior.means.tolist() == [[1, 0], [10, 12]]
    assert posterior.count.tolist() == [4, 6]
    np.testing.assert_array_equal(posterior.scatter, REDUCE[kind.name](SCATTER))


@pytest.mark.parametrize("kind", [FULL, POOLED, DIAGONAL, TRACE], ids=lambda kind: kind.name)
def test_added_variance_is_added_for_every_row(kind):
    posterior = Flat(np.array([0.5, 2.0]), np.zeros(2)).update(moments(kind))
    expected = SCATTER + COUNT[:, None, None] * np.diag([0.5, 2.0])
    np.testing.assert_array_equal(posterior.scatter, REDUCE[kind.name](expected))


def test_no_added_variance_is_none_or_zero():
    given = moments(FULL)
    none, zero = (Flat(added, np.zeros(2)).update(given) for added in (None, np.zeros(2)))
    np.testing.assert_array_equal(none.scatter, zero.scatter)
    np.testing.assert_array_equal(none.scatter, SCATTER)


def test_less_than_a_rounding_error_of_a_row_counts_as_none():
    posterior = flat(2).update(moments(FULL, count=np.array([1e-20, 6.0])))
    assert posterior.count.tolist() == [0.0, 6.0]
    assert posterior.weights.tolist() == [0.0, 1.0]


def test_a_component_without_rows_stays_where_it_is():
    empty = np.array([[[0.0]], [[1.0]]])
    posterior = flat(2).update(moments(FULL, np.array([0.0, 6.0]), FIRST * [[0], [1]], SECOND * empty))
    assert posterior.means[0].tolist() == [0.0, 0.0]
    assert posterior.count.tolist() == [0.0, 6.0]


def test_updating_leaves_the_moments_alone():
    given = moments(FULL)
    before = given.buffer.copy()
    Flat(np.ones(2), np.ones(2)).update(given)
    np.testing.assert_array_equal(given.buffer, before)
