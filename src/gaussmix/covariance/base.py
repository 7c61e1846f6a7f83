"""The two contracts of covariances: how a family estimates them, how a representation applies them.

A *family* is a set of allowed covariance matrices; its M-step maximises, given scatter W_k and count n_k,
−½ Σ_k [n_k log|Σ_k| + tr(Σ_k⁻¹ W_k)] (Celeux & Govaert 1995, eq. 5). It never sees rows. A *representation*
stores K covariance matrices in the form that its kernel needs. Several families share one representation.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Protocol

import numpy as np

from gaussmix.errors import DataTypeError
from gaussmix.moments import DIAGONAL, TRACE, Moments, Scatter
from gaussmix.types import BoolArray, Float64Array, FloatArray, IntArray

_LEAST_WEIGHT: Final = 1e-12  # of the heaviest, for a component that is carried to another family


class SparseView(Protocol):
    """The E-step of blocks of sparse rows, ``csr_array`` of shape (n, D), for given means and covariances."""

    def log_joint(self, X: Any) -> Float64Array:
        """Return log π_k + log N(x_i | μ_k, Σ_k), shape (n, K), in nats."""
        ...

    def moments(self, X: Any, weight: Float64Array | None, *, hard: bool) -> Moments:
        """Return what ``Covariances.moments`` does."""
        ...


class Covariances(ABC):
    """K covariance matrices of shape (D, D), in the form that a kernel needs. Implementations are frozen.

    Attributes
    ----------
    n_components, n_features : int
    scatter : Scatter
        The second moments that ``moments`` accumulates.
    log_det : ndarray of shape (K,)
        log|Σ_k|.
    singular : ndarray of shape (K,)
        True where the matrix that was asked for is not numerically positive definite.
    n_factors : int
        Columns of loadings, for matrices that are made of factors; 0 for all others.
    """

    scatter: ClassVar[Scatter]
    n_components: int
    n_features: int
    log_det: Float64Array
    singular: BoolArray
    n_factors: ClassVar[int] = 0

    @abstractmethod
    def moments(
        self,
        X: FloatArray,
        weight: Float64Array | None,
        log_weights: Float64Array,
        means: Float64Array,
        *,
        hard: bool = False,
    ) -> Moments:
        """Return the E-step of one block of rows: responsibilities, summed up as moments.

        Parameters
        ----------
        X : ndarray of shape (n, D)
            C-contiguous float32 or float64.
        weight : ndarray of shape (n,) or None
        log_weights : ndarray of shape (K,)
            Logarithms of the mixing weights.
        means : ndarray of shape (K, D)
        hard : bool
            Give each row wholly to its most probable component.
        """

    @abstractmethod
    def em_steps(
        self,
        X: FloatArray,
        weight: Float64Array | None,
        weights: Float64Array,
        means: Float64Array,
        added_variance: Float64Array | None,
        n_steps: int,
    ) -> Steps:
        """Return up to ``n_steps`` iterations of maximum likelihood on one block, run in one go.

        Parameters
        ----------
        X, weight
            As in ``moments``.
        weights : ndarray of shape (K,)
        means : ndarray of shape (K, D)
        added_variance : ndarray of shape (D,), optional
            Added to the diagonal of each covariance.
        n_steps : int
            At most. Fewer are done, perhaps none, where an iteration asks for a decision.
        """

    @abstractmethod
    def log_joint(self, X: FloatArray, log_weights: Float64Array, means: Float64Array) -> FloatArray:
        """Return log π_k + log N(x_i | μ_k, Σ_k), shape (n, K), in nats."""

    @abstractmethod
    def posterior(self, X: FloatArray, log_weights: Float64Array, means: Float64Array) -> FloatArray:
        """Return the probability of each component given the row, shape (n, K)."""

    @abstractmethod
    def log_prob(self, X: FloatArray, log_weights: Float64Array, means: Float64Array) -> FloatArray:
        """Return log p(x_i), shape (n,), in nats."""

    @abstractmethod
    def labels(self, X: FloatArray, log_weights: Float64Array, means: Float64Array) -> IntArray:
        """Return the most probable component of each row, shape (n,)."""

    @abstractmethod
    def parameters(self) -> Float64Array:
        """Return the covariances in scikit-learn's shape for this representation."""

    @abstractmethod
    def precisions(self) -> Float64Array:
        """Return the inverse covariances in the shape of ``parameters``."""

    @abstractmethod
    def precisions_cholesky(self) -> Float64Array:
        """Return upper factors U with Σ⁻¹ = U Uᵀ (1/σ where diagonal) in the shape of ``parameters``."""

    @abstractmethod
    def to_dense(self) -> Float64Array:
        """Return the covariance matrices, shape (K, D, D)."""

    @abstractmethod
    def standard_deviations(self) -> Float64Array:
        """Return the square roots of the diagonals, shape (K, D)."""

    @abstractmethod
    def colorize(self, Z: Float64Array, component: int) -> Float64Array:
        """Return rows of covariance Σ_component, made from standard normal rows ``Z`` (n, D)."""

    @abstractmethod
    def with_parameters(self, covariances: Float64Array) -> Covariances:
        """Return other covariances, of the shape of ``parameters``, in this representation."""

    @abstractmethod
    def floored(self, variance: Float64Array) -> Covariances:
        """Return covariances in which every singular matrix has ``diag(variance)`` added, (D,) or (K, D)."""

    @abstractmethod
    def select(self, components: IntArray) -> Covariances:
        """Return the covariances of the listed components only."""

    @abstractmethod
    def refined(self) -> Covariances:
        """Return the same covariances, factorised to full precision where they are ill-conditioned.

        For densities that are asked for once; EM does not need it.
        """

    @abstractmethod
    def marginal(self, features: IntArray) -> Covariances:
        """Return the covariances of the listed features only, in this representation."""

    @abstractmethod
    def movement(self, previous: Any) -> float:
        """Return Σ_k Σ_ab (Δσ_kab / (s_ka s_kb))², the squared relative movement since ``previous``.

        s are the standard deviations now; a matrix that components share counts once.
        """

    def sparse_view(self, log_weights: Float64Array, means: Float64Array) -> SparseView:
        """Return what applies these covariances to sparse rows; representations by variances or factors have it.

        Raises
        ------
        DataTypeError
            If this representation needs dense rows.
        """
        raise DataTypeError(
            "X is sparse, and covariance matrices need dense rows: use a covariance type of variances or factors, "
            "such as 'diag', 'spherical' or 'mfa', or pass X.toarray()"
        )

    def longest_axis(self, component: int) -> Float64Array:
        """Return the direction in which a component varies most, as long as its standard deviation there, (D,)."""
        variances, axes = np.linalg.eigh(self.select(np.array([component])).to_dense()[0])
        return np.asarray(np.sqrt(max(variances[-1], 0.0)) * axes[:, -1])


@dataclass(frozen=True, slots=True, eq=False)
class Steps:
    """Hold the outcome of EM iterations that were run in one go.

    Attributes
    ----------
    weights, means : ndarray
    covariances : ndarray
        In the shape of ``Covariances.parameters``.
    bounds : list of float
        The lower bound at the start of each iteration.
    movements : list of float
        The movement in each.
    """

    weights: Float64Array
    means: Float64Array
    covariances: Float64Array
    bounds: list[float]
    movements: list[float]


class CovarianceFamily(ABC):
    """A set of allowed covariance matrices and its M-step. Implementations are stateless.

    Attributes
    ----------
    name : str
        What the user writes as ``covariance_type``.
    code : str
        The letters of Celeux & Govaert (1995) for volume, shape and orientation, as mclust writes them; empty for
        a family that is none of theirs.
    scatter : Scatter
        The part of the second moments that ``estimate`` needs: the one that its representation accumulates.
    invariance : str
        The maps under which fitting commutes: ``"linear"`` (any invertible matrix), ``"diagonal"``
        (rescaled features), ``"orthogonal"`` (rotations and one common scale).
    unconstrained : bool
        Whether ``estimate`` is scatter / count in the form of the representation, nothing else; then the kernel
        can run whole EM iterations by itself.
    grouped : bool
        Whether ``estimate`` takes what is known of groups of rows: their covariances, or the diagonals of them.
        Searches for a start, and all that compares components as groups, need it.
    n_factors : int
        Of each covariance; 0 for a family without.
    """

    name: ClassVar[str]
    code: ClassVar[str] = ""
    scatter: ClassVar[Scatter]
    invariance: ClassVar[str]
    unconstrained: ClassVar[bool] = False
    n_factors: int = 0
    grouped: ClassVar[bool] = True

    @property
    def takes_sparse(self) -> bool:
        """Whether it can be fitted to sparse rows, without making them dense."""
        return self.scatter in (DIAGONAL, TRACE) or self.n_factors > 0

    @property
    def label(self) -> str:
        """What tells this family from others in tables: its name, and its numbers where it has any."""
        return self.name

    @abstractmethod
    def estimate(
        self,
        scatter: Float64Array,
        count: Float64Array,
        n_features: int,
        previous: Covariances | None = None,
    ) -> Covariances:
        """Return the family's covariances of highest likelihood for these statistics.

        Parameters
        ----------
        scatter : ndarray of shape ``self.scatter.shape(K, D)``
            About the components' own means.
        count : ndarray of shape (K,)
        n_features : int
            D, which a trace does not tell.
        previous : Covariances, optional
            Where an iterative M-step starts, and what components without rows keep.
        """

    @abstractmethod
    def from_parameters(self, covariances: Float64Array, n_components: int, n_features: int) -> Covariances:
        """Return the representation of covariances given in scikit-learn's shape.

        They need not obey the constraints of the family; the next ``estimate`` does.

        Raises
        ------
        ParameterError
            If shape, symmetry or definiteness is wrong.
        """

    @abstractmethod
    def n_parameters(self, n_components: int, n_features: int) -> int:
        """Return the number of free parameters of the covariances."""

    def for_features(self, n_features: int) -> CovarianceFamily:
        """Return this family in the form that suits data of so many features; most have only one.

        Raises
        ------
        ParameterError
            If it cannot be fitted to so few.
        """
        return self

    def moments_given(
        self, X: FloatArray, responsibilities: Float64Array, reference: Float64Array, *, unit: Float64Array
    ) -> Moments:
        """Return the moments of a block for given responsibilities, if its kind of scatter depends on the family.

        Parameters
        ----------
        X : ndarray of shape (n, D)
        responsibilities : ndarray of shape (n, K)
            Times the rows' weights.
        reference : ndarray of shape (K, D)
        unit : ndarray of shape (D,)
            Squared units of the features, up to a factor.
        """
        raise NotImplementedError(f"the kernel has the moments of {self.scatter.name!r} scatter")

    def embed(self, covariances: Covariances, weights: Float64Array) -> Covariances:
        """Return the member of this family that is nearest to given covariances of any family.

        It minimises Σ_k π_k KL(N(0, Σ_k) ‖ N(0, Σ'_k)). Where the family contains the given matrices, it is these
        matrices, but for rounding.

        Parameters
        ----------
        covariances : Covariances
        weights : ndarray of shape (K,)
            π_k; a weight of zero counts as next to nothing.
        """
        count = np.maximum(weights, _LEAST_WEIGHT * weights.max())
        dense = count[:, None, None] * covariances.to_dense()
        return self.estimate(self.scatter.of_dense(dense), count, covariances.n_features)


def per_row_mean(scatter: Float64Array, count: Float64Array) -> Float64Array:
    """Return scatter_k / count_k, and zero for a component without rows."""
    safe = np.where(count > 0, count, 1.0)
    return scatter / safe.reshape(-1, *[1] * (scatter.ndim - 1))
