"""The report of a fit: signs of over- and underfitting, spurious maxima, ill-conditioning and overlap."""

from __future__ import annotations

from gaussmix.selection.diagnosis.finding import Finding
from gaussmix.selection.diagnosis.report import Diagnosis, FitRecord, OptimaSeen, diagnose
from gaussmix.selection.diagnosis.row_evidence import RowEvidence, gather

__all__ = ["Diagnosis", "Finding", "OptimaSeen", "RowEvidence", "FitRecord", "diagnose", "gather"]
