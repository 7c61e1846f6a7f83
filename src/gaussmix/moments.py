"""Additive sufficient statistics of a Gaussian mixture.

For component k, with w_i the weight of row i and r_ik its responsibility::

    count_k  = Σ_i w_i r_ik
    first_k  = Σ_i w_i r_ik (x_i − m_k)
    second_k = Σ_i w_i r_ik (x_i − m_k)(x_i − m_k)ᵀ      (or a part of it: see ``Scatter``)

about a reference point m_k near the component's mean, so that nothing cancels however far the data lie
from the origin (Chan, Golub & LeVeque 1983). Moments of disjoint sets of rows add.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from gaussmix import linalg
from gaussmix.types import Float64Array

_HEADER = 2  # log-likelihood and total weight stand before the counts


@dataclass(frozen=True, slots=True)
class Scatter:
    """Which part of the second moments a covariance family needs.

    Attributes
    ----------
    name : str
    shape : callable
        ``(K, D) -> shape`` of the array.
    about_mean : callable
        ``(second, count, shift) -> scatter`` about the components' own means, which lie ``shift`` (K, D) from
        the reference.
    add_diagonal : callable
        ``(scatter, count, variance) -> scatter`` with ``count_k · diag(variance)`` added to each component's
        scatter; ``variance`` has shape (D,).
    of_dense : callable
        ``matrices -> scatter``: this part of K matrices (K, D, D).
    n_factors : int
        Columns of the fixed matrices Ω_k of ``factors``; 0 for every other kind.
    """

    name: str
    shape: Callable[[int, int], tuple[int, ...]]
    about_mean: Callable[[Float64Array, Float64Array, Float64Array], Float64Array]
    add_diagonal: Callable[[Float64Array, Float64Array, Float64Array], Float64Array]
    of_dense: Callable[[Float64Array], Float64Array]
    n_factors: int = 0

    def __reduce__(self) -> str | tuple[Any, ...]:
        if self.n_factors:
            return factors, (self.n_factors,)
        return self.name.upper()  # the constant below, so that moments can be pickled and still add


def _full_about_mean(second: Float64Array, count: Float64Array, shift: Float64Array) -> Float64Array:
    weighted = count[:, None] * shift
    return second - weighted[:, :, None] * shift[:, None, :]


def _full_add_diagonal(scatter: Float64Array, count: Float64Array, variance: Float64Array) -> Float64Array:
    added = scatter.copy()
    linalg.diagonals(added)[...] += count[:, None] * variance
    return added


def _pooled_add_diagonal(scatter: Float64Array, count: Float64Array, variance: Float64Array) -> Float64Array:
    return scatter + np.diag(count.sum() * variance)


FULL = Scatter("full", lambda K, D: (K, D, D), _full_about_mean, _full_add_diagonal, lambda dense: dense)
POOLED = Scatter(
    "pooled",
    lambda K, D: (D, D),
    lambda second, count, shift: second - (count[:, None] * shift).T @ shift,
    _pooled_add_diagonal,
    lambda dense: dense.sum(axis=0),
)
DIAGONAL = Scatter(
    "diagonal",
    lambda K, D: (K, D),
    lambda second, count, shift: second - count[:, None] * shift * shift,
    lambda scatter, count, variance: scatter + count[:, None] * variance,
    lambda dense: np.einsum("kdd->kd", dense),
)
TRACE = Scatter(
    "trace",
    lambda K, D: (K,),
    lambda second, count, shift: second - count * np.einsum("kd,kd->k", shift, shift),
    lambda scatter, count, variance: scatter + count * variance.sum(),
    lambda dense: np.einsum("kdd->k", dense),
)

_FACTORS: dict[int, Scatter] = {}


def factors(n_factors: int) -> Scatter:
    """Return the kind of second moments that representations by ``n_factors`` factors need, always the same object.

    With Ω_k the (D, q) matrix that the E-step projects on and S_k the second moments, the array (K, D, 2q + 1) holds
    S_k Ω_k, count_k Ω_k and the diagonal of S_k side by side: never S_k itself. The middle part adds like the others,
    and tells how the first changes with the reference: of ``count``, ``about_mean`` takes only the sign there.
    """
    q = n_factors

    def about_mean(second: Float64Array, count: Float64Array, shift: Float64Array) -> Float64Array:
        about = second.copy()
        along = np.einsum("kd,kdq->kq", shift, second[..., q : 2 * q])
        about[..., :q] -= shift[:, :, None] * (np.sign(count)[:, None] * along)[:, None, :]
        about[..., 2 * q] -= count[:, None] * shift * shift
        return about

    def add_diagonal(scatter: Float64Array, count: Float64Array, variance: Float64Array) -> Float64Array:
        added = scatter.copy()
        added[..., :q] += variance[:, None] * scatter[..., q : 2 * q]
        added[..., 2 * q] += count[:, None] * variance
        return added

    def of_dense(matrices: Float64Array) -> Float64Array:
        raise NotImplementedError(
            "matrices alone do not tell on what a family of many features projects them"
        )

    kind = Scatter("factors", lambda K, D: (K, D, 2 * q + 1), about_mean, add_diagonal, of_dense, q)
    return _FACTORS.setdefault(q, kind)


def buffer_size(scatter: Scatter, n_components: int, n_features: int) -> int:
    """Return the number of float64 values that moments of this kind take."""
    n_second = math.prod(scatter.shape(n_components, n_features))
    return _HEADER + n_components * (1 + n_features) + n_second


@dataclass(frozen=True, slots=True, eq=False)
class Moments:
    """Hold the moments of some rows in one float64 buffer, so that adding two is one vector addition.

    Parameters
    ----------
    buffer : ndarray of shape (size,)
        Log-likelihood, total weight, ``count``, ``first``, ``second``, in this order.
    reference : ndarray of shape (K, D)
        The points m_k about which first and second moments are taken.
    scatter : Scatter
        Which second moments the buffer holds.
    """

    buffer: Float64Array
    reference: Float64Array
    scatter: Scatter

    @property
    def log_likelihood(self) -> float:
        """Σ_i w_i log p(x_i), a total in nats."""
        return float(self.buffer[0])

    @property
    def weight(self) -> float:
        """Σ_i w_i."""
        return float(self.buffer[1])

    @property
    def count(self) -> Float64Array:
        """Σ_i w_i r_ik, shape (K,)."""
        return self.buffer[_HEADER : _HEADER + self.reference.shape[0]]

    @property
    def first(self) -> Float64Array:
        """First moments about the reference, shape (K, D)."""
        start = _HEADER + self.reference.shape[0]
        return self.buffer[start : start + self.reference.size].reshape(self.reference.shape)

    @property
    def second(self) -> Float64Array:
        """Second moments about the reference, of shape ``scatter.shape(K, D)``."""
        start = _HEADER + self.reference.shape[0] + self.reference.size
        return self.buffer[start:].reshape(self.scatter.shape(*self.reference.shape))

    def __add__(self, other: Moments) -> Moments:
        """Add the moments of two disjoint sets of rows.

        Raises
        ------
        ValueError
            If the two are about different reference points or of different kinds.
        """
        same = self.reference is other.reference or np.array_equal(self.reference, other.reference)
        if not same or self.scatter is not other.scatter:
            raise ValueError("moments about different reference points, or of different kinds, do not add")
        return Moments(self.buffer + other.buffer, self.reference, self.scatter)

    def __mul__(self, factor: float) -> Moments:
        """Return the moments with every row's weight times ``factor``."""
        return Moments(self.buffer * factor, self.reference, self.scatter)

    def about_means(self) -> tuple[Float64Array, Float64Array, Float64Array]:
        """Return count (K,), the means (K, D) and the scatter about these means.

        A component without rows keeps its reference as mean and has no scatter.
        """
        count = self.count
        safe = count if count.min() > 0 else np.where(count > 0, count, 1.0)
        shift = self.first / safe[:, None]
        return count, self.reference + shift, self.scatter.about_mean(self.second, count, shift)

    def about(self, points: Float64Array) -> Moments:
        """Return the same moments about other reference points, shape (K, D), near the components' means."""
        if points is self.reference:
            return self
        count, offset = self.count, points - self.reference
        first = self.first - count[:, None] * offset
        _, means, scatter = self.about_means()
        second = self.scatter.about_mean(scatter, -count, means - points)  # W + n d dᵀ
        head = np.concatenate([self.buffer[: _HEADER + len(count)], first.ravel()])
        return Moments(np.concatenate([head, second.ravel()]), points, self.scatter)
