"""What does not change from start to start: the rows, what was measured of them, and the family to fit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from gaussmix.covariance import CovarianceFamily
from gaussmix.covariance.sparse_rows import moments_given
from gaussmix.errors import DataError
from gaussmix.estimator.completion import completed, filled, observed_mean_and_variance
from gaussmix.estimator.executors import beside
from gaussmix.estimator.labels import in_order_of
from gaussmix.estimator.parameters import feature_units
from gaussmix.executor import Executor
from gaussmix.fit import EStep, FitResult
from gaussmix.linalg import is_sparse
from gaussmix.model import Mixture
from gaussmix.moments import Moments
from gaussmix.prior import FLOOR, Flat, Prior
from gaussmix.source import ArraySource, IncompleteRows, Partition, Source
from gaussmix.source.blocks import block_rows
from gaussmix.types import BoolArray, Float64Array, IntArray

_FLOAT32_VARIANCES: Final = (1e-30, 1e30)  # within them, squares in float32 keep their digits


@dataclass(frozen=True, eq=False)
class Problem:
    """Hold everything about a fit that does not change from start to start.

    Attributes
    ----------
    rows : Source
        As the user gave them.
    source : Source
        The same rows with missing values filled in, for starts and samples.
    executor : Executor
    family : CovarianceFamily
    n_components : int
    variance : ndarray of shape (D,)
        Squared units of the features.
    constant : ndarray of shape (D,)
        Which features have one value only.
    prior : Prior
    partitions : sequence of Partition
        What EM passes over: the rows, in groups where not all is known of them.
    labels : ndarray of shape (N,), or None
        The component of each row, −1 where it is unknown.
    noise : ndarray of shape (N, D, D), or None
        The covariance of the noise of each row.
    given : sequence of Mixture
        Good starts for the search of ``init_params="auto"``, if any are known.
    """

    rows: Source
    source: Source
    executor: Executor
    family: CovarianceFamily
    n_components: int
    variance: Float64Array
    constant: BoolArray
    prior: Prior
    partitions: Any
    labels: IntArray | None = None
    noise: Float64Array | None = None
    given: Sequence[Mixture] = ()

    @classmethod
    def of(
        cls,
        rows: Source,
        executor: Executor,
        family: CovarianceFamily,
        n_components: int,
        reg_covar: float,
        *,
        equal_weights: bool = False,
        labels: IntArray | None = None,
        noise: Float64Array | None = None,
    ) -> Problem:
        """Measure the data: one pass for the variances; where values are missing, some more to fill them in."""
        executor = beside(rows, executor)
        size = block_rows(rows.n_rows, rows.n_features, n_components)
        blocks: Any
        if rows.incomplete:
            mean, variance = observed_mean_and_variance(rows)
            source = completed(rows, mean, variance, executor)
            blocks = source.partitions(size)
        else:
            source, blocks = (
                rows,
                rows.partitions(size),
            )  # one sequence for all passes: workers keep what it loads
            mean, variance = _mean_and_variance(rows, blocks, executor)
        unit, constant = feature_units(mean, variance)
        if family.invariance == "orthogonal":
            unit = np.full_like(unit, unit.mean())
        _check_range(source, blocks, unit, constant)
        prior = Flat(reg_covar * unit if reg_covar > 0 else None, FLOOR * unit, equal_weights)
        if rows.incomplete or labels is not None or noise is not None:
            known = IncompleteRows.of(rows, labels, [(k,) for k in range(n_components)], noise)
            blocks = known.partitions(size)
        return cls(rows, source, executor, family, n_components, unit, constant, prior, blocks, labels, noise)

    def filled_by(self, model: Mixture, seed: int) -> Problem:
        """Return the problem with missing values drawn from a fit of the rows, so that starts see its clusters."""
        return replace(self, source=filled(self.rows, model, seed))

    def rows_without_noise(self, model: Mixture) -> Source:
        """Return the rows as the model describes them."""
        if self.noise is None:
            return self.rows
        X = self.rows.take(np.arange(self.rows.n_rows))
        return ArraySource(
            model.denoise(X, self.noise, draw=True, random_state=0),
            self.rows.sample_weight,
            self.rows.feature_names,
        )

    def numbered(self, model: Mixture) -> Mixture:
        """Return the mixture with its components in the order that the known labels ask for."""
        if self.labels is None:
            return model
        return replace(in_order_of(self.labels, model, self.source), prior=self.prior)

    def complaints(self, result: FitResult[Any]) -> list[str]:
        """Return sentences on what the data could not support."""
        names = self.rows.feature_names
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
        spread = _dense(X.max(axis=0)) - _dense(X.min(axis=0))
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
    mean = (first / first.shape[0]).sum(axis=0, dtype=np.float64)  # no overflow on the way
    with np.errstate(over="ignore", invalid="ignore"):
        for _ in range(2):
            one = Mixture.from_parameters([1.0], mean[None], np.ones((1, source.n_features)), "diag")
            task = _SparseSpread(mean[None]) if source.sparse else EStep(one)
            moments = executor.map_reduce(task, partitions)
            _, means, scatter = moments.about_means()
            shift, mean = means[0] - mean, means[0]
            variance = np.maximum(scatter[0] / moments.count[0], 0.0)
            if not (np.square(shift) > 1e4 * variance).any():
                break
    return mean, variance


@dataclass(frozen=True, slots=True)
class _SparseSpread:
    """Return the moments of all sparse rows of a partition as one component: the task that executors run.

    Before the features' units are known, no E-step tells which of them lie far from zero.
    """

    reference: Float64Array

    def __call__(self, partition: Partition) -> Moments:
        X, weight = partition.load()
        shares = np.ones((X.shape[0], 1)) if weight is None else weight[:, None]
        return moments_given(X, shares, self.reference)


def _dense(row: Any) -> Any:
    return row.toarray() if is_sparse(row) else row
