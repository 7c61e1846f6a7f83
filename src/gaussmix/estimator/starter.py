"""Starting mixtures, from what the user gave and what the rows say."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import numpy as np

from gaussmix.errors import ParameterError
from gaussmix.estimator.labels import all_labels
from gaussmix.estimator.problem import Problem
from gaussmix.fit import (
    STARTS,
    Optima,
    Sample,
    Task,
    sample_rows,
    search_start,
    start_from_labels,
    start_from_responsibilities,
)
from gaussmix.fit.k_means import nearest
from gaussmix.model import Mixture
from gaussmix.source import Source
from gaussmix.source.blocks import block_rows
from gaussmix.types import Float64Array

_SEED_ROWS: Final = 20_000
_SEED_ROWS_PER_VALUE: Final = 20  # of the means: rows that a start looks at
_SEED_VALUES: Final = 1_000_000  # 8 MB, and as much again in standard units, for each thread


class Starter:
    """Make starting mixtures for one problem.

    Parameters
    ----------
    problem : Problem
    init : str, array-like or callable
        A name in ``STARTS``, labels (N,), responsibilities (N, K), or a callable
        ``(X, n_components, rng) -> labels or responsibilities`` that gets a sample of rows.
    weights, means, covariances : ndarray or None
        Given start parameters, which replace those of the start.
    """

    def __init__(
        self,
        problem: Problem,
        init: Any,
        weights: Float64Array | None,
        means: Float64Array | None,
        covariances: Float64Array | None,
    ) -> None:
        self._problem = problem
        self._init = init
        self._weights, self._means, self._covariances = weights, means, covariances
        self._too_few = False

    def on(self, problem: Problem) -> Starter:
        """Return a starter that does the same for other rows."""
        return Starter(problem, self._init, self._weights, self._means, self._covariances)

    def labelled(self) -> Starter | None:
        """Return a starter from the labels that are known of some rows; None where a component has none."""
        problem = self._problem
        if problem.labels is None:
            return None
        unit = np.sqrt(problem.variance)
        labels = all_labels(problem.labels, problem.source, unit, problem.n_components)
        if labels is None:
            return None
        return Starter(problem, labels, self._weights, self._means, self._covariances)

    @property
    def source(self) -> Source:
        """All rows, complete."""
        return self._problem.source

    @property
    def random(self) -> bool:
        """Whether two starts can differ."""
        return self._means is None and (isinstance(self._init, str) or callable(self._init))

    @property
    def _given(self) -> tuple[bool, bool, bool]:
        return self._weights is not None, self._means is not None, self._covariances is not None

    @property
    def numbered(self) -> bool:
        """Whether it is the user who says which component is which."""
        return not self.random or any(self._given)

    @property
    def searches(self) -> bool:
        """Whether the start is to be searched for."""
        searched = isinstance(self._init, str) and self._init == "auto" and self._problem.n_components > 1
        return searched and self._problem.family.grouped and not any(self._given)

    def search(self, effort: str, rng: np.random.Generator) -> tuple[Mixture, Optima | None]:
        """Return a start near the best optimum that a search finds, and what it has seen."""
        problem = self._problem
        sample, _ = self._sample(problem.source, rng)
        if sample.n_distinct() < problem.n_components:  # there is nothing to search for
            return self(problem.source, rng), None
        unit = np.sqrt(problem.variance)
        task = Task(problem.source, problem.n_components, problem.family, problem.prior, unit, problem.given)
        return search_start(task, effort, problem.executor.local, rng)

    def complaints(self) -> list[str]:
        """Return a sentence if there were too few distinct rows to start from."""
        if not self._too_few:
            return []
        K = self._problem.n_components
        return [f"fewer than {K} distinct rows cannot tell {K} components apart: use fewer components"]

    def __call__(self, source: Source, rng: np.random.Generator) -> Mixture:
        """Return a start found by looking at ``source``, the problem's own or a sample of it."""
        if all(self._given):
            return self._with_given(None)
        return self._with_given(self._from_data(source, rng))

    def _from_data(self, source: Source, rng: np.random.Generator) -> Mixture:
        problem = self._problem
        if not isinstance(self._init, str) and not callable(self._init):
            rows = problem.source.n_rows
            blocks = problem.source.partitions(block_rows(rows, source.n_features, problem.n_components))
            return self._from_grouping(blocks, self._init, rows)
        sample, source = self._sample(source, rng)
        if sample.n_distinct() < problem.n_components:  # in any of the threads that try starts
            self._too_few = True
        blocks = source.partitions(block_rows(source.n_rows, source.n_features, problem.n_components))
        if self._means is not None:  # nothing random is left: each row goes to the nearest given mean
            centre = sample.X.mean(axis=0, dtype=np.float64)
            grouping: Any = nearest(sample.standardized, (self._means - centre) / sample.unit)
        elif isinstance(self._init, str):
            grouping = STARTS[self._init](sample, problem.n_components, rng)
        else:
            grouping = self._init(sample.X, problem.n_components, rng)
        return self._from_grouping(blocks, grouping, source.n_rows)

    def _sample(self, source: Source, rng: np.random.Generator) -> tuple[Sample, Source]:
        problem = self._problem
        K, D = problem.n_components, source.n_features
        wanted = max(_SEED_ROWS, _SEED_ROWS_PER_VALUE * K * (D + 1))
        source = sample_rows(source, max(2 * K, min(wanted, _SEED_VALUES // D)), rng)
        X = source.take(np.arange(source.n_rows))
        weight = np.ones(len(X)) if source.sample_weight is None else source.sample_weight
        return Sample(X, weight, np.sqrt(problem.variance)), source

    def _from_grouping(self, blocks: Any, grouping: Any, n_rows: int) -> Mixture:
        problem = self._problem
        K, family, prior = problem.n_components, problem.family, problem.prior
        grouping = np.asarray(grouping)
        if grouping.shape == (n_rows,):
            labels = check_labels(grouping, K)
            return start_from_labels(blocks, labels, K, family, prior)
        if grouping.shape == (n_rows, K):
            return start_from_responsibilities(blocks, check_responsibilities(grouping), K, family, prior)
        raise ParameterError(
            f"init_params should give labels of shape ({n_rows},) or responsibilities of shape ({n_rows}, {K}), "
            f"but gave {grouping.shape}"
        )

    def _with_given(self, start: Mixture | None) -> Mixture:
        problem = self._problem
        weights = self._weights if self._weights is not None or start is None else start.weights
        means = self._means if self._means is not None or start is None else start.means
        if start is not None and self.random and any(self._given):
            start = problem.numbered(start)
        if start is not None and self._covariances is None:
            return replace(start, weights=np.asarray(weights), means=np.asarray(means))
        return Mixture.from_parameters(weights, means, self._covariances, problem.family, problem.prior)


def check_labels(labels: Any, n_components: int) -> Any:
    """Return labels that a user gave as a start, or say what they should be."""
    if labels.dtype.kind not in "iu" or labels.min() < 0 or labels.max() >= n_components:
        raise ParameterError(f"labels in init_params should be integers from 0 to {n_components - 1}")
    return labels.astype(np.int64)


def check_responsibilities(responsibilities: Any) -> Any:
    """Return responsibilities that a user gave as a start, or say what they should be."""
    sums = responsibilities.sum(axis=1)
    if not (np.isfinite(sums).all() and (responsibilities >= 0).all() and np.allclose(sums, 1.0, atol=1e-6)):
        row = int(np.argmax(~np.isclose(sums, 1.0, atol=1e-6) | (responsibilities < 0).any(axis=1)))
        raise ParameterError(
            f"responsibilities in init_params should be non-negative and sum to 1 in each row, but row {row} does not"
        )
    return responsibilities
