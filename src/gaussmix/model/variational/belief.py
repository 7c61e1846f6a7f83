"""What is believed of means and precisions before the data: the hyper-parameters of a Normal-Wishart prior."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from gaussmix.covariance.base import CovarianceFamily, Covariances
from gaussmix.model.variational.precisions import PRECISIONS, Precisions, ScalePrior
from gaussmix.types import Float64Array


@dataclass(frozen=True, eq=False)
class Belief:
    """μ | Λ ~ N(m_0, (β_0 Λ)⁻¹) and Λ ~ Wishart(ν_0, S_0⁻¹), or Gamma as in ``Precisions`` (Bishop 2006, 10.40).

    Attributes
    ----------
    family : CovarianceFamily
        One of those in ``PRECISIONS``.
    mean : ndarray of shape (D,)
        m_0.
    mean_precision : float
        β_0, in rows.
    degrees_of_freedom : float
        ν_0, in rows.
    scale : ndarray
        S_0, of shape (D, D), (D,) or (): a scatter of ν_0 rows, in squared units of the features.
    floor : ndarray of shape (D,)
        Added to a covariance that is numerically singular.
    added_variance : ndarray of shape (D,), optional
        Added to each row's scatter.
    """

    family: CovarianceFamily
    mean: Float64Array
    mean_precision: float
    degrees_of_freedom: float
    scale: Float64Array
    floor: Float64Array
    added_variance: Float64Array | None = None

    @property
    def precisions(self) -> Precisions:
        """The kind of posterior that goes with the family."""
        return PRECISIONS[self.family.name]

    @property
    def n_features(self) -> int:
        """D."""
        return len(self.mean)

    @cached_property
    def represented_scale(self) -> Covariances:
        """S_0 as the covariance of one component."""
        one = np.zeros(self.family.scatter.shape(1, self.n_features))
        return self.represented(self.precisions.scale(self.scale, one, 1, self.n_features), 1)

    @cached_property
    def scale_prior(self) -> ScalePrior:
        """What divergences need to know of ν_0 and S_0."""
        return self.precisions.prior(self.degrees_of_freedom, self.represented_scale)

    def represented(self, matrices: Float64Array, n_components: int) -> Covariances:
        """Return covariances of K components, raised by ``floor`` where they are numerically singular."""
        covariances = self.precisions.represented(matrices, n_components, self.n_features)
        return covariances.floored(self.floor) if covariances.singular.any() else covariances
