"""Moves of a variational posterior raise the lower bound, or are not made."""

from __future__ import annotations

import numpy as np
import pytest

from gaussmix.executor import Serial
from gaussmix.fit import fit_em
from gaussmix.fit.variational_moves import MOVES, VariationalSearch, _disjoint
from gaussmix.model.variational import PRECISIONS, VariationalMixture
from gaussmix.source import ArraySource
from tests.model.test_variational_regrouping import moments_for
from tests.variational import belief_of, iterate, posterior_of, rows, weights_of


def search_on(X, effort="default", block=None):
    parts = ArraySource(X).partitions(block or len(X))
    return VariationalSearch(parts, Serial(), X, np.ones(len(X)), MOVES[effort], np.random.default_rng(0))


def bound(model, X):
    return fit_em(model, ArraySource(X).partitions(len(X)), Serial(), tol=1e-7, max_iter=500).history[-1]


@pytest.mark.parametrize("name", PRECISIONS)
def test_moves_end_no_lower_than_the_iterations_alone(name):
    X = rows()
    start = posterior_of(X, name, "sticks", K=8)
    search = search_on(X)
    improved = search.improve(start)
    assert bound(improved, X) > bound(start, X) - 1e-6
    assert search.n_passes > 0


def start_from(X, labels, K):
    shares = np.eye(K)[labels]
    before = VariationalMixture.before(belief_of(X, "full"), weights_of("dirichlet", K))
    return before.m_step(moments_for(X, shares, "full"))


def test_twins_are_merged():
    X = rows(n=600)
    labels = np.random.default_rng(0).integers(0, 6, len(X))
    twins, _ = iterate(start_from(X, labels, 6), X, 30)
    assert len(twins.used()) > len(search_on(X).improve(twins).used()) == 3


def test_what_is_two_is_divided():
    X = rows(n=600)
    one, _ = iterate(start_from(X, np.zeros(len(X), int), 5), X, 5)
    assert len(one.used()) == 1
    assert len(search_on(X).improve(one).used()) == 3


def test_a_single_cluster_stays_one():
    X = np.random.default_rng(0).normal(size=(300, 2))
    one = start_from(X, np.zeros(len(X), int), 4)
    assert len(search_on(X, "high").improve(one).used()) == 1


def test_blocks_give_the_same_moves():
    X = rows()
    start = posterior_of(X, "full", "sticks", K=6)
    whole, parts = (search_on(X, block=block).improve(start) for block in (None, 64))
    np.testing.assert_allclose(parts.means, whole.means, rtol=1e-6, atol=1e-8)


def test_pairs_that_share_no_component():
    assert _disjoint(np.array([[0, 1], [1, 2], [3, 2]])).tolist() == [[0, 1], [3, 2]]
    assert _disjoint(np.empty((0, 2), int)).shape == (0, 2)
