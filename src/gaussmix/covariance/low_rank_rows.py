"""The arithmetic of one block of rows for covariances B Bᵀ + Ψ, without a matrix of D × D.

With M = I + BᵀΨ⁻¹B = L Lᵀ, W = Ψ^-½ B L⁻ᵀ (D, q), y = Ψ^-½ (x − μ) and t = Wᵀy, the squared Mahalanobis distance is
|y|² − |t|² (Woodbury) = |y − W t|² + |L⁻ᵀt|², where nothing cancels, and log|Σ| = log|Ψ| + 2 log|L| (the matrix
determinant lemma).

In many dimensions nearly every row belongs to one or two components, and all others are hundreds of nats away. So a
micro-block of rows first meets all components at once, in two matrix products about a common anchor. These may lose
digits where means lie far apart in units of the noise, but how many is bounded, and they only tell which components
can have a part of a row. The distances that count, and the moments, are then taken component by component, about its
own mean, for the rows that it can have.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np

from gaussmix.moments import Moments, buffer_size, factors
from gaussmix.types import BoolArray, Float64Array, FloatArray, IntArray

_NOTHING: Final = 46.0  # nats under the best component: a share of 1e-20
_ROUNDING: Final = 64 * float(
    np.finfo(np.float64).eps
)  # of a long sum, relative to the sum of its terms' sizes
_VALUES: Final = 1 << 19  # of a micro-block and its products: 4 MB
_LEAST_ROWS, _MOST_ROWS = 64, 1024
_KEPT: Final = 2  # rows, in units of the micro-block's, that are kept whitened from distances to moments
_FAR: Final = 1e300  # squared distances beyond it count as this


@dataclass(frozen=True, eq=False)
class Projection:
    """Hold what the E-step needs to know of K covariances B Bᵀ + Ψ and their means.

    Attributes
    ----------
    means : ndarray of shape (K, D)
    deviation : ndarray of shape (K, D)
        Ψ^½, the standard deviations of the noise.
    axes : ndarray of shape (K, D, q)
        W_k.
    root : ndarray of shape (K, q, q)
        L_k, lower triangular.
    """

    means: Float64Array
    deviation: Float64Array
    axes: Float64Array
    root: Float64Array

    @cached_property
    def probe(self) -> Float64Array:
        """Ω_k = Ψ^-½ W_k = Ψ⁻¹ B L⁻ᵀ, shape (K, D, q)."""
        return np.asarray(self.axes / self.deviation[:, :, None])

    @cached_property
    def _anchored(self) -> tuple[Float64Array, ...]:
        """What all components' approximate distances from x − a need, a being the middle of the means.

        The matrix [Ω_k … | Ψ_k⁻¹ (μ_k − a) …], (D, K q + K), the Ωᵀ(μ_k − a), (K q,), the Ψ_k⁻¹, (D, K), and the
        (μ_k − a)ᵀ Ψ_k⁻¹ (μ_k − a), (K,).
        """
        K, D, q = self.axes.shape
        anchor = self.means.mean(axis=0)
        offset = self.means - anchor
        inverse = np.square(1.0 / self.deviation)
        flat = self.probe.transpose(1, 0, 2).reshape(D, K * q)
        along = np.concatenate([flat, (offset * inverse).T], axis=1)
        projected = np.einsum("kd,kdq->kq", offset, self.probe).reshape(-1)
        gap = np.einsum("kd,kd->k", offset * offset, inverse)
        return anchor, along, projected, np.ascontiguousarray(inverse.T), gap

    def near(self, X: FloatArray, log_constant: Float64Array) -> BoolArray:
        """Return which components may have more than a share of 1e-20 of each row, shape (n, K)."""
        n, K = len(X), len(self.means)
        if K == 1:
            return np.ones((n, 1), bool)
        with np.errstate(over="ignore", invalid="ignore"):
            anchor, along, projected, inverse, gap = self._anchored
            moved = X - anchor
            products = moved @ along
            parts = (products[:, :-K] - projected).reshape(n, K, -1)
            np.square(moved, out=moved)
            squares = moved @ inverse
            slack = _ROUNDING * (squares + gap)
            squares += gap - 2 * products[:, -K:] - np.einsum("nkq,nkq->nk", parts, parts)
            joint = log_constant - 0.5 * squares
            best = (joint - slack).max(axis=1, keepdims=True)
            return np.asarray(~(joint + slack < best - _NOTHING))  # what is no number may be anything

    def whitened(self, X: FloatArray, component: int) -> Float64Array:
        """Return y = Ψ^-½ (x − μ), shape (n, D)."""
        white: Float64Array = X - self.means[component]
        white /= self.deviation[component]
        return white

    def distance(self, white: Float64Array, part: Float64Array, component: int) -> Float64Array:
        """Return squared Mahalanobis distances, shape (n,), from y and t = y W."""
        residual = white - part @ self.axes[component].T
        factor = np.linalg.solve(self.root[component].T, part.T)
        squares: Float64Array = np.einsum("nd,nd->n", residual, residual)
        squares += np.einsum("qn,qn->n", factor, factor)
        return squares


@dataclass(frozen=True, eq=False)
class _Visit:
    """Hold the rows of a micro-block that a component may have, and what the distances left of them.

    Attributes
    ----------
    component : int
    rows : ndarray of shape (m,)
    white : ndarray of shape (m, D), or None
        None where it would take too much memory until it is needed again.
    part : ndarray of shape (m, q)
    """

    component: int
    rows: IntArray
    white: Float64Array | None
    part: Float64Array


def log_joint(
    X: FloatArray, log_constant: Float64Array, projection: Projection, *, every: bool = False
) -> Float64Array:
    """Return log π_k + log N(x | μ_k, Σ_k), shape (n, K), from the part of it that does not depend on x.

    Without ``every`` it is −inf for components that have next to nothing of a row.
    """
    out = np.empty((len(X), len(log_constant)))
    for start, stop in _micro_blocks(len(X), *projection.axes.shape):
        rows = X[start:stop]
        near = np.ones((len(rows), len(log_constant)), bool) if every else projection.near(rows, log_constant)
        out[start:stop] = _visited(rows, near, log_constant, projection, keep=False)[0]
    return out


def _visited(
    X: FloatArray, near: BoolArray, log_constant: Float64Array, projection: Projection, *, keep: bool
) -> tuple[Float64Array, list[_Visit]]:
    """Return the log-joint of a micro-block, −inf where a component is not near, and the visits."""
    joint = np.full(near.shape, -np.inf)
    visits = []
    for k in np.flatnonzero(near.any(axis=0)).tolist():
        rows = np.flatnonzero(near[:, k])
        with np.errstate(over="ignore", invalid="ignore"):
            white = projection.whitened(X[rows], k)
            part = white @ projection.axes[k]
            squares = projection.distance(white, part, k)
        squares[~(squares < _FAR)] = _FAR
        joint[rows, k] = log_constant[k] - 0.5 * squares
        visits.append(_Visit(k, rows, white if keep else None, part))
    return joint, visits


def responsibilities(joint: Float64Array, *, hard: bool = False) -> tuple[Float64Array, Float64Array]:
    """Return responsibilities (n, K) and what each row adds to the log-likelihood, (n,)."""
    peak = joint.max(axis=1)
    if hard:
        first = joint.argmax(axis=1)[:, None] == np.arange(joint.shape[1])
        return first.astype(np.float64), peak
    with np.errstate(under="ignore"):
        shares = np.exp(joint - peak[:, None])
    total = shares.sum(axis=1)
    shares /= total[:, None]
    return shares, peak + np.log(total)


def moments(
    X: FloatArray,
    weight: Float64Array | None,
    log_constant: Float64Array,
    projection: Projection,
    *,
    hard: bool = False,
) -> Moments:
    """Return the moments of a block of rows under the posteriors, of the kind ``factors(q)``."""
    sums = _Sums(projection)
    for start, stop in _micro_blocks(len(X), *projection.axes.shape):
        rows = X[start:stop]
        near = projection.near(rows, log_constant)
        keep = int(near.sum()) <= _KEPT * len(rows)
        joint, visits = _visited(rows, near, log_constant, projection, keep=keep)
        shares, log_prob = responsibilities(joint, hard=hard)
        heft = np.ones(len(rows)) if weight is None else weight[start:stop]
        shares *= heft[:, None]
        sums.weight += float(heft.sum())
        sums.log_likelihood += float(heft @ log_prob)
        for visit in visits:
            sums.add(rows, shares, visit)
    return sums.moments()


def moments_given(
    X: FloatArray, shares: Float64Array, reference: Float64Array, probe: Float64Array
) -> Moments:
    """Return the moments of a block for given weighted responsibilities (n, K), about ``reference`` (K, D).

    Parameters
    ----------
    probe : ndarray of shape (D, q)
        What the scatter of every component is projected on.
    """
    K, D = reference.shape
    q = probe.shape[1]
    axes = np.broadcast_to(probe, (K, D, q))
    projection = Projection(reference, np.ones((K, D)), axes, np.zeros((K, q, q)))
    sums = _Sums(projection)
    for start, stop in _micro_blocks(len(X), K, D, q):
        for k in range(K):
            rows = np.flatnonzero(shares[start:stop, k])
            white = projection.whitened(X[start:stop][rows], k)
            sums.add(X[start:stop], shares[start:stop], _Visit(k, rows, white, white @ probe))
    sums.weight = float(shares.sum())
    return sums.moments()


class _Sums:
    """Add up moments about the means in units of the noise, micro-block by micro-block."""

    def __init__(self, projection: Projection) -> None:
        self._projection = projection
        K, D, q = projection.axes.shape
        self.log_likelihood = self.weight = 0.0
        self._count, self._sums = np.zeros(K), np.zeros((K, D, q + 1))
        self._squares = np.zeros((K, D))

    def add(self, X: FloatArray, shares: Float64Array, visit: _Visit) -> None:
        """Add the rows of a visit with their shares (n, K)."""
        k, rows = visit.component, visit.rows
        white = self._projection.whitened(X[rows], k) if visit.white is None else visit.white
        own = shares[rows, k]
        weighted = np.concatenate([visit.part, np.ones((len(rows), 1))], axis=1) * own[:, None]
        self._count[k] += own.sum()
        self._sums[k] += white.T @ weighted
        self._squares[k] += own @ np.square(white, out=white)

    def moments(self) -> Moments:
        """Return the sums as moments about the means, in the features' units."""
        projection = self._projection
        K, D, q = projection.axes.shape
        kind, deviation = factors(q), projection.deviation
        moments = Moments(np.empty(buffer_size(kind, K, D)), projection.means, kind)
        moments.buffer[:2] = self.log_likelihood, self.weight
        moments.count[...] = self._count
        moments.first[...] = deviation * self._sums[..., q]
        second = moments.second
        second[..., :q] = deviation[:, :, None] * self._sums[..., :q]
        second[..., q : 2 * q] = self._count[:, None, None] * projection.probe
        second[..., 2 * q] = np.square(deviation) * self._squares
        return moments


def _micro_blocks(
    n_rows: int, n_components: int, n_features: int, n_factors: int
) -> Iterator[tuple[int, int]]:
    """Yield first and last row of micro-blocks that the caches hold; their size depends on the shapes alone."""
    width = n_features + n_components * (n_factors + 2)
    size = max(_LEAST_ROWS, min(_MOST_ROWS, _VALUES // width))
    for start in range(0, n_rows, size):
        yield start, min(start + size, n_rows)
