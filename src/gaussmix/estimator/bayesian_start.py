"""Where variational Bayes starts: the posterior given labels or responsibilities."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from gaussmix.errors import ParameterError
from gaussmix.estimator.problem import Problem
from gaussmix.estimator.starter import check_labels, check_responsibilities
from gaussmix.fit import STARTS, Sample, moments_of_responsibilities, sample_rows
from gaussmix.model.variational import VariationalMixture
from gaussmix.source import Source
from gaussmix.source.blocks import block_rows
from gaussmix.types import Float64Array, FloatArray

_SEED_ROWS: Final = 20_000  # that a start looks at
_SEED_VALUES: Final = 2_000_000  # responsibilities of the rows that moves look at: 16 MB


class VariationalStarter:
    """Make starting posteriors for one problem.

    Parameters
    ----------
    problem : Problem
    init : str, array-like or callable
        As ``init_params`` of ``BayesianGaussianMixture``.
    before : VariationalMixture
        What is believed before the data.
    """

    def __init__(self, problem: Problem, init: Any, before: VariationalMixture) -> None:
        self._problem = problem
        self._init = init
        self._before = before

    @property
    def random(self) -> bool:
        """Whether two starts can differ."""
        return isinstance(self._init, str) or callable(self._init)

    def sample(self, rng: np.random.Generator) -> tuple[FloatArray, Float64Array]:
        """Return rows to look at, and how many rows each stands for."""
        K = self._problem.n_components
        source = sample_rows(self._problem.source, max(2 * K, min(_SEED_ROWS, _SEED_VALUES // K)), rng)
        X = source.take(np.arange(source.n_rows))
        weight = np.ones(len(X)) if source.sample_weight is None else source.sample_weight
        return np.ascontiguousarray(X), weight * (self._total() / weight.sum())

    def __call__(self, rng: np.random.Generator) -> VariationalMixture:
        """Return a start."""
        problem = self._problem
        if not self.random:
            return self._from_grouping(problem.source, self._init)
        source, K = self._drawn(rng), problem.n_components
        X = source.take(np.arange(source.n_rows))
        weight = np.ones(len(X)) if source.sample_weight is None else source.sample_weight
        sample = Sample(X, weight, np.sqrt(problem.variance))
        if isinstance(self._init, str):
            return self._from_grouping(source, STARTS[self._init](sample, K, rng))
        return self._from_grouping(source, self._init(sample.X, K, rng))

    def _drawn(self, rng: np.random.Generator) -> Source:
        return sample_rows(self._problem.source, max(2 * self._problem.n_components, _SEED_ROWS), rng)

    def _total(self) -> float:
        weight = self._problem.source.sample_weight
        return float(self._problem.source.n_rows if weight is None else weight.sum())

    def _from_grouping(self, source: Source, grouping: Any) -> VariationalMixture:
        """Return the M-step from labels or responsibilities of the rows of ``source``, as if they were all rows."""
        K, n_rows = self._problem.n_components, source.n_rows
        grouping, table = np.asarray(grouping), None
        if grouping.shape == (n_rows,):
            grouping, table = check_labels(grouping, K), np.eye(K)
        elif grouping.shape == (n_rows, K):
            grouping = check_responsibilities(grouping)
        else:
            raise ParameterError(
                f"init_params should give labels of shape ({n_rows},) or responsibilities of shape ({n_rows}, {K}), "
                f"but gave {grouping.shape}"
            )
        blocks = source.partitions(block_rows(n_rows, source.n_features, K))
        moments = moments_of_responsibilities(blocks, grouping, K, self._problem.family.scatter, table)
        weight = float(moments.count.sum())
        return self._before.m_step(moments * (self._total() / weight) if weight != self._total() else moments)
