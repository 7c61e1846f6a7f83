"""A Dirichlet prior on the mixing weights: density ∝ Π_k π_k^(α_k − 1), mode π_k ∝ N_k + α_k − 1."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from gaussmix.errors import ParameterError
from gaussmix.moments import Moments
from gaussmix.prior.base import Parameters, Posterior, Prior
from gaussmix.prior.belief import Belief, Setting, finite_array
from gaussmix.prior.layered import Layered
from gaussmix.types import Float64Array, IntArray


@dataclass(frozen=True, eq=False)
class Dirichlet(Belief):
    """Believe that the mixing weights are near each other: a ``prior`` of ``GaussianMixture``.

    The most probable weights are π_k ∝ N_k + α − 1, as if each component had α − 1 rows more.

    Parameters
    ----------
    concentration : float or array-like of shape (K,)
        α, at least 1; 1 is no belief. Below 1 the density has no maximum, as it rises without limit where a weight
        vanishes: weights that are to vanish are a matter for variational inference. An array is for components
        that are told apart by where they start.

    Examples
    --------
    >>> import numpy as np
    >>> from gaussmix import GaussianMixture
    >>> from gaussmix.prior import Dirichlet
    >>> X = np.array([[0.0], [1.0], [2.0], [50.0], [51.0], [52.0], [53.0], [54.0]])
    >>> fitted = GaussianMixture(2, prior=Dirichlet(11), random_state=0).fit(X)
    >>> np.sort(fitted.weights_).round(3)  # (3 + 10) / 28 and (5 + 10) / 28
    array([0.464, 0.536])
    """

    concentration: Any

    @property
    def about(self) -> frozenset[str]:
        return frozenset({"weights"})

    def resolve(self, setting: Setting, base: Prior) -> Prior:
        shape = (setting.n_components,) if np.ndim(self.concentration) else ()
        concentration = finite_array("Dirichlet's concentration", self.concentration, shape)
        if concentration.min() < 1.0:
            raise ParameterError(
                f"Dirichlet's concentration should be at least 1, got {concentration.min():g}: below 1 "
                "no weights are most probable"
            )
        return PseudoRows(base, np.array(np.broadcast_to(concentration - 1.0, setting.n_components)))


@dataclass(frozen=True, slots=True, eq=False)
class PseudoRows(Layered):
    """Believe of the weights what so many more rows would say.

    Parameters
    ----------
    base : Prior
        Of means and covariances.
    n_rows : ndarray of shape (K,)
        α_k − 1.
    """

    base: Prior
    n_rows: Float64Array

    def log_density(self, mixture: Parameters) -> float:
        used = self.n_rows > 0
        with np.errstate(divide="ignore"):
            own = self.n_rows[used] @ np.log(mixture.weights[used])
        return self.base.log_density(mixture) + float(own)

    def mixing_weights(self, count: Float64Array) -> Float64Array:
        return self.base.mixing_weights(count + self.n_rows)

    def update(self, moments: Moments) -> Posterior:
        return replace(self.base.update(moments), weights=self.mixing_weights(moments.count))

    def select(self, components: IntArray) -> PseudoRows:
        return PseudoRows(self.base.select(components), self.n_rows[components])
