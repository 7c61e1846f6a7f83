"""The fitted attributes of ``BayesianGaussianMixture``, in scikit-learn's names and shapes."""

from __future__ import annotations

from typing import Any

from gaussmix.estimator.bayesian_belief import Priors
from gaussmix.estimator.gaussian_attributes import fitted_attributes
from gaussmix.model.variational import VariationalMixture


def posterior_attributes(model: VariationalMixture, priors: Priors) -> dict[str, Any]:
    """Return what the posterior and its prior say, by attribute."""
    covariance = priors.covariance
    degrees: Any = model.degrees_of_freedom
    if model.belief.precisions.shared:  # scikit-learn's convention counts the prior once a component
        degrees = float(degrees[0]) * (priors.degrees_of_freedom / model.belief.degrees_of_freedom)
    return {
        **fitted_attributes(model.plug_in()),
        "posterior_": model,
        "n_components_effective_": len(model.used()),
        "weight_concentration_": model.weight_posterior.parameters,
        "weight_concentration_prior_": model.weight_posterior.concentration,
        "mean_precision_": model.mean_precision,
        "mean_precision_prior_": priors.mean_precision,
        "mean_prior_": priors.mean,
        "degrees_of_freedom_": degrees,
        "degrees_of_freedom_prior_": priors.degrees_of_freedom,
        "covariance_prior_": float(covariance) if covariance.ndim == 0 else covariance,
    }
