"""Finding outliers: rows of low density, how rare they are, and which features make them so."""

from __future__ import annotations

from gaussmix.application.outliers.detector import MixtureOutlierDetector

__all__ = ["MixtureOutlierDetector"]
