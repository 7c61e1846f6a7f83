"""Mixing weights when the probability of each class is given, and only the shares within a class are estimated."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from gaussmix.moments import Moments
from gaussmix.prior import Posterior, Prior
from gaussmix.prior.layered import Layered
from gaussmix.types import Float64Array, IntArray


@dataclass(frozen=True, slots=True, eq=False)
class GivenClassWeights(Layered):
    """Maximum likelihood, with the components of each class sharing the class's given probability.

    Parameters
    ----------
    base : Prior
        What is believed of means and covariances.
    priors : ndarray of shape (G,)
    owner : ndarray of shape (K,)
        The class of each component.
    """

    base: Prior
    priors: Float64Array
    owner: IntArray

    def n_weight_parameters(self, n_components: int) -> int:
        return n_components - len(self.priors)

    def mixing_weights(self, count: Float64Array) -> Float64Array:
        of_class = np.bincount(self.owner, count, len(self.priors))
        size = np.bincount(self.owner, minlength=len(self.priors))
        safe = np.where(of_class > 0, of_class, 1.0)[self.owner]
        share = np.where(of_class[self.owner] > 0, count / safe, 1.0 / size[self.owner])
        weights: Float64Array = self.priors[self.owner] * share
        return weights

    def select(self, components: IntArray) -> Prior:
        return self.base

    def update(self, moments: Moments) -> Posterior:
        posterior = self.base.update(moments)
        return replace(posterior, weights=self.mixing_weights(posterior.count))
