"""Rows with holes, and what EM should make of them by the definition, row by row."""

from __future__ import annotations

import numpy as np
from scipy.stats import multivariate_normal

from gaussmix.executor import Serial
from gaussmix.fit import fit_em
from gaussmix.source import ArraySource, IncompleteRows

from .mixtures import REDUCE


def with_holes(X, part=0.3, seed=0):
    """Return a copy of the rows with values missing completely at random, of none all."""
    rng = np.random.default_rng(seed)
    missing = rng.random(X.shape) < part
    missing[np.arange(len(X)), rng.integers(X.shape[1], size=len(X))] = False
    holed = X.copy()
    holed[missing] = np.nan
    return holed


def log_joint(mixture, row):
    """Return log π_k + log N of the observed features of one row, (K,)."""
    o = np.flatnonzero(~np.isnan(row))
    dense = mixture.covariances.to_dense()
    densities = [
        multivariate_normal.logpdf(row[o], mean[o], covariance[np.ix_(o, o)])
        for mean, covariance in zip(mixture.means, dense, strict=True)
    ]
    return np.log(mixture.weights) + densities


def conditional(mixture, row, k):
    """Return mean (D,) and covariance (D, D) of the whole row given what was observed and the component."""
    o, m = np.flatnonzero(~np.isnan(row)), np.flatnonzero(np.isnan(row))
    mu, sigma = mixture.means[k], mixture.covariances.to_dense()[k]
    slopes = sigma[np.ix_(m, o)] @ np.linalg.inv(sigma[np.ix_(o, o)])
    mean, covariance = row.astype(np.float64), np.zeros_like(sigma)
    mean[m] = mu[m] + slopes @ (row[o] - mu[o])
    covariance[np.ix_(m, m)] = sigma[np.ix_(m, m)] - slopes @ sigma[np.ix_(o, m)]
    return mean, covariance


def responsibilities(mixture, row, components=None, *, hard=False):
    """Return the posterior of one row, (K,), and its log-density."""
    joint = log_joint(mixture, row.astype(np.float64))
    if components is not None:
        joint = np.where(np.isin(np.arange(len(joint)), components), joint, -np.inf)
    if hard:
        return (joint == joint.max()).astype(float), joint.max()
    total = np.logaddexp.reduce(joint)
    return np.exp(joint - total), total


def expected_sums(mixture, X, weight=None, components=None, *, hard=False):
    """Return log-likelihood, count, first and second moments about the means, by the definition."""
    K, D = mixture.means.shape
    total, count, first, second = 0.0, np.zeros(K), np.zeros((K, D)), np.zeros((K, D, D))
    for row, w in zip(X, np.ones(len(X)) if weight is None else weight, strict=True):
        shares, log_prob = responsibilities(mixture, row, components, hard=hard)
        total += w * log_prob
        for k in np.flatnonzero(shares):
            mean, covariance = conditional(mixture, row, k)
            offset = mean - mixture.means[k]
            count[k] += w * shares[k]
            first[k] += w * shares[k] * offset
            second[k] += w * shares[k] * (np.outer(offset, offset) + covariance)
    return total, count, first, REDUCE[mixture.family.scatter.name](second)


def fit_incomplete(model, X, weight=None, *, n_iter=20, tol=0.0, labels=None, block=128, **options):
    """Return the result of EM on rows with missing values or labels, by default after ``n_iter`` iterations."""
    allowed = [(k,) for k in range(model.n_components)]
    partitions = IncompleteRows.of(ArraySource(X, weight), labels, allowed).partitions(block)
    return fit_em(model, partitions, Serial(), tol=tol, max_iter=n_iter, **options)
