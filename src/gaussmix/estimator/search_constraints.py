"""Which values ``GaussianMixtureSearch`` takes for each parameter; what is in lists is checked where it is read."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any, Final

from sklearn.utils._param_validation import Interval

from gaussmix.covariance import COVARIANCE_TYPES, FACTOR_TYPES, CovarianceFamily
from gaussmix.estimator.constraints import CONSTRAINTS, Count, Names
from gaussmix.selection import CRITERIA

_SHARED: Final = (
    "tol", "reg_covar", "max_iter", "n_init", "init_params", "effort", "acceleration", "on_degenerate",
    "random_state", "verbose", "n_jobs", "executor", "memory_limit", "checkpoint",
    "checkpoint_every",
)  # fmt: skip

SEARCH_CONSTRAINTS: Final[dict[str, Any]] = {
    "n_components": [Count(Integral, 1, None, closed="left"), "array-like", range],
    "covariance_type": [
        Names(["all", *COVARIANCE_TYPES, *FACTOR_TYPES]),
        CovarianceFamily,
        "array-like",
    ],
    "n_factors": [Count(Integral, 1, None, closed="left"), "array-like", range],
    "criterion": [Names(CRITERIA), "array-like"],
    "cv": [Count(Integral, 2, None, closed="left"), "cv_object"],
    "n_resamples": [Count(Integral, 1, None, closed="left")],
    "equal_weights": ["boolean", Names(["both"])],
    "time_budget": [Interval(Real, 0.0, None, closed="neither"), None],
    "abandon": ["boolean"],
    **{name: CONSTRAINTS[name] for name in _SHARED},
}
