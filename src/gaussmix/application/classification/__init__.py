"""Classification by one mixture a class: discriminant analysis with any covariance family."""

from __future__ import annotations

from gaussmix.application.classification.classifier import MixtureClassifier

__all__ = ["MixtureClassifier"]
