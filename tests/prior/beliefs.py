"""Settings and penalised objectives that the tests of priors share."""

from __future__ import annotations

from functools import cache

import numpy as np

from gaussmix.covariance import FAMILIES
from gaussmix.fit import EStep
from gaussmix.model import Mixture
from gaussmix.prior import Dirichlet, NormalWishart, Setting
from gaussmix.source import ArraySource

from ..mixtures import fit, flat, make_rows, start


def setting(X, name, K):
    """Return what a belief is told of these rows."""

    def measured(scatter):
        form = "full" if scatter.name == "full" else "diag"
        shape = np.eye(X.shape[1])[None] if form == "full" else np.ones((1, X.shape[1]))
        return Mixture.from_parameters([1.0], X.mean(axis=0)[None], shape, form).e_step(X)

    return Setting(K, FAMILIES[name], X.var(axis=0), cache(measured))


def resolved(belief, X, name, K, base=None):
    """Return the belief's prior for these rows."""
    return belief.resolve(setting(X, name, K), base or flat(X.shape[1]))


def map_fit(name, belief=None, n_iter=200, seed=0, n=120, weight=None):
    """Return a fit under a prior, of rows of three components, and the rows."""
    X, labels = make_rows(n=n, name=name, seed=seed)
    prior = resolved(belief or NormalWishart(mean_strength=2.0), X, name, 3)
    return fit(start(X, labels, name, weight, prior), X, weight, n_iter=n_iter), X


def both(X, name, K):
    """Return a prior of weights, means and covariances."""
    return resolved(NormalWishart(mean_strength=2.0), X, name, K, resolved(Dirichlet(4.0), X, name, K))


def bound(model, X):
    """Return the penalised objective."""
    partition = ArraySource(X).partitions(len(X))[0]
    return model.lower_bound(EStep(model)(partition))
