"""scikit-learn's own checks of estimators, without expected failures but of two checks that no density can pass."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from sklearn.utils.estimator_checks import estimator_checks_generator, parametrize_with_checks

from gaussmix import GaussianMixture

# The checks fit a few rows of noise. NumPy's warnings stay errors.
pytestmark = pytest.mark.filterwarnings(
    "ignore::gaussmix.errors.DegenerateWarning", "ignore::sklearn.exceptions.ConvergenceWarning"
)

TYPES = ("full", "tied", "diag", "spherical")
WEIGHT_CHECK = "check_sample_weight_equivalence_on_dense_data"
SPARSE_WEIGHT_CHECK = "check_sample_weight_equivalence_on_sparse_data"
SPARSE_CHECKS = dict.fromkeys(
    ("check_estimator_sparse_array", "check_estimator_sparse_matrix"),
    "of whatever has predict_proba and takes sparse rows, the check wants the probabilities of a classifier",
)


@dataclass(frozen=True)  # not a function: xdist wants the same test names, without addresses, in each process
class LargestFeature:
    """A start by labels that depend on each row alone, so that a row of weight 2 starts as two equal rows do.

    (A search draws rows: there, only the distribution of the starts is the same.)
    """

    def __call__(self, X: Any, n_components: int, rng: np.random.Generator) -> Any:
        return X[:, :n_components].argmax(axis=1)


def _impossible(estimator: Any) -> dict[str, str]:
    """Return the checks that fail for reasons of their own; test_sparse.py has what they are about."""
    return SPARSE_CHECKS if estimator.__sklearn_tags__().input_tags.sparse else {}


@parametrize_with_checks(
    [GaussianMixture(1, covariance_type=name) for name in TYPES]
    + [GaussianMixture(3, covariance_type=name, init_params=LargestFeature()) for name in (*TYPES, "VEE")],
    expected_failed_checks=_impossible,
)
def test_scikit_learns_checks(estimator: GaussianMixture, check: Callable[[Any], None]) -> None:
    check(estimator)


def _checks_with_random_start() -> list[Any]:
    """Return all checks of three components from a searched start, but for those that its draws cannot pass."""
    return [
        pytest.param(check, estimator, id=f"{name}-{check.func.__name__}")
        for name in TYPES
        for estimator, check in estimator_checks_generator(
            GaussianMixture(3, covariance_type=name, effort="low"), mark="skip"
        )
        if check.func.__name__ not in (WEIGHT_CHECK, SPARSE_WEIGHT_CHECK, *_impossible(estimator))
    ]


@pytest.mark.parametrize(("check", "estimator"), _checks_with_random_start())
def test_scikit_learns_checks_with_random_start(check: Callable[[Any], None], estimator: Any) -> None:
    check(estimator)


def test_the_weight_check_would_notice_ignored_weights() -> None:
    class Ignoring(GaussianMixture):
        def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Any:
            return super().fit(X)

    checks = {
        check.func.__name__: (check, estimator)
        for estimator, check in estimator_checks_generator(Ignoring(3, init_params=LargestFeature()))
    }
    check, estimator = checks[WEIGHT_CHECK]
    with pytest.raises(AssertionError):
        check(estimator)
