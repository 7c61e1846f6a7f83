"""The files of a Zarr array: how they are encoded, whether they decode in bounded memory, and whether they change."""

from __future__ import annotations

import math
import mmap
import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from gaussmix.errors import DataError
from gaussmix.source.encoded import COMPRESSORS, most_bytes, needs_check, require_small, too_large
from gaussmix.source.raw import Stamp

_METADATA: Final = ("zarr.json", ".zarray")
_CHECKSUMS: Final = ("crc32c", "fletcher32")  # which stand after the bytes
# Codecs that turn bytes into numbers and nothing else (one of numcodecs runs pickles), to a length that is known.
_CODECS: Final = COMPRESSORS | {
    "bytes", "transpose", "sharding_indexed", "shuffle", "delta", "fixedscaleoffset", "quantize", "bitround",
    "packbits", "astype", "crc32", "crc32c", "adler32", "fletcher32", "jenkins_lookup3",
}  # fmt: skip
_INDEX_CODECS: Final = (["bytes"], ["bytes", "crc32c"])


@dataclass(frozen=True, slots=True)
class Codecs:
    """Hold how the chunks of an array are encoded.

    Attributes
    ----------
    compressor : str or None
        One of ``COMPRESSORS``, which was the last to encode but for checksums.
    index : tuple of bool, or None
        Of chunks in shards: whether the index of a shard is at its end, and whether a checksum follows it.
    """

    compressor: str | None
    index: tuple[bool, bool] | None = None


def codecs_of(metadata: Any) -> Codecs:
    """Return how an array is encoded.

    Parameters
    ----------
    metadata : zarr.core.metadata.ArrayMetadata
        Of version 2 or 3.

    Raises
    ------
    DataError
        If codecs are not known to turn bytes into numbers and nothing else, or stand in an order in which the length
        of the numbers is hard to tell.
    """
    if metadata.zarr_format == 2:
        codecs = [*(metadata.filters or ()), metadata.compressor]
        names = [getattr(codec, "codec_id", None) or _name(codec) for codec in codecs if codec is not None]
        return Codecs(_compressor(names))
    shards = [codec for codec in metadata.codecs if _name(codec) == "sharding_indexed"]
    if not shards:
        return Codecs(_compressor([_name(codec) for codec in metadata.codecs]))
    inner, index = (
        [_name(codec) for codec in codecs] for codecs in (shards[0].codecs, shards[0].index_codecs)
    )
    if metadata.codecs[-1] is not shards[0] or "sharding_indexed" in inner or index not in _INDEX_CODECS:
        raise DataError(
            "the array is encoded in shards in an unusual way: write it again with the usual codecs"
        )
    _compressor([_name(codec) for codec in metadata.codecs[:-1]])
    location = getattr(shards[0].index_location, "value", shards[0].index_location)
    return Codecs(_compressor(inner), (location == "end", "crc32c" in index))


def _name(codec: Any) -> str:
    return str(codec.to_dict()["name"])


def _compressor(names: Sequence[str]) -> str | None:
    """Return the compressor among codecs in the order in which they encode."""
    names = [name.removeprefix("numcodecs.") for name in names]
    for name in names:
        if name not in _CODECS:
            raise DataError(
                f"the array is encoded by {name!r}, which is not known to be safe: write it with zstd"
            )
    first = next((place for place, name in enumerate(names) if name in COMPRESSORS), len(names))
    after = [name for name in names[first + 1 :] if name not in _CHECKSUMS]
    if after:
        raise DataError(
            f"the array is encoded by {names[first]!r} and then by {after[0]!r}: write it with zstd alone"
        )
    return names[first] if first < len(names) else None


class ChunkFiles:
    """Hold what is known of the files of an array in a folder, all of which are checked once.

    Attributes
    ----------
    folder : Path
        Of the array; absolute.
    n_bytes : int
        Of all its files.

    Raises
    ------
    DataError
        If one of them is a link out of the folder of the store.
    ResourceLimitError
        If a chunk decodes to far more than the array declares.
    """

    def __init__(self, array: Any, codecs: Codecs, store: Path) -> None:
        self.folder = store / array.path
        self._grid = tuple(array.shards or array.chunks)  # rows and columns in a file
        self._columns = -(-array.shape[1] // self._grid[1])
        self._key = array.metadata.encode_chunk_key
        self._metadata = next(
            (self.folder / name for name in _METADATA if (self.folder / name).exists()), None
        )
        self._stamp = None if self._metadata is None else Stamp.of(self._metadata.stat())
        self.n_bytes = self._latest = 0
        itemsize = array.dtype.itemsize
        most = most_bytes(math.prod(self._grid) * itemsize)
        n_inner = math.prod(self._grid) // math.prod(array.chunks)
        most_inner = most_bytes(math.prod(array.chunks) * itemsize)
        for path, status in _files(self.folder, store.resolve()):
            self._latest = max(self._latest, status.st_mtime_ns)
            if stat.S_ISDIR(status.st_mode):
                continue
            self.n_bytes += status.st_size
            if path.name.startswith(".") or path.name in _METADATA or not status.st_size:
                continue
            if codecs.index is not None:
                _check_shard(path, codecs, n_inner, (most, most_inner))
            elif needs_check(codecs.compressor, status.st_size, most):
                _check_file(path, codecs.compressor, most)

    def require_same(self) -> None:
        """Raise DataError if the description of the array has changed since it was opened."""
        if self._stamp is not None and self._metadata is not None:
            self._stamp.require_same(self._metadata.stat(), str(self._metadata))

    def require_same_rows(self, start: int, stop: int) -> None:
        """Raise DataError if a file that holds these rows was written or removed since the array was opened."""
        for row in range(start // self._grid[0], -(-stop // self._grid[0])):
            for column in range(self._columns):
                path = self.folder / self._key((row, column))
                if _written(path) > self._latest:
                    raise DataError(
                        f"{path}: the file has changed since it was opened: wait until it is written, and start again"
                    )


def _written(path: Path) -> int:
    """Return when a file was last written to, or where there is none the folder that it would be in."""
    while True:
        try:
            return path.stat().st_mtime_ns
        except FileNotFoundError:
            path = path.parent


def refuse_links(folder: Path, root: Path) -> None:
    """Raise DataError if there is a link below a folder that leads out of the root, naming the link."""
    for _ in _files(folder, root):
        pass


def _files(folder: Path, root: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """Yield the files of a folder and of those in it, and the status of each; the folders as well."""
    seen: set[str] = set()
    for parent, folders, files in os.walk(folder, followlinks=True):
        real = os.path.realpath(parent)
        if real in seen:  # a link leads back
            folders.clear()
            continue
        seen.add(real)
        for name in (*folders, *files):
            path = Path(parent, name)
            if path.is_symlink() and not path.resolve().is_relative_to(root):
                raise DataError(
                    f"{path} is a link out of the folder, which is not followed: copy the file in"
                )
        yield Path(parent), Path(parent).stat()
        for name in files:
            yield Path(parent, name), Path(parent, name).stat()


def _check_file(path: Path, compressor: str | None, most: int) -> None:
    if compressor is None:
        raise too_large(str(path), most)
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        require_small(compressor, content, most, str(path))


def _check_shard(path: Path, codecs: Codecs, n_inner: int, most: tuple[int, int]) -> None:
    """Check a file of many chunks, of which its index says where they are."""
    assert codecs.index is not None
    at_end, checked = codecs.index
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        if len(content) > most[0]:
            raise too_large(str(path), most[0])
        size = 16 * n_inner
        at = len(content) - size - 4 * checked if at_end else 0
        if not 0 <= at <= len(content) - size:
            return  # it ends early, which is an error when it is read
        index = np.frombuffer(content[at : at + size], "<u8").reshape(-1, 2)
        for offset, n_bytes in index[index[:, 0] < len(content)].tolist():
            if needs_check(codecs.compressor, n_bytes, most[1]):
                require_small(codecs.compressor, content[offset : offset + n_bytes], most[1], str(path))
