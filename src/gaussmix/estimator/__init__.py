"""scikit-learn estimators: validate, resolve names, fit, set attributes."""

from __future__ import annotations

from gaussmix.estimator.bayesian_gaussian_mixture import BayesianGaussianMixture
from gaussmix.estimator.gaussian_mixture import GaussianMixture
from gaussmix.estimator.gaussian_mixture_search import GaussianMixtureSearch
from gaussmix.estimator.student_t_mixture import StudentTMixture

__all__ = ["BayesianGaussianMixture", "GaussianMixture", "GaussianMixtureSearch", "StudentTMixture"]
