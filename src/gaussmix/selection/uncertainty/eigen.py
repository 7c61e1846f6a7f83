"""Covariances by volume, shape and axes: Σ_k = Q_k exp(Ω_k) Λ_k exp(b_k) exp(−Ω_k) Q_kᵀ about b = 0 and Ω = 0.

b (D) moves the logarithms of the variances along the axes, the skew matrix Ω turns the axes. Which parts of b and Ω
components share is what the three letters of the family say (Celeux & Govaert 1995, table 1): b = volume · 1 + shape,
the shape orthogonal to 1. With C = Q Λ^½, to second order::

    E = b + Λ^-½ (Ω Λ − Λ Ω) Λ^-½                                                     first order
      + ½ b² + Λ^-½ (Ω Λ b − Λ b Ω + ½ Ω² Λ + ½ Λ Ω² − Ω Λ Ω) Λ^-½                    second order
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from gaussmix.covariance.joint_diagonalization import shared_eigenvectors
from gaussmix.types import Float64Array, IntArray


def axes_of(matrices: Float64Array, common: bool) -> tuple[Float64Array, Float64Array]:
    """Return the axes Q_k, (K, D, D), common to all or in the order of the variances, and the variances (K, D)."""
    if not common:
        variances, axes = np.linalg.eigh(matrices)
        return np.asarray(axes), np.asarray(variances)
    axes = np.broadcast_to(shared_eigenvectors(matrices), matrices.shape)
    return axes, np.einsum("kab,kac,kcb->kb", axes, matrices, axes)


def shared_columns(code: str, n_components: int, n_features: int) -> tuple[list[IntArray], Float64Array, int]:
    """Return the free parameters of each component, what they are in (b, Ω), and how many there are in all.

    Returns
    -------
    columns : list of ndarray of shape (c,)
        For each component.
    design : ndarray of shape (D + D(D − 1)/2 or D, c)
        From the columns to (b, Ω); to b alone if the third letter is I.
    n_free : int
    """
    D = n_features
    n_angles = 0 if code[2] == "I" else D * (D - 1) // 2
    sizes = (1, D - 1, n_angles)
    columns: list[list[IntArray]] = [[] for _ in range(n_components)]
    n_free = 0
    for letter, size in zip(code, sizes, strict=True):
        own = letter == "V"
        for k in range(n_components):
            columns[k].append(n_free + size * k * own + np.arange(size))
        n_free += size * (n_components if own else 1)
    design = np.zeros((D + n_angles, D + n_angles))
    design[:D, 0] = 1.0
    design[:D, 1:D] = np.linalg.svd(np.ones((1, D)), full_matrices=True)[2][1:].T
    design[D:, D:] = np.eye(n_angles)
    return [np.concatenate(parts) for parts in columns], design, n_free


def first_order(variances: Float64Array) -> Float64Array:
    """Return the derivative of the lower triangle of E by (b, Ω), shape (q, q); Ω by its lower triangle."""
    D = len(variances)
    rows, columns = np.tril_indices(D)
    below_rows, below_columns = np.tril_indices(D, -1)
    matrix = np.zeros((len(rows), len(rows)))
    matrix[rows == columns, :D] = np.eye(D)
    turned = (variances[below_columns] - variances[below_rows]) / np.sqrt(
        variances[below_rows] * variances[below_columns]
    )
    matrix[rows != columns, D:] = np.diag(turned)
    return matrix


def bend(variances: Float64Array, design: Float64Array) -> Callable[[Float64Array], Float64Array]:
    """Return the map from the gradient by E's lower triangle to the second derivatives by the design's columns."""
    D = len(variances)
    rows, columns = np.tril_indices(D)
    below_rows, below_columns = np.tril_indices(D, -1)
    j = np.arange(len(below_rows))
    turns = np.zeros((len(j), D, D))
    turns[j, below_rows, below_columns], turns[j, below_columns, below_rows] = 1.0, -1.0

    def second_order(gradient: Float64Array) -> Float64Array:
        slope = np.zeros((D, D))
        slope[rows, columns] += 0.5 * gradient
        slope[columns, rows] += 0.5 * gradient
        inner = slope / np.sqrt(variances[:, None] * variances)
        hessian = np.zeros((D + len(j), D + len(j)))
        hessian[:D, :D] = np.diag(np.diagonal(slope))
        mixed = 2 * variances * np.einsum("ac,jca->ja", inner, turns)
        hessian[D:, :D], hessian[:D, D:] = mixed, mixed.T
        flat = turns.reshape(len(j), D * D)
        # tr(Γ W_i W_j Λ) and tr(Γ W_i Λ W_j), as sums over the entries of W_i and of what it is multiplied by
        doubled = flat @ ((turns * variances) @ inner).transpose(0, 2, 1).reshape(len(j), -1).T
        crossed = flat @ ((variances[:, None] * turns) @ inner).transpose(0, 2, 1).reshape(len(j), -1).T
        hessian[D:, D:] = doubled + doubled.T - crossed - crossed.T
        return np.asarray(design.T @ hessian @ design)

    return second_order
