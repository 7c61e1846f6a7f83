"""scikit-learn's own checks of estimators, without expected failures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from gaussmix import MixtureRegressor

# The checks fit a few rows of noise. NumPy's warnings stay errors.
pytestmark = pytest.mark.filterwarnings(
    "ignore::gaussmix.errors.DegenerateWarning", "ignore::sklearn.exceptions.ConvergenceWarning"
)


@dataclass(frozen=True)
class LargestFeature:
    """A start by labels that depend on each row alone, so that a row of weight 2 starts as two equal rows do."""

    def __call__(self, X: Any, n_components: int, rng: np.random.Generator) -> Any:
        return X[:, :n_components].argmax(axis=1)


@parametrize_with_checks([MixtureRegressor(1), MixtureRegressor(2, init_params=LargestFeature())])
def test_scikit_learns_checks(estimator, check):
    check(estimator)


@pytest.mark.slow
@parametrize_with_checks(
    [
        MixtureRegressor(effort="low"),
        MixtureRegressor((1, 2), init_params=LargestFeature()),
        MixtureRegressor((1, 2), init_params=LargestFeature(), criterion="cv", cv=2),
        MixtureRegressor(2, init_params=LargestFeature(), covariance_type="tied"),
        MixtureRegressor(2, init_params=LargestFeature(), covariance_type="diag"),
    ]
)
def test_scikit_learns_checks_of_other_settings(estimator, check):
    check(estimator)
