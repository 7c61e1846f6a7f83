"""Mixtures whose parameters are posterior distributions, fitted by variational Bayes; one file a factor."""

from __future__ import annotations

from gaussmix.model.variational.belief import Belief
from gaussmix.model.variational.mixture import VariationalMixture
from gaussmix.model.variational.precisions import CONVENTIONS, PRECISIONS, Precisions
from gaussmix.model.variational.predictive import PredictiveMixture
from gaussmix.model.variational.weights import Dirichlet, StickBreaking, WeightPosterior

__all__ = [
    "CONVENTIONS",
    "PRECISIONS",
    "Belief",
    "Dirichlet",
    "Precisions",
    "PredictiveMixture",
    "StickBreaking",
    "VariationalMixture",
    "WeightPosterior",
]
