"""Scores and second derivatives of the log-likelihood of a mixture, summed over rows.

With responsibilities r_ik and g_ik, h_ik the gradient and Hessian of log π_k N(x_i | μ_k, Σ_k), the score of a row is
s_i = Σ_k r_ik g_ik, and the second derivative of its log-density Σ_k r_ik (h_ik + g_ik g_ikᵀ) − s_i s_iᵀ (Louis 1982,
eq. 3.2; for mixtures in closed form Boldea & Magnus 2009, theorem 1). Where features are missing, the densities are
those of the observed ones; where the component is known in part, the others have r_ik = 0.

References
----------
Louis (1982), Finding the observed information matrix when using the EM algorithm, JRSS B 44.

Boldea & Magnus (2009), Maximum likelihood estimation of the multivariate normal mixture model, JASA 104.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from gaussmix.model import Mixture
from gaussmix.selection.uncertainty.layout import Layout
from gaussmix.selection.uncertainty.parametrization import Parametrization, parametrize, weight_basis
from gaussmix.source import Known, Partition, by_pattern
from gaussmix.types import BoolArray, Float64Array, IntArray


@dataclass(frozen=True, slots=True, eq=False)
class Sums:
    """Add up over rows what the information is made of, with p free parameters.

    Attributes
    ----------
    gradient : ndarray of shape (p,)
        Σ w s.
    outer : ndarray of shape (p, p)
        Σ w s sᵀ.
    squared : ndarray of shape (p, p)
        Σ w² s sᵀ.
    complete : ndarray of shape (p, p)
        Σ w Σ_k r_k (h_k + g_k g_kᵀ).
    """

    gradient: Float64Array
    outer: Float64Array
    squared: Float64Array
    complete: Float64Array

    def __add__(self, other: Sums) -> Sums:
        return Sums(
            self.gradient + other.gradient,
            self.outer + other.outer,
            self.squared + other.squared,
            self.complete + other.complete,
        )

    def among(self, columns: IntArray) -> Sums:
        """Return the sums for some of the parameters only."""
        square = np.ix_(columns, columns)
        return Sums(self.gradient[columns], self.outer[square], self.squared[square], self.complete[square])


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """Load a partition and return its ``Sums``: the task that executors run.

    The p free parameters are those of the weights, the means of the components in turn, and the covariances.
    """

    mixture: Mixture
    covariances: Parametrization
    weights: Float64Array

    @classmethod
    def of(cls, mixture: Mixture) -> Scores:
        """Return the task, or raise ParameterError if nothing is known of the family."""
        fixed, _, _ = mixture.prior.fixed(mixture.n_components)
        return cls(mixture, parametrize(mixture), weight_basis(mixture, fixed))

    @property
    def n_free(self) -> int:
        """p, fixed means and covariances included."""
        return int(self.weights.shape[1] + self.mixture.means.size + self.covariances.n_free)

    def __call__(self, partition: Partition) -> Sums:
        loaded, weight = partition.load()
        X: Float64Array = loaded.astype(np.float64, copy=False)
        if weight is None:
            weight = np.ones(len(X))
        elif not weight.all():  # a row without weight counts for nothing, however improbable it is
            X, weight = X[weight > 0], weight[weight > 0]
        complete = np.zeros((self.n_free, self.n_free))
        known = partition.known or Known()
        if known.mixed:
            scores = np.empty((len(X), self.n_free))
            for rows, features in by_pattern(X):
                part = X[rows] if features is None else X[np.ix_(rows, np.array(features))]
                alike = replace(known, mixed=False, features=features)
                scores[rows] = self._add_rows(part, weight[rows], alike, complete)
        else:
            scores = self._add_rows(X, weight, known, complete)
        weighted = weight[:, None] * scores
        return Sums(weighted.sum(axis=0), scores.T @ weighted, weighted.T @ weighted, complete)

    def estimated(self) -> IntArray:
        """Return which of the free parameters are estimated, where means or covariances are fixed."""
        _, fixed_means, fixed_covariances = self.mixture.prior.fixed(self.mixture.n_components)
        kept: BoolArray = np.zeros(self.n_free, bool)
        for k in range(self.mixture.n_components):
            weights, mean, columns = self.places(k)
            kept[weights] = True
            kept[mean] = not fixed_means[k]
            if not fixed_covariances[k]:
                kept[columns] = True
        return np.flatnonzero(kept)

    def places(self, component: int) -> tuple[slice, slice, IntArray]:
        """Return where the free weights, the mean and the covariance of a component stand."""
        n_weights, D = self.weights.shape[1], self.mixture.n_features
        start = n_weights + component * D
        columns = n_weights + self.mixture.means.size + self.covariances.blocks[component].columns
        return slice(0, n_weights), slice(start, start + D), columns

    def reported(self) -> Float64Array:
        """Return the derivative of the vector of ``Layout`` by the free parameters, shape (P, p)."""
        layout = Layout.of(self.mixture)
        jacobian = np.zeros((layout.n_parameters, self.n_free))
        jacobian[: layout.n_components, : self.weights.shape[1]] = self.weights
        form = self.covariances.form
        for k, block in enumerate(self.covariances.blocks):
            _, mean, columns = self.places(k)
            jacobian[layout.mean(k), mean] = form.mean_map(k)
            if k < layout.n_matrices:
                jacobian[layout.covariance(k), columns] = block.pulled(form.covariance_map(k))
        return jacobian

    def _relative_weights(self) -> Float64Array:
        """Return ∂ log π_k / ∂b, shape (K, K − 1)."""
        return np.asarray(self.weights / self.mixture.weights[:, None])

    def _add_rows(
        self, X: Float64Array, weight: Float64Array, known: Known, complete: Float64Array
    ) -> Float64Array:
        """Return the scores (n, p) of rows of the same observed features; add Σ w r (h + g gᵀ) to ``complete``."""
        mixture = self.mixture
        observed = np.arange(mixture.n_features) if known.features is None else np.array(known.features)
        shares = self._shares(X, observed, known)
        scores = np.zeros((len(X), self.n_free))
        scores[:, : self.weights.shape[1]] = shares @ self._relative_weights()
        for k in range(mixture.n_components):
            centred = X - mixture.means[k, observed]
            standardized = self.covariances.form.standardized(centred, k, observed)
            self._add_component(k, standardized, (weight, shares[:, k]), (scores, complete))
        return scores

    def _shares(self, X: Float64Array, observed: IntArray, known: Known) -> Float64Array:
        """Return the responsibilities, shape (n, K)."""
        mixture, covariances, means = self.mixture, self.mixture.covariances, self.mixture.means
        if known.features is not None:
            covariances, means = covariances.marginal(observed), np.ascontiguousarray(means[:, observed])
        if known.components is None:
            return np.asarray(covariances.posterior(X, mixture.log_weights, means), np.float64)
        chosen = np.array(known.components)
        shares = np.zeros((len(X), mixture.n_components))
        shares[:, chosen] = covariances.select(chosen).posterior(
            X, mixture.log_weights[chosen], means[chosen]
        )
        return shares

    def _add_component(
        self,
        k: int,
        standardized: tuple[Float64Array, Float64Array],
        weight_and_share: tuple[Float64Array, Float64Array],
        sums: tuple[Float64Array, Float64Array],
    ) -> None:
        """Add the part of component k to scores (n, p) and to Σ w r (h + g gᵀ) (p, p)."""
        (Z, projection), (weight, share), (scores, complete) = standardized, weight_and_share, sums
        form, block = self.covariances.form, self.covariances.blocks[k]
        m, e = slice(1, 1 + form.n_features), slice(1 + form.n_features, None)
        local = np.concatenate([np.ones((len(Z), 1)), Z, form.gradient(Z, projection)], axis=1)
        _, mean, columns = self.places(k)
        scores[:, mean] = share[:, None] * Z
        scores[:, columns] += share[:, None] * block.pulled(local[:, e])
        gram = ((weight * share)[:, None] * local).T @ local  # of g by log π_k, m and e
        count, slope = gram[0, 0], gram[0, e].copy()
        mixed, curved = form.curvature(count, gram[0, m], gram[m, m], projection)
        gram[0, 0] = 0.0  # the density is linear in the weights
        gram[m, m] -= count * projection
        gram[m, e] += mixed
        gram[e, m] += mixed.T
        gram[e, e] += curved
        self._embed(k, gram, complete)
        if block.bend is not None:
            complete[np.ix_(columns, columns)] += block.bend(slope)

    def _embed(self, k: int, local: Float64Array, complete: Float64Array) -> None:
        """Add second derivatives by log π_k, m_k and e_k to those by the free parameters."""
        D, block = self.mixture.n_features, self.covariances.blocks[k]
        weights, mean, columns = self.places(k)
        row = self._relative_weights()[k]
        local = np.concatenate([local[:, : 1 + D], block.pulled(local[:, 1 + D :])], axis=1)
        local = np.concatenate([local[: 1 + D], block.pulled(local[1 + D :].T).T])
        places = np.r_[weights, mean, columns]
        spread = np.zeros((len(local), len(places)))  # from the free parameters to (log π_k, m_k, φ)
        spread[0, : len(row)] = row
        spread[1:, len(row) :] = np.eye(len(local) - 1)
        complete[np.ix_(places, places)] += spread.T @ local @ spread
