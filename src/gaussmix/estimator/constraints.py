"""Which values ``GaussianMixture`` takes for each parameter, as scikit-learn's validation reads them."""

from __future__ import annotations

from collections.abc import Iterable
from numbers import Integral, Real
from os import PathLike
from typing import Any, Final

from sklearn.utils._param_validation import Interval, StrOptions

from gaussmix.covariance import COVARIANCE_TYPES, FACTOR_TYPES, CovarianceFamily
from gaussmix.fit import ACCELERATIONS, EFFORTS, POLICIES, STARTS
from gaussmix.prior import Belief, Prior


class Count(Interval):
    """A range of integers, to which True and False do not belong."""

    def is_satisfied_by(self, val: Any) -> bool:
        return not isinstance(val, bool) and bool(super().is_satisfied_by(val))


class Names(StrOptions):
    """Some texts, which error messages list in this order, and not in that of a set."""

    def __init__(self, names: Iterable[str]) -> None:
        self._listed = list(dict.fromkeys(names))
        super().__init__(set(self._listed))

    def __str__(self) -> str:
        return f"a str among {{{', '.join(map(repr, self._listed))}}}"


CONSTRAINTS: Final[dict[str, Any]] = {
    "n_components": [Count(Integral, 1, None, closed="left")],
    "covariance_type": [Names([*COVARIANCE_TYPES, *FACTOR_TYPES]), CovarianceFamily],
    "n_factors": [Count(Integral, 1, None, closed="left")],
    "tol": [Interval(Real, 0.0, None, closed="left")],
    "reg_covar": [Interval(Real, 0.0, None, closed="left")],
    "max_iter": [Count(Integral, 0, None, closed="left")],
    "n_init": [Count(Integral, 1, None, closed="left")],
    "init_params": [Names(STARTS), "array-like", callable],
    "effort": [Names(EFFORTS)],
    "acceleration": [Names(name for name in ACCELERATIONS if name), None],
    "assignment": [Names(["soft", "hard"])],
    "equal_weights": ["boolean"],
    "weights_init": ["array-like", None],
    "means_init": ["array-like", None],
    "precisions_init": ["array-like", None],
    "frozen": [str, list, tuple, dict, None],
    "prior": [Belief, Prior, list, tuple, None],
    "background": [Names(["uniform", "hull"]), callable, None],
    "random_state": ["random_state"],
    "warm_start": ["boolean"],
    "verbose": ["verbose"],
    "verbose_interval": [Count(Integral, 1, None, closed="left")],
    "n_jobs": [Count(Integral, 1, None, closed="left"), Count(Integral, None, -1, closed="right"), None],
    "on_degenerate": [Names(POLICIES)],
    "executor": [str, object, None],
    "memory_limit": [Count(Integral, 1, None, closed="left"), str, None],
    "checkpoint": [str, PathLike, None],
    "checkpoint_every": [Interval(Real, 0.0, None, closed="left")],
    "truncation": [Count(Integral, 1, None, closed="left"), None],
    "half_life": [Interval(Real, 0.0, None, closed="neither"), None],
}
