"""Rows that are stored in chunks, each of which is decoded or computed as a whole.

Logical blocks seldom end where chunks end. The chunks decoded last are therefore kept, so that a pass in the order of
the rows decodes each of them once, from however many threads.
"""

from __future__ import annotations

from abc import abstractmethod
from collections import OrderedDict
from concurrent.futures import Future
from threading import Lock
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from gaussmix.source.array import converted
from gaussmix.source.stored import Storage
from gaussmix.types import FloatArray, IntArray

KEPT_BYTES: Final = 64 << 20  # of decoded chunks: several blocks of every thread of a small machine


class Chunks(Storage):
    """Hold a matrix in chunks of whole rows, and keep those that were read last.

    Parameters
    ----------
    bounds, n_features, dtype
        As for ``Storage``; a piece is a chunk.
    kept_bytes : int
        How much of what was read is kept.
    """

    def __init__(self, bounds: IntArray, n_features: int, dtype: np.dtype[Any], kept_bytes: int) -> None:
        self.bounds, self.n_features, self.dtype = bounds, n_features, dtype
        self._recent = _Recent(kept_bytes)

    @abstractmethod
    def read(self, index: int) -> NDArray[Any]:
        """Return the rows of one chunk, of any numeric type; not necessarily the same array each time."""

    def require_same(self) -> None:
        """Raise DataError if the storage has changed since it was opened; chunks that were kept would not tell.

        What is in memory has nothing to compare.
        """

    def rows(self, start: int, stop: int) -> FloatArray:
        """Return a run of rows: a view of one chunk, or a copy of parts of several."""
        self.require_same()
        parts = [self._chunk(index)[run] for index, run in self.parts(start, stop)]
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def _chunk(self, index: int) -> FloatArray:
        return self._recent.get(index, self)

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_recent": self._recent.limit}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state, _recent=_Recent(state["_recent"]))


class _Recent:
    """Keep the chunks that were read last, and let each be read by one thread while others wait for it."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._lock = Lock()
        self._chunks: OrderedDict[int, Future[FloatArray]] = OrderedDict()
        self._sizes: dict[int, int] = {}  # bytes of those that were read
        self._size = 0

    def get(self, index: int, chunks: Chunks) -> FloatArray:
        with self._lock:
            found = self._chunks.get(index)
            future: Future[FloatArray] = Future() if found is None else found
            self._chunks[index] = future
            self._chunks.move_to_end(index)
        if found is None:
            try:
                future.set_result(converted(chunks.read(index), chunks.dtype))
            except BaseException as error:
                with self._lock:
                    self._chunks.pop(index, None)
                future.set_exception(error)
                raise
            with self._lock:
                self._sizes[index] = future.result().nbytes
                self._size += self._sizes[index]
                self._shrink()
        return future.result()

    def _shrink(self) -> None:
        """Forget the chunks that were not used for longest; never the last one used."""
        while self._size > self.limit and len(self._sizes) > 1:
            oldest = next(index for index in self._chunks if index in self._sizes)  # few are being read
            del self._chunks[oldest]
            self._size -= self._sizes.pop(oldest)
