"""Rows of Zarr arrays, versions 2 and 3, in folders of this machine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from gaussmix.errors import DataError, DataTypeError, MissingDependencyError
from gaussmix.source.bands import Bands, check_chunk, check_declared, check_shape
from gaussmix.source.store import Store, only_one, store_errors
from gaussmix.source.stored import HeldRows, Storage
from gaussmix.source.zarr_files import ChunkFiles, codecs_of, refuse_links


class Zarr(Store):
    """Reads arrays of Zarr stores."""

    def matrix_of(self, data: Any) -> Any:
        zarr = _require_zarr()
        if isinstance(data, zarr.Group):
            _check_store(data.store)
            data = _only_matrix(data)
        if not isinstance(data, zarr.Array):
            raise DataTypeError(f"X is a {type(data).__name__} of zarr: pass the array itself")
        return data

    @contextmanager
    def opened(self, path: Path, name: str | None) -> Iterator[Any]:
        next(path.iterdir(), None)  # the operating system's own error, if there is one
        zarr = _require_zarr()
        path = path.absolute()
        refuse_links(path, path.resolve())
        with store_errors("this is not a Zarr store, or a damaged one"):
            store = zarr.storage.LocalStore(path, read_only=True)
            inner = "" if name is None else "/".join(_parts(name))
            found = zarr.open(store=store, mode="r", path=inner, use_consolidated=False)
            yield _only_matrix(found) if isinstance(found, zarr.Group) else found

    def rows_of(self, matrix: Any, limit: int) -> Bands:
        return ZarrRows(matrix, limit)


def _require_zarr() -> ModuleType:
    try:
        import zarr
    except ImportError as error:
        raise MissingDependencyError("reading Zarr needs zarr: pip install 'gaussmix[io]'") from error
    return zarr  # type: ignore[no-any-return]


def _parts(name: str) -> list[str]:
    parts = [part for part in name.split("/") if part]
    if ".." in parts or "." in parts:
        raise DataError(f"the array {name!r} is named by dots: name it from the top of the folder")
    return parts


class ZarrRows(Bands):
    """Serve an array, which pickles to the path of its folder."""

    def __init__(self, array: Any, limit: int) -> None:
        folder = _check_store(array.store)
        with store_errors("the array cannot be opened"):
            shape = check_shape(array.shape, array.dtype)
            itemsize = array.dtype.itemsize
            check_chunk(array.chunks, itemsize, limit, shape)
            codecs = codecs_of(array.metadata)
            if folder is None:
                check_declared(shape, itemsize, array.nbytes_stored())
                self.files = None
            else:
                array = _opened_anew(array, folder.absolute())
                self.files = ChunkFiles(array, codecs, folder.absolute())
                check_declared(shape, itemsize, self.files.n_bytes)
            self.array = array
            super().__init__(shape, array.dtype, array.chunks[0])

    def require_same(self) -> None:
        """Raise DataError if the description of the array has changed since it was opened."""
        if self.files is not None:
            self.files.require_same()

    def between(self, start: int, stop: int) -> NDArray[Any]:
        """Return some rows as they are stored."""
        with store_errors(
            f"{self.files.folder if self.files else 'the array'}: rows from {start} cannot be read"
        ):
            if self.files is None:
                return np.asarray(self.array[start:stop])
            self.files.require_same()
            self.files.require_same_rows(start, stop)
            rows = np.asarray(self.array[start:stop])
            self.files.require_same_rows(start, stop)
            return rows

    def portable(self, start: int, stop: int) -> Storage:
        """Return itself, or the rows where the array is in memory."""
        return self if self.files else HeldRows(self.rows(start, stop), start)

    def located(self, row: int) -> tuple[str, int]:
        return str(self.files.folder if self.files else ""), row


def _opened_anew(array: Any, folder: Path) -> Any:
    """Return an array that is found from every working folder."""
    if Path(array.store.root).is_absolute():
        return array
    store = _require_zarr().storage.LocalStore(folder, read_only=True)
    return _require_zarr().open_array(store=store, mode="r", path=array.path)


def _check_store(store: Any) -> Path | None:
    """Return the folder of a store; None for a store in memory. Refuse all others."""
    zarr = _require_zarr()
    if isinstance(store, zarr.storage.LocalStore):
        return Path(store.root)
    if isinstance(store, zarr.storage.MemoryStore):
        return None
    raise DataTypeError(
        f"X is stored in a {type(store).__name__}: only folders of this machine and memory are read: copy it to one"
    )


def _only_matrix(group: Any) -> Any:
    """Return the only numeric array of two dimensions below a group."""
    arrays = {f"/{name}": item for name, item in group.members(max_depth=None) if hasattr(item, "ndim")}
    found = {name: item for name, item in arrays.items() if item.ndim == 2 and item.dtype.kind in "fiub"}
    return found[only_one(list(found), "folder.zarr")]


STORE: Final = Zarr()
read = STORE.read
