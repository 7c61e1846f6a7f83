"""Variational posteriors that the tests of several folders share."""

from __future__ import annotations

import numpy as np

from gaussmix.covariance import FAMILIES
from gaussmix.fit import moments_of_responsibilities
from gaussmix.model.variational import Belief, Dirichlet, StickBreaking, VariationalMixture
from gaussmix.source import ArraySource

KINDS = ("sticks", "dirichlet")


def rows(n=200, D=2, seed=3):
    """Return rows of three groups, in units of about 1."""
    rng = np.random.default_rng(seed)
    centres = np.array([[0.0] * D, [4.0] * D, [-1.0] + [5.0] * (D - 1)])
    return np.ascontiguousarray(centres[rng.integers(0, 3, n)] + rng.normal(size=(n, D)) * [1.0, 0.7][:D])


def belief_of(X, name):
    """Return a belief of the scale of the rows, with numbers that no default has."""
    D = X.shape[1]
    scale = {"full": np.cov(X.T), "tied": np.cov(X.T), "diag": X.var(axis=0), "EEI": X.var(axis=0)}
    S = scale.get(name, np.asarray(X.var()))
    return Belief(FAMILIES[name], X.mean(axis=0) + 0.1, 0.7, D + 1.5, np.asarray(S), np.full(D, 1e-8))


def weights_of(kind, K):
    """Return the prior of the weights of one kind."""
    return {
        "sticks": lambda: StickBreaking.before(0.8, K),
        "dirichlet": lambda: Dirichlet.before(0.6, K),
        "learnt sticks": lambda: StickBreaking.before(1.5, K, hyper_prior=(3.0, 2.0)),
        "learnt dirichlet": lambda: Dirichlet.before(1.5, K, (3.0, 2.0)),
    }[kind]()


def posterior_of(X, name, kind, K, seed=0):
    """Return the posterior given random responsibilities."""
    shares = np.random.default_rng(seed).dirichlet(np.full(K, 0.5), len(X))
    blocks = ArraySource(X).partitions(len(X))
    moments = moments_of_responsibilities(blocks, shares, K, FAMILIES[name].scatter)
    return VariationalMixture.before(belief_of(X, name), weights_of(kind, K)).m_step(moments)


def iterate(model, X, n_iter):
    """Return the posterior after some iterations, and the bound at the start of each."""
    bounds = []
    for _ in range(n_iter):
        moments = model.e_step(X)
        bounds.append(model.lower_bound(moments))
        model = model.m_step(moments)
    return model, bounds
