"""Which model: criteria, the search over components and covariance families, tests and resampling."""

from __future__ import annotations

from gaussmix.selection.bootstrap import BootstrapTest, LikelihoodRatioTest
from gaussmix.selection.criteria import CRITERIA, REFITTING, Evidence
from gaussmix.selection.cross_validation import folds, given_folds, held_out
from gaussmix.selection.diagnosis import Diagnosis, Finding, FitRecord, RowEvidence, diagnose, gather
from gaussmix.selection.grid import Cell, grid, unsupported
from gaussmix.selection.measure import measure
from gaussmix.selection.merge_tree import MergeTree
from gaussmix.selection.merged import MergedMixture
from gaussmix.selection.merging import merge_components
from gaussmix.selection.nesting import consistent, embedded
from gaussmix.selection.outcome import Fitted, Fitter, Outcome
from gaussmix.selection.ranking import against_one, ranks
from gaussmix.selection.search import GUIDES, Limits, Search
from gaussmix.selection.stability import agreement, resamples
from gaussmix.selection.uncertainty import (
    MeanEllipse,
    Uncertainty,
    WeightedBootstrap,
    by_bootstrap,
    by_information,
)

__all__ = [
    "CRITERIA",
    "GUIDES",
    "REFITTING",
    "BootstrapTest",
    "Cell",
    "Diagnosis",
    "Evidence",
    "Finding",
    "FitRecord",
    "Fitted",
    "Fitter",
    "LikelihoodRatioTest",
    "Limits",
    "MeanEllipse",
    "MergeTree",
    "MergedMixture",
    "Outcome",
    "RowEvidence",
    "Search",
    "Uncertainty",
    "WeightedBootstrap",
    "against_one",
    "agreement",
    "by_bootstrap",
    "by_information",
    "consistent",
    "diagnose",
    "embedded",
    "folds",
    "gather",
    "given_folds",
    "grid",
    "held_out",
    "measure",
    "merge_components",
    "ranks",
    "resamples",
    "unsupported",
]
