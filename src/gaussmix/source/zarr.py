"""Rows of Zarr arrays, versions 2 and 3, in folders of this machine."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from gaussmix.errors import DataError, DataTypeError, GaussmixError, MissingDependencyError, ParameterError
from gaussmix.source.bands import Bands, check_declared, check_shape
from gaussmix.source.base import Source
from gaussmix.source.check import listed
from gaussmix.source.chunks import ChunkedSource, Chunks, HeldChunks, checked_chunks
from gaussmix.source.raw import Stamp

_METADATA: Final = ("zarr.json", ".zarray")
# Codecs that turn bytes into numbers and nothing else: one of numcodecs runs pickles.
_CODECS: Final = frozenset([
    "bytes", "transpose", "sharding_indexed", "blosc", "zstd", "gzip", "zlib", "bz2", "lz4", "lzma", "shuffle",
    "delta", "fixedscaleoffset", "quantize", "bitround", "packbits", "astype", "crc32", "crc32c", "adler32",
    "fletcher32", "jenkins_lookup3", "zfpy", "pcodec",
])  # fmt: skip


def read(data: Any, columns: Sequence[str] | None, sample_weight: object | None, *, missing: bool) -> Source:
    """Return a source of an open array, or of the only matrix in an open group.

    Raises
    ------
    DataError
        If it cannot be used, or leads out of its folder.
    DataTypeError
        If it is not stored in a folder or in memory.
    """
    zarr = _require_zarr()
    if isinstance(data, zarr.Group):
        _check_store(data.store)
        data = _only_matrix(data)
    if not isinstance(data, zarr.Array):
        raise DataTypeError(f"X is a {type(data).__name__} of zarr: pass the array itself")
    return _source(data, columns, sample_weight, missing=missing)


def open_store(
    path: Path,
    name: str | None,
    columns: Sequence[str] | None,
    sample_weight: object | None,
    *,
    missing: bool,
) -> Source:
    """Return a source of an array in a folder.

    Parameters
    ----------
    path : Path
        The folder.
    name : str, or None
        The array in it, ``"/group/data"``; None for the only matrix in the folder.
    columns : None
        The columns of an array have no names to choose by.
    sample_weight : array-like of shape (N,), or None
        Weights of the rows.
    missing : bool
        Whether NaN is taken as a missing value.
    """
    next(path.iterdir(), None)  # the operating system's own error, if there is one
    zarr = _require_zarr()
    _bytes_below(path, path.resolve())
    with _errors("this is not a Zarr store, or a damaged one"):
        store = zarr.storage.LocalStore(path, read_only=True)
        inner = "" if name is None else "/".join(_parts(name))
        found = zarr.open(store=store, mode="r", path=inner, use_consolidated=False)
        if isinstance(found, zarr.Group):
            found = _only_matrix(found)
        return _source(found, columns, sample_weight, missing=missing)


def _require_zarr() -> ModuleType:
    try:
        import zarr
    except ImportError as error:
        raise MissingDependencyError("reading Zarr needs zarr: pip install 'gaussmix[io]'") from error
    return zarr  # type: ignore[no-any-return]


@contextmanager
def _errors(what: str) -> Iterator[None]:
    """Turn the exceptions of zarr and its codecs into ours."""
    try:
        yield
    except (GaussmixError, KeyboardInterrupt):
        raise
    except Exception as error:  # codecs have exceptions of their own
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise DataError(f"{what} ({reason}): write it again") from error


def _parts(name: str) -> list[str]:
    parts = [part for part in name.split("/") if part]
    if ".." in parts or "." in parts:
        raise DataError(f"the array {name!r} is named by dots: name it from the top of the folder")
    return parts


def _source(
    array: Any, columns: Sequence[str] | None, sample_weight: object | None, *, missing: bool
) -> Source:
    if columns is not None:
        raise ParameterError(
            f"columns={columns!r}: the columns of a Zarr array have no names: leave columns out"
        )
    weight: Any = sample_weight
    return checked_chunks(ChunkedSource(_ZarrChunks(array), weight), missing=missing)


class _ZarrChunks(Bands):
    """Serve an array, which pickles to the path of its folder."""

    def __init__(self, array: Any) -> None:
        folder = _check_store(array.store)
        with _errors("the array cannot be opened"):
            shape = check_shape(array.shape, array.dtype)
            _check_codecs(array.metadata)
            if folder is None:
                stored_bytes = array.nbytes_stored()
            else:
                stored_bytes = _bytes_below(folder / array.path, folder.resolve())
            check_declared(shape, array.dtype.itemsize, array.chunks, stored_bytes)
            self.array = array
            self.metadata = None if folder is None else _metadata_of(folder / array.path)
            self.stamp = Stamp.of(self.metadata.stat()) if self.metadata else None
            super().__init__(shape, array.dtype, array.chunks[0])

    def require_same(self) -> None:
        """Raise DataError if the description of the array has changed since it was opened."""
        if self.stamp is not None and self.metadata is not None:
            self.stamp.require_same(self.metadata.stat(), str(self.metadata))

    def between(self, start: int, stop: int) -> NDArray[Any]:
        """Return some rows as they are stored."""
        self.require_same()
        with _errors(
            f"{self.metadata.parent if self.metadata else 'the array'}: rows from {start} cannot be read"
        ):
            return np.asarray(self.array[start:stop])

    def portable(self, start: int, stop: int) -> Chunks:
        """Return itself, or the rows where the array is in memory."""
        return self if self.metadata else HeldChunks(self.rows(start, stop), start)


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


def _metadata_of(folder: Path) -> Path:
    return next((folder / name for name in _METADATA if (folder / name).exists()), folder)


def _only_matrix(group: Any) -> Any:
    """Return the only numeric array of two dimensions below a group."""
    arrays = {name: item for name, item in group.members(max_depth=None) if hasattr(item, "ndim")}
    found = {name: item for name, item in arrays.items() if item.ndim == 2 and item.dtype.kind in "fiub"}
    if len(found) == 1:
        return next(iter(found.values()))
    if not found:
        raise DataError("there is no numeric array of two dimensions in it: write rows and columns to one")
    names = sorted(f"/{name}" for name in found)
    raise DataError(
        f"there are {len(found)} matrices in it, {listed(names)}: say which, as 'folder.zarr::{names[0]}'"
    )


def _bytes_below(folder: Path, root: Path) -> int:
    """Return the bytes of all files below a folder, none of which may be a link that leads out of the root.

    Raises
    ------
    DataError
        Naming the link.
    """
    total = 0
    for parent, folders, files in os.walk(folder):
        for name in (*folders, *files):
            path = Path(parent, name)
            if path.is_symlink() and not path.resolve().is_relative_to(root):
                raise DataError(
                    f"{path} is a link out of the folder, which is not followed: copy the file in"
                )
        total += sum(Path(parent, name).stat().st_size for name in files)
    return total


def _check_codecs(metadata: Any) -> None:
    """Refuse codecs that are not known to turn bytes into numbers and nothing else."""
    if metadata.zarr_format == 2:
        codecs = [metadata.compressor, *(metadata.filters or ())]
        names = [getattr(codec, "codec_id", None) or _name(codec) for codec in codecs if codec is not None]
    else:
        names = [name for codec in metadata.codecs for name in _names(codec)]
    for name in names:
        if name.removeprefix("numcodecs.") not in _CODECS:
            raise DataError(
                f"the array is encoded by {name!r}, which is not known to be safe: write it with zstd"
            )


def _names(codec: Any) -> Iterator[str]:
    """Yield the name of a codec, and of those inside it."""
    yield _name(codec)
    for inner in (*getattr(codec, "codecs", ()), *getattr(codec, "index_codecs", ())):
        yield from _names(inner)


def _name(codec: Any) -> str:
    return str(codec.to_dict()["name"])
