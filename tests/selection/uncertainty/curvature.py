"""Covariance matrices of estimates by finite differences, which know nothing of scores or of local coordinates."""

from __future__ import annotations

import numpy as np
from scipy.linalg import expm

from gaussmix.covariance import FAMILIES
from gaussmix.model import Mixture
from gaussmix.selection.uncertainty.layout import Layout

from ...mixtures import fit, make_mixture, start

STEP = 1e-4


def overlapping(name, n=120, K=2, D=2, seed=7, spread=2.0, counts=False):
    """Return rows with weights, and the mixture of highest likelihood for them."""
    rng = np.random.default_rng(seed)
    X, labels = make_mixture(name, K, D, seed, spread).sample(n, rng)
    weight = rng.integers(1, 3, n).astype(float) if counts else rng.uniform(0.5, 1.5, n)
    return X, weight, fit(start(X, labels, name, weight), X, weight, n_iter=400).model


def hessian(function, at, step=STEP):
    """Return the second derivatives of a function of a vector."""
    P = len(at)
    second = np.zeros((P, P))
    for i in range(P):
        for j in range(i + 1):
            a, b = step * np.eye(P)[i], step * np.eye(P)[j]
            corners = (
                function(at + a + b) - function(at + a - b) - function(at - a + b) + function(at - a - b)
            )
            second[i, j] = second[j, i] = corners / (4 * step**2)
    return second


def jacobian(function, at, step=STEP):
    return np.column_stack(
        [(function(at + e) - function(at - e)) / (2 * step) for e in step * np.eye(len(at))]
    )


def numerical_covariance(mixture, log_likelihood, of_vector, n_free):
    """Return the covariance matrix of the parameters of ``Layout`` by the curvature along ``of_vector``."""
    layout = Layout.of(mixture)
    at = np.zeros(n_free)
    information = -hessian(lambda vector: log_likelihood(of_vector(vector)), at)
    slopes = jacobian(lambda vector: layout.pack(of_vector(vector)), at)
    return slopes @ np.linalg.solve(information, slopes.T)


def moved(mixture, vector):
    """Return the mixture moved by free parameters of its family: weights, means, volumes, shapes and axes in turn."""
    K, D = mixture.means.shape
    logits, means, rest = np.split(np.asarray(vector), [K - 1, K - 1 + K * D])
    weights = mixture.weights * np.exp(np.append(logits, 0.0))
    family = FAMILIES[mixture.family.name]
    turned = moved_matrices(mixture.covariances.to_dense(), family.code, rest)
    form = {
        "full": turned,
        "pooled": turned[0],
        "diagonal": np.einsum("kdd->kd", turned),
        "trace": turned[:, 0, 0],
    }[family.scatter.name]
    return Mixture.from_parameters(
        weights / weights.sum(), mixture.means + means.reshape(K, D), form, family, mixture.prior
    )


def moved_matrices(matrices, code, vector):
    """Return λ_k Q_k A_k Q_kᵀ with log λ, log A and angles of Q moved, each for all (E) or one for each (V)."""
    K, D, _ = matrices.shape
    values = list(vector)
    part = [(1, code[0]), (0 if code[1] == "I" else D - 1, code[1])]
    part += [(0 if code[2] == "I" else D * (D - 1) // 2, code[2])]
    volumes, shapes, angles = (
        [[values.pop(0) for _ in range(size)]] * K
        if letter == "E"
        else [[values.pop(0) for _ in range(size)] for _ in range(K)]
        for size, letter in part
    )
    if code[2] == "E":
        axes = [np.linalg.eigh(matrices.sum(axis=0))[1]] * K  # of matrices with common axes
    else:
        axes = [np.eye(D) if code[2] == "I" else np.linalg.eigh(matrix)[1] for matrix in matrices]
    result = []
    for matrix, Q, volume, shape, angle in zip(matrices, axes, volumes, shapes, angles, strict=True):
        skew = np.zeros((D, D))
        skew[np.tril_indices(D, -1)] = angle if len(angle) else 0.0
        logarithms = volume[0] + (np.append(shape, -np.sum(shape)) if len(shape) else 0.0)
        turned = Q @ expm(skew - skew.T)
        result.append(turned @ np.diag(np.diag(Q.T @ matrix @ Q) * np.exp(logarithms)) @ turned.T)
    return np.array(result)
