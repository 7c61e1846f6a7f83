"""What does not change from start to start: the rows, what was measured of them, and the family to fit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from gaussmix.covariance import CovarianceFamily
from gaussmix.errors import DataError
from gaussmix.estimator.parameters import feature_units
from gaussmix.executor import Executor
from gaussmix.fit import EStep, FitResult
from gaussmix.model import Mixture
from gaussmix.prior import FLOOR, Flat
from gaussmix.source import Source
from gaussmix.source.blocks import block_rows
from gaussmix.types import BoolArray, Float64Array

_FLOAT32_VARIANCES: Final = (1e-30, 1e30)  # within them, squares in float32 keep their digits


@dataclass(frozen=True, eq=False)
class Problem:
    """Hold everything about a fit that does not change from start to start.

    Attributes
    ----------
    source : Source
    executor : Executor
    family : CovarianceFamily
    n_components : int
    variance : ndarray of shape (D,)
        Squared units of the features.
    constant : ndarray of shape (D,)
        Which features have one value only.
    prior : Flat
    partitions : sequence of Partition
    given : sequence of Mixture
        Good starts for the search of ``init_params="auto"``, if any are known.
    """

    source: Source
    executor: Executor
    family: CovarianceFamily
    n_components: int
    variance: Float64Array
    constant: BoolArray
    prior: Flat
    partitions: Any
    given: Sequence[Mixture] = ()

    @classmethod
    def of(
        cls,
        source: Source,
        executor: Executor,
        family: CovarianceFamily,
        n_components: int,
        reg_covar: float,
        *,
        equal_weights: bool = False,
    ) -> Problem:
        """Measure the data: one pass for the variances."""
        partitions = source.partitions(block_rows(source.n_rows, source.n_features, n_components))
        mean, variance = _mean_and_variance(source, partitions, executor)
        unit, constant = feature_units(mean, variance)
        if family.invariance == "orthogonal":
            unit = np.full_like(unit, unit.mean())
        _check_range(source, partitions, unit, constant)
        prior = Flat(reg_covar * unit if reg_covar > 0 else None, FLOOR * unit, equal_weights)
        return cls(source, executor, family, n_components, unit, constant, prior, partitions)

    def complaints(self, result: FitResult) -> list[str]:
        """Return sentences on what the data could not support."""
        names = self.source.feature_names
        said = [
            f"column {names[d] if names else d!r} is constant: its variance was set by reg_covar"
            for d in np.flatnonzero(self.constant).tolist()
        ]
        if self.source.n_rows == self.n_components:
            said.append(f"as many components as rows ({self.n_components}): each describes a single row")
        collapsed = sorted({(event.component, event.reason, event.action) for event in result.collapses})
        said.extend(
            f"component {k} collapsed ({reason}) and was treated by on_degenerate={action!r}: fewer components "
            "or a larger reg_covar may fit better"
            for k, reason, action in collapsed
        )
        return said


def _check_range(source: Source, partitions: Any, unit: Float64Array, constant: BoolArray) -> None:
    """Raise DataError if squares of a column leave the range of the source's precision."""
    least, most = float(np.finfo(np.float64).tiny), float(np.finfo(np.float64).max)
    X, _ = partitions[0].load()
    with np.errstate(over="ignore"):
        spread = X.max(axis=0) - X.min(axis=0)
    wrong = constant & (spread > 0)  # its squares vanished; in float64 it may also be constant up to rounding
    if source.dtype == np.float32:
        least, most = _FLOAT32_VARIANCES
    else:
        wrong &= spread < least**0.5
    wrong |= ~((unit >= least) & (unit <= most)) & ~constant
    if wrong.any():
        column = int(wrong.argmax())
        name = source.feature_names[column] if source.feature_names else column
        raise DataError(
            f"the variance of column {name!r} is beyond the range of {source.dtype}: rescale it, e.g. divide it by "
            "its standard deviation" + (", or pass float64" if source.dtype == np.float32 else "")
        )


def _mean_and_variance(
    source: Source, partitions: Any, executor: Executor
) -> tuple[Float64Array, Float64Array]:
    """Return mean and variance of each feature, (D,), by the E-step of one diagonal component.

    The pass is about the mean of the first rows; a second pass about the mean of all follows only where that lies
    so far out that digits were lost.
    """
    X, _ = partitions[0].load()
    first = X[:1024]
    mean = (first / len(first)).sum(axis=0, dtype=np.float64)  # no overflow on the way
    with np.errstate(over="ignore", invalid="ignore"):
        for _ in range(2):
            one = Mixture.from_parameters([1.0], mean[None], np.ones((1, source.n_features)), "diag")
            moments = executor.map_reduce(EStep(one), partitions)
            _, means, scatter = moments.about_means()
            shift, mean = means[0] - mean, means[0]
            variance = np.maximum(scatter[0] / moments.count[0], 0.0)
            if not (np.square(shift) > 1e4 * variance).any():
                break
    return mean, variance
