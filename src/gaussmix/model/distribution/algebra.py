"""Mixtures from mixtures: marginals, conditionals, affine maps, products, reductions, all in closed form."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gaussmix.covariance import CovarianceFamily
from gaussmix.errors import DataError
from gaussmix.model.distribution.derived import derived
from gaussmix.model.distribution.features import feature_numbers
from gaussmix.types import Float64Array

if TYPE_CHECKING:
    from gaussmix.model.distribution.conditionals import Conditionals
    from gaussmix.model.mixture import Mixture


class Algebra:
    """Add the moments of the whole, and the operations that return another mixture."""

    @property
    def mean(self: Mixture) -> Float64Array:
        """The mean of the mixture, Σ_k π_k μ_k, shape (D,), in the features' units."""
        return self.weights @ self.means

    @property
    def covariance(self: Mixture) -> Float64Array:
        """The covariance of the mixture, within components plus between their means, shape (D, D).

        Σ_k π_k [Σ_k + (μ_k − μ)(μ_k − μ)ᵀ] with the mixture's mean μ, in squared units of the features.
        """
        shift = np.sqrt(self.weights)[:, None] * (self.means - self.mean)
        return np.asarray(np.tensordot(self.weights, self.covariances.to_dense(), 1) + shift.T @ shift)

    def marginal(self: Mixture, features: object) -> Mixture:
        """Return the mixture of the named features only, in the order in which they are named.

        Parameters
        ----------
        features : int, array-like of int, or array-like of bool of shape (D,)
            Numbers of features, each at most once, or a mask.

        Raises
        ------
        ParameterError
            If a feature does not exist or is repeated.

        Examples
        --------
        >>> from gaussmix import Mixture
        >>> mixture = Mixture.from_parameters([1.0], [[0.0, 1.0]], [[[1.0, 0.5], [0.5, 4.0]]])
        >>> marginal = mixture.marginal([1])
        >>> marginal.means, marginal.covariances.parameters()
        (array([[1.]]), array([[[4.]]]))
        """
        numbers = feature_numbers(features, self.n_features)
        return derived(self.weights, self.means[:, numbers], self.covariances.marginal(numbers))

    def condition(self: Mixture, features: object, values: object) -> Mixture:
        """Return the mixture of the other features, in ascending order, given the values of the named ones.

        Weights are computed from logarithms, so that values far from everything give a mixture too.

        Parameters
        ----------
        features : int, array-like of int of shape (d,), or array-like of bool of shape (D,)
            Numbers of features, each at most once, or a mask; not all of them.
        values : array-like of shape (d,)
            In the order of ``features``.

        Raises
        ------
        ParameterError
            If a feature does not exist, is repeated or none is left, or the covariance of the named features is
            singular.
        DataError
            If the values are not d finite numbers.

        References
        ----------
        Bishop (2006), Pattern Recognition and Machine Learning, eqs. 2.81 and 2.82.

        Examples
        --------
        >>> from gaussmix import Mixture
        >>> mixture = Mixture.from_parameters([1.0], [[0.0, 1.0]], [[[1.0, 0.5], [0.5, 1.0]]])
        >>> given = mixture.condition([0], [2.0])
        >>> given.means, given.covariances.parameters()
        (array([[2.]]), array([[[0.75]]]))
        """
        numbers, given = feature_numbers(features, self.n_features), np.atleast_1d(np.asarray(values))
        if given.shape != numbers.shape or given.dtype.kind not in "biuf" or not np.isfinite(given).all():
            raise DataError(
                f"values should be {len(numbers)} finite number(s), one for each feature, got {values!r}"
            )
        return self.condition_rows(numbers, given[None]).mixture(0)

    def condition_rows(self: Mixture, features: object, X: object) -> Conditionals:
        """Return the distributions of the other features given the values of the named ones, row by row.

        Parameters
        ----------
        features : int, array-like of int of shape (d,), or array-like of bool of shape (D,)
            Numbers of features, each at most once, or a mask; not all of them.
        X : array-like of shape (n, d)
            Values of these features, in the order of ``features``.

        Returns
        -------
        Conditionals
            Weights (n, K), means (n, K, R) and covariances (K, R, R), with means, quantiles, draws.

        Raises
        ------
        ParameterError, DataError
            As ``condition``.

        Examples
        --------
        >>> from gaussmix import Mixture
        >>> mixture = Mixture.from_parameters(
        ...     [0.5, 0.5], [[-2.0, 0.0], [2.0, 1.0]], [[1.0, 1.0], [1.0, 1.0]], "diag"
        ... )
        >>> mixture.condition_rows([0], [[-9.0], [0.0], [9.0]]).mean().round(6)
        array([[0. ],
               [0.5],
               [1. ]])
        """
        from gaussmix.model.distribution.conditionals import conditionals

        return conditionals(self, feature_numbers(features, self.n_features), X)

    def affine(self: Mixture, A: object, b: object = None) -> Mixture:
        """Return the mixture of A x + b for x of this mixture.

        Covariances stay spherical or diagonal if the map keeps them so, and one matrix for all stays one.

        Parameters
        ----------
        A : array-like of shape (R, D)
            With R ≤ D linearly independent rows.
        b : array-like of shape (R,), optional
            Zero without it.

        Raises
        ------
        ParameterError
            If shapes disagree, a value is not finite, or the rows of A are not linearly independent.

        Examples
        --------
        >>> from gaussmix import Mixture
        >>> mixture = Mixture.from_parameters([1.0], [[1.0, 2.0]], [[1.0, 4.0]], "diag")
        >>> total = mixture.affine([[1.0, 1.0]], [10.0])
        >>> total.means, total.covariances.to_dense()
        (array([[13.]]), array([[[5.]]]))
        """
        from gaussmix.model.distribution.affine import affine

        return affine(self, A, b)

    def product(self: Mixture, other: Mixture) -> tuple[Mixture, float]:
        """Return the mixture proportional to p(x) q(x), and the logarithm of ∫ p(x) q(x) dx.

        Component k·K' + l comes from component k of this mixture and component l of the other.

        Parameters
        ----------
        other : Mixture
            q, of the same D features, with K' components.

        Returns
        -------
        Mixture
            Of K·K' components.
        float
            In nats; ∫ p q has the unit of a density.

        Raises
        ------
        ParameterError
            If the numbers of features differ.

        References
        ----------
        Petersen & Pedersen (2012), The Matrix Cookbook, section 8.1.8.

        Examples
        --------
        >>> from gaussmix import Mixture
        >>> prior = Mixture.from_parameters([1.0], [[0.0]], [[[1.0]]])
        >>> likelihood = Mixture.from_parameters([1.0], [[2.0]], [[[1.0]]])
        >>> posterior, log_evidence = prior.product(likelihood)
        >>> posterior.means, posterior.covariances.parameters()
        (array([[1.]]), array([[[0.5]]]))
        >>> round(log_evidence, 6)
        -2.265512
        """
        from gaussmix.model.distribution.product import product

        return product(self, other)

    def reduce(
        self: Mixture, n_components: int, covariance_type: str | CovarianceFamily | None = None
    ) -> Mixture:
        """Return a mixture of fewer components, made by merging the pair that costs least, again and again.

        The cost bounds the divergence that a merge adds (Runnalls 2007). Two components become one of their joint
        weight, mean and covariance, so that for full covariances mean and covariance of the mixture do not change;
        other families keep as much of that as they can hold. Components without weight are dropped first.

        Parameters
        ----------
        n_components : int
            From 1 to K.
        covariance_type : str or CovarianceFamily, optional
            The family of the result; that of this mixture without it.

        Raises
        ------
        ParameterError
            If ``n_components`` is out of range.

        References
        ----------
        Runnalls (2007), Kullback-Leibler approach to Gaussian mixture reduction, IEEE Transactions on Aerospace and
        Electronic Systems 43, eq. 16.

        Examples
        --------
        >>> from gaussmix import Mixture
        >>> three = Mixture.from_parameters([0.25, 0.25, 0.5], [[-1.0], [1.0], [9.0]], [[[1.0]]] * 3)
        >>> two = three.reduce(2)
        >>> two.weights, two.means, two.covariances.parameters()[0]
        (array([0.5, 0.5]), array([[0.],
               [9.]]), array([[2.]]))
        """
        from gaussmix.model.distribution.reduction import reduced

        return reduced(self, n_components, covariance_type)
