"""The fitted classes: a mixture and a probability each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import logsumexp

from gaussmix.executor import Executor
from gaussmix.model import Mixture, evaluate
from gaussmix.source import Partition, Source
from gaussmix.types import Float64Array, IntArray


@dataclass(frozen=True, eq=False)
class Densities:
    """Describe p(x, class) = prior · p(x | class).

    Attributes
    ----------
    mixtures : sequence of Mixture
        p(x | class).
    priors : ndarray of shape (G,)
    """

    mixtures: Sequence[Mixture]
    priors: Float64Array

    def log_joint(self, X: Any) -> Float64Array:
        """Return log p(x, class), shape (n, G), in nats."""
        columns = [mixture.log_prob(X).astype(np.float64) for mixture in self.mixtures]
        joint: Float64Array = np.column_stack(columns) + np.log(self.priors)
        return joint

    def log_prob(self, X: Any) -> Float64Array:
        """Return log p(x), shape (n,), in nats."""
        return np.asarray(logsumexp(self.log_joint(X), axis=1), np.float64)

    def log_posterior(self, X: Any) -> Float64Array:
        """Return log P(class | x), shape (n, G)."""
        joint = self.log_joint(X)
        lost = joint.max(axis=1) == -np.inf  # so far away from all classes that nothing tells them apart
        joint[lost] = np.log(self.priors)
        return np.asarray(joint - logsumexp(joint, axis=1, keepdims=True), np.float64)

    def posterior(self, X: Any) -> Float64Array:
        """Return P(class | x), shape (n, G)."""
        return np.exp(self.log_posterior(X))

    def predict(self, X: Any) -> IntArray:
        """Return the place of the most probable class of each row, shape (n,)."""
        return np.asarray(self.log_posterior(X).argmax(axis=1))

    def over(self, source: Source, executor: Executor, function: Callable[[Any], Any]) -> Any:
        """Return what one of these methods gives for all rows, computed block by block."""
        parts = evaluate.blocks(source, sum(mixture.n_components for mixture in self.mixtures))
        results: list[Any] = [None] * len(parts)
        executor.map_reduce(_Keep(function, results), [(i, part) for i, (_, part) in enumerate(parts)])
        return np.concatenate(results)

    def log_likelihood(self, source: Source, codes: IntArray, executor: Executor) -> Float64Array:
        """Return the log-likelihood of rows with their classes, and that of the rows alone, both in nats.

        Parameters
        ----------
        source : Source
        codes : ndarray of shape (N,)
            The class of each row; −1 for none, where the first sum counts log p(x), too.
        executor : Executor
        """
        parts = evaluate.blocks(source, sum(mixture.n_components for mixture in self.mixtures))
        sums: Float64Array = executor.map_reduce(_Sums(self, codes), parts)
        return sums


@dataclass(frozen=True, slots=True)
class _Keep:
    """Evaluate one block and keep the result in its place; return the number of rows."""

    function: Callable[[Any], Any]
    results: list[Any]

    def __call__(self, block: tuple[int, Partition]) -> int:
        place, partition = block
        X, _ = partition.load()
        self.results[place] = self.function(X)
        return len(X)


@dataclass(frozen=True, slots=True)
class _Sums:
    """Return the weighted sums of log p(x, class) and log p(x) over one block: the task that executors run."""

    densities: Densities
    codes: IntArray

    def __call__(self, block: tuple[int, Partition]) -> Float64Array:
        start, partition = block
        X, weight = partition.load()
        codes = self.codes[start : start + len(X)]
        joint = self.densities.log_joint(X)
        alone = logsumexp(joint, axis=1)
        own = np.where(codes < 0, alone, joint[np.arange(len(X)), codes])
        terms = np.stack([own, alone])
        if weight is None:
            return np.asarray(terms.sum(axis=1))
        heavy = weight > 0  # a row without weight counts for nothing, however improbable it is
        return np.asarray((terms[:, heavy] * weight[heavy]).sum(axis=1))
