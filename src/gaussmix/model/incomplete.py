"""A mixture of rows of which features are missing, or the component is known in part.

The density of a row is that of what was observed: the marginal of its features, over the components that it may
belong to. All else follows from the regression of missing on observed features: see ``covariance.completion``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from gaussmix.covariance import Covariances
from gaussmix.covariance.completion import (
    expected_moments,
    mixed_log_joint,
    mixed_moments,
    regression,
    shares_of,
)
from gaussmix.covariance.deconvolution import denoised, noisy_log_joint, noisy_moments
from gaussmix.moments import POOLED, Moments, buffer_size
from gaussmix.source import Known, by_group, by_pattern
from gaussmix.types import Float64Array, FloatArray, IntArray

if TYPE_CHECKING:
    from gaussmix.model.mixture import Mixture


def moments_of_known(
    mixture: Mixture, X: FloatArray, weight: Float64Array | None, known: Known, *, hard: bool
) -> Moments:
    """Return the expected moments of the complete rows about the mixture's means.

    Parameters
    ----------
    mixture : Mixture
    X : ndarray of shape (n, d)
        The observed features of rows of one group.
    weight : ndarray of shape (n,), optional
    known : Known
    hard : bool
        Give each row wholly to its most probable component.
    """
    covariances, means, log_weights = mixture.covariances, mixture.means, mixture.log_weights
    if known.components is not None:
        chosen = np.array(known.components)
        covariances, means, log_weights = covariances.select(chosen), means[chosen], log_weights[chosen]
    if known.noise is not None:
        mixing = (log_weights, means)
        moments = noisy_moments(covariances, X, weight, known.noise, mixing, hard=hard)
    elif known.mixed:
        moments = mixed_moments(covariances, X, weight, log_weights, means, hard=hard)
    elif known.features is None:
        moments = covariances.moments(X, weight, log_weights, means, hard=hard).about(means)
    else:
        observed = np.array(known.features)
        marginal, points = covariances.marginal(observed), np.ascontiguousarray(means[:, observed])
        seen = marginal.moments(X, weight, log_weights, points, hard=hard).about(points)
        moments = expected_moments(covariances, means, seen, observed, marginal)
    return moments if known.components is None else _among_all(moments, chosen, mixture.means)


def _among_all(moments: Moments, chosen: IntArray, means: Float64Array) -> Moments:
    """Return the moments of some components as those of all, which are zero elsewhere."""
    K, D = means.shape
    total = Moments(np.zeros(buffer_size(moments.scatter, K, D)), means, moments.scatter)
    total.buffer[:2] = moments.buffer[:2]
    total.count[chosen] = moments.count
    total.first[chosen] = moments.first
    place: Any = ... if moments.scatter is POOLED else chosen
    total.second[place] = moments.second
    return total


def evaluate_by_pattern(mixture: Mixture, X: FloatArray, method: str) -> Any:
    """Return what a method of covariances gives for the observed features of each row.

    Parameters
    ----------
    mixture : Mixture
    X : ndarray of shape (n, D)
        With NaN for what is missing; no row misses all.
    method : str
        Of ``Covariances``: ``(X, log_weights, means) -> array`` with a row for each of X.
    """
    out: Any = None
    for rows, known in by_group(X):
        covariances, means, block = mixture.covariances, mixture.means, X[rows]
        if known.features is not None:
            observed = np.array(known.features)
            covariances, means = covariances.marginal(observed), np.ascontiguousarray(means[:, observed])
            block = np.ascontiguousarray(block[:, observed])
        if known.mixed:
            part = _OF_LOG_JOINT[method](mixed_log_joint(covariances, block, mixture.log_weights, means))
        else:
            part = getattr(covariances, method)(block, mixture.log_weights, means)
        if out is None:
            dtype = part.dtype if method == "labels" else X.dtype
            out = np.empty((len(X), *part.shape[1:]), dtype)
        out[rows] = part
    return out


_OF_LOG_JOINT: Final[dict[str, Callable[[Float64Array], Any]]] = {
    "log_joint": lambda log_joint: log_joint,
    "log_prob": lambda log_joint: shares_of(log_joint)[1],
    "posterior": lambda log_joint: shares_of(log_joint)[0],
    "labels": lambda log_joint: log_joint.argmax(axis=1),
}


def evaluate_noisy(mixture: Mixture, X: FloatArray, noise: Float64Array, method: str) -> Any:
    """Return what ``evaluate_by_pattern`` does for rows measured with noise (n, D, D)."""
    log_joint = noisy_log_joint(mixture.covariances, X, noise, mixture.log_weights, mixture.means)
    return _OF_LOG_JOINT[method](log_joint)


def denoised_rows(
    mixture: Mixture, X: Any, noise: Float64Array, rng: np.random.Generator | None = None
) -> Float64Array:
    """Return the rows without noise: their means given what was measured, or draws if there is a generator."""
    shares = evaluate_noisy(mixture, X, noise, "posterior")
    X = X.astype(np.float64)
    rows, matrices = np.zeros(X.shape), mixture.covariances.to_dense()
    if rng is None:
        for k, mean in enumerate(mixture.means):
            rows += shares[:, k : k + 1] * denoised(matrices[k], mean, X, noise)[0]
        return rows
    component = _drawn_components(shares, rng)
    normal = rng.standard_normal(X.shape)
    for k in np.unique(component).tolist():
        own = component == k
        mean, covariance = denoised(matrices[k], mixture.means[k], X[own], noise[own])
        rows[own] = mean + (_root(covariance) @ normal[own][:, :, None])[:, :, 0]
    return rows


def conditional_means(mixture: Mixture, X: FloatArray) -> FloatArray:
    """Return the rows with each missing value replaced by its mean given the observed ones, shape (n, D)."""
    filled = X.copy()
    for rows, block, part in _incomplete_patterns(mixture, X):
        posterior = part.posterior(block).astype(np.float64)
        expected = np.zeros((len(rows), len(part.missing)))
        for k in range(mixture.n_components):
            expected += posterior[:, k : k + 1] * part.mean(block, k)
        filled[np.ix_(rows, part.missing)] = expected
    return filled


def conditional_draws(mixture: Mixture, X: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Return the rows with each missing value drawn from its distribution given the observed ones, shape (n, D)."""
    filled = X.copy()
    for rows, block, part in _incomplete_patterns(mixture, X):
        component = _drawn_components(part.posterior(block), rng)
        normal = rng.standard_normal((len(rows), len(part.missing)))
        for k in np.unique(component).tolist():
            own = component == k
            drawn = part.mean(block[own], k) + normal[own] @ part.residual_root(k).T
            filled[np.ix_(rows[own], part.missing)] = drawn
    return filled


def _drawn_components(posterior: FloatArray, rng: np.random.Generator) -> IntArray:
    """Return a component for each row, drawn with the probabilities (n, K), shape (n,)."""
    cumulative = posterior.astype(np.float64).cumsum(axis=1)
    threshold = rng.random((len(posterior), 1)) * cumulative[:, -1:]
    component: IntArray = (cumulative < threshold).sum(axis=1)
    return component


def _incomplete_patterns(mixture: Mixture, X: FloatArray) -> Iterator[tuple[IntArray, FloatArray, _Pattern]]:
    """Yield the numbers and values of the rows of each pattern in which something is missing, and the pattern."""
    for rows, features in by_pattern(X):
        if features is not None:
            yield rows, X[rows], _Pattern(mixture, np.array(features))


class _Pattern:
    """Hold how the missing features of one pattern depend on the observed ones.

    Parameters
    ----------
    mixture : Mixture
    observed : ndarray of shape (d,)
    """

    def __init__(self, mixture: Mixture, observed: IntArray) -> None:
        self._observed = observed
        self._marginal: Covariances = mixture.covariances.marginal(observed)
        self._log_weights = mixture.log_weights
        self._means = mixture.means
        self.missing, self._slopes, self._residual = regression(mixture.covariances, observed, self._marginal)

    def posterior(self, X: FloatArray) -> FloatArray:
        """Return the probability of each component given the observed features, shape (n, K)."""
        means = np.ascontiguousarray(self._means[:, self._observed])
        return self._marginal.posterior(np.ascontiguousarray(X[:, self._observed]), self._log_weights, means)

    def mean(self, X: FloatArray, k: int) -> Float64Array:
        """Return the means of the missing features in component k, shape (n, m)."""
        slopes = self._slopes[k if len(self._slopes) > 1 else 0]
        offset = X[:, self._observed] - self._means[k, self._observed]
        mean: Float64Array = self._means[k, self.missing] + offset @ slopes.T
        return mean

    def residual_root(self, k: int) -> Float64Array:
        """Return a root R of the residual covariance C = R Rᵀ in component k, shape (m, m)."""
        return _root(self._residual[k if len(self._residual) > 1 else 0])


def _root(covariance: Float64Array) -> Float64Array:
    """Return R with R Rᵀ = covariance, shape (..., m, m), by axes in units of the standard deviations."""
    variance = np.diagonal(covariance, axis1=-2, axis2=-1)
    sd = np.sqrt(np.maximum(variance, np.finfo(np.float64).tiny))[..., None]
    variances, axes = np.linalg.eigh(covariance / sd / sd.swapaxes(-1, -2))
    root: Float64Array = sd * axes * np.sqrt(np.maximum(variances, 0.0))[..., None, :]
    return root
