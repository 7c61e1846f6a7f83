"""Adaptation of a given mixture to few rows: its components are where the rows are believed to be.

With n_k rows of mean E_k(x) and mean square E_k(x²) in component k, and α_k = n_k / (n_k + r), the parameters are

    π̂_k ∝ α_k n_k / N + (1 − α_k) π_k
    μ̂_k = α_k E_k(x) + (1 − α_k) μ_k
    σ̂²_k = α_k E_k(x²) + (1 − α_k) (σ²_k + μ_k²) − μ̂_k²

(Reynolds, Quatieri & Dunn 2000, eqs. 11 to 14). The last two are the most probable parameters under a conjugate prior
of r pseudo-rows with the mean and covariance of the given component, for matrices as for variances; where the means
are kept, the variances are taken about them. The first line is not the mode of any prior.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from gaussmix.errors import ParameterError
from gaussmix.moments import DIAGONAL, FULL, POOLED, TRACE, Moments, Scatter
from gaussmix.prior.base import Parameters, Posterior, Prior
from gaussmix.prior.belief import Belief, Setting, positive_number
from gaussmix.prior.conjugate import Conjugate
from gaussmix.prior.frozen import Frozen, Given
from gaussmix.prior.layered import Layered
from gaussmix.types import Float64Array, IntArray

_ADAPTABLE: Final = ("means", "variances", "weights")


@dataclass(frozen=True, eq=False)
class Relevance(Belief):
    """Adapt a given mixture to few rows: a ``prior`` of ``GaussianMixture``, which then starts from that mixture.

    A component moves to the rows that it explains, by the part n / (n + factor) of the way; where there are none, it
    stays. ``max_iter=1`` is a single adaptation, as speaker verification adapts its universal background model.
    The rule for the weights maximises no likelihood: with "weights" among the adapted the lower bound may fall, and
    the fit is not accelerated. ``n_components`` is that of the mixture.

    Parameters
    ----------
    mixture : Mixture
        The background model, such as ``mixture_`` of a fit.
    factor : float, default=16
        How many rows the belief in each component is worth.
    adapt : sequence of str, default=("means", "variances", "weights")
        What moves; the rest stays as it is in ``mixture``. Covariances can be kept where each component has its own,
        or all have one, without other constraints.

    References
    ----------
    Reynolds, Quatieri & Dunn (2000), Speaker verification using adapted Gaussian mixture models, Digital Signal
    Processing 10.

    Examples
    --------
    >>> from gaussmix import GaussianMixture, Mixture
    >>> from gaussmix.prior import Relevance
    >>> background = Mixture.from_parameters([0.5, 0.5], [[0.0], [10.0]], [[[1.0]], [[1.0]]])
    >>> prior = Relevance(background, factor=4, adapt=["means"])
    >>> adapted = GaussianMixture(2, prior=prior).fit([[1.0], [3.0], [1.0], [3.0]])
    >>> adapted.means_.round(6)  # half-way from 0 to 2
    array([[ 1.],
           [10.]])
    """

    mixture: Parameters
    factor: float = 16.0
    adapt: Sequence[str] = _ADAPTABLE

    @property
    def about(self) -> frozenset[str]:
        return frozenset({"weights", "means", "covariances"})

    @property
    def start(self) -> Parameters:
        return self.mixture

    @property
    def adapted(self) -> frozenset[str]:
        """What moves.

        Raises
        ------
        ParameterError
            If ``adapt`` names something else, or nothing.
        """
        names = frozenset([self.adapt] if isinstance(self.adapt, str) else self.adapt)
        if not names or not names <= set(_ADAPTABLE):
            raise ParameterError(
                f"Relevance's adapt should be one or more of {', '.join(_ADAPTABLE)}, got {self.adapt!r}"
            )
        return names

    def resolve(self, setting: Setting, base: Prior) -> Prior:
        given, adapted, kind = self.mixture, self.adapted, setting.family.scatter
        K, D = setting.n_components, setting.n_features
        if given.means.shape != (K, D):
            raise ParameterError(
                f"Relevance adapts a mixture of {len(given.means)} components of {given.means.shape[1]} features, "
                f"which is no prior for n_components={K} and {D} features"
            )
        if kind not in (FULL, POOLED, DIAGONAL, TRACE):
            raise ParameterError(f"Relevance is no prior for covariance_type={setting.family.name!r}")
        rows = np.full(K, positive_number("Relevance's factor", self.factor))
        weights = AdaptedWeights(base, given.weights, rows[0]) if "weights" in adapted else base
        scatter = rows[0] * kind.of_dense(given.covariances.to_dense())
        prior = Conjugate(weights, given.means, rows, kind, scatter, rows)
        return prior if adapted == set(_ADAPTABLE) else _keeping(prior, given, adapted, setting)


@dataclass(frozen=True, slots=True, eq=False)
class AdaptedWeights(Layered):
    """Weights between those of the rows and given ones (Reynolds, Quatieri & Dunn 2000, eq. 11).

    Parameters
    ----------
    base : Prior
        Of means and covariances.
    weights : ndarray of shape (K,)
    factor : float
        r.
    """

    base: Prior
    weights: Float64Array
    factor: float

    @property
    def maximises(self) -> bool:
        return False

    def mixing_weights(self, count: Float64Array) -> Float64Array:
        part = count / (count + self.factor)
        weights = part * count / count.sum() + (1.0 - part) * self.weights
        adapted: Float64Array = weights / weights.sum()
        return adapted

    def update(self, moments: Moments) -> Posterior:
        return replace(self.base.update(moments), weights=self.mixing_weights(moments.count))

    def select(self, components: IntArray) -> AdaptedWeights:
        return AdaptedWeights(self.base.select(components), self.weights[components], self.factor)


def _keeping(prior: Prior, given: Parameters, adapted: frozenset[str], setting: Setting) -> Frozen:
    """Return the prior that keeps what is not adapted."""
    all_of_them, family = np.ones(len(given.weights), bool), setting.family
    weights = None if "weights" in adapted else Given(given.weights, all_of_them)
    means = None if "means" in adapted else Given(given.means, all_of_them)
    if "variances" in adapted:
        return Frozen(prior, weights, means)
    if not family.unconstrained:
        raise ParameterError(
            f"Relevance cannot keep the covariances of covariance_type={family.name!r}: adapt 'variances' too, or "
            "use 'full', 'tied', 'diag' or 'spherical'"
        )
    kept = _in_the_form_of(family.scatter, given)
    return Frozen(prior, weights, means, Given(kept, all_of_them, shared=family.scatter is POOLED))


def _in_the_form_of(kind: Scatter, given: Parameters) -> Float64Array:
    """Return covariances as families with this kind of scatter store them."""
    if given.covariances.scatter is kind:
        return given.covariances.parameters()
    dense = given.covariances.to_dense()
    if kind is POOLED:
        pooled: Float64Array = np.tensordot(given.weights, dense, 1)
        return pooled
    return kind.of_dense(dense) / (given.means.shape[1] if kind is TRACE else 1)
