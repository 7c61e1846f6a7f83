"""What the rows say about a fitted mixture, as plain numbers that outlive the rows."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.special import chdtrc

from gaussmix.fit import sample_rows
from gaussmix.model import Mixture
from gaussmix.moments import DIAGONAL, TRACE
from gaussmix.selection.diagnosis.alternative import Merge, Split, merges, split
from gaussmix.selection.diagnosis.normality import Shape, covariance, enough_rows, kish, shape, whiten
from gaussmix.source import Source
from gaussmix.types import Float64Array, FloatArray, IntArray

_MOST_ROWS: Final = 3_000  # at the end of a fit
_LEAST_ROWS: Final = 1_000
_WORK: Final = 1e7  # multiplications of third moments, at the end of a fit: a few milliseconds
_MOST_ROWS_THOROUGH: Final = 20_000
_MOST_FEATURES: Final = 256  # third moments of more take too long; rows would hardly suffice
_MOST_DENSE_VALUES: Final = 4_000_000  # 32 MB
_MOST_ROWS_OF_SPLIT: Final = 2_000


@dataclass(frozen=True, slots=True)
class Spread:
    """Compare the covariance of a component's rows with the one that the model gives them.

    Attributes
    ----------
    least, largest : float
        Extreme ratios of the rows' variance to the model's over all directions.
    p_value : float
        Of the likelihood-ratio test that the model's covariance is theirs.
    """

    least: float
    largest: float
    p_value: float


@dataclass(frozen=True, slots=True, eq=False)
class RowEvidence:
    """Hold what rows say about a mixture of K components.

    Attributes
    ----------
    n_rows : int
        Of the fit.
    effective_rows : float
        (Σw)² / Σw², the number of rows of equal weight that tell as much (Kish 1965).
    n_looked_at : int
        Rows of the sample that all else is from.
    share : ndarray of shape (K,)
        Part of the rows that belongs to each component.
    shapes : tuple of Shape
        Skewness and kurtosis of each component's rows.
    spreads : tuple of Spread or None
        For each component, where the covariance family has constraints and rows suffice.
    splits : tuple of Split or None
        None if not looked for.
    merges : tuple of Merge or None
        None if not looked for.
    """

    n_rows: int
    effective_rows: float
    n_looked_at: int
    share: Float64Array
    shapes: tuple[Shape, ...]
    spreads: tuple[Spread | None, ...]
    splits: tuple[Split, ...] | None = None
    merges: tuple[Merge, ...] | None = None


def gather(mixture: Mixture, source: Source, *, thorough: bool = False) -> RowEvidence:
    """Return what the rows of a source say about a mixture.

    Parameters
    ----------
    mixture : Mixture
    source : Source
    thorough : bool
        Look at more rows, and for components to split or to merge. Otherwise it is quick: under a millisecond for
        some hundred rows, and some milliseconds for any number of them.
    """
    rng = np.random.default_rng(0)  # its own: the seed of a fit decides on its model alone
    most = _MOST_ROWS_THOROUGH if thorough else _rows_at_end(mixture.n_features)
    if source.sparse:  # the sample is dense
        most = min(most, max(1, _MOST_DENSE_VALUES // mixture.n_features))
    sample = sample_rows(source, most, rng)
    X, weight = sample.partitions(sample.n_rows)[0].load()
    effective = float(source.n_rows) if source.sample_weight is None else kish(source.sample_weight)
    posterior = mixture.posterior(X)
    shapes, spreads, splits = [], [], []
    for k, rows in enumerate(deal(posterior, rng)):
        w = None if weight is None else weight[rows]
        whitened, spread = _component(mixture, k, X[rows], w)
        spreads.append(spread)
        shapes.append(shape(whitened, w))
        if thorough and enough_rows(shapes[k].n_rows, whitened.shape[1]):
            few = slice(None, None, -(-len(rows) // _MOST_ROWS_OF_SPLIT))
            halves = split(k, whitened[few], None if w is None else w[few], effective)
            splits += [] if halves is None else [halves]
    return RowEvidence(
        n_rows=source.n_rows,
        effective_rows=effective,
        n_looked_at=len(X),
        share=_share(mixture, posterior, weight),
        shapes=tuple(shapes),
        spreads=tuple(spreads),
        splits=tuple(splits) if thorough else None,
        merges=merges(mixture, X.astype(np.float64), weight, effective) if thorough else None,
    )


def deal(posterior: FloatArray, rng: np.random.Generator) -> list[IntArray]:
    """Return the rows of each component, every row dealt at random by its responsibilities (n, K)."""
    n, K = posterior.shape
    if K == 1:
        return [np.arange(n)]
    bounds: FloatArray = np.cumsum(posterior[:, :-1], axis=1)
    drawn: Float64Array = rng.random((n, 1))
    labels: IntArray = np.count_nonzero(bounds < drawn, axis=1)
    order = np.argsort(labels, kind="stable")
    return np.split(order, np.searchsorted(labels[order], np.arange(1, K)))


def _rows_at_end(n_features: int) -> int:
    return int(min(_MOST_ROWS, max(_LEAST_ROWS, _WORK / n_features**3)))


def _share(mixture: Mixture, posterior: FloatArray, weight: Float64Array | None) -> Float64Array:
    """Return each component's part of the rows: its mixing weight, unless that was kept at 1 / K."""
    K = mixture.n_components
    if K == 1 or mixture.prior.n_weight_parameters(K):
        return mixture.weights
    return np.average(posterior.astype(np.float64), axis=0, weights=weight)


def _component(
    mixture: Mixture, k: int, X: FloatArray, weight: Float64Array | None
) -> tuple[Float64Array, Spread | None]:
    """Return a component's rows in whitened coordinates, and how their covariance compares with the model's."""
    D = mixture.n_features
    n_rows = float(len(X)) if weight is None or not len(X) else kish(weight)  # no weight is 0 in a sample
    if D > _MOST_FEATURES or not enough_rows(n_rows, D):
        return np.empty((len(X), 0)), None
    sd = mixture.covariances.standard_deviations()[k]
    centred, scatter = covariance((X - mixture.means[k]) / sd, weight)
    constrained = (
        mixture.family.n_parameters(mixture.n_components, D) < mixture.n_components * D * (D + 1) // 2
    )
    spread = _spread(mixture, k, scatter, n_rows) if constrained else None
    return whiten(centred, scatter), spread


def _spread(mixture: Mixture, k: int, scatter: Float64Array, n_rows: float) -> Spread:
    """Compare a covariance, in units of the component's standard deviations, with the model's.

    The likelihood-ratio statistic (n − 1)(tr A − log|A| − D) of A = Σ_k⁻¹ S has the distribution χ² of D(D+1)/2
    after Bartlett's correction for few rows (Muirhead 1982, Aspects of Multivariate Statistical Theory, §8.4).
    """
    D, n = len(scatter), n_rows
    relative = scatter
    if mixture.covariances.scatter not in (DIAGONAL, TRACE):
        sd = mixture.covariances.standard_deviations()[k]
        root = np.linalg.cholesky(mixture.covariances.to_dense()[k] / sd[:, None] / sd)
        relative = np.linalg.solve(root, np.linalg.solve(root, scatter).T)
    ratios = np.maximum(np.linalg.eigvalsh(relative) * n / (n - 1), np.finfo(np.float64).eps)
    correction = 1 - (2 * D + 1 - 2 / (D + 1)) / (6 * (n - 1))
    statistic = (n - 1) * correction * float((ratios - np.log(ratios) - 1).sum())
    return Spread(float(ratios[0]), float(ratios[-1]), float(chdtrc(D * (D + 1) / 2, max(statistic, 0.0))))


def effective_rows_of(share: Float64Array, effective_rows: float) -> Float64Array:
    """Return the effective number of rows of each component, (K,)."""
    return (
        np.asarray(share * effective_rows) if math.isfinite(effective_rows) else np.full(len(share), math.nan)
    )
