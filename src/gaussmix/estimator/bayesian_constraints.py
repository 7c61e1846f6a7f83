"""Which values ``BayesianGaussianMixture`` takes for each parameter."""

from __future__ import annotations

from numbers import Real
from typing import Any, Final

from sklearn.utils._param_validation import Interval

from gaussmix.covariance import FAMILIES
from gaussmix.estimator.constraints import CONSTRAINTS, Names
from gaussmix.model.variational import CONVENTIONS, PRECISIONS

_SHARED: Final = (
    "n_components", "tol", "reg_covar", "max_iter", "n_init", "init_params", "effort", "random_state", "warm_start",
    "verbose", "verbose_interval", "n_jobs", "executor", "memory_limit", "checkpoint", "checkpoint_every",
)  # fmt: skip
_POSITIVE: Final = Interval(Real, 0.0, None, closed="neither")

BAYESIAN_CONSTRAINTS: Final[dict[str, Any]] = {
    "covariance_type": [Names([*PRECISIONS, *(FAMILIES[name].code for name in PRECISIONS)])],
    "weight_concentration_prior_type": [Names(["dirichlet_process", "dirichlet_distribution"])],
    "weight_concentration_prior": [None, _POSITIVE],
    "weight_concentration_hyper_prior": [None, "array-like"],
    "mean_precision_prior": [None, _POSITIVE],
    "mean_prior": [None, "array-like"],
    "degrees_of_freedom_prior": [None, _POSITIVE],
    "covariance_prior": [None, "array-like", _POSITIVE],
    "order_components": ["boolean"],
    "prune": ["boolean"],
    "convention": [Names(CONVENTIONS)],
    **{name: CONSTRAINTS[name] for name in _SHARED},
}
