"""What criteria need to know of a fitted mixture, in one pass over the rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gaussmix.executor import Executor
from gaussmix.model import Mixture
from gaussmix.selection.criteria import Evidence
from gaussmix.source import Partition
from gaussmix.types import Float64Array


@dataclass(frozen=True, slots=True)
class _Sums:
    """Return the weighted sums of log p, entropy, log max z and 1 over one block: the task that executors run."""

    mixture: Mixture

    def __call__(self, partition: Partition) -> Float64Array:
        X, weight = partition.load()
        joint = self.mixture.log_joint(X).astype(np.float64)
        if weight is not None:  # a row without weight counts for nothing, however improbable it is
            joint, weight = joint[weight > 0], weight[weight > 0]
        top = joint.max(axis=1)
        ratio = np.exp(joint - top[:, None])
        total = ratio.sum(axis=1)
        log_prob = top + np.log(total)
        # A component of weight zero has log z = −∞ and z = 0, whose product is 0 here.
        surprise = np.where(ratio > 0, log_prob[:, None] - joint, 0.0)
        entropy = (ratio * surprise).sum(axis=1) / total
        of_rows = np.stack([log_prob, entropy, np.log(total), np.ones(len(joint))])
        sums: Float64Array = of_rows.sum(axis=1) if weight is None else (of_rows * weight).sum(axis=1)
        return sums


def measure(mixture: Mixture, partitions: Sequence[Partition], executor: Executor) -> Evidence:
    """Return likelihood, entropies and size of a mixture on these rows.

    Parameters
    ----------
    mixture : Mixture
    partitions : sequence of Partition
    executor : Executor
    """
    sums = executor.map_reduce(_Sums(mixture), partitions)
    log_likelihood, entropy, hard_entropy, n_rows = sums.tolist()
    return Evidence(log_likelihood, mixture.n_parameters, n_rows, mixture.n_components, entropy, hard_entropy)
