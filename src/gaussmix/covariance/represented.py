"""What families share that store their covariances alike: the statistics they need and the check of given ones."""

from __future__ import annotations

from gaussmix.covariance.base import CovarianceFamily, Covariances
from gaussmix.covariance.checks import check_positive, check_positive_definite, check_shape
from gaussmix.covariance.representations import Dense, Diagonal, Spherical
from gaussmix.moments import DIAGONAL, FULL, TRACE
from gaussmix.types import Float64Array


class DenseFamily(CovarianceFamily):
    """A family stored as K full matrices. Given ones are not checked for the constraints of the family."""

    scatter = FULL

    def from_parameters(self, covariances: Float64Array, n_components: int, n_features: int) -> Covariances:
        check_shape(self.name, covariances, (n_components, n_features, n_features))
        stored = Dense.from_covariances(covariances)
        check_positive_definite(self.name, covariances, stored.singular)
        return stored


class DiagonalFamily(CovarianceFamily):
    """A family stored as K rows of variances. Given ones are not checked for the constraints of the family."""

    scatter = DIAGONAL

    def from_parameters(self, covariances: Float64Array, n_components: int, n_features: int) -> Covariances:
        check_shape(self.name, covariances, (n_components, n_features))
        check_positive(self.name, covariances)
        return Diagonal.from_variances(covariances)


class SphericalFamily(CovarianceFamily):
    """A family stored as K variances. Given ones are not checked for the constraints of the family."""

    scatter = TRACE

    def from_parameters(self, covariances: Float64Array, n_components: int, n_features: int) -> Covariances:
        check_shape(self.name, covariances, (n_components,))
        check_positive(self.name, covariances)
        return Spherical.from_variances(covariances, n_features)
