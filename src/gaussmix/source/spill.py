"""Rows converted once to raw numbers in a temporary file, because their own format cannot be read by row.

The file has no name from the start (where the system can do that), so that nothing stays behind however the process
ends; it is gone with the last source that reads it.
"""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NoReturn

import numpy as np

from gaussmix.errors import DataTypeError, ResourceLimitError
from gaussmix.source.limit import in_units
from gaussmix.source.raw import Home, RawRows, bytes_of
from gaussmix.types import FloatArray

FOLDER_VARIABLE: Final = "GAUSSMIX_SPILL"
"""The environment variable that names the folder for converted rows; the system's temporary one by default."""

_FULL: Final = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class TemporaryHome(Home):
    """Hold a temporary file that only this process can read."""

    name = ""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._file: Any = tempfile.TemporaryFile(prefix="gaussmix-", dir=folder, buffering=0)  # noqa: SIM115
        weakref.finalize(self, self._file.close)

    @contextmanager
    def descriptor(self) -> Iterator[int]:
        """Return a context with the one descriptor there is."""
        yield self._file.fileno()

    def write(self, content: memoryview) -> None:
        """Add bytes at the end."""
        while content:
            content = content[self._file.write(content) :]

    def __reduce__(self) -> NoReturn:
        raise DataTypeError(
            "rows that were converted to a temporary file can be read by this process only: raise memory_limit so "
            "that they are kept in memory, or save them as .npy files, which every worker can read"
        )


class Spill:
    """Collects rows in a temporary file of the spill folder.

    Parameters
    ----------
    n_features : int
        D.
    dtype : numpy.dtype
        float32 or float64.
    n_rows : int, optional
        Rows to come, if that is known: the space is checked before anything is written.

    Raises
    ------
    ResourceLimitError
        If the folder has not that much space.
    OSError
        If there is no such folder, or it cannot be written to.
    """

    def __init__(self, n_features: int, dtype: np.dtype[Any], n_rows: int | None = None) -> None:
        self.n_features, self.dtype, self.n_rows = n_features, dtype, 0
        self._needed = None if n_rows is None else n_rows * n_features * dtype.itemsize
        folder = Path(os.environ.get(FOLDER_VARIABLE) or tempfile.gettempdir())
        free = shutil.disk_usage(folder).free
        if self._needed is not None and self._needed > free:
            raise _full(folder, self._needed, f"where {in_units(free)} are free")
        self.home = TemporaryHome(folder)

    def append(self, X: FloatArray) -> None:
        """Write C-ordered rows, (n, D), of the spill's ``dtype``."""
        try:
            self.home.write(bytes_of(X))
        except OSError as error:
            if error.errno not in _FULL:
                raise
            needed = (self.n_rows + len(X)) * self.n_features * self.dtype.itemsize
            raise _full(self.home.folder, self._needed or needed, "which is full") from error
        self.n_rows += len(X)

    def rows(self) -> RawRows:
        """Return what was written."""
        return RawRows(self.home, 0, self.n_rows, self.n_features, self.dtype)


def _full(folder: Path, needed: int, why: str) -> ResourceLimitError:
    return ResourceLimitError(
        f"the rows are converted to a temporary file, which needs {in_units(needed)} ({needed} bytes) or more in the "
        f"folder {folder}, {why}: set the environment variable {FOLDER_VARIABLE} to a folder with more space"
    )
