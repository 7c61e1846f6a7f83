"""Cross-validated log-likelihood (Smyth 2000): how well a fit describes rows that it has not seen.

Rows are held out by a weight of zero, so that no data are copied, whatever source they come from.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from gaussmix.executor import Executor
from gaussmix.model import Mixture, evaluate
from gaussmix.source import Source
from gaussmix.types import BoolArray, IntArray


def folds(source: Source, n_folds: int, rng: np.random.Generator) -> list[tuple[Source, Source]]:
    """Return pairs of sources: the rows to fit, and the rows held out. Each row with weight is held out once.

    Parameters
    ----------
    source : Source
    n_folds : int
        At most the number of rows of positive weight.
    rng : numpy.random.Generator
    """
    weight = np.ones(source.n_rows) if source.sample_weight is None else source.sample_weight
    heavy = np.flatnonzero(weight)
    fold = np.full(source.n_rows, -1)
    fold[rng.permutation(heavy)] = np.arange(len(heavy)) % n_folds
    return [(_kept(source, fold != f), _kept(source, fold == f)) for f in range(n_folds)]


def given_folds(source: Source, splits: Iterable[tuple[IntArray, IntArray]]) -> list[tuple[Source, Source]]:
    """Return pairs of sources as ``folds`` does, from pairs of row numbers."""
    pairs = []
    for fitted, held in splits:
        masks = np.zeros((2, source.n_rows), bool)
        masks[0, fitted], masks[1, held] = True, True
        pairs.append((_kept(source, masks[0]), _kept(source, masks[1])))
    return pairs


def held_out(
    fits: Sequence[Callable[[], Mixture]], held: Sequence[Source], executor: Executor
) -> tuple[float, float]:
    """Return the mean log-likelihood of a held-out row, in nats, and its standard error over the folds.

    Parameters
    ----------
    fits : sequence of callable
        Return the mixture fitted to the other rows, for each fold.
    held : sequence of Source
        The rows held out, for each fold.
    executor : Executor
    """
    pairs = zip(fits, held, strict=True)
    scores = np.array([evaluate.score(fit(), source, executor) for fit, source in pairs])
    sizes = np.array([_weight(source) for source in held])
    error = float(scores.std(ddof=1) / np.sqrt(len(scores)))
    return float(scores @ (sizes / sizes.sum())), error


def _kept(source: Source, rows: BoolArray) -> Source:
    weight = 1.0 if source.sample_weight is None else source.sample_weight
    return source.with_weight(np.where(rows, weight, 0.0))


def _weight(source: Source) -> float:
    return float(source.n_rows if source.sample_weight is None else source.sample_weight.sum())
