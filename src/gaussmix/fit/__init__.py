"""The search for parameters: starts, the EM loop, when it stops, what happens to collapsed components."""

from __future__ import annotations

from gaussmix.fit.acceleration import ACCELERATIONS
from gaussmix.fit.convergence import Convergence
from gaussmix.fit.degenerate import POLICIES, Collapse
from gaussmix.fit.effort import EFFORTS
from gaussmix.fit.em import EStep, FitResult, fit_em
from gaussmix.fit.incremental import SETTLED, fit_incremental
from gaussmix.fit.initialization import (
    STARTS,
    Sample,
    moments_of_responsibilities,
    start_from_labels,
    start_from_responsibilities,
)
from gaussmix.fit.schedule import Task, levels, rank, sample_rows, search_samples, search_start
from gaussmix.fit.search import Optima
from gaussmix.fit.spurious import is_spurious, least_eigenvalue_ratios

__all__ = [
    "ACCELERATIONS",
    "EFFORTS",
    "SETTLED",
    "POLICIES",
    "STARTS",
    "Collapse",
    "Convergence",
    "EStep",
    "FitResult",
    "Optima",
    "Sample",
    "Task",
    "fit_em",
    "fit_incremental",
    "is_spurious",
    "least_eigenvalue_ratios",
    "levels",
    "moments_of_responsibilities",
    "rank",
    "sample_rows",
    "search_samples",
    "search_start",
    "start_from_labels",
    "start_from_responsibilities",
]
