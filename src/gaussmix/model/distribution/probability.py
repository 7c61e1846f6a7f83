"""Densities, distribution functions and quantiles."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.special import ndtr

from gaussmix.errors import ParameterError
from gaussmix.model.distribution import univariate
from gaussmix.model.distribution.features import feature_numbers
from gaussmix.model.distribution.normal_cdf import normal_cdf
from gaussmix.moments import DIAGONAL, TRACE
from gaussmix.types import Float64Array, FloatArray, IntArray

if TYPE_CHECKING:
    from gaussmix.model.mixture import Mixture


class Probability:
    """Add densities, distribution functions, quantiles and draws."""

    def pdf(self: Mixture, X: object) -> FloatArray:
        """Return the density p(x) of each row, shape (n,), in units of 1 / (the features' units).

        It underflows to 0 some 38 standard deviations from all components, where ``log_prob`` does not.

        Parameters
        ----------
        X : array-like of shape (n, D)

        Examples
        --------
        >>> from gaussmix import Mixture
        >>> mixture = Mixture.from_parameters([1.0], [[0.0]], [[[1.0]]])
        >>> mixture.pdf([[0.0]]).round(6)
        array([0.398942])
        """
        density: FloatArray = np.exp(self.log_prob(X))
        return density

    def log_prob_components(self: Mixture, X: object) -> FloatArray:
        """Return log N(x | μ_k, Σ_k) of each row and component, without the weights, shape (n, K), in nats.

        It is finite for components of weight zero as well.

        Parameters
        ----------
        X : array-like of shape (n, D)

        Examples
        --------
        >>> from gaussmix import Mixture
        >>> mixture = Mixture.from_parameters([1.0, 0.0], [[0.0], [1.0]], [[[1.0]], [[1.0]]])
        >>> mixture.log_prob_components([[1.0]]).round(6)
        array([[-1.418939, -0.918939]])
        """
        return self.precise_covariances.log_joint(self._rows(X), np.zeros(self.n_components), self.means)

    def cdf(self: Mixture, X: object) -> Float64Array:
        """Return P(x ≤ X_i), all features jointly, shape (n,).

        One feature, two features, and any number of features that are independent within the components are exact
        but for rounding (absolutely 1e-14 or so). Otherwise each value is a numerical integral for each row and
        component, good to about 1e-5 and always the same for the same row: milliseconds each.

        Parameters
        ----------
        X : array-like of shape (n, D)

        Raises
        ------
        DataError
            If the rows do not have D finite values.

        Examples
        --------
        >>> from gaussmix import Mixture
        >>> mixture = Mixture.from_parameters([0.5, 0.5], [[-2.0], [2.0]], [[[1.0]], [[1.0]]])
        >>> mixture.cdf([[0.0], [2.0]]).round(6)
        array([0.5     , 0.749984])
        """
        rows = np.asarray(self._rows(X), np.float64)
        total = np.zeros(len(rows))
        sd = self.covariances.standard_deviations()
        correlated = self.covariances.scatter not in (DIAGONAL, TRACE) and self.n_features > 1
        matrices = self.covariances.to_dense() if correlated and len(rows) else None
        for k in np.flatnonzero(self.weights):
            Z = (rows - self.means[k]) / sd[k]
            if matrices is None:
                total += self.weights[k] * ndtr(Z).prod(axis=1)
            else:
                total += self.weights[k] * normal_cdf(Z, matrices[k] / np.outer(sd[k], sd[k]))
        return np.minimum(total, 1.0)

    def quantile(self: Mixture, q: object, feature: int | None = None) -> Float64Array:
        """Return the value below which a feature lies with probability q, in the feature's units, shape of ``q``.

        It is good to a few rounding errors, in far tails and in gaps between modes too.

        Parameters
        ----------
        q : float or array-like of float
            Probabilities. The quantile of 0 is −∞, that of 1 is ∞.
        feature : int, optional
            Whose marginal distribution is meant; needed where there are several features.

        Raises
        ------
        ParameterError
            If a probability is outside [0, 1], or the feature is missing or out of range.

        Examples
        --------
        >>> from gaussmix import Mixture
        >>> mixture = Mixture.from_parameters([0.5, 0.5], [[-2.0], [2.0]], [[[1.0]], [[1.0]]])
        >>> mixture.quantile([0.0, 0.25, 0.5]).round(6) + 0.0
        array([     -inf, -2.000079,  0.      ])
        """
        if feature is None and self.n_features > 1:
            raise ParameterError(f"quantile needs feature=, a number from 0 to {self.n_features - 1}")
        numbers = feature_numbers(0 if feature is None else feature, self.n_features)
        if len(numbers) != 1:
            raise ParameterError(f"quantile is of one feature, got feature={feature!r}")
        values = univariate.probabilities(q)
        sd = self.covariances.standard_deviations()[:, numbers[0]]
        found = univariate.quantile(values.ravel(), self.weights, self.means[:, numbers[0]], sd)
        return found.reshape(values.shape)[()]

    def sample(
        self: Mixture,
        n: int,
        random_state: np.random.Generator | int | None = None,
        *,
        shuffle: bool = False,
        component: int | None = None,
    ) -> tuple[Float64Array, IntArray]:
        """Draw exactly n rows from the mixture.

        Parameters
        ----------
        n : int
        random_state : numpy.random.Generator or seed, optional
        shuffle : bool, default=False
            Return the rows in random order; otherwise they are grouped by component.
        component : int, optional
            Draw all rows from this component.

        Returns
        -------
        X : ndarray of shape (n, D)
        labels : ndarray of shape (n,)
            The component of each row.

        Raises
        ------
        ParameterError
            If n is not a positive whole number or there is no such component.

        Examples
        --------
        >>> from gaussmix import Mixture
        >>> mixture = Mixture.from_parameters([0.5, 0.5], [[-2.0], [2.0]], [[[1.0]], [[1.0]]])
        >>> X, labels = mixture.sample(3, random_state=0, component=1)
        >>> X.shape, labels
        ((3, 1), array([1, 1, 1]))
        """
        if n != int(n) or n < 1:
            raise ParameterError(f"sample needs a positive whole number of rows, got {n!r}")
        if component is not None and component not in range(self.n_components):
            raise ParameterError(
                f"component should be a number from 0 to {self.n_components - 1}, got {component!r}"
            )
        rng = np.random.default_rng(random_state)
        if component is None:
            counts = rng.multinomial(n, self.weights)
        else:
            counts = np.where(np.arange(self.n_components) == component, int(n), 0)
        rows = [
            self.means[k] + self.covariances.colorize(rng.standard_normal((count, self.n_features)), k)
            for k, count in enumerate(counts)
        ]
        X, labels = np.concatenate(rows), np.repeat(np.arange(self.n_components), counts)
        if not shuffle:
            return X, labels
        order = rng.permutation(len(X))
        return X[order], labels[order]
