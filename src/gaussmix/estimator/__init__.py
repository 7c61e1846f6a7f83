"""scikit-learn estimators: validate, resolve names, fit, set attributes."""

from __future__ import annotations

from gaussmix.estimator.gaussian_mixture import GaussianMixture
from gaussmix.estimator.gaussian_mixture_search import GaussianMixtureSearch

__all__ = ["GaussianMixture", "GaussianMixtureSearch"]
