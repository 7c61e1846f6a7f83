"""scikit-learn's own checks of classifiers, without expected failures."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from gaussmix import MixtureClassifier

# The checks fit a few rows of noise. NumPy's warnings stay errors.
pytestmark = pytest.mark.filterwarnings(
    "ignore::gaussmix.errors.DegenerateWarning", "ignore::sklearn.exceptions.ConvergenceWarning"
)


@parametrize_with_checks(
    [
        MixtureClassifier(),
        MixtureClassifier(covariance_type="VEV"),
        MixtureClassifier(2, covariance_type="diag", effort="low"),
        MixtureClassifier(2, covariance_type="tied", shared=True, effort="low"),
        MixtureClassifier(covariance_type=["EEE", "VVV"], criterion="log_loss", cv=2),
    ]
)
def test_scikit_learns_checks(estimator: MixtureClassifier, check: Callable[[Any], None]) -> None:
    check(estimator)
