"""The free parameters of each covariance family, and how they move the covariance of each component.

The local coordinates e_k of ``LocalForm`` follow from the free parameters φ of the family, e_k = A_k φ + ½ φᵀ Q_k φ.
Where matrices or variances are wholly free or wholly shared the map is linear. Elsewhere Σ_k = λ_k Q_k A_k Q_kᵀ, with
logarithms of volume and shape and a rotation exp(Ω) of the axes as coordinates (Celeux & Govaert 1995): see
``eigen``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from gaussmix.errors import ParameterError
from gaussmix.model import Mixture
from gaussmix.selection.uncertainty import eigen
from gaussmix.selection.uncertainty.local_form import DenseForm, DiagonalForm, LocalForm, SphericalForm
from gaussmix.types import BoolArray, Float64Array, IntArray

_WHOLE: Final = ("VVV", "EEE", "VVI", "EEI", "VII", "EII")
_BY_LOGARITHMS: Final = ("VEI", "EVI")
_BY_AXES: Final = ("VEE", "EVE", "VVE", "EEV", "VEV", "EVV")


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """Tell how the free parameters move the covariance of one component.

    Attributes
    ----------
    columns : ndarray of shape (c,)
        Which of the free parameters do.
    matrix : ndarray of shape (q, c), or None
        A_k; None is the identity.
    bend : callable, or None
        From the gradient by e_k to Σ_j gradient_j Q_kj, shape (c, c); None is zero.
    """

    columns: IntArray
    matrix: Float64Array | None = None
    bend: Callable[[Float64Array], Float64Array] | None = None

    def pulled(self, gradient: Float64Array) -> Float64Array:
        """Return derivatives by the columns from derivatives by e_k, the last axis."""
        return gradient if self.matrix is None else np.asarray(gradient @ self.matrix)


@dataclass(frozen=True, slots=True, eq=False)
class Parametrization:
    """Hold the free parameters of the covariances of a mixture.

    Attributes
    ----------
    form : LocalForm
    blocks : sequence of Block
        One a component.
    n_free : int
    """

    form: LocalForm
    blocks: Sequence[Block]
    n_free: int


def parametrize(mixture: Mixture) -> Parametrization:
    """Return the free parameters of the covariances, linearised at the mixture.

    Raises
    ------
    ParameterError
        If nothing is known of the family.
    """
    code, K = mixture.family.code, mixture.n_components
    if code in _BY_AXES:
        return _by_axes(mixture)
    if code not in _WHOLE + _BY_LOGARITHMS:
        raise ParameterError(
            f"the information of covariance_type={mixture.covariance_type!r} is not known: use method='bootstrap'"
        )
    form = _form(mixture)
    q = form.n_coordinates
    if code in _WHOLE:
        own = code[0] == "V"
        blocks = [Block(np.arange(q) + q * k * own) for k in range(K)]
        return Parametrization(form, blocks, K * q if own else q)
    columns, design, n_free = eigen.shared_columns(code, K, q)
    return Parametrization(form, [Block(one, design, _bend_of(design)) for one in columns], n_free)


def _form(mixture: Mixture) -> LocalForm:
    """Return the local coordinates that belong to the representation of the covariances."""
    stored, D = mixture.covariances, mixture.n_features
    K = mixture.n_components
    match mixture.family.scatter.name:
        case "diagonal":
            return DiagonalForm(np.sqrt(stored.parameters()), D)
        case "trace":
            return SphericalForm(np.sqrt(stored.parameters()), D)
        case _:
            return DenseForm(np.broadcast_to(np.linalg.cholesky(stored.parameters()), (K, D, D)), D)


def _bend_of(design: Float64Array) -> Callable[[Float64Array], Float64Array]:
    """Return the second-order part where logarithms of variances are linear, as exp(b) = 1 + b + ½ b² + …."""
    return lambda gradient: np.asarray((design.T * gradient) @ design)


def _by_axes(mixture: Mixture) -> Parametrization:
    K, D = mixture.n_components, mixture.n_features
    unit = np.ones(D)
    if mixture.family.invariance == "linear":  # so that eigenvalues keep their digits
        unit = mixture.covariances.standard_deviations().mean(axis=0)
    dense = mixture.covariances.to_dense() / unit[:, None] / unit
    axes, variances = eigen.axes_of(dense, mixture.family.code[2] == "E")
    columns, design, n_free = eigen.shared_columns(mixture.family.code, K, D)
    blocks = [
        Block(one, eigen.first_order(lengths) @ design, eigen.bend(lengths, design))
        for one, lengths in zip(columns, variances, strict=True)
    ]
    return Parametrization(
        DenseForm(unit[:, None] * axes * np.sqrt(variances)[:, None, :], D), blocks, n_free
    )


def weight_basis(mixture: Mixture, fixed: BoolArray) -> Float64Array:
    """Return V, (K, f), with π + V b for small b all distributions near π whose ``fixed`` (K,) weights stay.

    V = diag(√π) B with B orthonormal and orthogonal to √π: with known components b had the information n · I. There
    are f = K − 1 columns if all is free, none if the weights are equal.
    """
    root = np.sqrt(mixture.weights)
    basis = np.zeros((mixture.n_components, 0))
    n_free = mixture.prior.n_weight_parameters(mixture.n_components)
    if n_free:
        basis = np.zeros((mixture.n_components, n_free))
        basis[~fixed] = np.linalg.svd(root[None, ~fixed], full_matrices=True)[2][1:].T
    return root[:, None] * basis
