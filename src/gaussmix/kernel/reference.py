"""The kernel in NumPy: the oracle of the tests, and the fallback where the compiled one is missing.

All arithmetic is in float64 about the reference point of each component, its mean rounded to the type of the rows.
Components are visited one by one, so that nothing of size N x K x D exists. A squared distance beyond 1e300
counts as 1e300: a row so far away has equal responsibilities rather than NaN.

The functions that write take a buffer ``out``, which they overwrite with
``[log_likelihood, weight, count (K), first (K D), second]``.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import scipy.linalg

from gaussmix.kernel.incomplete import incomplete_log_joint, incomplete_moments
from gaussmix.kernel.noisy import noisy_log_joint, noisy_moments
from gaussmix.kernel.student import student_moments
from gaussmix.kernel.truncated import truncated_moments
from gaussmix.types import BoolArray, Float64Array, FloatArray

__all__ = [
    "dense_evaluate",
    "dense_moments",
    "dense_moments_given",
    "diagonal_evaluate",
    "diagonal_moments",
    "diagonal_moments_given",
    "em_steps",
    "incomplete_log_joint",
    "incomplete_moments",
    "noisy_log_joint",
    "noisy_moments",
    "precision_cholesky",
    "shared_evaluate",
    "shared_moments",
    "spherical_evaluate",
    "spherical_moments",
    "student_moments",
    "truncated_moments",
]

LOG_JOINT, POSTERIOR, LOG_PROB, LABELS = range(4)
_FAR = 1e300

Whiten = Callable[[int, Float64Array], Float64Array]
Scatter = Callable[[int, Float64Array, Float64Array], Float64Array]


def _log_joint(
    X: FloatArray, log_constant: Float64Array, means: Float64Array, whiten: Whiten
) -> Float64Array:
    """Return log(weight_k) + log N(x; mean_k, covariance_k), shape (N, K)."""
    log_joint = np.empty((len(X), len(means)))
    for k, mean in enumerate(means):
        with np.errstate(over="ignore", invalid="ignore"):
            reference = mean.astype(X.dtype).astype(np.float64)
            white = whiten(k, (X.astype(np.float64) - reference) - (mean - reference))
            squared = (white * white).sum(axis=1)
        squared[~(squared < _FAR)] = _FAR
        log_joint[:, k] = log_constant[k] - 0.5 * squared
    return log_joint


def _log_sum(log_joint: Float64Array) -> Float64Array:
    """Return log(sum_k exp(log_joint)) by row, shape (N, 1)."""
    peak = np.maximum(log_joint.max(axis=1, keepdims=True, initial=-np.inf), -np.finfo(np.float64).max)
    with np.errstate(under="ignore", divide="ignore"):
        result: Float64Array = peak + np.log(np.exp(log_joint - peak).sum(axis=1, keepdims=True))
    return result


def _responsibilities(log_joint: Float64Array, log_sum: Float64Array, hard: bool) -> Float64Array:
    live = log_joint > -np.inf
    if hard:
        first = log_joint.argmax(axis=1)[:, None] == np.arange(log_joint.shape[1])
        return np.asarray(first & live, dtype=np.float64)
    with np.errstate(under="ignore", invalid="ignore"):
        shares: Float64Array = np.where(live, np.exp(log_joint - log_sum), 0.0)
    # Of a row far from all components, log_sum has lost the logarithm of the sum to rounding.
    shares /= np.maximum(shares.sum(axis=1, keepdims=True), np.finfo(np.float64).tiny)
    return shares


def _accumulate(
    X: FloatArray,
    responsibilities: Float64Array,
    means: Float64Array,
    out: Float64Array,
    scatter: Scatter,
    *,
    pooled: bool = False,
) -> None:
    """Fill count, first and second moments about the means rounded to the rows' type."""
    (K, D), start = means.shape, 2 + means.size + len(means)
    out[2 : 2 + K] = responsibilities.sum(axis=0)
    second = out[start:].reshape(1 if pooled else K, -1)
    second[:] = 0.0
    for k, mean in enumerate(means):
        difference = X.astype(np.float64) - mean.astype(X.dtype).astype(np.float64)
        r = responsibilities[:, k]
        out[2 + K + k * D : 2 + K + (k + 1) * D] = r @ difference
        second[0 if pooled else k] += scatter(k, r, difference).ravel()


def _moments(
    X: FloatArray,
    weight: Float64Array | None,
    parameters: tuple[Float64Array, Float64Array, Whiten],
    out: Float64Array,
    scatter: Scatter,
    *,
    hard: bool,
    pooled: bool = False,
) -> None:
    log_constant, means, whiten = parameters
    w = np.ones(len(X)) if weight is None else weight
    log_joint = _log_joint(X, log_constant, means, whiten)
    log_sum = log_joint.max(axis=1, keepdims=True) if hard else _log_sum(log_joint)
    r = _responsibilities(log_joint, log_sum, hard) * w[:, None]
    used = w > 0
    out[0], out[1] = w[used] @ log_sum[used, 0], w.sum()
    _accumulate(X, r, means, out, scatter, pooled=pooled)


def _evaluate(
    X: FloatArray, parameters: tuple[Float64Array, Float64Array, Whiten], what: int, out: FloatArray
) -> None:
    log_joint = _log_joint(X, *parameters)
    log_joint[log_joint <= -0.5 * _FAR] = -np.inf if what in (LOG_JOINT, LOG_PROB) else -0.5 * _FAR
    dead = parameters[0] == -np.inf
    log_joint[:, dead] = -np.inf
    if what == LOG_JOINT:
        out[:] = log_joint
    elif what == LABELS:
        out[:] = log_joint.argmax(axis=1)
    elif what == LOG_PROB:
        out[:] = _log_sum(log_joint)[:, 0]
    else:
        out[:] = _responsibilities(log_joint, _log_sum(log_joint), hard=False)


def _outer(_k: int, r: Float64Array, difference: Float64Array) -> Float64Array:
    scatter: Float64Array = (difference * r[:, None]).T @ difference
    return scatter


def _squares(_k: int, r: Float64Array, difference: Float64Array) -> Float64Array:
    squares: Float64Array = r @ (difference * difference)
    return squares


def _trace(_k: int, r: Float64Array, difference: Float64Array) -> Float64Array:
    return np.asarray(r @ (difference * difference).sum(axis=1))


def _dense(factors: Float64Array) -> Whiten:
    return lambda k, difference: difference @ factors[k].T


def _shared(factor: Float64Array) -> Whiten:
    return lambda _k, difference: difference @ factor.T


def _scaled(roots: Float64Array) -> Whiten:
    return lambda k, difference: difference * roots[k]


def dense_moments(
    X: FloatArray,
    weight: Float64Array | None,
    log_constant: Float64Array,
    means: Float64Array,
    precision_cholesky: Float64Array,
    out: Float64Array,
    hard: bool = False,
) -> None:
    """Fill ``out`` with the moments of full covariances; second is Σ w r (x - m)(x - m)ᵀ, (K, D, D).

    Parameters
    ----------
    X : ndarray of shape (N, D)
        float32 or float64, C-contiguous.
    weight : ndarray of shape (N,) or None
        Weights of the rows.
    log_constant : ndarray of shape (K,)
        log(weight_k) - ½ log|Σ_k| - ½ D log(2π), in nats; -inf for a component of weight 0.
    means : ndarray of shape (K, D)
    precision_cholesky : ndarray of shape (K, D, D)
        L_k lower triangular with Σ_k⁻¹ = L_kᵀ L_k.
    out : ndarray of shape (2 + K + K D + K D D,)
    hard : bool
        Responsibilities of 0 and 1, and the classification log-likelihood.
    """
    _moments(X, weight, (log_constant, means, _dense(precision_cholesky)), out, _outer, hard=hard)


def shared_moments(
    X: FloatArray,
    weight: Float64Array | None,
    log_constant: Float64Array,
    means: Float64Array,
    precision_cholesky: Float64Array,
    out: Float64Array,
    hard: bool = False,
) -> None:
    """Fill ``out`` for one covariance of all components; L is (D, D), second (D, D) summed over components."""
    parameters = (log_constant, means, _shared(precision_cholesky))
    _moments(X, weight, parameters, out, _outer, hard=hard, pooled=True)


def diagonal_moments(
    X: FloatArray,
    weight: Float64Array | None,
    log_constant: Float64Array,
    means: Float64Array,
    precision_sqrt: Float64Array,
    out: Float64Array,
    hard: bool = False,
) -> None:
    """Fill ``out`` for diagonal covariances; precision_sqrt and second are (K, D)."""
    _moments(X, weight, (log_constant, means, _scaled(precision_sqrt)), out, _squares, hard=hard)


def spherical_moments(
    X: FloatArray,
    weight: Float64Array | None,
    log_constant: Float64Array,
    means: Float64Array,
    precision_sqrt: Float64Array,
    out: Float64Array,
    hard: bool = False,
) -> None:
    """Fill ``out`` for spherical covariances; precision_sqrt is (K,), second (K,) is Σ w r |x - m|²."""
    _moments(X, weight, (log_constant, means, _scaled(precision_sqrt)), out, _trace, hard=hard)


def dense_evaluate(
    X: FloatArray,
    log_constant: Float64Array,
    means: Float64Array,
    precision_cholesky: Float64Array,
    what: int,
    out: FloatArray,
) -> None:
    """Fill ``out`` with 0: log-joint (N, K), 1: posteriors (N, K), 2: log-density (N,) or 3: int64 labels (N,)."""
    _evaluate(X, (log_constant, means, _dense(precision_cholesky)), what, out)


def shared_evaluate(
    X: FloatArray,
    log_constant: Float64Array,
    means: Float64Array,
    precision_cholesky: Float64Array,
    what: int,
    out: FloatArray,
) -> None:
    """Fill ``out`` as `dense_evaluate` does, for one factor (D, D)."""
    _evaluate(X, (log_constant, means, _shared(precision_cholesky)), what, out)


def diagonal_evaluate(
    X: FloatArray,
    log_constant: Float64Array,
    means: Float64Array,
    precision_sqrt: Float64Array,
    what: int,
    out: FloatArray,
) -> None:
    """Fill ``out`` as `dense_evaluate` does, for roots of precisions (K, D)."""
    _evaluate(X, (log_constant, means, _scaled(precision_sqrt)), what, out)


spherical_evaluate = diagonal_evaluate  # a root of precision (K,) multiplies all features


def dense_moments_given(
    X: FloatArray, responsibilities: Float64Array, reference: Float64Array, out: Float64Array
) -> None:
    """Fill ``out`` from responsibilities (N, K) that already contain the weights; out[0] is 0."""
    out[0], out[1] = 0.0, responsibilities.sum()
    _accumulate(X, responsibilities, reference, out, _outer)


def diagonal_moments_given(
    X: FloatArray, responsibilities: Float64Array, reference: Float64Array, out: Float64Array
) -> None:
    """Fill ``out`` as `dense_moments_given` does, with second (K, D)."""
    out[0], out[1] = 0.0, responsibilities.sum()
    _accumulate(X, responsibilities, reference, out, _squares)


def precision_cholesky(covariances: Float64Array) -> tuple[Float64Array, Float64Array, BoolArray]:
    """Return L (K, D, D) with Σ⁻¹ = LᵀL, log|Σ| (K,), and ok (K,): every pivot was positive and finite.

    A matrix that fails has L = 0 and log|Σ| = -inf.
    """
    factors, log_det = np.zeros_like(covariances), np.full(len(covariances), -np.inf)
    ok = np.zeros(len(covariances), dtype=np.bool_)
    identity = np.eye(covariances.shape[1])
    for k, covariance in enumerate(covariances):
        try:
            lower = np.linalg.cholesky(covariance)
        except np.linalg.LinAlgError:
            continue
        if np.isfinite(lower).all():
            factors[k] = scipy.linalg.solve_triangular(lower, identity, lower=True, check_finite=False)
            log_det[k], ok[k] = 2.0 * np.log(np.diagonal(lower)).sum(), True
    return factors, log_det, ok


def em_steps(
    kind: int,
    X: FloatArray,
    weight: Float64Array | None,
    weights: Float64Array,
    means: Float64Array,
    covariances: Float64Array,
    added_variance: Float64Array | None,
    bounds: Float64Array,
    movements: Float64Array,
) -> int:
    """Return the number of EM iterations done in one go: none, since in Python there is nothing to save.

    The compiled kernels run up to ``len(bounds)`` iterations on one block, change ``weights`` (K,), ``means``
    (K, D) and ``covariances`` (in scikit-learn's shape) in place and write bound and movement of each. They stop
    before an iteration in which a component loses its rows or its covariance turns singular. The loop in
    ``fit/em.py`` is what they are tested against.
    """
    return 0
