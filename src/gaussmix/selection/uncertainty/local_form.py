"""How the log-density of one component changes with its own mean and covariance, in coordinates without units.

With Σ = C Cᵀ, let the mean move to μ + C m and the covariance to C (I + E) Cᵀ, E = Σ_j e_j B_j with symmetric B_j.
Let C_O be the rows of C of the observed features, P = C_Oᵀ Σ_OO⁻¹ C_O, a projection, and z = C_Oᵀ Σ_OO⁻¹ (x_O − μ_O).
Then at m = 0 and e = 0::

    ∂ log N / ∂m            = z
    ∂ log N / ∂e_j          = ½ zᵀ B_j z − ½ tr(P B_j)
    ∂² log N / ∂m ∂m        = −P
    ∂² log N / ∂m ∂e_j      = −P B_j z
    ∂² log N / ∂e_i ∂e_j    = ½ tr(P B_i P B_j) − ½ zᵀ (B_i P B_j + B_j P B_i) z

For complete rows P = I and z = C⁻¹ (x − μ) (Magnus & Neudecker 1988, Matrix Differential Calculus, ch. 15). A form is
a choice of the B_j: all symmetric matrices, diagonal ones, or multiples of the identity.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

from gaussmix.types import Float64Array, IntArray


@dataclass(frozen=True, slots=True, eq=False)
class LocalForm(ABC):
    """The coordinates e of the covariance of each component.

    Attributes
    ----------
    root : ndarray
        C: (K, D, D) matrices, (K, D) or (K,) factors.
    n_features : int
    """

    root: Float64Array
    n_features: int

    @property
    @abstractmethod
    def n_coordinates(self) -> int:
        """q, the number of coordinates of one covariance."""

    @abstractmethod
    def standardized(
        self, centred: Float64Array, component: int, observed: IntArray
    ) -> tuple[Float64Array, Float64Array]:
        """Return the rows z, (n, D), of the observed features minus the component's mean, (n, d), and P, (D, D)."""

    @abstractmethod
    def gradient(self, Z: Float64Array, projection: Float64Array) -> Float64Array:
        """Return ∂ log N / ∂e of each row, shape (n, q)."""

    @abstractmethod
    def curvature(
        self, count: float, first: Float64Array, second: Float64Array, projection: Float64Array
    ) -> tuple[Float64Array, Float64Array]:
        """Return Σ ∂² log N / ∂m ∂e (D, q) and Σ ∂² log N / ∂e ∂e (q, q) from the moments of z."""

    @abstractmethod
    def mean_map(self, component: int) -> Float64Array:
        """Return ∂μ / ∂m, shape (D, D)."""

    @abstractmethod
    def covariance_map(self, component: int) -> Float64Array:
        """Return the derivative of the covariance's distinct entries by e."""


class DenseForm(LocalForm):
    """All symmetric matrices: q = D (D + 1) / 2 coordinates, the lower triangle of E."""

    __slots__ = ()

    @property
    def n_coordinates(self) -> int:
        return self.n_features * (self.n_features + 1) // 2

    def standardized(
        self, centred: Float64Array, component: int, observed: IntArray
    ) -> tuple[Float64Array, Float64Array]:
        directions, triangle = np.linalg.qr(self.root[component, observed].T)  # C_Oᵀ = Q R, so Σ_OO = Rᵀ R
        Z = np.linalg.solve(triangle.T, centred.T).T @ directions.T
        return np.asarray(Z), np.asarray(directions @ directions.T)

    def gradient(self, Z: Float64Array, projection: Float64Array) -> Float64Array:
        rows, columns = np.tril_indices(self.n_features)
        products = Z[:, rows] * Z[:, columns] - projection[rows, columns]
        products[:, rows == columns] *= 0.5
        return np.asarray(products)

    def curvature(
        self, count: float, first: Float64Array, second: Float64Array, projection: Float64Array
    ) -> tuple[Float64Array, Float64Array]:
        basis = symmetric_basis(self.n_features)
        q = len(basis)
        flat, projected = basis.reshape(q, -1), projection @ basis
        # tr(B_i X_j) is the sum over entries of B_i and X_jᵀ: one product (q, D²) × (D², q) for all i and j
        volumes = flat @ (projected @ projection).transpose(0, 2, 1).reshape(q, -1).T
        squares = flat @ (projected @ second).transpose(0, 2, 1).reshape(q, -1).T
        return -(projected @ first).T, 0.5 * (count * volumes - squares - squares.T)

    def mean_map(self, component: int) -> Float64Array:
        return np.asarray(self.root[component])

    def covariance_map(self, component: int) -> Float64Array:
        rows, columns = np.tril_indices(self.n_features)
        root = self.root[component]
        moved = root @ symmetric_basis(self.n_features) @ root.T
        return np.ascontiguousarray(moved[:, rows, columns].T)


class DiagonalForm(LocalForm):
    """Diagonal matrices: q = D coordinates."""

    __slots__ = ()

    @property
    def n_coordinates(self) -> int:
        return self.n_features

    def standardized(
        self, centred: Float64Array, component: int, observed: IntArray
    ) -> tuple[Float64Array, Float64Array]:
        return _on_axes(centred / self.root[component, observed], observed, self.n_features)

    def gradient(self, Z: Float64Array, projection: Float64Array) -> Float64Array:
        return np.asarray(0.5 * (np.square(Z) - np.diagonal(projection)))

    def curvature(
        self, count: float, first: Float64Array, second: Float64Array, projection: Float64Array
    ) -> tuple[Float64Array, Float64Array]:
        return -np.diag(first), np.diag(0.5 * count * np.diagonal(projection) - np.diagonal(second))

    def mean_map(self, component: int) -> Float64Array:
        return np.diag(self.root[component])

    def covariance_map(self, component: int) -> Float64Array:
        return np.diag(np.square(self.root[component]))


class SphericalForm(LocalForm):
    """Multiples of the identity: q = 1 coordinate."""

    __slots__ = ()

    @property
    def n_coordinates(self) -> int:
        return 1

    def standardized(
        self, centred: Float64Array, component: int, observed: IntArray
    ) -> tuple[Float64Array, Float64Array]:
        return _on_axes(centred / self.root[component], observed, self.n_features)

    def gradient(self, Z: Float64Array, projection: Float64Array) -> Float64Array:
        return np.asarray(0.5 * (np.square(Z).sum(axis=1, keepdims=True) - np.trace(projection)))

    def curvature(
        self, count: float, first: Float64Array, second: Float64Array, projection: Float64Array
    ) -> tuple[Float64Array, Float64Array]:
        curved = 0.5 * count * np.trace(projection) - np.trace(second)
        return -first[:, None], np.full((1, 1), curved)

    def mean_map(self, component: int) -> Float64Array:
        return np.diag(np.full(self.n_features, self.root[component]))

    def covariance_map(self, component: int) -> Float64Array:
        return np.full((1, 1), self.root[component] ** 2)


def symmetric_basis(n_features: int) -> Float64Array:
    """Return the matrices B_j with ones in one entry of the lower triangle and its mirror, shape (q, D, D)."""
    rows, columns = np.tril_indices(n_features)
    basis = np.zeros((len(rows), n_features, n_features))
    j = np.arange(len(rows))
    basis[j, rows, columns] = basis[j, columns, rows] = 1.0
    return basis


def _on_axes(scaled: Float64Array, observed: IntArray, n_features: int) -> tuple[Float64Array, Float64Array]:
    """Return the observed values among zeros, (n, D), and the projection on the observed features, (D, D)."""
    Z = np.zeros((len(scaled), n_features))
    Z[:, observed] = scaled
    seen = np.zeros(n_features)
    seen[observed] = 1.0
    return Z, np.diag(seen)
