"""scikit-learn's own checks of mixtures of t distributions, without expected failures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from gaussmix import StudentTMixture

# The checks fit a few rows of noise. NumPy's warnings stay errors.
pytestmark = pytest.mark.filterwarnings(
    "ignore::gaussmix.errors.DegenerateWarning", "ignore::sklearn.exceptions.ConvergenceWarning"
)


@dataclass(frozen=True)  # not a function: xdist wants the same test names, without addresses, in each process
class LargestFeature:
    """A start by labels that depend on each row alone, so that a row of weight 2 starts as two equal rows do."""

    def __call__(self, X: Any, n_components: int, rng: np.random.Generator) -> Any:
        return X[:, :n_components].argmax(axis=1)


@parametrize_with_checks(
    [
        StudentTMixture(),
        StudentTMixture(degrees_of_freedom=4.0, covariance_type="diag"),
        StudentTMixture(3, init_params=LargestFeature()),
        StudentTMixture(3, init_params=LargestFeature(), covariance_type="tied", degrees_of_freedom="shared"),
    ]
)
def test_scikit_learns_checks(estimator: StudentTMixture, check: Callable[[Any], None]) -> None:
    check(estimator)
