"""From a fit and its rows to its ``Uncertainty``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from gaussmix.errors import ParameterError
from gaussmix.executor import Executor
from gaussmix.model import Mixture
from gaussmix.selection.uncertainty.bootstrap import WeightedBootstrap
from gaussmix.selection.uncertainty.information import KINDS, Kind, information_root
from gaussmix.selection.uncertainty.report import Uncertainty, check_level
from gaussmix.source import Source
from gaussmix.types import IntArray

_NAMES: Final = {
    "observed": "observed information",
    "outer": "outer product of scores",
    "sandwich": "sandwich",
}
_LEAST_RESAMPLES: Final = 2


def by_information(
    mixture: Mixture,
    source: Source,
    executor: Executor,
    *,
    kind: Kind = "observed",
    labels: IntArray | None = None,
    level: float = 0.95,
    feature_names: Sequence[str] | None = None,
) -> Uncertainty:
    """Return the uncertainty of a fit by the curvature of its likelihood; parameters as in ``information_root``."""
    if kind not in KINDS:
        raise ParameterError(f"kind should be one of {', '.join(map(repr, KINDS))}, got {kind!r}")
    level = check_level(level)
    deviations = information_root(mixture, source, executor, kind, labels)
    return Uncertainty(mixture, _NAMES[kind], level, _weight(source), deviations, feature_names=feature_names)


def by_bootstrap(
    mixture: Mixture,
    source: Source,
    bootstrap: WeightedBootstrap,
    seed: np.random.SeedSequence,
    *,
    level: float = 0.95,
    feature_names: Sequence[str] | None = None,
) -> Uncertainty:
    """Return the uncertainty of a fit by refits to reweighted rows."""
    level = check_level(level)
    if bootstrap.n_resamples != int(bootstrap.n_resamples) or bootstrap.n_resamples < _LEAST_RESAMPLES:
        raise ParameterError(
            f"n_resamples should be a whole number of 2 or more, got {bootstrap.n_resamples!r}"
        )
    draws = bootstrap(mixture, source, seed)
    deviations = (draws - draws.mean(axis=0)) / np.sqrt(len(draws) - 1)
    return Uncertainty(
        mixture, "weighted-likelihood bootstrap", level, _weight(source), deviations, draws, feature_names
    )


def _weight(source: Source) -> float:
    return float(source.n_rows if source.sample_weight is None else source.sample_weight.sum())
