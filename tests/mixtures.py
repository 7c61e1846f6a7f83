"""Mixtures, rows and fits that the tests of several folders share."""

from __future__ import annotations

import numpy as np

from gaussmix.covariance import FAMILIES
from gaussmix.executor import Serial
from gaussmix.fit import fit_em, start_from_labels
from gaussmix.model import Mixture
from gaussmix.prior import Flat
from gaussmix.source import ArraySource

# One family a representation: what depends on the kernels alone need not run for every family.
REPRESENTATIVES = ("full", "tied", "diag", "spherical")
DTYPES = [(name, np.float64) for name in FAMILIES] + [(name, np.float32) for name in REPRESENTATIVES]

# How the scatter that a family asks for follows from one matrix a component, (K, D, D).
REDUCE = {
    "full": lambda W: W,
    "pooled": lambda W: W.sum(axis=0),
    "diagonal": lambda W: np.einsum("kdd->kd", W),
    "trace": lambda W: np.einsum("kdd->k", W),
}


def shaped(family, K, D, dense):
    """Return what ``from_parameters`` of the family takes for one matrix (D, D), the same for K components."""
    parts = {"full": [dense] * K, "pooled": dense, "diagonal": [np.diag(dense)] * K}
    return np.array(parts.get(family.scatter.name, [np.trace(dense) / D] * K))


def random_scatter(rng, K, D):
    """Return K scatter matrices of shape (K, D, D), well conditioned."""
    root = rng.standard_normal((K, D, 3 * D))
    return root @ root.transpose(0, 2, 1)


def estimate(family, W, count, previous=None):
    """Return the family's covariances from full scatter matrices (K, D, D)."""
    return family.estimate(REDUCE[family.scatter.name](W), count, W.shape[1], previous)


def make_mixture(name="full", K=3, D=2, seed=0, spread=3.0):
    """Return a random mixture of the family, its means ``spread`` apart or so."""
    rng = np.random.default_rng(seed)
    covariances = estimate(FAMILIES[name], random_scatter(rng, K, D), np.full(K, 3.0 * D))
    weights = rng.dirichlet(np.full(K, 10.0))
    return Mixture.from_parameters(
        weights, spread * rng.standard_normal((K, D)), covariances.parameters(), name
    )


def make_rows(n=300, K=3, D=2, seed=0, dtype=np.float64, name="full"):
    """Return rows of a random mixture in random order, and the components they came from."""
    X, labels = make_mixture(name, K, D, seed).sample(n, np.random.default_rng(seed))
    order = np.random.default_rng(seed).permutation(n)
    return np.ascontiguousarray(X[order], dtype), labels[order]


def flat(D, added=0.0, floor=0.0):
    """Return the prior of maximum likelihood, or one with the same added variance for every feature."""
    return Flat(np.full(D, added), np.full(D, floor))


def start(X, labels, name, weight=None, prior=None, block=128):
    """Return the mixture whose components are the labelled groups."""
    blocks = ArraySource(X, weight).partitions(block)
    prior = flat(X.shape[1]) if prior is None else prior
    return start_from_labels(blocks, labels, int(labels.max()) + 1, FAMILIES[name], prior)


def fit(model, X, weight=None, *, n_iter=20, tol=0.0, executor=None, block=128, **options):
    """Return the result of EM from ``model``, by default after exactly ``n_iter`` iterations."""
    partitions = ArraySource(X, weight).partitions(block)
    return fit_em(model, partitions, executor or Serial(), tol=tol, max_iter=n_iter, **options)


def assert_same_mixture(one, other, rtol, atol=0.0):
    """Compare weights, means and covariances, with ``atol`` in standard deviations."""
    sd = other.covariances.standard_deviations()
    np.testing.assert_allclose(one.weights, other.weights, rtol=rtol, atol=rtol)
    np.testing.assert_allclose(one.means / sd, other.means / sd, rtol=rtol, atol=max(atol, rtol))
    units = sd[:, :, None] * sd[:, None, :]
    scaled, expected = (mixture.covariances.to_dense() / units for mixture in (one, other))
    np.testing.assert_allclose(scaled, expected, rtol=rtol, atol=max(atol, rtol))
