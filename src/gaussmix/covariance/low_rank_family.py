"""Mixtures of factor analysers: Σ_k = B_k B_kᵀ + Ψ_k with q loadings a feature, in twelve degrees of constraint.

========  ===========  ==============================================  =================
name      loadings     noise                                           also called
========  ===========  ==============================================  =================
mfa       own          own variance of each feature                    UUU
ppca      own          own variance, the same in all features          UUC
UCU       own          common variance of each feature
UCC       own          common variance, the same in all features
UCUU      own          ω_k Δ: common profile, own volume
UUCU      own          ω Δ_k: own profile, common volume
CUU       common       own variance of each feature
CUC       common       own variance, the same in all features
CCU       common       common variance of each feature
CCC       common       common variance, the same in all features
CCUU      common       ω_k Δ: common profile, own volume
CUCU      common       ω Δ_k: own profile, common volume
========  ===========  ==============================================  =================

References
----------
Ghahramani & Hinton (1996), The EM algorithm for mixtures of factor analyzers, Toronto CRG-TR-96-1.

Tipping & Bishop (1999), Mixtures of probabilistic principal component analysers, Neural Computation 11.

McLachlan & Peel (2000), Finite Mixture Models, ch. 8.

McNicholas & Murphy (2008), Parsimonious Gaussian mixture models, Statistics and Computing 18: the eight of three
letters. McNicholas & Murphy (2010), Model-based clustering of microarray expression data via latent Gaussian mixture
models, Bioinformatics 26: the four others.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from gaussmix.covariance import sparse_rows
from gaussmix.covariance.axis_aligned import EEI, EVI, VEI
from gaussmix.covariance.base import CovarianceFamily, Covariances, per_row_mean
from gaussmix.covariance.checks import check_positive_definite, check_shape
from gaussmix.covariance.diagonal import Diag
from gaussmix.covariance.low_rank import MOST_DENSE, LowRank
from gaussmix.covariance.low_rank_rows import moments_given
from gaussmix.covariance.low_rank_step import Structure, em_step, from_matrices, start
from gaussmix.covariance.representations import Dense
from gaussmix.covariance.spherical import EII, Spherical
from gaussmix.errors import ParameterError
from gaussmix.linalg import is_sparse
from gaussmix.moments import FULL, Moments, Scatter, factors
from gaussmix.types import Float64Array, FloatArray

_STEPS_GIVEN: Final = 5_000  # towards matrices that a user gives
_SEED: Final = 0x5EED  # of the fixed directions that a start looks along


@dataclass(frozen=True, eq=False)
class Factors(CovarianceFamily):
    """A family of covariances by factors. Take one with ``resolve_family("mfa", n_factors=3)``.

    Attributes
    ----------
    name : str
    structure : Structure
    n_factors : int
        q.
    grouped : bool
        Whether D is at most ``MOST_DENSE``, so that whole scatter matrices are worth their memory.
    """

    name: str  # type: ignore[misc]  # of each instance, as are the two below
    structure: Structure
    n_factors: int = 1
    grouped: bool = True  # type: ignore[misc]

    def __repr__(self) -> str:
        return f"Factors({self.name!r}, n_factors={self.n_factors})"

    @property
    def scatter(self) -> Scatter:  # type: ignore[override]
        return FULL if self.grouped else factors(self.n_factors)

    @property
    def invariance(self) -> str:  # type: ignore[override]
        return "orthogonal" if self.structure.isotropic else "diagonal"

    @property
    def label(self) -> str:
        return f"{self.name}-{self.n_factors}"

    def with_factors(self, n_factors: int) -> Factors:
        """Return the family of so many factors."""
        if n_factors < 1:
            raise ParameterError(f"n_factors should be at least 1, got {n_factors}")
        return self if n_factors == self.n_factors else replace(self, n_factors=n_factors)

    def for_features(self, n_features: int) -> Factors:
        if self.n_factors >= n_features:
            raise ParameterError(
                f"covariance_type={self.name!r} with n_factors={self.n_factors} needs more than {self.n_factors} "
                f"feature(s), but there are {n_features}: use fewer factors, or covariance_type='full'"
            )
        grouped = n_features <= MOST_DENSE
        return self if grouped == self.grouped else replace(self, grouped=grouped)

    def estimate(
        self,
        scatter: Float64Array,
        count: Float64Array,
        n_features: int,
        previous: Covariances | None = None,
    ) -> Covariances:
        before = previous if isinstance(previous, LowRank) and previous.n_factors == self.n_factors else None
        per_row = per_row_mean(scatter, count)
        if self.grouped:
            loadings, noise = from_matrices(per_row, count, self.n_factors, self.structure, before)
        else:
            loadings, noise = self._from_projections(per_row, count, before)
        if before is not None and not count.all():
            kept = (count == 0)[:, None]
            if not self.structure.common_loadings:
                loadings = np.where(kept[:, :, None], before.loadings, loadings)
            if not self.structure.noise.code.startswith("E"):
                noise = np.where(kept, before.noise, noise)
        return LowRank.from_factors(loadings, noise)

    def _from_projections(
        self, per_row: Float64Array, count: Float64Array, previous: LowRank | None
    ) -> tuple[Float64Array, Float64Array]:
        q = self.n_factors
        projected, probe, variances = per_row[..., :q], per_row[..., q : 2 * q], per_row[..., 2 * q]
        if previous is None:
            return start(projected, probe, variances, count, self.structure)
        return em_step(projected, probe, variances, count, self.structure, previous)

    def from_parameters(self, covariances: Float64Array, n_components: int, n_features: int) -> Covariances:
        """Return the members nearest to matrices (K, D, D), or up to many features those of ``LowRank.packed``."""
        self.for_features(n_features)
        if not self.grouped:
            check_shape(self.name, covariances, (n_components, n_features, self.n_factors + 1))
            return self.from_packed(covariances)
        check_shape(self.name, covariances, (n_components, n_features, n_features))
        check_positive_definite(self.name, covariances, Dense.from_covariances(covariances).singular)
        loadings, noise = from_matrices(
            covariances, np.ones(n_components), self.n_factors, self.structure, None, n_steps=_STEPS_GIVEN
        )
        return LowRank.from_factors(loadings, noise)

    def from_packed(self, packed: Float64Array) -> LowRank:
        """Return the covariances of loadings and, as the last column, noise: (K, D, q + 1).

        Raises
        ------
        ParameterError
            If a variance is not positive.
        """
        if not (packed[..., -1] > 0).all():
            raise ParameterError(f"the noise of '{self.name}' covariances should be positive")
        stored = LowRank.from_factors(packed[..., :-1], packed[..., -1])
        if stored.singular.any():
            raise ParameterError(f"'{self.name}' covariances should be positive-definite")
        return stored

    def n_parameters(self, n_components: int, n_features: int) -> int:
        """Return the number of free parameters, of which rotations of the factors are none.

        Where there are so many factors that they could make any matrix, it is the number of what can differ.
        """
        K, D, q = n_components, n_features, self.n_factors
        loadings = D * q - q * (q - 1) // 2
        noise = self.structure.noise.n_parameters(K, D)
        if not self.structure.common_loadings:
            return min(K * loadings + noise, K * D * (D + 1) // 2)
        spare = max(loadings - D * (D - 1) // 2, 0)  # they only move the diagonals, as the noise does
        match self.structure.noise.code:
            case "VVI" | "EEI":
                spare = 0
            case "EVI" | "VEI" if K == 1:
                spare = 0
            case "EVI":
                spare = min(spare, K - 1)
        return min(loadings, D * (D - 1) // 2) + spare + noise

    def moments_given(
        self, X: FloatArray, responsibilities: Float64Array, reference: Float64Array, *, unit: Float64Array
    ) -> Moments:
        directions = np.random.default_rng(_SEED).standard_normal((len(unit), self.n_factors))
        given = sparse_rows.moments_given if is_sparse(X) else moments_given
        return given(X, responsibilities, reference, directions / np.sqrt(unit)[:, None])


_NOISE: Final = {
    "UU": Diag(),
    "UC": Spherical(),
    "CU": EEI(),
    "CC": EII(),
    "CUU": VEI(),
    "UCU": EVI(),
}
_NAMES: Final = {"UUU": "mfa", "UUC": "ppca"}


def _family(code: str) -> Factors:
    return Factors(_NAMES.get(code, code), Structure(code.startswith("C"), _NOISE[code[1:]]))


FACTOR_FAMILIES: dict[str, Factors] = {
    family.name: family
    for family in map(
        _family,
        ("UUU", "UUC", "UCU", "UCC", "UCUU", "UUCU", "CUU", "CUC", "CCU", "CCC", "CCUU", "CUCU"),
    )
}
FACTOR_ALIASES: Final = {code: FACTOR_FAMILIES[name] for code, name in _NAMES.items()}
FACTOR_TYPES: Final = (*FACTOR_FAMILIES, *FACTOR_ALIASES)
