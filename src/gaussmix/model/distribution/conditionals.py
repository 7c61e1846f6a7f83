"""The distributions of some features given the values of others, for many rows at once.

Given component k, the features u depend on the given ones o by linear regression (see ``covariance.completion``), and
the row's values say how probable each component is (Bishop 2006, eqs. 2.81, 2.82 and 9.13)::

    p(x_u | x_o) = Σ_k w_k(x_o) N(x_u | μ_u + B_k (x_o − μ_o), C_k),     w_k ∝ π_k N(x_o | μ_o, Σ_oo)

References
----------
Bishop (2006), Pattern Recognition and Machine Learning.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from gaussmix.covariance import Covariances
from gaussmix.covariance.completion import regression
from gaussmix.errors import DataError, ParameterError
from gaussmix.model.distribution import univariate
from gaussmix.model.distribution.derived import derived, stored_like
from gaussmix.moments import DIAGONAL, TRACE
from gaussmix.types import Float64Array, IntArray

if TYPE_CHECKING:
    from gaussmix.model.mixture import Mixture

_BLOCK = 1 << 20  # numbers of temporary arrays, about


@dataclass(frozen=True, eq=False)
class Conditionals:
    """Hold n mixtures of R features: those of the rows that were conditioned on. Covariances are shared by all rows.

    Attributes
    ----------
    log_weights : ndarray of shape (n, K)
        Logarithms of the components' probabilities given the row.
    means : ndarray of shape (n, K, R)
        In the features' units. Read-only, with one copy for all rows, where features are independent.
    log_density : ndarray of shape (n,)
        log p(x_o) of the conditioning rows themselves, in nats.
    features : ndarray of shape (R,)
        The numbers of the features in the mixture that was conditioned, ascending.
    matrices : Covariances
        The covariances in the form of a mixture's.

    Examples
    --------
    >>> from gaussmix import Mixture
    >>> joint = Mixture.from_parameters([1.0], [[0.0, 1.0]], [[[1.0, 0.5], [0.5, 1.0]]])
    >>> given = joint.condition_rows([0], [[0.0], [2.0]])
    >>> given.mean()
    array([[1.],
           [2.]])
    >>> given.covariances
    array([[[0.75]]])
    """

    log_weights: Float64Array
    means: Float64Array
    log_density: Float64Array
    features: IntArray
    matrices: Covariances = field(repr=False)

    def __len__(self) -> int:
        return len(self.log_weights)

    @cached_property
    def weights(self) -> Float64Array:
        """The components' probabilities given each row, shape (n, K)."""
        return np.exp(self.log_weights)

    @cached_property
    def covariances(self) -> Float64Array:
        """The components' covariance matrices, the same for all rows, shape (K, R, R)."""
        return self.matrices.to_dense()

    @property
    def n_features(self) -> int:
        """R."""
        return int(self.means.shape[2])

    def mixture(self, i: int) -> Mixture:
        """Return the mixture that belongs to row ``i``."""
        return derived(self.weights[i], self.means[i], self.matrices)

    def mean(self) -> Float64Array:
        """Return the mean of each row's mixture, shape (n, R), in the features' units."""
        return np.asarray(np.einsum("nk,nkr->nr", self.weights, self.means))

    def covariance(self) -> Float64Array:
        """Return the covariance matrix of each row's mixture, shape (n, R, R), in squared units.

        It is that within the components plus that of their means about the row's mean.
        """
        within = self.covariances.reshape(len(self.covariances), -1)  # (K, R·R)
        total = (self.weights @ within).reshape(len(self), self.n_features, self.n_features)
        mean = self.mean()
        for k in range(len(within)):
            shift = np.sqrt(self.weights[:, k, None]) * (self.means[:, k] - mean)
            total += shift[:, :, None] * shift[:, None, :]
        return total

    def log_prob(self, Y: object) -> Float64Array:
        """Return log p(y_i | row i), shape (n,), in nats.

        Parameters
        ----------
        Y : array-like of shape (n, R)
            A value of the features for each row.

        Raises
        ------
        DataError
            If its shape is another or a value is not finite.
        """
        rows = self._rows(Y)
        log_joint, precise = self.log_weights.copy(), self.matrices.refined()
        origin = np.zeros((1, self.n_features))
        for k in range(log_joint.shape[1]):
            one = precise.select(np.array([k]))
            shift = np.ascontiguousarray(rows - self.means[:, k])
            log_joint[:, k] += one.log_joint(shift, np.zeros(1), origin)[:, 0]
        return normalised(log_joint)[1]

    def cdf(self, Y: object) -> Float64Array:
        """Return P(feature r ≤ Y_ir | row i), for each feature by itself, shape (n, R).

        Parameters
        ----------
        Y : array-like of shape (n, R)
            A value of the features for each row.
        """
        rows, sd = self._rows(Y), self.matrices.standard_deviations()
        out = np.empty(rows.shape)
        for r in range(self.n_features):
            for part in self._blocks():
                out[part, r] = univariate.cdf(
                    rows[part, r], self.weights[part], self.means[part, :, r], sd[:, r]
                )
        return out

    def quantile(self, q: object) -> Float64Array:
        """Return the values below which each feature lies with probability q given the row.

        Each feature is taken by itself; see ``Mixture.quantile`` for the accuracy.

        Parameters
        ----------
        q : float or array-like of shape (m,)
            Probabilities.

        Returns
        -------
        ndarray of shape (n, R) for one probability, (m, n, R) for several
        """
        values = univariate.probabilities(q)
        sd, n = self.matrices.standard_deviations(), len(self)
        out = np.empty((values.size, n, self.n_features))
        for i, value in enumerate(values.ravel()):
            for r in range(self.n_features):
                out[i, :, r] = univariate.quantile(
                    np.full(n, value), self.weights, self.means[:, :, r], sd[:, r]
                )
        return out.reshape(*values.shape, n, self.n_features)

    def sample(
        self, random_state: np.random.Generator | int | None = None, *, n_draws: int | None = None
    ) -> Float64Array:
        """Draw from each row's mixture.

        Parameters
        ----------
        random_state : numpy.random.Generator or seed, optional
        n_draws : int, optional
            How many of each row.

        Returns
        -------
        ndarray of shape (n, R), or (n_draws, n, R)
        """
        if n_draws is not None and (n_draws != int(n_draws) or n_draws < 1):
            raise ParameterError(f"n_draws should be a positive whole number, got {n_draws!r}")
        rng = np.random.default_rng(random_state)
        ends = self.weights.cumsum(axis=1)
        chosen = rng.random((int(n_draws or 1), len(self))) * ends[:, -1]
        labels = np.zeros(chosen.shape, np.intp)
        for end in ends.T[:-1]:
            labels += chosen >= end
        draws = self.means[np.arange(len(self)), labels]  # (n_draws, n, R)
        for k in range(ends.shape[1]):
            own = labels == k
            Z = rng.standard_normal((np.count_nonzero(own), self.n_features))
            draws[own] += self.matrices.colorize(Z, k)
        return draws[0] if n_draws is None else draws

    def _rows(self, Y: object) -> Float64Array:
        try:
            rows = np.asarray(Y, dtype=np.float64)
        except (TypeError, ValueError):
            raise DataError("Y should be an array of real numbers") from None
        if rows.shape != (len(self), self.n_features):
            raise DataError(f"Y should have shape ({len(self)}, {self.n_features}), got {rows.shape}")
        if not np.isfinite(rows).all():
            i, r = np.argwhere(~np.isfinite(rows))[0]
            raise DataError(f"Y should be finite, but row {i}, column {r} is {rows[i, r]}")
        return rows

    def _blocks(self) -> list[slice]:
        """Return parts of the rows, so that what is computed for each component of each row stays small."""
        step = max(1, _BLOCK // self.log_weights.shape[1])
        return [slice(start, start + step) for start in range(0, len(self), step)]


def conditionals(mixture: Mixture, features: IntArray, X: object) -> Conditionals:
    """Return the distributions of the other features given the values ``X`` (n, d) of ``features`` (d,)."""
    if len(features) == mixture.n_features:
        raise ParameterError(f"conditioning on all {len(features)} features leaves none: name fewer")
    others = np.setdiff1d(np.arange(mixture.n_features), features)
    given = mixture.marginal(features)
    if given.covariances.singular.any():
        k = int(np.flatnonzero(given.covariances.singular)[0])
        raise ParameterError(
            f"features {features.tolist()} cannot be conditioned on, because their covariance in component {k} is "
            "singular: leave out those that the others determine"
        )
    rows = np.asarray(given._rows(X), np.float64)
    evaluated = given.precise_covariances.log_joint(rows, given.log_weights, given.means)
    log_joint = np.asarray(evaluated, np.float64)
    lost = log_joint.max(axis=1) == -np.inf  # so far away that the squared distance is no number
    log_joint[lost] = mixture.log_weights
    log_weights, log_density = normalised(log_joint)
    log_density[lost] = -np.inf
    if mixture.covariances.scatter in (DIAGONAL, TRACE):
        rest = mixture.marginal(others)
        means = np.broadcast_to(rest.means, (len(rows), *rest.means.shape))
        return Conditionals(log_weights, means, log_density, others, rest.covariances)
    _, slopes, residual = regression(mixture.covariances, features, given.precise_covariances)
    means = np.empty((len(rows), len(given.means), len(others)))
    for k, centre in enumerate(given.means):
        slope = slopes[k % len(slopes)]  # there is one for all where they share a covariance matrix
        means[:, k] = mixture.means[k, others] + (rows - centre) @ slope.T
    matrices = stored_like(mixture.covariances, residual)
    if matrices.singular.any():
        raise ParameterError(
            f"features {others.tolist()} are determined by the given ones: condition on fewer"
        )
    return Conditionals(log_weights, means, log_density, others, matrices)


def normalised(log_joint: Float64Array) -> tuple[Float64Array, Float64Array]:
    """Return the logarithms of each row's terms divided by their sum, (n, K), and of the sum, (n,).

    The largest term is taken out first, so that the weights sum to one however far away a row lies.
    """
    top = log_joint.max(axis=1, keepdims=True)
    relative = log_joint - np.where(np.isfinite(top), top, 0.0)
    with np.errstate(divide="ignore"):
        log_sum = np.log(np.exp(relative).sum(axis=1, keepdims=True))
    return relative - log_sum, (top + log_sum)[:, 0]
