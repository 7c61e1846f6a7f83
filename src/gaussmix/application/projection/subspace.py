"""The subspace that a linear projection keeps, and the density of what it leaves out.

With the projection z = A x − b and A = L Q, Q of q orthonormal rows and L lower triangular, a row is told by its
coordinates Q x within the subspace and by its residual e = (I − Qᵀ Q)(x − c) from the mean c. The residual is taken
to be a ball, N(0, σ² I) in the other D − q dimensions, independent of z, as in probabilistic principal component
analysis (Tipping & Bishop 1999, Mixtures of probabilistic principal component analysers, Neural Computation 11).
So a density of z is one of x::

    log p(x) = log p(z) + log |det L| − (D − q)/2 · log(2πσ²) − ‖e‖² / (2σ²)
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from gaussmix.errors import DataError
from gaussmix.prior import FLOOR
from gaussmix.types import Float64Array, FloatArray

_TRIED: Final = 8  # rows on which a transformer must do what its matrix says
_LOOKED_AT: Final = 1_024  # rows, at most, of which the largest are tried
_CLOSE: Final = 1e-4  # of the largest value: float32 rows pass
_ROUNDING: Final = 100  # units in the last place of what is subtracted
_BLOCK_VALUES: Final = 1 << 22
_LOG_2PI: Final = float(np.log(2 * np.pi))


@dataclass(frozen=True, eq=False)
class Subspace:
    """Hold where a linear projection leads, and how far rows lie off.

    Attributes
    ----------
    basis : ndarray of shape (q, D)
        Q, orthonormal rows.
    scale : ndarray of shape (q, q)
        L, lower triangular.
    offset : ndarray of shape (q,)
        b.
    centre : ndarray of shape (D,)
        c, the mean of the rows.
    residual_variance : float
        σ², 0 where q = D. Where the rows lie in the subspace, and ``reg_covar`` is 0, what a component that
        collapses gets.
    """

    basis: Float64Array
    scale: Float64Array
    offset: Float64Array
    centre: Float64Array
    residual_variance: float

    @classmethod
    def of(cls, transformer: Any, X: Any, weight: Float64Array | None, reg_covar: float) -> Subspace | None:
        """Return the subspace of a fitted transformer, measured on its rows; None if it is not linear.

        Parameters
        ----------
        transformer : scikit-learn transformer
            Linear ones have ``components_``, and may have ``mean_`` and ``whiten``.
        X : array or CSR matrix of shape (N, D)
        weight : ndarray of shape (N,), or None
        reg_covar : float
            Added to σ², in units of the features' mean variance.

        Raises
        ------
        DataError
            If the projection has fewer independent directions than columns, or all rows are the same.
        """
        matrix = _matrix(transformer)
        if matrix is None:
            return None
        mean = np.asarray(getattr(transformer, "mean_", None) if hasattr(transformer, "mean_") else 0.0)
        offset = matrix @ np.broadcast_to(mean, matrix.shape[1:])
        if not _does(transformer, X, matrix, offset):
            return None
        columns, upper = np.linalg.qr(matrix.T)
        sizes = np.abs(np.diagonal(upper))
        if sizes.min() <= sizes.max() * matrix.shape[1] * np.finfo(float).eps:
            raise DataError(
                f"the projection to {len(sizes)} columns has fewer independent directions: use fewer columns"
            )
        centre = np.asarray(_weighted_mean(X, weight), np.float64)
        bare = cls(np.ascontiguousarray(columns.T), upper.T, offset, centre, 0.0)
        left_out, total = bare._mean_squares(X, weight)
        q, D = matrix.shape
        variance = left_out / (D - q) + reg_covar * total / D if q < D else 0.0
        if q < D and not reg_covar and left_out <= _ROUNDING * np.finfo(float).eps * total:
            variance = FLOOR * total / D
        if q < D and not variance > 0:
            raise DataError("all rows are the same, so that what a projection leaves out has no variance")
        return cls(bare.basis, bare.scale, offset, centre, variance)

    @property
    def n_left_out(self) -> int:
        """D − q."""
        return int(self.basis.shape[1] - self.basis.shape[0])

    @property
    def n_parameters(self) -> int:
        """Free parameters: the subspace's orientation, and mean and variance of the residual."""
        q = len(self.basis)
        return (q + 1) * self.n_left_out + int(self.n_left_out > 0)

    def log_volume(self, X: Any) -> Float64Array:
        """Return log p(x) − log p(z) of each row, shape (n,), in nats."""
        constant = float(np.log(np.abs(np.diagonal(self.scale))).sum())
        if not self.n_left_out:
            return np.full(X.shape[0], constant)
        constant -= self.n_left_out / 2 * (_LOG_2PI + float(np.log(self.residual_variance)))
        squares = np.concatenate([self._squares(rows)[0] for rows in _blocks(X)])
        return constant - squares / (2 * self.residual_variance)

    def rows(self, Z: Float64Array, rng: np.random.Generator) -> Float64Array:
        """Return rows of the original space that project to ``Z`` (n, q), with residuals drawn; shape (n, D)."""
        within = np.linalg.solve(self.scale, (Z + self.offset).T).T - self.centre @ self.basis.T
        drawn = rng.normal(0.0, self.residual_variance**0.5, (len(Z), self.basis.shape[1]))
        drawn -= (drawn @ self.basis.T) @ self.basis
        rows: Float64Array = self.centre + within @ self.basis + drawn
        return rows

    def _squares(self, X: Any) -> tuple[Float64Array, Float64Array]:
        """Return of each row the squared length of the residual, and of x − c, shape (n,)."""
        if not isinstance(X, np.ndarray):  # sparse: the residual itself would be dense
            squares = np.asarray(X.multiply(X).sum(axis=1), np.float64).ravel()
            total = squares - 2 * (X @ self.centre) + self.centre @ self.centre
            within = X @ self.basis.T - self.centre @ self.basis.T
            return np.maximum(total - np.square(within).sum(axis=1), 0.0), total
        about = X - self.centre
        residual = about - (about @ self.basis.T) @ self.basis
        return np.einsum("nd,nd->n", residual, residual), np.einsum("nd,nd->n", about, about)

    def _mean_squares(self, X: Any, weight: Float64Array | None) -> tuple[float, float]:
        parts = [self._squares(rows) for rows in _blocks(X)]
        left_out, total = (np.concatenate(part) for part in zip(*parts, strict=True))
        return float(np.average(left_out, weights=weight)), float(np.average(total, weights=weight))


def _matrix(transformer: Any) -> Float64Array | None:
    """Return the matrix A of a transformer that says so, shape (q, D)."""
    matrix = getattr(transformer, "components_", None)
    if matrix is None:
        return None
    matrix = matrix.toarray() if hasattr(matrix, "toarray") else np.asarray(matrix)
    if getattr(transformer, "whiten", False) is True and hasattr(transformer, "explained_variance_"):
        matrix = matrix / np.sqrt(transformer.explained_variance_)[:, None]
    return np.asarray(matrix, np.float64)


def dense(rows: Any) -> FloatArray:
    """Return projected rows, which some transformers give as a sparse matrix, as an array."""
    found: FloatArray = rows.toarray() if hasattr(rows, "toarray") else np.asarray(rows)
    return found


def _does(transformer: Any, X: Any, matrix: Float64Array, offset: Float64Array) -> bool:
    """Return whether the transformer is x ↦ A x − b, by trying some rows, among them the largest of many."""
    n_looked_at = min(X.shape[0], _LOOKED_AT, max(_TRIED, _BLOCK_VALUES // X.shape[1]))
    numbers = np.linspace(0, X.shape[0] - 1, n_looked_at).astype(np.intp)
    sizes = np.square(dense(X[numbers] @ matrix.T) - offset).sum(axis=1)
    numbers = numbers[
        np.union1d(np.argsort(sizes)[-_TRIED:], np.arange(0, n_looked_at, -(-n_looked_at // _TRIED)))
    ]
    rows = X[numbers]
    expected = dense(rows @ matrix.T) - offset
    found = dense(transformer.transform(rows))
    size = float(np.abs(expected).max())
    if found.shape != expected.shape or not size > 0:
        return False
    lost = _ROUNDING * float(np.finfo(np.result_type(found, np.float32)).eps * np.abs(offset).max())
    return bool(np.abs(found - expected).max() <= _CLOSE * size + lost)


def _weighted_mean(X: Any, weight: Float64Array | None) -> Any:
    if weight is None:
        return np.asarray(X.mean(axis=0), np.float64).ravel()
    return np.asarray(X.T @ (weight / weight.sum())).ravel()


def _blocks(X: Any) -> Iterator[Any]:
    """Yield runs of rows that take little memory."""
    rows = max(1, _BLOCK_VALUES // X.shape[1])
    for start in range(0, X.shape[0], rows):
        yield X[start : start + rows]
