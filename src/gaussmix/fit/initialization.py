"""Where EM starts.

A start is a function ``(sample, K, rng) -> labels (n,) or responsibilities (n, K)``. To add one: one function
here, and one line in ``STARTS``. Starts look at a sample of rows, so that seeding never dominates a fit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, Final

import numpy as np

from gaussmix import kernel
from gaussmix.covariance import CovarianceFamily
from gaussmix.covariance.sparse_rows import moments_given as moments_of_sparse
from gaussmix.executor import pairwise_sum
from gaussmix.fit.k_means import k_means, k_means_plus_plus, nearest
from gaussmix.linalg import is_sparse
from gaussmix.model import Mixture
from gaussmix.moments import DIAGONAL, FULL, POOLED, TRACE, Moments, Scatter, buffer_size
from gaussmix.prior import Prior
from gaussmix.source import Partition
from gaussmix.types import Float64Array, FloatArray, IntArray

_LENT: Final = 0.01  # of an average component's weight: lent to each component of a start


@dataclass(frozen=True, eq=False)
class Sample:
    """Hold the rows that a start looks at.

    Attributes
    ----------
    X : ndarray of shape (n, D)
    weight : ndarray of shape (n,)
    unit : ndarray of shape (D,)
        Standard deviations of the features, or one common value.
    """

    X: FloatArray
    weight: Float64Array
    unit: Float64Array

    @cached_property
    def standardized(self) -> Float64Array:
        """Rows about their mean in units of ``unit``, so that starts do not depend on the features' units."""
        X = self.X.astype(np.float64)
        return np.ascontiguousarray((X - X.mean(axis=0)) / self.unit)

    def n_distinct(self) -> int:
        """Return the number of distinct rows of positive weight, told apart by one fixed projection."""
        direction = np.cos(np.arange(1.0, self.X.shape[1] + 1))
        projected = (self.standardized * direction).sum(axis=1)  # in one order for all rows, unlike BLAS
        return len(np.unique(projected[self.weight > 0]))


Start = Callable[[Sample, int, np.random.Generator], Any]


def _k_means(sample: Sample, n_components: int, rng: np.random.Generator) -> IntArray:
    return k_means(sample.standardized, sample.weight, n_components, rng)


def _k_means_plus_plus(sample: Sample, n_components: int, rng: np.random.Generator) -> IntArray:
    Z = sample.standardized
    return nearest(Z, Z[k_means_plus_plus(Z, sample.weight, n_components, rng)])


def _random(sample: Sample, n_components: int, rng: np.random.Generator) -> Float64Array:
    responsibilities = rng.random((len(sample.X), n_components))
    responsibilities /= responsibilities.sum(axis=1, keepdims=True)
    return responsibilities


def _random_from_data(sample: Sample, n_components: int, rng: np.random.Generator) -> IntArray:
    Z = sample.standardized
    possible = np.flatnonzero(sample.weight > 0)
    rows = rng.choice(possible, n_components, replace=len(possible) < n_components)
    return nearest(Z, Z[rows])


STARTS: dict[str, Start] = {
    "auto": _k_means,
    "kmeans": _k_means,
    "k-means++": _k_means_plus_plus,
    "random": _random,
    "random_from_data": _random_from_data,
}


def start_from_labels(
    blocks: Sequence[Partition],
    labels: IntArray,
    n_components: int,
    family: CovarianceFamily,
    prior: Prior,
) -> Mixture:
    """Return the mixture whose components are the labelled groups, each lent a row of pooled covariance.

    Parameters
    ----------
    blocks : sequence of Partition
        Consecutive rows.
    labels : ndarray of shape (n,)
        0 … K − 1 for each row of the blocks.
    n_components : int
    family : CovarianceFamily
    prior : Prior
    """
    identity = np.eye(n_components)
    return start_from_responsibilities(blocks, labels, n_components, family, prior, identity)


def start_from_responsibilities(
    blocks: Sequence[Partition],
    responsibilities: Any,
    n_components: int,
    family: CovarianceFamily,
    prior: Prior,
    rows_of: Float64Array | None = None,
) -> Mixture:
    """Return the M-step from given responsibilities.

    Parameters
    ----------
    blocks : sequence of Partition
    responsibilities : ndarray of shape (n, K), or (n,) indices into ``rows_of``
    n_components : int
    family : CovarianceFamily
    prior : Prior
    rows_of : ndarray, optional
        Table of rows of responsibilities, for labels.
    """
    given = partial(family.moments_given, unit=prior.floor) if family.scatter.n_factors else None
    total = moments_of_responsibilities(
        blocks, responsibilities, n_components, family.scatter, rows_of, given=given
    )
    return Mixture.from_moments(_lend_pooled(total), family, prior)


def moments_of_responsibilities(
    blocks: Sequence[Partition],
    responsibilities: Any,
    n_components: int,
    scatter: Scatter,
    rows_of: Float64Array | None = None,
    *,
    given: Callable[..., Moments] | None = None,
) -> Moments:
    """Return the moments of given responsibilities about the components' means; parameters as above.

    ``given`` is ``(X, responsibilities, reference) -> Moments`` for scatter that no kernel makes.
    """
    first_rows, _ = blocks[0].load()
    first_mean = np.asarray(first_rows.mean(axis=0, dtype=np.float64))
    reference = np.repeat(first_mean[None], n_components, axis=0)
    for kind in (TRACE, scatter):  # about the blocks' mean for the means, then about the means
        parts = _responsible(blocks, responsibilities, rows_of)
        one = partial(_given, scatter=kind) if kind is TRACE or given is None else given
        total = pairwise_sum(one(X, shares, reference) for X, shares in parts)
        count, reference, _ = total.about_means()
        reference[count == 0] = count @ reference / count.sum()  # a group without rows starts in the middle
    return total


def _responsible(
    blocks: Sequence[Partition], responsibilities: Any, rows_of: Float64Array | None
) -> Iterator[tuple[FloatArray, Float64Array]]:
    """Yield each block's rows with their weighted responsibilities, (n, K)."""
    start = 0
    for block in blocks:
        X, weight = block.load()
        part = responsibilities[start : start + X.shape[0]]
        shares = np.asarray(part, np.float64) if rows_of is None else rows_of[part]
        yield X, np.ascontiguousarray(shares if weight is None else shares * weight[:, None])
        start += X.shape[0]


# Which kernel gives a scatter, what it accumulates, and how that is reduced to the scatter.
_GIVEN: dict[str, tuple[Callable[..., None], Scatter, Callable[[Float64Array], Float64Array]]] = {
    FULL.name: (kernel.dense_moments_given, FULL, lambda second: second),
    POOLED.name: (kernel.dense_moments_given, FULL, lambda second: second.sum(axis=0)),
    DIAGONAL.name: (kernel.diagonal_moments_given, DIAGONAL, lambda second: second),
    TRACE.name: (kernel.diagonal_moments_given, DIAGONAL, lambda second: second.sum(axis=1)),
}


def _given(
    X: FloatArray, responsibilities: Float64Array, reference: Float64Array, scatter: Scatter
) -> Moments:
    function, accumulated, reduce = _GIVEN[scatter.name]
    K, D = reference.shape
    if is_sparse(X) and accumulated is DIAGONAL:
        rounded = reference
        out = moments_of_sparse(X, responsibilities, reference).buffer
    else:
        X = X.toarray() if is_sparse(X) else X  # type: ignore[attr-defined]  # blocks of few features
        rounded = reference.astype(X.dtype).astype(np.float64)
        out = np.empty(buffer_size(accumulated, K, D))
        function(X, responsibilities, rounded, out)
    second = reduce(Moments(out, rounded, accumulated).second)
    head = out[: buffer_size(scatter, K, D) - second.size]
    return Moments(np.concatenate([head, second.ravel()]), rounded, scatter)


def _lend_pooled(moments: Moments) -> Moments:
    """Add to each component a little of the covariance pooled over all, at the component's mean.

    Groups of a few rows would otherwise start with singular covariances.
    """
    count, means, scatter = moments.about_means()
    K, D = means.shape
    rows = _LENT * count.mean()
    pooled = K * scatter if moments.scatter is POOLED else scatter.sum(axis=0)
    scatter = scatter + _LENT / K * pooled  # rows / count.sum() of it, which large weights would overflow
    lent = count + rows
    head = np.concatenate([[0.0, lent.sum()], lent, np.zeros(K * D)])
    return Moments(np.concatenate([head, scatter.ravel()]), means, moments.scatter)
