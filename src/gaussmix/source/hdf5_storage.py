"""Where an HDF5 dataset keeps its values, and whether they can be decoded in bounded memory."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from gaussmix.errors import DataError
from gaussmix.source.bands import check_chunk, check_declared
from gaussmix.source.encoded import most_bytes, needs_check, require_small, too_large

DRIVERS: Final = ("sec2", "stdio", "windows")
"""Those of a local file that can be opened again."""

_DEFLATE, _FLETCHER32, _SZIP, _LZF = 1, 3, 4, 32000
_CODECS: Final = {_DEFLATE: "zlib", _SZIP: "szip", _LZF: "lzf"}
Resolve = Callable[[Any, str], Any]
"""``(file, name) -> dataset``."""


def stored_bytes(
    dataset: Any,
    limit: int,
    resolve: Resolve,
    folder: Path | None = None,
    seen: set[tuple[str, str]] | None = None,
) -> int:
    """Return the bytes that a dataset takes in storage, and refuse what cannot be read safely.

    Parameters
    ----------
    dataset : h5py.Dataset
    limit : int
        Bytes that rows may take in memory.
    resolve : callable
        Finds the datasets that a virtual one is put together from.
    folder : Path, optional
        Which these may not be outside of. Default: that of the file.
    seen : set, optional
        Files and names of those that were counted already.

    Raises
    ------
    DataError
        If the dataset keeps its values in another file, is put together from files that are not below the folder, or
        is encoded by a filter that is not installed.
    ResourceLimitError
        If it, or one that it is put together from, declares far more than is there, or chunks too large to decode.
    """
    if dataset.external:
        raise DataError(
            f"the dataset {dataset.name!r} keeps its values outside of the file, which is not followed: copy them in"
        )
    _check_filters(dataset)
    itemsize = dataset.dtype.itemsize
    if dataset.is_virtual:
        total = _virtual_bytes(dataset, limit, resolve, folder, set() if seen is None else seen)
    else:
        total = int(dataset.id.get_storage_size())
    check_declared(dataset.shape or (), itemsize, total)
    if dataset.chunks:
        check_chunk(dataset.chunks, itemsize, limit)
        _check_encoded(dataset)
    return total


def _virtual_bytes(
    dataset: Any, limit: int, resolve: Resolve, folder: Path | None, seen: set[tuple[str, str]]
) -> int:
    """Return the bytes of all that a virtual dataset is put together from, checked like itself."""
    import h5py

    folder = Path(dataset.file.filename).parent.resolve() if folder is None else folder
    total = 0
    for source in dataset.virtual_sources():
        path = _path_of_source(dataset, source.file_name, folder)
        if (str(path), source.dset_name) in seen:
            continue
        seen.add((str(path), source.dset_name))
        if path is None:
            total += stored_bytes(resolve(dataset.file, source.dset_name), limit, resolve, folder, seen)
        else:
            with h5py.File(path, "r") as file:
                total += stored_bytes(resolve(file, source.dset_name), limit, resolve, folder, seen)
    return total


def _path_of_source(dataset: Any, file_name: str, folder: Path) -> Path | None:
    """Return the path of a source of a virtual dataset; None for the file of the dataset itself."""
    if file_name == ".":
        return None
    path = (Path(dataset.file.filename).parent / file_name).resolve()
    if "%" in file_name or not path.is_relative_to(folder) or dataset.file.driver not in DRIVERS:
        raise DataError(
            f"the virtual dataset {dataset.name!r} reads {file_name!r}, which is no file in the folder of its own: "
            "copy the values in"
        )
    if not path.is_file():  # HDF5 would read zeros
        raise DataError(
            f"the virtual dataset {dataset.name!r} reads {file_name!r}, which is not there: bring it"
        )
    return path


def _check_filters(dataset: Any) -> None:
    """Refuse filters that are not installed, and an order of them in which deflated bytes are hard to find."""
    import h5py

    codes = _filters(dataset)
    for code, label in codes:
        if not h5py.h5z.filter_avail(code):
            raise DataError(
                f"the dataset {dataset.name!r} is encoded by the filter {code} ({label.decode(errors='replace')!r}), "
                "which is not installed: import hdf5plugin first, or write it with gzip"
            )
    numbers = [code for code, _ in codes]
    first = next((place for place, code in enumerate(numbers) if code in _CODECS), len(numbers))
    if any(code != _FLETCHER32 for code in numbers[first + 1 :]):
        raise DataError(
            f"the dataset {dataset.name!r} is encoded again after {numbers[first]}: write it with gzip"
        )


def _filters(dataset: Any) -> list[tuple[int, bytes]]:
    plist = dataset.id.get_create_plist()
    found = [plist.get_filter(index) for index in range(plist.get_nfilters())]
    return [(code, label) for code, _, _, label in found]


def _check_encoded(dataset: Any) -> None:
    """Raise ResourceLimitError if a chunk decodes to far more than it declares."""
    numbers = [code for code, _ in _filters(dataset)]
    place = next((place for place, code in enumerate(numbers) if code in _CODECS), None)
    codec = None if place is None else _CODECS[numbers[place]]
    most = most_bytes(math.prod(dataset.chunks) * dataset.dtype.itemsize)
    found = [chunk for chunk in _chunks(dataset) if needs_check(codec, chunk.size, most)]
    for chunk in found:
        where = f"the dataset {dataset.name!r}: the chunk from {chunk.chunk_offset}"
        if chunk.size > most:
            raise too_large(where, most)
        if place is not None and not chunk.filter_mask >> place & 1:  # else this chunk was stored as it is
            _, content = dataset.id.read_direct_chunk(chunk.chunk_offset)
            require_small(codec, content, most, where)


def _chunks(dataset: Any) -> Iterator[Any]:
    """Yield where the chunks are that were written, and how long."""
    if hasattr(dataset.id, "chunk_iter"):
        found: list[Any] = []
        dataset.id.chunk_iter(found.append)
        yield from found
    else:  # HDF5 before 1.14
        yield from map(dataset.id.get_chunk_info, range(dataset.id.get_num_chunks()))
