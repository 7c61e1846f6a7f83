"""A prior on top of another: it rules some of the parameters, the one below the others."""

from __future__ import annotations

from gaussmix.prior.base import Parameters, Prior
from gaussmix.types import BoolArray, Float64Array


class Layered(Prior):
    """What a prior leaves to the one below. Implementations are frozen.

    Attributes
    ----------
    base : Prior
    """

    base: Prior

    @property
    def floor(self) -> Float64Array:  # type: ignore[override]  # read only, as all fields of a frozen class
        """The variance given to a component whose own collapsed."""
        return self.base.floor

    @property
    def added_variance(self) -> Float64Array | None:  # type: ignore[override]
        """Added to the diagonals of the covariances."""
        return self.base.added_variance

    @property
    def maximises(self) -> bool:
        return self.base.maximises

    def log_density(self, mixture: Parameters) -> float:
        return self.base.log_density(mixture)

    def n_weight_parameters(self, n_components: int) -> int:
        return self.base.n_weight_parameters(n_components)

    def fixed(self, n_components: int) -> tuple[BoolArray, BoolArray, BoolArray]:
        return self.base.fixed(n_components)

    def mixing_weights(self, count: Float64Array) -> Float64Array:
        return self.base.mixing_weights(count)

    def kept(self, covariances: Float64Array) -> Float64Array:
        return self.base.kept(covariances)
