"""Axes along which K matrices are as diagonal as they can be, in the sense of a Gaussian likelihood.

For orthogonal D let F_k = Dᵀ W_k D, ω_kj = (F_k)_jj and u_k = Σ_j log ω_kj / D, the log of the geometric mean. The
likelihood that is left when variances are chosen best (Flury & Gautschi 1986 for own volumes; Browne & McNicholas
2014 for one volume) asks for the least

    Σ_k π_k u_k  (volumes of their own)    or    log Σ_k exp(u_k)  (one volume).

With shares c_k (π_k, or exp(u_k) / Σ exp(u)) the derivative along D exp(X), X skew, is Σ_{l<j} G_lj X_lj with
G = 2 (Q − Qᵀ), Q_lj = Σ_k c_k F_k,lj / (D ω_kj). Newton's equations, for many features by conjugate gradients
with the curvature of diagonal F_k as the preconditioner, give X. The step D (I − X/2)⁻¹ (I + X/2) is shortened
until the objective does not rise; near the end the steps converge quadratically.

References
----------
Flury & Gautschi (1986), SIAM J. Sci. Stat. Comput. 7. Browne & McNicholas (2014), Adv. Data Anal. Classif. 8.
Absil, Mahony & Sepulchre (2008), Optimization Algorithms on Matrix Manifolds, ch. 6.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Protocol

import numpy as np

from gaussmix import linalg
from gaussmix.types import Float64Array, IntArray

_STEPS: Final = 50  # at most: three are usual after a step of EM, more only where no optimum exists
_PRODUCTS: Final = 50  # with the Hessian, at most, for one step
_HALVINGS: Final = 30
_LONGEST: Final = 0.8  # radians that one step may turn a pair of axes
_CONVERGED: Final = 1e-8  # predicted fall of the objective, in nats: after it the next would be the square
_STUCK: Final = 1e-10  # fall of the objective in a step that was to bring more
_ROUNDING: Final = 1e-14  # by which an objective may seem to rise
_VANISHING: Final = 1e-14  # of a matrix's trace: a variance below is rounding error
_DIRECT: Final = 6  # features up to which Newton's equations are solved as they stand
_FLATTEST: Final = 1e-6  # curvature, in units of the preconditioner, that counts as some


class Objective(Protocol):
    """What is made least, as a function of u (K,), the logarithms of the geometric means of the variances."""

    def value(self, u: Float64Array) -> float:
        """Return the objective."""

    def shares(self, u: Float64Array) -> Float64Array:
        """Return its derivative, (K,), of sum 1."""

    def bend(self, shares: Float64Array, change: Float64Array) -> Float64Array:
        """Return the change of the shares' logarithms, (..., K), where u changes by (..., K)."""


@dataclass(frozen=True, slots=True, eq=False)
class OwnVolumes:
    """Σ_k π_k u_k."""

    proportions: Float64Array

    def value(self, u: Float64Array) -> float:
        return float(self.proportions @ u)

    def shares(self, u: Float64Array) -> Float64Array:
        return self.proportions

    def bend(self, shares: Float64Array, change: Float64Array) -> Float64Array:
        return np.zeros_like(change)


@dataclass(frozen=True, slots=True, eq=False)
class OneVolume:
    """log Σ_k exp(u_k + log_scale_k): each matrix comes divided by its own scale."""

    log_scale: Float64Array

    def value(self, u: Float64Array) -> float:
        v = u + self.log_scale
        largest = v.max()
        return float(largest + np.log(np.exp(v - largest).sum()))

    def shares(self, u: Float64Array) -> Float64Array:
        v = u + self.log_scale
        shares = np.exp(v - v.max())
        normalized: Float64Array = shares / shares.sum()
        return normalized

    def bend(self, shares: Float64Array, change: Float64Array) -> Float64Array:
        bent: Float64Array = change - (change @ shares)[..., None]
        return bent


def common_axes(matrices: Float64Array, objective: Objective, start: Float64Array | None) -> Float64Array:
    """Return the orthogonal matrix (D, D), axes in columns, that makes the objective least near ``start``.

    Parameters
    ----------
    matrices : ndarray of shape (K, D, D)
        Symmetric, each of trace 1.
    objective : Objective
    start : ndarray of shape (D, D), optional
        Without it, the best of the eigenvectors of the matrices and of their sums.
    """
    axes = _best_eigenvectors(matrices, objective) if start is None else start
    place = _Place.at(axes, matrices, objective)
    for _ in range(_STEPS):
        if place.variances.min() <= _VANISHING:  # a matrix is singular along an axis: there is no optimum
            break
        step, fall = place.newton_step(objective)
        moved = _descend(place, step, matrices, objective) if fall > 0 else None
        if moved is None:
            break
        gain, place = place.value - moved.value, moved
        if fall < _CONVERGED or gain < _STUCK:
            break
    return place.axes


def shared_eigenvectors(matrices: Float64Array) -> Float64Array:
    """Return the axes of symmetric matrices (K, D, D) that have their axes in common.

    They are those of a sum with coefficients that no accident makes equal for two axes.
    """
    coefficients = 1.0 + (np.arange(1, len(matrices) + 1) * 0.6180339887498949) % 1.0
    coefficients /= np.maximum(linalg.diagonals(matrices).sum(axis=1), np.finfo(float).tiny)
    K, D, _ = matrices.shape
    axes: Float64Array = np.linalg.eigh((coefficients @ matrices.reshape(K, D * D)).reshape(D, D))[1]
    return axes


def _best_eigenvectors(matrices: Float64Array, objective: Objective) -> Float64Array:
    candidates = np.linalg.eigh(np.concatenate([matrices.sum(axis=0)[None], matrices]))[1]
    candidates = np.concatenate([candidates, shared_eigenvectors(matrices)[None]])
    values = [objective.value(_log_means(_variances(axes.T @ matrices @ axes))) for axes in candidates]
    best: Float64Array = candidates[int(np.argmin(values))]
    return best


def _variances(turned: Float64Array) -> Float64Array:
    return np.maximum(linalg.diagonals(turned), _VANISHING)


def _log_means(variances: Float64Array) -> Float64Array:
    means: Float64Array = np.log(variances).sum(axis=1) / variances.shape[1]
    return means


@dataclass(frozen=True, slots=True, eq=False)
class _Place:
    """Axes, and what the matrices look like along them."""

    axes: Float64Array
    turned: Float64Array  # F_k
    variances: Float64Array  # ω_kj
    log_means: Float64Array  # u_k
    value: float

    @classmethod
    def at(cls, axes: Float64Array, matrices: Float64Array, objective: Objective) -> _Place:
        turned = axes.T @ matrices @ axes
        variances = _variances(turned)
        log_means = _log_means(variances)
        return cls(axes, turned, variances, log_means, objective.value(log_means))

    def newton_step(self, objective: Objective) -> tuple[Float64Array, float]:
        """Return a skew step (D, D) along which the objective falls, and twice the fall it predicts."""
        hessian = _Hessian.of(self, objective)
        gradient, scale = hessian.gradient, hessian.preconditioner()
        if _inner(gradient, gradient / scale) < _CONVERGED**2:
            return np.zeros_like(gradient), 0.0
        solve = _solve_directly if len(gradient) <= _DIRECT else _solve_by_conjugate_gradients
        step = solve(hessian, scale)
        return step, -_inner(gradient, step)


@dataclass(frozen=True, slots=True, eq=False)
class _Hessian:
    """The second derivative at a place, as a map of skew matrices."""

    place: _Place
    objective: Objective
    shares: Float64Array
    weights: Float64Array  # c_k / (D ω_kj), (K, D)
    gradient: Float64Array

    @classmethod
    def of(cls, place: _Place, objective: Objective) -> _Hessian:
        shares = objective.shares(place.log_means)
        weights = (shares / place.variances.shape[1])[:, None] / place.variances
        Q = (place.turned * weights[:, None]).sum(axis=0)
        return cls(place, objective, shares, weights, 2 * (Q - Q.T))

    def __matmul__(self, X: Float64Array) -> Float64Array:
        """Return the derivative of the gradient along each X (..., D, D).

        The connection's ½ [X, G] makes it symmetric.
        """
        F, weights = self.place.turned, self.weights
        FX = F @ X[..., None, :, :]  # (..., K, D, D)
        change = -2 * np.einsum("...dd->...d", FX) / self.place.variances  # of −log ω_kj
        bent = self.objective.bend(self.shares, change.sum(axis=-1) / -change.shape[-1])
        change += bent[..., None]
        Q = ((FX + FX.swapaxes(-1, -2)) + F * change[..., None, :]) * weights[:, None]
        Q = Q.sum(axis=-3) + 0.25 * (X @ self.gradient)
        turned: Float64Array = 2 * (Q - Q.swapaxes(-1, -2))
        return turned

    def preconditioner(self) -> Float64Array:
        """Return the curvature of turning each pair of axes, (D, D), were the matrices diagonal along them."""
        F, variances = self.place.turned, self.place.variances
        apart = np.square(variances[:, :, None] - variances[:, None, :]) + 4 * np.square(F)
        apart *= (2 * self.weights)[:, None]
        apart /= variances[:, :, None]
        scale: Float64Array = apart.sum(axis=0) + _ROUNDING
        return scale


def _inner(one: Float64Array, other: Float64Array) -> float:
    """Return Σ_{l<j} one_lj other_lj of skew matrices."""
    return 0.5 * float(np.vdot(one, other))


@lru_cache(maxsize=_DIRECT)
def _skew_basis(n_features: int) -> tuple[Float64Array, tuple[IntArray, IntArray]]:
    """Return the turns of each pair of axes, (D (D − 1) / 2, D, D), and the pairs."""
    pairs = np.triu_indices(n_features, 1)
    basis = np.zeros((len(pairs[0]), n_features, n_features))
    number = np.arange(len(basis))
    basis[number, pairs[0], pairs[1]] = 1.0
    basis[number, pairs[1], pairs[0]] = -1.0
    return basis, pairs


def _solve_directly(hessian: _Hessian, scale: Float64Array) -> Float64Array:
    """Return Newton's step, with every negative curvature taken as positive."""
    basis, (row, column) = _skew_basis(len(scale))
    root = np.sqrt(scale[row, column])
    curvature = (hessian @ basis)[:, row, column] / root / root[:, None]
    values, vectors = np.linalg.eigh(curvature)
    along = vectors.T @ (hessian.gradient[row, column] / root) / np.maximum(np.abs(values), _FLATTEST)
    half = np.zeros_like(scale)
    half[row, column] = vectors @ along / root
    return half.T - half


def _solve_by_conjugate_gradients(hessian: _Hessian, scale: Float64Array) -> Float64Array:
    """Return Newton's step as exactly as is worth it so far from the end."""
    step, residual = np.zeros_like(scale), -hessian.gradient
    z = residual / scale
    direction, inner = z, _inner(residual, z)
    enough = inner * max(min(0.01, inner), _FLATTEST**2)
    for _ in range(_PRODUCTS):
        image = hessian @ direction
        curvature = _inner(direction, image)
        if curvature <= 0:  # downhill for ever, as far as this can see
            return step if step.any() else direction
        length = inner / curvature
        step = step + length * direction
        residual = residual - length * image
        z = residual / scale
        before, inner = inner, _inner(residual, z)
        if inner <= enough:
            break
        direction = z + inner / before * direction
    return step


def _descend(
    place: _Place, step: Float64Array, matrices: Float64Array, objective: Objective
) -> _Place | None:
    """Return the place after the step, shortened until the objective does not rise; None where it always does."""
    identity = np.eye(len(step))
    longest = np.abs(step).max()
    half = 0.5 * step * min(1.0, _LONGEST / longest)
    for _ in range(_HALVINGS):
        turn = np.linalg.solve(identity - half, identity + half)
        moved = _Place.at(place.axes @ turn, matrices, objective)
        if moved.value <= place.value + _ROUNDING * max(1.0, abs(place.value)):
            return moved
        half = half / 2
    return None
