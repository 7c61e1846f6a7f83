"""The truncated E-step in NumPy: the oracle of the tests for what the compiled kernels do.

A row is evaluated under a few candidates of the K components, those of the group to which its best component belongs
(Forster & Lücke 2018, AISTATS); its responsibilities are normalised within them, and the sum over rows of the
logarithm of the sum over candidates is a lower bound of the log-likelihood.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from gaussmix.types import Float64Array, FloatArray, IntArray

_FAR: Final = 1e300  # a squared distance beyond this counts as this


def truncated_moments(
    kind: int,
    X: FloatArray,
    weight: Float64Array | None,
    log_constant: Float64Array,
    means: Float64Array,
    precision: Float64Array,
    group_of: IntArray,
    starts: IntArray,
    components: IntArray,
    part: int,
    n_parts: int,
    best: IntArray,
    found: IntArray,
    share: Float64Array | None,
    out: Float64Array | None,
) -> tuple[int, int]:
    """Fill ``out`` with the moments of a part of the rows, and ``found`` with the best candidate of each of these.

    Without ``share`` and ``out``, only ``found`` is filled.

    Parameters
    ----------
    kind : int
        The representation: 0 dense, 1 shared, 2 diagonal, 3 spherical.
    X : ndarray of shape (N, D)
        float32 or float64, C-contiguous.
    weight : ndarray of shape (N,) or None
    log_constant : ndarray of shape (K,)
        As ``dense_moments`` and its kin take it, like the next two.
    means : ndarray of shape (K, D)
    precision : ndarray
    group_of : ndarray of shape (K,) of int32
        The group of each component.
    starts : ndarray of shape (G + 1,) of int64
        Group g has the candidates ``components[starts[g] : starts[g + 1]]``, at least one.
    components : ndarray of shape (starts[G],) of int32
        Different ones within a group.
    part, n_parts : int
        The rows of all groups, one group after another, are cut into parts of about as many rows; a group belongs to
        the part in which its last row is.
    best : ndarray of shape (N,) of int32
        The best component known of each row.
    found : ndarray of shape (N,) of int32
        Overwritten for these rows with the best candidate, the first of several.
    share : ndarray of shape (starts[G],), or None
        Overwritten with Σ w r of each candidate over the rows of its group; 0 for those of other groups.
    out : ndarray, or None
        [Σ w log Σ over candidates, weight, count (K), first (K D), second] about the means rounded to the rows' type.

    Returns
    -------
    first, last : int
        The groups of the part, ``first .. last - 1``.
    """
    K, D = means.shape
    if share is None or out is None:
        share, out = np.empty(len(components)), np.empty(2 + K + K * D + K * D * D)  # as many as any kind has
    references = means.astype(X.dtype).astype(np.float64)
    out[:] = share[:] = 0.0
    sums = out[2 + K : 2 + K + K * D].reshape(K, D)
    n_second = {0: K * D * D, 1: D * D, 2: K * D, 3: K}[kind]
    second = out[2 + K + K * D :][:n_second].reshape(1 if kind == 1 else K, -1)
    groups = group_of[best]
    ends = np.cumsum(np.bincount(groups, minlength=len(starts) - 1))
    first, last = (int(np.searchsorted(ends, len(X) * i // n_parts, side="right")) for i in (part, part + 1))
    for g in np.unique(groups[(groups >= first) & (groups < last)]):
        rows = np.flatnonzero(groups == g)
        found[rows] = best[rows]
        candidates = components[starts[g] : starts[g + 1]]
        w = np.ones(len(rows)) if weight is None else weight[rows]
        out[1] += w.sum()
        differences = X[rows].astype(np.float64)[:, None] - references[candidates]  # (n, C, D)
        log_joint = log_constant[candidates] - 0.5 * _distances(
            kind, differences - (means - references)[candidates], precision, candidates
        )
        if not (log_joint > -np.inf).any():
            out[0] = -np.inf
            continue
        peak = log_joint.max(axis=1)
        found[rows] = candidates[log_joint.argmax(axis=1)]
        with np.errstate(under="ignore"):
            shares = np.exp(log_joint - peak[:, None])
            total = shares.sum(axis=1)
            shares *= (w / total)[:, None]
            out[0] += w @ (peak + np.log(total))
            share[starts[g] : starts[g + 1]] = shares.sum(axis=0)
            out[2 + candidates] += shares.sum(axis=0)
            weighted = differences * shares[:, :, None]  # (n, C, D)
            sums[candidates] += weighted.sum(axis=0)
            _add_second(kind, second, candidates, weighted, differences)
    return first, last


def _add_second(
    kind: int,
    second: Float64Array,
    candidates: IntArray,
    weighted: Float64Array,
    differences: Float64Array,
) -> None:
    """Add the second moments of a group, given its differences (n, C, D) with and without responsibilities."""
    if kind < 2:
        scatter = np.einsum("nca,ncb->cab", weighted, differences).reshape(len(candidates), -1)
        second[0 if kind == 1 else candidates] += scatter.sum(axis=0) if kind == 1 else scatter
    else:
        squares = np.einsum("nca,nca->ca", weighted, differences)
        second[candidates] += squares if kind == 2 else squares.sum(axis=1, keepdims=True)


def _distances(
    kind: int, differences: Float64Array, precision: Float64Array, candidates: IntArray
) -> Float64Array:
    """Return the squared Mahalanobis distances of rows from candidates, (n, C), given their differences (n, C, D)."""
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        if kind == 0:
            white = np.einsum("cab,ncb->nca", precision[candidates], differences)
        elif kind == 1:
            white = differences @ precision.T
        else:
            white = differences * precision[candidates].reshape(len(candidates), -1)
        squared: Float64Array = np.square(white).sum(axis=2)
    squared[~(squared < _FAR)] = _FAR
    return squared
