"""Rows collected in one array in memory, block by block."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from gaussmix.errors import ResourceLimitError
from gaussmix.types import FloatArray

_ROWS: Final = 65_536  # at first, where their number is not known


class Matrix:
    """Collects rows in a C-ordered array.

    Parameters
    ----------
    n_features : int
        D.
    dtype : numpy.dtype
        float32 or float64.
    n_rows : int, optional
        How many rows to expect; the array grows where there are more.

    Raises
    ------
    ResourceLimitError
        If they do not fit into memory.
    """

    def __init__(self, n_features: int, dtype: np.dtype[Any], n_rows: int | None = None) -> None:
        self.n_rows = 0
        size = _ROWS if n_rows is None else n_rows
        try:
            self._X: FloatArray = np.empty((size, n_features), dtype)
        except (MemoryError, ValueError, OverflowError) as error:
            gigabytes = size * n_features * dtype.itemsize / 2**30
            raise ResourceLimitError(
                f"{size} rows and {n_features} columns need {gigabytes:.0f} GiB of memory: choose fewer columns"
            ) from error

    def append(self, X: FloatArray) -> None:
        """Copy rows, (n, D), to the end."""
        start, stop = self.n_rows, self.n_rows + len(X)
        if stop > len(self._X):  # nobody else has seen the array
            self._X.resize((max(stop, len(self._X) * 5 // 4), self._X.shape[1]), refcheck=False)
        self._X[start:stop] = X
        self.n_rows = stop

    def rows(self) -> FloatArray:
        """Return all rows; none can be added after that."""
        if self.n_rows < len(self._X):
            self._X.resize((self.n_rows, self._X.shape[1]), refcheck=False)
        return self._X
