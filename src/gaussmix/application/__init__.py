"""What mixtures are used for: finding outliers, regression, classification, densities of many features."""

from __future__ import annotations

from gaussmix.application.classification import MixtureClassifier
from gaussmix.application.outliers import MixtureOutlierDetector
from gaussmix.application.projection import ProjectedMixture
from gaussmix.application.regression import MixtureRegressor

__all__ = ["MixtureClassifier", "MixtureOutlierDetector", "MixtureRegressor", "ProjectedMixture"]
