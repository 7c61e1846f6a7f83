"""The arithmetic of one block of sparse rows, for covariances by variances: no row is made dense.

With p = 1/σ², the squared distances Σ_d p_d (x_d − μ_d)² of all rows are x² p − 2 x (p μ) + Σ_d p_d μ_d², where the
first two are products of sparse rows, and the last is the distance of a row of zeros. The moments about m are
Σ r x − n m and Σ r x² − 2 m Σ r x + n m².

What this costs in digits is bounded by how far means lie from zero in units of the standard deviation. As
(|x| + |μ|)² ≤ 2 (x − μ)² + 8 μ², a squared distance δ has an error of the order of ε (δ + 4 Σ_d μ_d²/σ_d²), a second
moment one of ε n (μ_d² + m_d²). Where a part f of a feature's values is not zero, μ²/σ² ≤ f / (1 − f) (Cauchy &
Schwarz): in columns worth being called sparse it is small. Features in which a component's μ²/σ² exceeds
``FAR_MEANS``, so that nearly all their values are there, are taken out of the sums and go through the kernel of dense
rows, a few at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from gaussmix import kernel
from gaussmix.covariance.low_rank_rows import responsibilities
from gaussmix.moments import DIAGONAL, TRACE, Moments, Scatter, buffer_size, factors
from gaussmix.types import Float64Array, IntArray

FAR_MEANS: Final = 100.0  # μ²/σ² of a feature: with it, 99 % of the values are not zero
DENSE_VALUES: Final = 1 << 19  # of rows that are made dense at a time: 4 MB
_FEW: Final = 0.25  # part of the responsibilities above zero up to which rows are gathered for each component
_FAR: Final = 1e300  # squared distances beyond it count as this


@dataclass(frozen=True, eq=False)
class Rows:
    """Hold a block of sparse rows, and their squares.

    Attributes
    ----------
    X : csr_array of shape (n, D) of float64
    squared : csr_array of shape (n, D)
    """

    X: Any
    squared: Any

    @classmethod
    def of(cls, X: Any) -> Rows:
        """Return rows of any precision."""
        values = X.data.astype(np.float64, copy=False)
        with np.errstate(over="ignore"):
            return cls(_like(X, values), _like(X, values * values))

    def __len__(self) -> int:
        return int(self.X.shape[0])

    def take(self, rows: IntArray) -> Rows:
        """Return some of the rows."""
        return self if len(rows) == len(self) else Rows.of(self.X[rows])

    def dense(self, features: IntArray | None = None) -> Iterator[tuple[slice, Float64Array]]:
        """Yield runs of rows with all or some of their features, dense, (m, d): a few megabytes at a time."""
        X = self.X if features is None else self.X[:, features]
        size = max(1, DENSE_VALUES // max(1, X.shape[1]))
        for start in range(0, len(self), size):
            run = slice(start, min(start + size, len(self)))
            yield run, X[run].toarray()


def _like(X: Any, values: Float64Array) -> Any:
    """Return a matrix of the same sparsity, on the same indices."""
    return type(X)((values, X.indices, X.indptr), shape=X.shape)


@dataclass(frozen=True, eq=False)
class Axes:
    """Apply diagonal or spherical covariances to sparse rows.

    Attributes
    ----------
    log_constant : ndarray of shape (K,)
        log π_k − ½ log|Σ_k| − D/2 log 2π.
    means : ndarray of shape (K, D)
    root : ndarray of shape (K, D)
        1/σ.
    scatter : Scatter
        ``DIAGONAL`` or ``TRACE``.
    far : ndarray of int
        Features that go through the dense kernel.
    square : ndarray of shape (D, K)
        1/σ², 0 for far features.
    linear : ndarray of shape (D, K)
        μ/σ², 0 for far features.
    constant : ndarray of shape (K,)
        Squared distance of a row of zeros, without far features.
    """

    log_constant: Float64Array
    means: Float64Array
    root: Float64Array
    scatter: Scatter
    far: IntArray
    square: Float64Array
    linear: Float64Array
    constant: Float64Array

    @classmethod
    def of(
        cls, log_constant: Float64Array, means: Float64Array, root: Float64Array, scatter: Scatter
    ) -> Axes:
        """Return what rows of these means and 1/σ, (K, D) or (K,), need to know."""
        root = np.broadcast_to(root if root.ndim == 2 else root[:, None], means.shape)
        with np.errstate(over="ignore"):
            away = np.square(means * root)
            is_far = ~(away <= FAR_MEANS).all(axis=0)  # what is no number is far as well
            near = np.where(is_far, 0.0, root)
            square, linear = np.square(near), means * np.square(near)
        constant = np.where(is_far, 0.0, away).sum(axis=1)
        far = np.flatnonzero(is_far)
        return cls(log_constant, means, root, scatter, far, _columns(square), _columns(linear), constant)

    def squares(self, rows: Rows) -> Float64Array:
        """Return squared distances, shape (n, K)."""
        with np.errstate(over="ignore", invalid="ignore"):
            squares: Float64Array = rows.squared @ self.square
            squares -= 2.0 * (rows.X @ self.linear)
            squares += self.constant
            if len(self.far):
                squares -= 2.0 * self._far_log_joint(rows)
        squares[~(squares < _FAR)] = _FAR
        return squares

    def log_joint(self, X: Any) -> Float64Array:
        """Return log π_k + log N(x | μ_k, Σ_k), shape (n, K)."""
        return self.log_constant - 0.5 * self.squares(Rows.of(X))

    def moments(self, X: Any, weight: Float64Array | None, *, hard: bool) -> Moments:
        """Return the E-step of a block: see ``Covariances.moments``."""
        rows = Rows.of(X)
        squares = self.squares(rows)
        shares, head = weighted_shares(self.log_constant - 0.5 * squares, weight, hard=hard)
        moments = Moments(np.empty(buffer_size(self.scatter, *self.means.shape)), self.means, self.scatter)
        moments.buffer[:2] = head
        first, second, count = moments.first, moments.second, shares.sum(axis=0)
        moments.count[...] = count
        sums, sums_of_squares = _summed(rows, shares, squares=self.scatter is DIAGONAL)
        np.subtract(sums, count[:, None] * self.means, out=first)
        if self.scatter is TRACE:
            second[...] = (shares * squares).sum(axis=0) / np.square(self.root[:, 0])
        else:
            sums += first  # Σ r x² − m (2 Σ r x − n m)
            sums *= self.means
            np.subtract(sums_of_squares, sums, out=second)
        if len(self.far):
            self._add_far(rows, shares, first, second)
        return moments

    def _far_log_joint(self, rows: Rows) -> Float64Array:
        """Return minus half the part of the distances that far features have, (n, K)."""
        K = len(self.means)
        out = np.empty((len(rows), K))
        means, root = _picked(self.means, self.far), _picked(self.root, self.far)
        for run, dense in rows.dense(self.far):
            kernel.diagonal_evaluate(dense, np.zeros(K), means, root, kernel.LOG_JOINT, out[run])
        return out

    def _add_far(self, rows: Rows, shares: Float64Array, first: Float64Array, second: Float64Array) -> None:
        """Put the moments of far features in their places; those of a trace are there already."""
        means = _picked(self.means, self.far)
        total = np.zeros(buffer_size(DIAGONAL, *means.shape))
        for run, dense in rows.dense(self.far):
            out = np.empty_like(total)
            kernel.diagonal_moments_given(dense, np.ascontiguousarray(shares[run]), means, out)
            total += out
        moments = Moments(total, means, DIAGONAL)
        first[:, self.far] = moments.first
        if self.scatter is DIAGONAL:
            second[:, self.far] = moments.second


@dataclass(frozen=True, eq=False)
class Densified:
    """Apply covariances of a few features to sparse rows, whose blocks are then no larger than those of dense rows.

    Attributes
    ----------
    step : callable
        ``(X, weight, hard=) -> Moments``.
    joint : callable
        ``X -> log-joint``.
    """

    step: Callable[..., Moments]
    joint: Callable[..., Any]

    def log_joint(self, X: Any) -> Float64Array:
        """Return log π_k + log N(x | μ_k, Σ_k), shape (n, K)."""
        return np.asarray(self.joint(X.toarray()), np.float64)

    def moments(self, X: Any, weight: Float64Array | None, *, hard: bool) -> Moments:
        """Return the E-step of a block: see ``Covariances.moments``."""
        return self.step(X.toarray(), weight, hard=hard)


def evaluated(joint: Float64Array, method: str) -> Any:
    """Return what a method of ``Covariances`` (``"log_prob"``, ``"posterior"``, ...) makes of the log-joint."""
    if method == "labels":
        return joint.argmax(axis=1)
    if method == "posterior":
        return responsibilities(joint)[0]
    values = joint if method == "log_joint" else responsibilities(joint)[1]
    return np.where(values <= -0.5 * _FAR, -np.inf, values)


def weighted_shares(
    joint: Float64Array, weight: Float64Array | None, *, hard: bool
) -> tuple[Float64Array, Float64Array]:
    """Return responsibilities times weights, (n, K), and the log-likelihood and weight of the block, (2,)."""
    shares, log_prob = responsibilities(joint, hard=hard)
    if weight is None:
        return shares, np.array([log_prob.sum(), float(len(joint))])
    shares *= weight[:, None]
    return shares, np.array([(weight * log_prob).sum(), weight.sum()])


def moments_given(
    X: Any, shares: Float64Array, reference: Float64Array, probe: Float64Array | None = None
) -> Moments:
    """Return the moments of a block for given weighted responsibilities (n, K), about ``reference`` (K, D).

    The squares are Σ r (x − m)² over what is stored, plus m² times the rest of the count: all terms are positive, so
    that no digits are lost wherever the reference is.

    Parameters
    ----------
    probe : ndarray of shape (D, q), optional
        What the scatter is projected on, for moments of the kind ``factors(q)``; they are diagonal without it.
    """
    rows = Rows.of(X)
    K, D = reference.shape
    q = 0 if probe is None else probe.shape[1]
    kind = DIAGONAL if probe is None else factors(q)
    moments = Moments(np.zeros(buffer_size(kind, K, D)), reference, kind)
    moments.buffer[1] = shares.sum()
    second = moments.second.reshape(K, D, -1)
    for k in range(K):
        members = np.flatnonzero(shares[:, k])
        own, some = shares[members, k], rows.take(members).X
        moments.count[k] = count = own.sum()
        moments.first[k] = some.T @ own - count * reference[k]
        second[k, :, -1] = _squares_about(some, own, count, reference[k])
        if probe is not None:
            part = (some @ probe - reference[k] @ probe) * own[:, None]
            second[k, :, :q] = some.T @ part - np.outer(reference[k], part.sum(axis=0))
            second[k, :, q : 2 * q] = count * probe
    return moments


def _squares_about(X: Any, own: Float64Array, count: float, point: Float64Array) -> Float64Array:
    """Return Σ_i own_i (x_id − m_d)² for each feature, (D,)."""
    D = len(point)
    heft = np.repeat(own, np.diff(X.indptr))
    squares = np.bincount(X.indices, heft * np.square(X.data - point[X.indices]), D)
    rest = np.maximum(count - np.bincount(X.indices, heft, D), 0.0)
    rest[np.bincount(X.indices, minlength=D) == X.shape[0]] = (
        0.0  # all values are stored: what is left is rounding
    )
    return np.asarray(squares + rest * np.square(point))


def _summed(rows: Rows, shares: Float64Array, *, squares: bool) -> tuple[Float64Array, Float64Array]:
    """Return Σ r x and, if wanted, Σ r x², (K, D)."""
    live = shares > 0
    if live.mean() > _FEW:
        sums = np.ascontiguousarray((rows.X.T @ shares).T)
        return sums, np.ascontiguousarray((rows.squared.T @ shares).T) if squares else sums
    K, D = shares.shape[1], rows.X.shape[1]
    sums, sums_of_squares = np.zeros((K, D)), np.zeros((K, D))
    for k in np.flatnonzero(live.any(axis=0)).tolist():
        members = np.flatnonzero(live[:, k])
        own, some = shares[members, k], rows.take(members)
        sums[k] = some.X.T @ own
        if squares:
            sums_of_squares[k] = some.squared.T @ own
    return sums, sums_of_squares


def _columns(values: Float64Array) -> Float64Array:
    """Return (K, D) as contiguous (D, K)."""
    return np.ascontiguousarray(values.T)


def _picked(values: Float64Array, features: IntArray) -> Float64Array:
    return np.ascontiguousarray(values[:, features])
