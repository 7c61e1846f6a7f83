"""Evaluate a mixture over a source of rows, block by block: only what is asked for is ever stored."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from gaussmix.executor import Executor
from gaussmix.model.mixture import Mixture
from gaussmix.model.student import StudentMixture
from gaussmix.source import Partition, Source
from gaussmix.source.blocks import block_rows
from gaussmix.types import Float64Array


@dataclass(frozen=True, slots=True)
class _Fill:
    """Evaluate one block into its place of the result, and return the number of rows."""

    function: Callable[[Any], Any]
    out: Any

    def __call__(self, block: tuple[int, Partition]) -> int:
        start, partition = block
        X, _ = partition.load()
        n_rows: int = X.shape[0]  # sparse rows have no len
        self.out[start : start + n_rows] = self.function(X)
        return n_rows


def blocks(source: Source, n_components: int) -> list[tuple[int, Partition]]:
    """Return the source's partitions, each with the number of its first row."""
    rows = block_rows(source.n_rows, source.n_features, n_components)
    return [(i * rows, partition) for i, partition in enumerate(source.partitions(rows))]


def log_prob(mixture: Mixture, source: Source, executor: Executor) -> Any:
    """Return log p(x) of each row, shape (N,), in the source's precision."""
    return _evaluate(mixture, source, executor, mixture.log_prob, (), source.dtype)


def posterior(mixture: Mixture, source: Source, executor: Executor) -> Any:
    """Return P(k | x) of each row, shape (N, K), in the source's precision; one column more with a background."""
    return _evaluate(mixture, source, executor, mixture.posterior, (mixture.n_classes,), source.dtype)


def predict(mixture: Mixture | StudentMixture, source: Source, executor: Executor) -> Any:
    """Return the most probable component of each row, shape (N,)."""
    return _evaluate(mixture, source, executor, mixture.predict, (), np.dtype(np.int64))


def outlyingness(mixture: StudentMixture, source: Source, executor: Executor) -> Any:
    """Return how far each row lies out of a mixture of t distributions, shape (N,), in the source's precision."""
    return _evaluate(mixture, source, executor, mixture.outlyingness, (), source.dtype)


def _evaluate(
    mixture: Mixture | StudentMixture,
    source: Source,
    executor: Executor,
    function: Callable[[Any], Any],
    tail: tuple[int, ...],
    dtype: Any,
) -> Any:
    out = np.empty((source.n_rows, *tail), dtype)
    executor.local.map_reduce(_Fill(function, out), blocks(source, mixture.n_components))
    return out


@dataclass(frozen=True, slots=True)
class _Score:
    """Return the weighted sum of log p(x) over one block, and the sum of weights."""

    mixture: Mixture

    def __call__(self, partition: Partition) -> Float64Array:
        X, weight = partition.load()
        values = self.mixture.log_prob(X).astype(np.float64)
        if weight is None:
            return np.array([values.sum(), len(values)])
        heavy = weight > 0  # a row without weight counts for nothing, however improbable it is
        return np.array([(weight[heavy] * values[heavy]).sum(), weight.sum()])


def score(mixture: Mixture, source: Source, executor: Executor) -> float:
    """Return the mean of log p(x) per unit of weight, in nats."""
    rows = block_rows(source.n_rows, source.n_features, mixture.n_components)
    total, weight = executor.map_reduce(_Score(mixture), source.partitions(rows))
    return float(total / weight)
