"""The arithmetic of one block of sparse rows for covariances B Bᵀ + Ψ: no row is made dense but by exception.

In the letters of ``low_rank_rows``, |y|² = x² Ψ⁻¹ − 2 x (Ψ⁻¹μ) + μᵀΨ⁻¹μ and t = x Ω − μᵀΩ come from products of
sparse rows, and the distance is |y|² − |t|² (Woodbury). This difference loses digits where factors carry nearly all
of the variance: its error is bounded by ``_ROUNDING`` times the sizes of what is added. Rows for which that is more
than ``_DOUBT`` nats are made dense, a few at a time, and go the way of dense rows. Features whose means lie far
from zero are left out of the sums and added about their means, as in ``sparse_rows``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from gaussmix.covariance.low_rank_rows import Projection, log_joint
from gaussmix.covariance.sparse_rows import FAR_MEANS, Rows, weighted_shares
from gaussmix.moments import Moments, buffer_size, factors
from gaussmix.types import Float64Array, IntArray

_ROUNDING: Final = 64 * float(np.finfo(np.float64).eps)  # of a long sum, relative to its terms' sizes
_DOUBT: Final = 1e-6  # nats
_NEAR: Final = 46.0  # nats under the best component: beyond, no digit of a distance matters
_VALUES: Final = 1 << 20  # of the projections that are held at a time: 8 MB
_LEAST_ROWS: Final = 64
_FAR: Final = 1e300  # squared distances beyond it count as this


@dataclass(frozen=True, eq=False)
class Loadings:
    """Apply covariances by factors to sparse rows.

    Attributes
    ----------
    log_constant : ndarray of shape (K,)
        log π_k − ½ log|Σ_k| − D/2 log 2π.
    projection : Projection
    far : sequence of ndarray of int
        For each component the features that are added about their means.
    inverse : ndarray of shape (D, K)
        1/ψ, 0 for a component's far features, here and below.
    along : ndarray of shape (D, K q + K)
        Ω_1 … Ω_K and μ/ψ.
    projected : ndarray of shape (K, q)
        μᵀΩ.
    gap : ndarray of shape (K,)
        μᵀΨ⁻¹μ.
    """

    log_constant: Float64Array
    projection: Projection
    far: Sequence[IntArray]
    inverse: Float64Array
    along: Float64Array
    projected: Float64Array
    gap: Float64Array

    @classmethod
    def of(cls, log_constant: Float64Array, projection: Projection, variances: Float64Array) -> Loadings:
        """Return what rows need to know of covariances whose diagonals are ``variances``, (K, D)."""
        means, probe = projection.means, projection.probe
        K, D, q = probe.shape
        is_far = ~(np.square(means) <= FAR_MEANS * variances)  # what is no number is far as well
        inverse = np.where(is_far, 0.0, np.square(1.0 / projection.deviation))
        flat = np.where(is_far[:, :, None], 0.0, probe).transpose(1, 0, 2).reshape(D, K * q)
        along = np.concatenate([flat, (means * inverse).T], axis=1)
        projected = np.einsum("kd,dkq->kq", means, flat.reshape(D, K, q))
        gap = (np.square(means) * inverse).sum(axis=1)
        inverse = np.ascontiguousarray(inverse.T)
        far = [np.flatnonzero(own) for own in is_far]
        return cls(log_constant, projection, far, inverse, along, projected, gap)

    def log_joint(self, X: Any) -> Float64Array:
        """Return log π_k + log N(x | μ_k, Σ_k), shape (n, K)."""
        out = np.empty((X.shape[0], len(self.gap)))
        for run, rows in self._parts(X):
            out[run] = self._joint(rows)[0]
        return out

    def moments(self, X: Any, weight: Float64Array | None, *, hard: bool) -> Moments:
        """Return the E-step of a block: see ``Covariances.moments``."""
        K, D, q = self.projection.axes.shape
        kind = factors(q)
        total = Moments(np.zeros(buffer_size(kind, K, D)), self.projection.means, kind)
        for run, rows in self._parts(X):
            joint, part = self._joint(rows)
            shares, head = weighted_shares(joint, None if weight is None else weight[run], hard=hard)
            total.buffer[:2] += head
            for k in np.flatnonzero(shares.any(axis=0)).tolist():
                members = np.flatnonzero(shares[:, k])
                self._add(total, k, rows.take(members), part[members, k], shares[members, k])
        total.second[..., q : 2 * q] = total.count[:, None, None] * self.projection.probe
        return total

    def _parts(self, X: Any) -> Iterator[tuple[slice, Rows]]:
        """Yield runs of rows, the products of which memory holds easily; their size depends on the shapes alone."""
        size = max(_LEAST_ROWS, _VALUES // self.along.shape[1])
        if X.shape[0] <= size:
            yield slice(0, X.shape[0]), Rows.of(X)
            return
        for start in range(0, X.shape[0], size):
            run = slice(start, min(start + size, X.shape[0]))
            yield run, Rows.of(X[run])

    def _joint(self, rows: Rows) -> tuple[Float64Array, Float64Array]:
        """Return the log-joint (n, K) and the t, (n, K, q)."""
        n, K = len(rows), len(self.gap)
        with np.errstate(over="ignore", invalid="ignore"):
            products = rows.X @ self.along
            part = products[:, :-K].reshape(n, K, -1) - self.projected
            white = rows.squared @ self.inverse
            white += self.gap
            sizes = 2.0 * white
            white -= 2.0 * products[:, -K:]
            self._add_far(rows, white, part)
            sizes += white
            squares = white - np.einsum("nkq,nkq->nk", part, part)
            slack = _ROUNDING * sizes
        squares[~(squares < _FAR)] = _FAR
        joint = self.log_constant - 0.5 * squares
        return self._made_sure(rows, joint, squares, slack), part

    def _made_sure(
        self, rows: Rows, joint: Float64Array, squares: Float64Array, slack: Float64Array
    ) -> Float64Array:
        """Return the log-joint, from dense rows where its error may be more than ``_DOUBT`` in what counts."""
        far_out = _ROUNDING * 8.0 * np.abs(squares)  # where the dense form has no more digits either
        doubtful = ~(slack <= np.maximum(_DOUBT, far_out))
        doubtful &= ~(joint + slack < (joint - slack).max(axis=1, keepdims=True) - _NEAR)
        unsure = np.flatnonzero(doubtful.any(axis=1))
        for run, dense in rows.take(unsure).dense() if len(unsure) else ():
            joint[unsure[run]] = log_joint(dense, self.log_constant, self.projection, every=True)
        return joint

    def _add_far(self, rows: Rows, white: Float64Array, part: Float64Array) -> None:
        """Add each component's far features to |y|² (n, K) and t (n, K, q)."""
        projection = self.projection
        for k, far in enumerate(self.far):
            for run, y in rows.dense(far) if len(far) else ():
                y -= projection.means[k, far]
                y /= projection.deviation[k, far]
                white[run, k] += np.einsum("nd,nd->n", y, y)
                part[run, k] += y @ projection.axes[k][far]

    def _add(self, total: Moments, k: int, rows: Rows, part: Float64Array, own: Float64Array) -> None:
        """Add rows with their t (m, q) and shares (m,) to the moments of component k."""
        q = part.shape[1]
        means, second = self.projection.means[k], total.second[k]
        heft = np.concatenate([part, np.ones((len(own), 1))], axis=1) * own[:, None]
        sums, along = rows.X.T @ heft, heft.sum(axis=0)
        squares = rows.squared.T @ own - means * (2.0 * sums[:, q] - along[q] * means)
        sums -= np.outer(means, along)
        far = self.far[k]
        if len(far):
            sums[far], squares[far] = 0.0, 0.0
            for run, dense in rows.dense(far):
                dense -= means[far]
                sums[far] += dense.T @ heft[run]
                squares[far] += np.einsum("n,nd->d", own[run], np.square(dense))
        total.count[k] += along[q]
        total.first[k] += sums[:, q]
        second[:, :q] += sums[:, :q]
        second[:, 2 * q] += squares
