"""The E-step of Student's t in NumPy: the oracle of the tests, and what serves where the compiled one declines.

With δ_k the squared Mahalanobis distance of a row from component k and ν_k the degrees of freedom, the row counts for
the means and scatter of component k not with its responsibility r_k, but with r_k u_k::

    log t_k = c_k − ½ (ν_k + D) log(1 + δ_k / ν_k),    u_k = (ν_k + D) / (ν_k + δ_k)

(Peel & McLachlan 2000, Statistics and Computing 10, eqs. 13, 20).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np

from gaussmix.types import Float64Array, FloatArray

_FAR: Final = 1e300  # a squared distance beyond this counts as this
_PIECE: Final = 8_192  # rows at a time, so that what lies between stays small

Whiten = Callable[[int, Float64Array], Float64Array]


def student_moments(
    kind: int,
    X: FloatArray,
    weight: Float64Array | None,
    log_constant: Float64Array,
    means: Float64Array,
    precision: Float64Array,
    degrees: Float64Array,
    out: Float64Array,
    hard: bool = False,
) -> bool:
    """Fill ``out`` with the moments of one block of rows, and return whether it was done: here, always.

    The compiled kernels decline rows or parameters that the precision of the rows does not suit.

    Parameters
    ----------
    kind : int
        The representation: 0 dense, 1 shared, 2 diagonal, 3 spherical.
    X : ndarray of shape (N, D)
        float32 or float64, C-contiguous.
    weight : ndarray of shape (N,) or None
    log_constant : ndarray of shape (K,)
        log π_k and the logarithm of the density at the mean, in nats; −inf for a component of weight 0.
    means : ndarray of shape (K, D)
    precision : ndarray
        Factors of the inverse scatter matrices, as ``dense_moments`` and its kin take them.
    degrees : ndarray of shape (K,)
        ν_k.
    out : ndarray
        [log-likelihood, weight, Σ w r u (K), first (K D), second, Σ w r (K), Σ w r log u (K), Σ w r u² (K)];
        first and second are weighted with w r u, about the means rounded to the type of the rows.
    hard : bool
        Responsibilities of 0 and 1.
    """
    references = means.astype(X.dtype).astype(np.float64)
    out[:] = 0.0
    for start in range(0, len(X), _PIECE):
        piece = slice(start, start + _PIECE)
        rows = X[piece].astype(np.float64)
        w = np.ones(len(rows)) if weight is None else weight[piece]
        distance = _distances(kind, rows, means, references, precision)
        log_joint = log_constant - 0.5 * (degrees + means.shape[1]) * np.log1p(distance / degrees)
        log_sum, shares = _responsibilities(log_joint, hard=hard)
        shares *= w[:, None]
        out[0] += w[w > 0] @ log_sum[w > 0]
        out[1] += w.sum()
        _add(kind, rows, references, shares, (degrees + means.shape[1]) / (degrees + distance), out)
    return True


def _distances(
    kind: int, rows: Float64Array, means: Float64Array, references: Float64Array, precision: Float64Array
) -> Float64Array:
    """Return the squared Mahalanobis distances, shape (n, K)."""
    distance = np.empty((len(rows), len(means)))
    for k, (mean, reference) in enumerate(zip(means, references, strict=True)):
        with np.errstate(over="ignore", invalid="ignore"):
            difference = (rows - reference) - (mean - reference)
            factor = precision if kind == 1 else precision[k]
            white = difference @ factor.T if kind < 2 else difference * factor
            distance[:, k] = np.square(white).sum(axis=1)
    distance[~(distance < _FAR)] = _FAR
    return distance


def _responsibilities(log_joint: Float64Array, *, hard: bool) -> tuple[Float64Array, Float64Array]:
    """Return log Σ_k exp(log_joint), shape (n,), or the largest where ``hard``, and the responsibilities (n, K)."""
    peak = log_joint.max(axis=1)
    if not np.isfinite(peak).all():  # no component is alive
        return peak, np.zeros_like(log_joint)
    if hard:
        return peak, (log_joint.argmax(axis=1)[:, None] == np.arange(log_joint.shape[1])).astype(np.float64)
    with np.errstate(under="ignore"):
        shares = np.exp(log_joint - peak[:, None])
        total = shares.sum(axis=1)
        shares /= total[:, None]
    return peak + np.log(total), shares


def _add(
    kind: int,
    rows: Float64Array,
    references: Float64Array,
    shares: Float64Array,
    scale: Float64Array,
    out: Float64Array,
) -> None:
    """Add the sums of some rows; ``shares`` (n, K) holds w r, ``scale`` u."""
    K, D = references.shape
    with np.errstate(under="ignore"):
        scaled = shares * scale
        out[-K:] += (scaled * scale).sum(axis=0)
        out[-2 * K : -K] += (shares * np.log(scale)).sum(axis=0)
    out[-3 * K : -2 * K] += shares.sum(axis=0)
    out[2 : 2 + K] += scaled.sum(axis=0)
    first = out[2 + K : 2 + K + K * D].reshape(K, D)
    second = out[2 + K + K * D : -3 * K].reshape(1 if kind == 1 else K, -1)
    for k, reference in enumerate(references):
        difference, r = rows - reference, scaled[:, k]
        with np.errstate(under="ignore"):
            first[k] += r @ difference
            if kind < 2:
                second[0 if kind == 1 else k] += ((difference * r[:, None]).T @ difference).ravel()
            else:
                squares = r @ np.square(difference)
                second[k] += squares if kind == 2 else squares.sum()
