"""The search for parameters: starts, the EM loop, when it stops, what happens to collapsed components."""

from __future__ import annotations

from gaussmix.fit.convergence import Convergence
from gaussmix.fit.degenerate import POLICIES, Collapse
from gaussmix.fit.em import EStep, FitResult, fit_em
from gaussmix.fit.initialization import STARTS, Sample, start_from_labels, start_from_responsibilities
from gaussmix.fit.schedule import EFFORTS, levels, rank, sample_rows, search_samples

__all__ = [
    "EFFORTS",
    "POLICIES",
    "STARTS",
    "Collapse",
    "Convergence",
    "EStep",
    "FitResult",
    "Sample",
    "fit_em",
    "levels",
    "rank",
    "sample_rows",
    "search_samples",
    "start_from_labels",
    "start_from_responsibilities",
]
