"""What mixtures are used for: finding outliers, regression, classification."""

from __future__ import annotations

from gaussmix.application.classification import MixtureClassifier
from gaussmix.application.outliers import MixtureOutlierDetector
from gaussmix.application.regression import MixtureRegressor

__all__ = ["MixtureClassifier", "MixtureOutlierDetector", "MixtureRegressor"]
