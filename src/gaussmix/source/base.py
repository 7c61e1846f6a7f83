"""The contract of every data source: runs of rows that any worker can load, again and again.

A fit passes over its rows many times and never needs more than one run of them at once. A :class:`Source`
therefore says only how many rows there are and hands out :class:`Partition` objects, each of which loads one
run. Runs are consecutive and all of ``block_rows`` rows but the last, whatever the reader below finds
convenient: so equal values give equal sums, bit for bit, from an array, a memory map or a file.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from gaussmix.errors import ParameterError
from gaussmix.types import Float64Array, FloatArray, IntArray


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of the rows of a partition, where that is not simply all of their features.

    Attributes
    ----------
    features : tuple of int, or None
        The features that were observed, ascending: the columns of the rows that are loaded. None for all.
    components : tuple of int, or None
        The components that the rows may belong to, ascending. None for any.
    mixed : bool
        Whether rows of several patterns stand together, NaN where a value is missing.
    noise : ndarray of shape (n, D, D), or None
        The covariance of the noise with which each row was measured.
    """

    features: tuple[int, ...] | None = None
    components: tuple[int, ...] | None = None
    mixed: bool = False
    noise: Float64Array | None = field(default=None, repr=False, compare=False)


class Partition(ABC):
    """Address one run of rows.

    A partition is small, or pickles to no more than its own rows; it may be loaded many times and from
    several threads at once, and gives the same values each time.

    Attributes
    ----------
    known : Known or None
        Set where features of the rows are missing, or their components are known in part.
    """

    known: Known | None = None

    @abstractmethod
    def load(self) -> tuple[FloatArray, Float64Array | None]:
        """Return the rows and their weights.

        Returns
        -------
        X : ndarray of shape (n, D)
            C-contiguous, aligned, in native byte order, of the source's ``dtype``. May be a view of the
            user's own array and may be read-only: it must not be written to. Of a source that is ``sparse``, a
            ``scipy.sparse.csr_array`` instead.
        weight : ndarray of shape (n,) of float64, or None
            C-contiguous weights of the rows; None where each weighs 1.
        """

    def resident(self) -> Partition:
        """Return a partition of the same rows that holds them in memory, for a worker that loads them often."""
        return self


class Source(ABC):
    """Describe N rows of D features that can be passed over many times.

    Implementations are frozen: nothing about a source changes after it is built.

    Attributes
    ----------
    n_rows : int
        N, at least 1.
    n_features : int
        D, at least 1.
    feature_names : tuple of str, or None
        The D names of the columns, where they have names.
    dtype : numpy.dtype
        float32 or float64, in native byte order: what ``load`` and ``take`` return.
    sample_weight : ndarray of shape (N,) of float64, or None
        Weights of the rows; None where each weighs 1.
    incomplete : bool
        Whether values are missing: NaN.
    engine : str or None
        The system that holds the rows and brings its own executor; None where those of this process serve.
    sparse : bool
        Whether partitions load ``scipy.sparse.csr_array`` of shape (n, D), with distinct columns in each row, instead
        of arrays; ``take`` is dense all the same, and for small samples only.
    exceeds_memory : bool
        Whether the rows take more memory than the user's limit allows: they are passed over, and never all taken.

    Notes
    -----
    Rows of a source built by :func:`gaussmix.source.as_source` are finite, or NaN where it is ``incomplete``. Rows
    that exceed memory are checked as they are read: ``load`` and ``take`` raise DataError where they are not finite.
    Whoever builds a source otherwise checks with :func:`gaussmix.source.check_values`.
    """

    n_rows: int
    n_features: int
    feature_names: tuple[str, ...] | None
    dtype: np.dtype[Any]
    sample_weight: Float64Array | None
    incomplete: bool = False
    engine: ClassVar[str | None] = None
    sparse: bool = False
    exceeds_memory: bool = False

    @abstractmethod
    def partitions(self, block_rows: int) -> Sequence[Partition]:
        """Return the partitions, in the order of the rows.

        Parameters
        ----------
        block_rows : int
            Rows in each partition, at least 1; the last one may have fewer.

        Returns
        -------
        sequence of Partition
            ``ceil(n_rows / block_rows)`` of them; partition b holds the rows from ``b * block_rows``.

        Raises
        ------
        ParameterError
            If ``block_rows`` is less than 1.
        """

    @abstractmethod
    def take(self, rows: IntArray) -> FloatArray:
        """Return some of the rows, reading no more than these where the storage allows it.

        Parameters
        ----------
        rows : ndarray of shape (n,) of int
            Row numbers in ascending order, from 0 to ``n_rows - 1``; the same row may be asked for twice.

        Returns
        -------
        ndarray of shape (n, D)
            A new C-contiguous array of the source's ``dtype``.
        """

    @abstractmethod
    def with_weight(self, sample_weight: object) -> Source:
        """Return a source of the same rows with other weights.

        Parameters
        ----------
        sample_weight : array-like of shape (N,), or None
            Finite weights, none negative and not all zero; None for 1 each.

        Returns
        -------
        Source

        Raises
        ------
        DataError
            If the weights cannot be used.
        """

    def weight_of(self, rows: IntArray) -> Float64Array | None:
        """Return the weights of some of the rows.

        Parameters
        ----------
        rows : ndarray of shape (n,) of int
            Row numbers, as for :meth:`take`.

        Returns
        -------
        ndarray of shape (n,) of float64, or None
            None where each row weighs 1.
        """
        return None if self.sample_weight is None else self.sample_weight[rows]


def row_runs(n_rows: int, block_rows: int) -> Iterator[slice]:
    """Yield consecutive slices of ``block_rows`` rows that cover ``n_rows`` rows; the last may be shorter.

    Parameters
    ----------
    n_rows : int
        Rows to cover.
    block_rows : int
        Rows in each slice, at least 1.

    Yields
    ------
    slice

    Raises
    ------
    ParameterError
        If ``block_rows`` is less than 1.
    """
    if block_rows < 1:
        raise ParameterError(f"block_rows is {block_rows}: a partition holds at least 1 row")
    for start in range(0, n_rows, block_rows):
        yield slice(start, min(start + block_rows, n_rows))
