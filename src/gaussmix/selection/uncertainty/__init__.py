"""How sure the parameters of a fit are: by the information of the rows, and by refits to reweighted rows."""

from __future__ import annotations

from gaussmix.selection.uncertainty.bootstrap import WeightedBootstrap
from gaussmix.selection.uncertainty.estimation import by_bootstrap, by_information
from gaussmix.selection.uncertainty.information import KINDS, Kind, known_partitions
from gaussmix.selection.uncertainty.report import MeanEllipse, Uncertainty
from gaussmix.selection.uncertainty.table import Row

__all__ = [
    "KINDS",
    "Kind",
    "MeanEllipse",
    "Row",
    "Uncertainty",
    "WeightedBootstrap",
    "by_bootstrap",
    "by_information",
    "known_partitions",
]
