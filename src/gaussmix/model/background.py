"""A mixture before a background of known density: rows that belong to no component, such as uniform noise.

p(x) = π_0 b(x) + (1 − π_0) Σ_k π_k N(x | μ_k, Σ_k), with b(x) = 1 / V for uniform noise in a volume V (Banfield &
Raftery 1993). Given a row's density under both parts, what the components see of it is a row of less weight: so the
E-step is the mixture's own with weights w_i P(not background | x_i).

References
----------
Banfield & Raftery (1993), Model-based Gaussian and non-Gaussian clustering, Biometrics 49.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from gaussmix.errors import DataError, DegenerateError, ParameterError
from gaussmix.model.mixture import Mixture
from gaussmix.moments import Moments
from gaussmix.source import Known
from gaussmix.types import BoolArray, Float64Array, FloatArray, IntArray

_HULL_FEATURES: Final = 6  # beyond which a convex hull has too many faces
_FLAT: Final = 1e-9  # of the longest axis: an axis so short is rounding error
_LEAST: Final = 1e-12  # of all weight: with less left for them, there are no components
Density = Callable[[FloatArray], Float64Array]


@dataclass(frozen=True, slots=True)
class Uniform:
    """The uniform density of a volume, taken to be the same everywhere.

    Attributes
    ----------
    log_volume : float
        In logarithms of the product of the features' units.
    """

    log_volume: float

    def __call__(self, X: FloatArray) -> Float64Array:
        return np.full(len(X), -self.log_volume)


def log_volume(X: Float64Array, method: str = "box") -> float:
    """Return the logarithm of the volume that rows take up.

    Parameters
    ----------
    X : ndarray of shape (N, D)
    method : {"box", "hull"}
        The smaller one of two boxes, along the features and along the principal axes of the rows; or the convex hull.

    Raises
    ------
    DataError
        If the rows lie in a plane, so that they take up none.
    """
    X = X - X.mean(axis=0)
    spread = np.ptp(X, axis=0)
    if not (spread > 0).all():
        raise DataError("a background needs rows that take up a volume, but a column is constant: drop it")
    Z = X / spread  # in units in which nothing over- or underflows
    if method == "hull":
        from scipy.spatial import ConvexHull, QhullError

        if Z.shape[1] > _HULL_FEATURES:
            raise DataError(
                f"the convex hull of rows of {Z.shape[1]} features takes too long: use background='uniform'"
            )
        try:
            volume = np.ptp(Z) if Z.shape[1] == 1 else ConvexHull(Z).volume
        except QhullError:
            raise DataError(
                "the convex hull of the rows has no volume, or too many features: use background='uniform'"
            ) from None
        return float(np.log(volume) + np.log(spread).sum())
    scale = np.sqrt(np.square(X).mean(axis=0))
    axes = np.linalg.svd(X / scale.max(), full_matrices=False)[2]
    ranges = np.ptp((X / scale.max()) @ axes.T, axis=0)
    along_features = float(np.log(spread).sum())
    if (
        ranges.min() <= _FLAT * ranges.max()
    ):  # some features follow from others: along the axes there is no volume
        return along_features
    return min(along_features, float(np.log(ranges).sum() + X.shape[1] * np.log(scale.max())))


@dataclass(frozen=True, slots=True, eq=False)
class BackgroundMoments:
    """Hold the moments of the components' part of some rows, and what is left of the rows.

    Attributes
    ----------
    moments : Moments
        Of rows weighted by P(not background | x).
    log_likelihood : float
        Of both parts together, a total in nats.
    weight : float
        Of all rows.
    count : float
        Of the background.
    """

    moments: Moments
    log_likelihood: float
    weight: float
    count: float

    def __add__(self, other: BackgroundMoments) -> BackgroundMoments:
        """Add the moments of two disjoint sets of rows."""
        return BackgroundMoments(
            self.moments + other.moments,
            self.log_likelihood + other.log_likelihood,
            self.weight + other.weight,
            self.count + other.count,
        )


@dataclass(frozen=True, eq=False)
class BackgroundMixture:
    """Describe a mixture before a background.

    Attributes
    ----------
    mixture : Mixture
        Of the rows that are not background; its weights sum to 1.
    share : float
        π_0, the weight of the background.
    background : callable
        ``X -> log b(x)``, shapes (n, D) -> (n,), in nats.
    """

    mixture: Mixture
    share: float
    background: Density

    @property
    def n_components(self) -> int:
        """K, without the background."""
        return self.mixture.n_components

    @property
    def n_classes(self) -> int:
        """Columns of ``posterior``: K + 1."""
        return self.mixture.n_components + 1

    @property
    def n_features(self) -> int:
        """D."""
        return self.mixture.n_features

    @property
    def n_parameters(self) -> int:
        """Free parameters: the mixture's, the background's weight, and its volume if it is uniform."""
        return self.mixture.n_parameters + 1 + isinstance(self.background, Uniform)

    @property
    def weights(self) -> Float64Array:
        """Mixing weights of the components, of sum 1 − share."""
        return (1.0 - self.share) * self.mixture.weights

    @property
    def means(self) -> Float64Array:
        """Means of the components, shape (K, D)."""
        return self.mixture.means

    @property
    def collapsed(self) -> BoolArray:
        """Components that were left without rows or with a singular covariance."""
        return self.mixture.collapsed

    def e_step(
        self,
        X: FloatArray,
        weight: Float64Array | None = None,
        *,
        hard: bool = False,
        known: Known | None = None,
    ) -> BackgroundMoments:
        """Return the moments of one block of rows."""
        if known is not None:
            raise ParameterError("a background does not go together with missing values, labels or noise")
        w = np.ones(len(X)) if weight is None else weight
        components, total = self._parts(X)
        part = np.exp(components - total)
        if hard:
            part = (part >= 0.5).astype(np.float64)
            total = np.maximum(components, self._log_background(X))
        own = w * part
        used = w > 0
        moments = self.mixture.e_step(X, own, hard=hard)
        return BackgroundMoments(
            moments, float(w[used] @ total[used]), float(w.sum()), float((w - own).sum())
        )

    def m_step(self, moments: BackgroundMoments) -> BackgroundMixture:
        """Return the model that maximises the expected log-likelihood given the moments.

        Raises
        ------
        DegenerateError
            If all rows are background.
        """
        if moments.weight - moments.count <= _LEAST * moments.weight:
            raise DegenerateError(
                "all rows have become background: use fewer components, another start or background=None"
            )
        mixture = self.mixture.m_step(moments.moments)
        return replace(self, mixture=mixture, share=moments.count / moments.weight)

    def em_steps(
        self, X: FloatArray, weight: Float64Array | None, n_steps: int
    ) -> tuple[BackgroundMixture, list[float], list[float]]:
        """Return this model: the kernel has no iterations of this kind in one go."""
        return self, [], []

    def lower_bound(self, moments: BackgroundMoments) -> float:
        """Return the mean log-likelihood per unit of weight, in nats."""
        return moments.log_likelihood / moments.weight

    def movement(self, previous: BackgroundMixture) -> float:
        """Return the relative distance of the parameters from ``previous``; see ``Mixture.movement``."""
        change = (self.share - previous.share) / np.sqrt(max(self.share, previous.share, _LEAST))
        return float(np.hypot(self.mixture.movement(previous.mixture), change))

    def select(self, components: IntArray) -> BackgroundMixture:
        """Return the model with the listed components only."""
        return replace(self, mixture=self.mixture.select(components))

    def split(self, donor: int, component: int) -> BackgroundMixture:
        """Return the model in which ``component`` has become half of another one; see ``Mixture.split``."""
        return replace(self, mixture=self.mixture.split(donor, component))

    def log_prob(self, X: Any) -> FloatArray:
        """Return log p(x), shape (n,), in nats."""
        return self._parts(np.asarray(X))[1]

    def posterior(self, X: Any) -> FloatArray:
        """Return the probabilities of the components and, last, of the background, shape (n, K + 1)."""
        X = np.asarray(X)
        components, total = self._parts(X)
        part = np.exp(components - total)[:, None]
        return np.hstack([part * self.mixture.posterior(X), 1.0 - part])

    def predict(self, X: Any) -> IntArray:
        """Return the most probable component of each row, −1 for the background, shape (n,)."""
        posterior = self.posterior(X)
        labels = posterior.argmax(axis=1)
        return np.where(labels == self.n_components, -1, labels)

    def _parts(self, X: FloatArray) -> tuple[Float64Array, Float64Array]:
        """Return log (1 − π_0) Σ_k π_k N and log p, shape (n,) each."""
        with np.errstate(divide="ignore"):
            components = np.log1p(-self.share) + self.mixture.log_prob(X).astype(np.float64)
        return components, np.logaddexp(components, self._log_background(X))

    def _log_background(self, X: FloatArray) -> Float64Array:
        with np.errstate(divide="ignore"):
            density = np.asarray(self.background(X), np.float64)
            if density.shape != (len(X),):
                raise DataError(
                    f"background should return one value a row, ({len(X)},), but gave {density.shape}"
                )
            if np.isnan(density).any() or (density == np.inf).any():
                raise DataError("background should return log-densities: finite, or -inf where there is none")
            shifted: Float64Array = np.log(self.share) + density
            return shifted
