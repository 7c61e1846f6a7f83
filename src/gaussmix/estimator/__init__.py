"""scikit-learn's face of the library: estimators that check input, name results and warn."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gaussmix.lazy import lazy

if TYPE_CHECKING:
    from gaussmix.estimator.bayesian_gaussian_mixture import BayesianGaussianMixture
    from gaussmix.estimator.gaussian_mixture import GaussianMixture
    from gaussmix.estimator.gaussian_mixture_search import GaussianMixtureSearch
    from gaussmix.estimator.student_t_mixture import StudentTMixture

__all__ = ["BayesianGaussianMixture", "GaussianMixture", "GaussianMixtureSearch", "StudentTMixture"]

# Each brings parts of scikit-learn that the others do without.
__getattr__ = lazy(
    __name__,
    {
        "BayesianGaussianMixture": "gaussmix.estimator.bayesian_gaussian_mixture",
        "GaussianMixture": "gaussmix.estimator.gaussian_mixture",
        "GaussianMixtureSearch": "gaussmix.estimator.gaussian_mixture_search",
        "StudentTMixture": "gaussmix.estimator.student_t_mixture",
    },
)
