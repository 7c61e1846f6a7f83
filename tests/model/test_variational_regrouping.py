"""Merging and dividing components: their moments, and the change of the lower bound that is foretold."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import xlogy

from gaussmix.covariance import FAMILIES
from gaussmix.fit import moments_of_responsibilities
from gaussmix.model.variational import PRECISIONS, VariationalMixture
from gaussmix.model.variational.regrouping import divided, entropy_losses, merge_gains, merged
from gaussmix.source import ArraySource
from tests.variational import KINDS, belief_of, rows, weights_of


def moments_for(X, shares, name):
    blocks = ArraySource(X).partitions(len(X))
    return moments_of_responsibilities(blocks, shares, shares.shape[1], FAMILIES[name].scatter)


def shares_of(X, K, seed=0):
    return np.random.default_rng(seed).dirichlet(np.full(K, 0.3), len(X))


def joined(shares, pair):
    first, second = pair
    both = shares.copy()
    both[:, first] += both[:, second]
    both[:, second] = 0
    return both


@pytest.mark.parametrize("name", PRECISIONS)
def test_merged_moments_are_those_of_added_responsibilities(name):
    X, pairs = rows(), np.array([[0, 2], [3, 1]])
    shares = shares_of(X, 4)
    expected = moments_for(X, joined(joined(shares, pairs[0]), pairs[1]), name).about_means()
    found = merged(moments_for(X, shares, name), pairs).about_means()
    used = expected[0] > 0
    np.testing.assert_allclose(found[0], expected[0], rtol=1e-12)
    np.testing.assert_allclose(found[1][used], expected[1][used], rtol=1e-12)
    np.testing.assert_allclose(found[2], expected[2], rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("name", PRECISIONS)
def test_dividing_undoes_a_merger(name):
    X = rows()
    shares = shares_of(X, 3)
    whole = moments_for(X, joined(shares, (0, 2)), name)
    halves = moments_for(X, shares[:, [0, 2]], name)
    found = divided(whole, 0, 2, halves * 0.5)  # as from half the rows
    for one, other in zip(found.about_means(), moments_for(X, shares, name).about_means(), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("added", [None, np.array([0.1, 0.2])])
@pytest.mark.parametrize("weights", KINDS)
@pytest.mark.parametrize("name", PRECISIONS)
def test_gains_foretell_the_change_of_the_bound(name, weights, added):
    X, pairs = rows(), np.array([[0, 1], [2, 0], [1, 3]])
    shares, belief = shares_of(X, 4), replace(belief_of(X, name), added_variance=added)
    before = VariationalMixture.before(belief, weights_of(weights, 4))
    moments = moments_for(X, shares, name)
    gains = merge_gains(before.m_step(moments), moments, pairs)
    gains -= entropy_losses(shares, np.ones(len(X)), pairs)
    if added is None:
        changes = [bound(before, X, joined(shares, pair)) - bound(before, X, shares) for pair in pairs]
        np.testing.assert_allclose(gains, changes, rtol=1e-8, atol=1e-8)
    assert np.isfinite(gains).all()


def bound(before, X, shares):
    """Return the lower bound of these responsibilities, at the best posterior for them."""
    moments = moments_for(X, shares, before.belief.family.name)
    ordered = np.argsort(-moments.count, kind="stable") if before.weight_posterior.ordered else slice(None)
    model = before.m_step(moments)
    log_rho = model.covariances.log_joint(X, model.log_weights, model.means)
    r = shares[:, ordered]
    return (r * log_rho).sum() - xlogy(r, r).sum() - model.divergence()
