"""Stability: whether refits on resampled rows find the same groups again (Ben-Hur, Elisseeff & Guyon 2002)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from sklearn.metrics import adjusted_rand_score

from gaussmix.executor import Executor
from gaussmix.model import Mixture, evaluate
from gaussmix.source import Source


def resamples(source: Source, n_resamples: int, rng: np.random.Generator) -> list[Source]:
    """Return bootstrap resamples, as sources of the same rows with other weights: each row times its number of draws.

    Parameters
    ----------
    source : Source
    n_resamples : int
    rng : numpy.random.Generator
    """
    weight = np.ones(source.n_rows) if source.sample_weight is None else source.sample_weight
    heavy = weight > 0
    equal = heavy / heavy.sum()
    return [source.with_weight(weight * rng.multinomial(int(heavy.sum()), equal)) for _ in range(n_resamples)]


def agreement(
    mixture: Mixture, refits: Sequence[Callable[[], Mixture]], source: Source, executor: Executor
) -> float:
    """Return the mean adjusted Rand index between a fit's labels of all rows and those of its refits.

    1 means that every refit finds the same groups, 0 that they agree as much as by chance.

    Parameters
    ----------
    mixture : Mixture
    refits : sequence of callable
        Return a mixture fitted to a resample.
    source : Source
        All rows.
    executor : Executor

    References
    ----------
    Hubert & Arabie (1985), Comparing partitions, Journal of Classification 2.
    """
    labels = evaluate.predict(mixture, source, executor)
    scores = [adjusted_rand_score(labels, evaluate.predict(refit(), source, executor)) for refit in refits]
    return float(np.mean(scores))
