"""scikit-learn's own checks of outlier detectors, without expected failures."""

from __future__ import annotations

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from gaussmix import MixtureOutlierDetector

# The checks fit a few rows of noise. NumPy's warnings stay errors.
pytestmark = pytest.mark.filterwarnings(
    "ignore::gaussmix.errors.DegenerateWarning", "ignore::sklearn.exceptions.ConvergenceWarning"
)


@parametrize_with_checks([MixtureOutlierDetector(), MixtureOutlierDetector(1, contamination=0.1)])
def test_scikit_learns_checks(estimator, check):
    check(estimator)
