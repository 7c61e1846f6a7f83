"""Rows of which some features, or the components, are known only in part, grouped by what is known of them.

All rows of a group have the same possible components, and of a large group the same observed features, so that it is
an ordinary block of rows of fewer features. Rows of rarer patterns stand together in one group, those of the same
pattern side by side: the cost of a pass over them grows with the number of patterns.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any, Final

import numpy as np

from gaussmix.source.base import Known, Partition, Source, row_runs
from gaussmix.types import BoolArray, Float64Array, FloatArray, IntArray

_OWN_ROWS: Final = (
    256  # from which a pattern has a group of its own: fewer cost more in Python than in the kernel
)
_BITS: Final = 52  # features whose pattern one float64 holds exactly


@dataclass(frozen=True, slots=True, eq=False)
class KnownPartition(Partition):
    """Hold rows of one group: their observed features only."""

    X: FloatArray = field(repr=False)
    weight: Float64Array | None = field(repr=False)
    known: Known | None = None

    def load(self) -> tuple[FloatArray, Float64Array | None]:
        """Return the observed features of the rows, (n, d), and their weights."""
        return self.X, self.weight

    def part(self, run: slice) -> KnownPartition:
        """Return some of the rows."""
        known = self.known
        if known is not None and known.noise is not None:
            known = replace(known, noise=known.noise[run])
        return KnownPartition(self.X[run], None if self.weight is None else self.weight[run], known)


@dataclass(frozen=True, eq=False)
class IncompleteRows:
    """Hold the rows of a source in groups of the same pattern, for EM.

    Unlike a ``Source``, it serves the rows in an order of its own.

    Attributes
    ----------
    groups : sequence of KnownPartition
        Each with all rows of one group.
    """

    groups: Sequence[KnownPartition]

    @classmethod
    def of(
        cls,
        source: Source,
        labels: IntArray | None = None,
        allowed: Sequence[Sequence[int]] = (),
        noise: Float64Array | None = None,
    ) -> IncompleteRows:
        """Return the rows of a source in groups.

        Parameters
        ----------
        source : Source
            NaN is a missing value; no row misses all of them.
        labels : ndarray of shape (N,), optional
            −1 where nothing is known of the row's component.
        allowed : sequence of sequence of int
            The components that a row of each label may belong to, ascending.
        noise : ndarray of shape (N, D, D), optional
            The covariance of the noise with which each row was measured; then no value is missing.
        """
        X = source.take(np.arange(source.n_rows))
        groups: list[KnownPartition] = []
        for rows, known in by_group(X):
            parts = [(rows, None)] if labels is None else _by_label(rows, labels)
            for part, label in parts:
                components = None if label is None else tuple(allowed[label])
                block = X[part] if known.features is None else X[np.ix_(part, np.array(known.features))]
                weight = source.weight_of(part)
                own_noise = None if noise is None else np.ascontiguousarray(noise[part])
                known = replace(known, components=components, noise=own_noise)
                groups.append(KnownPartition(np.ascontiguousarray(block), weight, known))
        if len(groups) == 1 and groups[0].known == Known() and noise is None:
            return cls([replace(groups[0], known=None)])
        return cls(groups)

    def partitions(self, block_rows: int) -> Sequence[KnownPartition]:
        """Return all rows in partitions of at most ``block_rows`` rows, each of one group."""
        return [group.part(run) for group in self.groups for run in row_runs(len(group.X), block_rows)]


def by_pattern(X: FloatArray) -> Iterator[tuple[IntArray, tuple[int, ...] | None]]:
    """Yield the rows of each pattern of missing values, ascending, and its observed features; None for all."""
    missing = np.isnan(X)
    codes = _codes(missing)
    _, first, of_row = np.unique(codes, return_index=True, return_inverse=True)
    order = np.argsort(of_row, kind="stable")
    edges = np.searchsorted(of_row[order], np.arange(len(first) + 1))
    for row, (start, stop) in zip(first.tolist(), pairwise(edges.tolist()), strict=True):
        observed = np.flatnonzero(~missing[row])
        yield order[start:stop], None if len(observed) == X.shape[1] else tuple(observed.tolist())


def by_group(X: FloatArray) -> Iterator[tuple[IntArray, Known]]:
    """Yield the rows of each frequent pattern and of all others together, and what is known of them."""
    rest = []
    for rows, features in by_pattern(X):
        if features is None or len(rows) >= _OWN_ROWS:
            yield rows, Known(features)
        else:
            rest.append(rows)
    if rest:
        yield np.concatenate(rest), Known(mixed=True)


def _codes(missing: BoolArray) -> Any:
    """Return a number for each row that is the same where the same features are missing."""
    codes: Any = 0
    for start in range(0, missing.shape[1], _BITS):
        part = missing[:, start : start + _BITS]
        part_codes: Any = part @ np.exp2(np.arange(part.shape[1]))
        if start:  # the numbers so far, made small, and these together
            both = np.column_stack([codes, part_codes])
            part_codes = np.unique(both, axis=0, return_inverse=True)[1].ravel()
        codes = part_codes
    return codes


def _by_label(rows: IntArray, labels: IntArray) -> Iterator[tuple[IntArray, int | None]]:
    """Yield the rows of each label, and the label; None for −1."""
    for label in np.unique(labels[rows]).tolist():
        yield rows[labels[rows] == label], None if label < 0 else label
