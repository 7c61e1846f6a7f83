"""What merging or dividing components does to their moments, and to the lower bound.

With the posterior of the parameters at its optimum for given responsibilities, the lower bound is the log-evidence of
the completed rows plus the entropy of the responsibilities, and only the terms of the components that are merged
change (Hughes & Sudderth 2013).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np
from scipy.special import xlogy

from gaussmix.model.variational.belief import Belief
from gaussmix.model.variational.mixture import VariationalMixture
from gaussmix.model.variational.weights import Dirichlet
from gaussmix.moments import FULL, POOLED, TRACE, Moments, Scatter, buffer_size
from gaussmix.types import Float64Array, IntArray

_TINY: Final = float(np.finfo(np.float64).tiny)


def moments_of(count: Float64Array, means: Float64Array, scatter: Float64Array, kind: Scatter) -> Moments:
    """Return moments of these counts (K,), means (K, D) and scatter about the means."""
    K, D = means.shape
    buffer = np.zeros(buffer_size(kind, K, D))
    buffer[1] = count.sum()
    buffer[2 : 2 + K] = count
    buffer[2 + K + K * D :] = scatter.ravel()
    return Moments(buffer, means, kind)


def merged(moments: Moments, pairs: IntArray) -> Moments:
    """Return the moments in which the second of each pair has given its rows to the first.

    Parameters
    ----------
    moments : Moments
    pairs : ndarray of shape (P, 2)
        No component stands in two of them.
    """
    count, means, scatter = moments.about_means()
    first, second = pairs.T
    total, between, shift = np.array(count), np.zeros_like(count), np.zeros_like(means)
    total[first] += count[second]
    total[second] = 0.0
    between[first] = _harmonic(count[first], count[second])
    shift[first] = means[second] - means[first]
    middle = means.copy()
    middle[first] += (count[second] / np.maximum(total[first], _TINY))[:, None] * shift[first]
    if moments.scatter is not POOLED:
        scatter = scatter.copy()
        scatter[first] += scatter[second]
        scatter[second] = 0.0
    scatter = moments.scatter.about_mean(scatter, -between, shift)
    return moments_of(total, middle, scatter, moments.scatter)


def divided(moments: Moments, component: int, empty: int, halves: Moments) -> Moments:
    """Return the moments in which one component has given a part of its rows to one without rows.

    Parameters
    ----------
    moments : Moments
    component, empty : int
    halves : Moments
        Of two components that describe the rows of ``component``, or a sample of them.
    """
    count, means, scatter = (np.array(part) for part in moments.about_means())
    parts, centres, within = halves.about_means()
    factor = count[component] / parts.sum()
    both = [component, empty]
    if moments.scatter is POOLED:
        shift = (centres[1] - centres[0])[None]
        between = factor * _harmonic(parts[:1], parts[1:])
        scatter = POOLED.about_mean(scatter, between, shift)
    else:
        scatter[both] = factor * within
    count[both], means[both] = factor * parts, centres
    return moments_of(count, means, scatter, moments.scatter)


def merge_gains(model: VariationalMixture, moments: Moments, pairs: IntArray) -> Float64Array:
    """Return what merging each pair would add to the evidence of the completed rows, in nats, shape (P,).

    Parameters
    ----------
    model : VariationalMixture
    moments : Moments
        Of its responsibilities.
    pairs : ndarray of shape (P, 2)
    """
    count, means, scatter = moments.about_means()
    if model.belief.added_variance is not None:
        scatter = moments.scatter.add_diagonal(scatter, count, model.belief.added_variance)
    plain = moments_of(count, means, scatter, moments.scatter)
    gains = _of_shared if model.belief.precisions.shared else _of_own
    return gains(model, plain, pairs) + _of_weights(model, count, pairs)


def entropy_losses(responsibilities: Float64Array, weight: Float64Array, pairs: IntArray) -> Float64Array:
    """Return by how much merging each pair lowers the entropy of the responsibilities, in nats, shape (P,).

    Parameters
    ----------
    responsibilities : ndarray of shape (n, K)
        Of a sample of rows.
    weight : ndarray of shape (n,)
        How many rows each stands for.
    pairs : ndarray of shape (P, 2)
    """
    own = weight @ xlogy(responsibilities, responsibilities)
    losses = np.empty(len(pairs))
    for p, (first, second) in enumerate(pairs):
        both = responsibilities[:, first] + responsibilities[:, second]
        losses[p] = weight @ xlogy(both, both) - own[first] - own[second]
    return losses


def _harmonic(first: Float64Array, second: Float64Array) -> Float64Array:
    """Return N_1 N_2 / (N_1 + N_2)."""
    between: Float64Array = first * (second / np.maximum(first + second, _TINY))
    return between


def _of_weights(model: VariationalMixture, count: Float64Array, pairs: IntArray) -> Float64Array:
    rows = np.arange(len(pairs))
    joined = np.repeat(count[None], len(pairs), axis=0)
    joined[rows, pairs[:, 0]] += joined[rows, pairs[:, 1]]
    joined[rows, pairs[:, 1]] = 0.0
    weights = model.weight_posterior
    return weights.log_evidence(joined) - weights.log_evidence(count)


def _pairwise(moments: Moments, pairs: IntArray) -> Moments:
    """Return the moments of P components, each the union of one pair."""
    count, means, scatter = moments.about_means()
    first, second = pairs.T
    parts = [moments_of(count[k], means[k], scatter[k], moments.scatter) for k in (first, second)]
    doubled = Moments(
        _concatenated(parts[0], parts[1]), np.concatenate([means[first], means[second]]), moments.scatter
    )
    P = len(pairs)
    union = merged(doubled, np.column_stack([np.arange(P), np.arange(P, 2 * P)]))
    total, middle, within = union.about_means()
    return moments_of(total[:P], middle[:P], within[:P], moments.scatter)


def _concatenated(one: Moments, other: Moments) -> Float64Array:
    """Return the buffer of the components of both, about their means."""
    count = np.concatenate([one.count, other.count])
    second = np.concatenate([one.second, other.second])
    means = np.concatenate([one.reference, other.reference])
    return moments_of(count, means, second, one.scatter).buffer


def _of_own(model: VariationalMixture, moments: Moments, pairs: IntArray) -> Float64Array:
    evidence = _evidence(model, moments)
    _, means, scatter = moments.about_means()
    nothing = moments_of(np.zeros(1), means[:1], np.zeros_like(scatter[:1]), moments.scatter)
    union = _evidence(model, _pairwise(moments, pairs))
    gains: Float64Array = union + _evidence(model, nothing)[0] - evidence[pairs].sum(axis=1)
    return gains


def _evidence(model: VariationalMixture, moments: Moments) -> Float64Array:
    """Return the log-evidence of each component's rows, but for terms that are linear in their number, (K,)."""
    weights = Dirichlet.before(1.0, len(moments.count))
    posterior = VariationalMixture.before(_plain(model), weights).m_step(moments)
    of_precisions = posterior.belief.precisions.log_evidence(
        posterior.degrees_of_freedom, posterior.covariances
    )
    return of_precisions - 0.5 * model.n_features * np.log(posterior.mean_precision)


def _plain(model: VariationalMixture) -> Belief:
    """Return the belief for moments to which variances have been added already."""
    return replace(model.belief, added_variance=None)


def _of_shared(model: VariationalMixture, moments: Moments, pairs: IntArray) -> Float64Array:
    """Return the gains where a merger changes the one scale that all components share."""
    belief, D, beta_0 = model.belief, model.n_features, model.belief.mean_precision
    count, means, _ = moments.about_means()
    first, second = count[pairs.T]
    union, apart = first + second, means[pairs[:, 1]] - means[pairs[:, 0]]
    middle = means[pairs[:, 0]] + (second / np.maximum(union, _TINY))[:, None] * apart
    kind = FULL if moments.scatter is POOLED else moments.scatter
    added = kind.about_mean(np.zeros(kind.shape(len(pairs), D)), -_harmonic(first, second), apart)
    for sign, rows, centre in (
        (-1, union, middle),
        (1, first, means[pairs[:, 0]]),
        (1, second, means[pairs[:, 1]]),
    ):
        added = kind.about_mean(added, sign * rows * beta_0 / (beta_0 + rows), centre - belief.mean)
    start = VariationalMixture.before(_plain(model), Dirichlet.before(1.0, len(count)))
    now = start.m_step(moments)
    degrees, matrix = now.degrees_of_freedom[0], now.covariances.parameters()
    matrix = matrix if moments.scatter is POOLED else matrix[0]
    log_det = _log_det(matrix + (added / D if kind is TRACE else added) / degrees, kind, D)
    log_ratio = np.log1p(union / beta_0) - np.log1p(first / beta_0) - np.log1p(second / beta_0)
    gains: Float64Array = -0.5 * degrees * (log_det - now.covariances.log_det[0]) - 0.5 * D * log_ratio
    return gains


def _log_det(matrices: Float64Array, kind: Scatter, n_features: int) -> Float64Array:
    """Return the log-determinants of P matrices, each the whole, the diagonal or the variance."""
    if kind is FULL:
        log_det: Float64Array = np.linalg.slogdet(matrices)[1]
        return log_det
    logs: Float64Array = np.log(matrices)
    return n_features * logs if kind is TRACE else logs.sum(axis=1)
