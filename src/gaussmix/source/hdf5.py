"""Rows of HDF5 datasets, read through h5py.

A file may point out of itself: to raw bytes in other files, to objects of other files, to datasets put together from
others. None of that may lead out of the folder of the file, so that a file from elsewhere cannot show what else is on
the machine.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from types import ModuleType
from typing import Any, Final

from numpy.typing import NDArray

from gaussmix.errors import DataError, DataTypeError, MissingDependencyError
from gaussmix.source.bands import Bands, check_chunk, check_shape
from gaussmix.source.hdf5_storage import DRIVERS, stored_bytes
from gaussmix.source.raw import Stamp
from gaussmix.source.store import Store, only_one, store_errors
from gaussmix.source.stored import HeldRows, Storage

_MOST_LINKS: Final = 16  # followed from one to the next, before they are taken for a circle


class Hdf5(Store):
    """Reads datasets of HDF5 files."""

    def matrix_of(self, data: Any) -> Any:
        h5py = _require_h5py()
        if isinstance(data, h5py.Group):
            data = _only_matrix(data)
        if not isinstance(data, h5py.Dataset):
            raise DataTypeError(f"X is a {type(data).__name__} of h5py: pass the dataset itself")
        return data

    @contextmanager
    def opened(self, path: Path, name: str | None) -> Iterator[Any]:
        with path.open("rb"):
            pass  # the operating system's own error, if there is one
        h5py = _require_h5py()
        with store_errors("this is not an HDF5 file, or a damaged one"), h5py.File(path, "r") as file:
            yield _only_matrix(file) if name is None else _resolved(file, name)

    def rows_of(self, matrix: Any, limit: int) -> Bands:
        return Hdf5Rows(matrix, limit)


def _require_h5py() -> ModuleType:
    try:
        import h5py
    except ImportError as error:
        raise MissingDependencyError("reading HDF5 needs h5py: pip install 'gaussmix[io]'") from error
    return h5py  # type: ignore[no-any-return]


class Hdf5Rows(Bands):
    """Serve a dataset; each process opens its file once, and h5py lets one thread read at a time."""

    def __init__(self, dataset: Any, limit: int) -> None:
        if dataset.shape is None:
            raise DataError("the dataset is empty (it has no shape): write it again")
        with store_errors("the dataset cannot be opened"):
            shape = check_shape(dataset.shape, dataset.dtype)
            if dataset.chunks:
                check_chunk(dataset.chunks, dataset.dtype.itemsize, limit, shape)
            stored_bytes(dataset, limit, _resolved)
            written = dataset.file.mode != "r"
            if written:
                dataset.file.flush()  # other processes read what is in the file
        local = dataset.file.driver in DRIVERS and dataset.name is not None
        self.path = Path(dataset.file.filename).absolute() if local else None
        self.name = dataset.name
        self.stamp = None if self.path is None or written else Stamp.of(self.path.stat())
        self._open, self._process, self._lock = dataset, os.getpid(), Lock()
        super().__init__(shape, dataset.dtype, dataset.chunks[0] if dataset.chunks else 1)

    def require_same(self) -> None:
        """Raise DataError if the file has changed since it was opened."""
        if self.stamp is not None and self.path is not None:
            self.stamp.require_same(self.path.stat(), str(self.path))

    def between(self, start: int, stop: int) -> NDArray[Any]:
        """Return some rows as they are stored."""
        self.require_same()
        with store_errors(f"{self.path or 'the dataset'}: rows from {start} cannot be read"):
            rows: NDArray[Any] = self._dataset()[start:stop]
            return rows

    def portable(self, start: int, stop: int) -> Storage:
        """Return itself, or the rows where the file is in memory and cannot be opened elsewhere."""
        return self if self.path else HeldRows(self.rows(start, stop), start)

    def located(self, row: int) -> tuple[str, int]:
        return str(self.path or ""), row

    def _dataset(self) -> Any:
        with self._lock:
            if (self.path is not None and self._process != os.getpid()) or not self._open:
                self._open = _resolved(_require_h5py().File(self.path, "r"), self.name)
                self._process = os.getpid()
            return self._open

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "_open": None, "_lock": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._lock = Lock()


def _only_matrix(group: Any) -> Any:
    """Return the only numeric dataset of two dimensions below a group; links are not followed."""
    found: list[str] = []

    def note(name: str, item: Any) -> None:
        if getattr(item, "ndim", 0) == 2 and item.dtype.kind in "fiub":
            found.append(f"{group.name.rstrip('/')}/{name}")

    group.visititems(note)
    return group.file[only_one(found, "file.h5")]


def _resolved(file: Any, name: str, links: int = 0) -> Any:
    """Return the dataset of a name, followed link by link within the file."""
    h5py = _require_h5py()
    item, path = file["/"], [part for part in name.split("/") if part not in ("", ".")]
    for depth, part in enumerate(path):
        link = _link(item, part) if isinstance(item, h5py.Group) else None
        if link is None:
            raise DataError(f"there is no dataset {name!r} in it: give the name that `h5ls -r` shows")
        if isinstance(link, h5py.SoftLink):
            if links == _MOST_LINKS:
                raise DataError(f"the links to {name!r} lead in a circle: name the dataset itself")
            base = "" if link.path.startswith("/") else item.name
            rest = "/".join([base, link.path, *path[depth + 1 :]])
            return _resolved(file, rest, links + 1)
        if not isinstance(link, h5py.HardLink):
            raise DataError(
                f"{name!r} is a link to another file, which is not followed: open that file itself"
            )
        item = item[part]
    if not isinstance(item, h5py.Dataset):
        raise DataError(f"{name!r} is a group: name the dataset in it, as 'file.h5::/group/data'")
    return item


def _link(group: Any, name: str) -> Any:
    """Return the link of a name in a group, or None if there is none."""
    try:
        return group.get(name, getlink=True)
    except TypeError:  # a kind of link that some plugin defined
        return object()


STORE: Final = Hdf5()
read = STORE.read
