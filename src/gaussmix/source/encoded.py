"""Encoded bytes that would decode to far more than they should, found before a library decodes all of them.

Libraries decode as much as the bytes say, whatever the chunk was declared to hold, and a few kilobytes may stand for
gigabytes. Formats that give their size are taken at it, since their decoders allocate no more; those that do not are
decoded here until it is clear.
"""

from __future__ import annotations

import bz2
import struct
import zlib
from contextlib import suppress
from typing import Any, Final

import numpy as np

from gaussmix.errors import ResourceLimitError
from gaussmix.source.limit import in_units

COMPRESSORS: Final = frozenset(["zstd", "blosc", "lz4", "lzf", "gzip", "zlib", "bz2", "szip"])
"""The codecs whose output may be far longer than their input."""

_LEAST: Final = 256 << 20  # bytes that a chunk may decode to, whatever it declares: they fit into memory
_RATIOS: Final = {"gzip": 1032, "zlib": 1032, "lzf": 88}  # at best
_BLOCK: Final = 128 << 10  # bytes that a block of zstd decodes to at most (RFC 8878, section 3.1.1.2.4)
_PIECE: Final = 16 << 10  # given to a decoder at once
_STEP: Final = 1 << 20  # taken from it
_CHECKSUM: Final = 16  # bytes that may follow a stream: too few for another one
_FRAME, _SKIPPABLE = 0xFD2FB528, 0x184D2A50
_SIZE_AT: Final = {"blosc": 4, "lz4": 0, "szip": 0}  # where the format keeps its size, 32 bits


def most_bytes(declared: int) -> int:
    """Return how many bytes a chunk may decode to, or take in storage, that declares some number of them."""
    return max(_LEAST, 2 * declared)  # filters may widen values


def needs_check(codec: str | None, n_bytes: int, most: int) -> bool:
    """Return whether so many encoded bytes could decode to more than ``most``."""
    if codec in _RATIOS:
        return n_bytes * _RATIOS[codec] > most
    return codec is not None or n_bytes > most


def require_small(codec: str | None, content: Any, most: int, where: str) -> None:
    """Raise if encoded bytes decode to more than they may.

    Parameters
    ----------
    codec : str or None
        One of ``COMPRESSORS``; None for bytes that are as long as what they decode to.
    content : bytes-like
        One chunk as it is stored. Damaged ones are left to the library to refuse.
    most : int
        Bytes.
    where : str
        Names the chunk in the message.

    Raises
    ------
    ResourceLimitError
        If they do.
    """
    n_bytes = len(content)
    if n_bytes > most or (needs_check(codec, n_bytes, most) and _exceeds(codec, content, most)):
        raise too_large(where, most)


def too_large(where: str, most: int) -> ResourceLimitError:
    """Return what to raise where a chunk decodes to more than it may, or is stored in more; see ``require_small``."""
    return ResourceLimitError(
        f"{where} decodes to more than {in_units(most)}, far more than the array declares for a chunk: it is"
        " damaged, or made to exhaust the memory; write it again"
    )


def _exceeds(codec: str | None, content: Any, most: int) -> bool:
    try:
        if codec == "zstd":
            return _zstd_bytes(memoryview(content)) > most
        if codec == "lzf":
            return _lzf_exceeds(content, most)
        if codec in ("gzip", "zlib", "bz2"):
            return _stream_exceeds(codec, content, most)
        (size,) = struct.unpack_from("<I", content, _SIZE_AT[str(codec)])
        return bool(size > most)
    except (struct.error, zlib.error, OSError, EOFError, IndexError):
        return False


def _stream_exceeds(codec: str, content: Any, most: int) -> bool:
    """Return whether a stream decodes to more than ``most`` bytes, or is followed by another one."""
    stream: Any = bz2.BZ2Decompressor() if codec == "bz2" else zlib.decompressobj(zlib.MAX_WBITS | 32)
    decoded = 0
    for start in range(0, len(content), _PIECE):
        piece, more = content[start : start + _PIECE], True
        while more:
            decoded += len(stream.decompress(piece, _STEP))
            if decoded > most:
                return True
            if stream.eof:
                left = len(stream.unused_data) + max(0, len(content) - start - _PIECE)
                return codec != "zlib" and left > _CHECKSUM
            piece = b"" if codec == "bz2" else stream.unconsumed_tail
            more = not stream.needs_input if codec == "bz2" else piece != b""
    return False


def _lzf_exceeds(content: Any, most: int) -> bool:
    """Return whether LZF decodes to more than ``most`` bytes: h5py's decoder asks for as much memory as it takes.

    A byte below 32 is followed by so many literal bytes and one more. In others, the upper three bits say how many
    bytes are repeated, and two more; of 7, the next byte is added. The rest and one byte say where they stand.
    """
    values = np.frombuffer(content, np.uint8)
    lengths = values[1:][values[:-1] >= 7 << 5].astype(np.int64) + 9
    if (
        int(lengths.sum()) + 4 * len(values) <= most
    ):  # if all that may be one is one, and all else is as long as it can
        return False
    at = decoded = 0
    while at < len(content) and decoded <= most:
        control = content[at]
        if control < 1 << 5:
            decoded += control + 1
            at += control + 2
        elif control < 7 << 5:
            decoded += (control >> 5) + 2
            at += 2
        else:
            decoded += content[at + 1] + 9
            at += 3
    return decoded > most


def _zstd_bytes(content: memoryview) -> int:
    """Return a bound of what frames of zstd decode to, from their headers and those of their blocks.

    References
    ----------
    Y. Collet and M. Kucherawy (2021). Zstandard Compression and the application/zstd Media Type. RFC 8878,
    sections 3.1.1 (frames) and 3.1.2 (frames to skip).
    """
    at = total = declared = 0
    sized = True
    with suppress(struct.error, IndexError):  # where it ends early, decoders end too
        while True:
            magic, size = struct.unpack_from("<II", content, at)
            if magic & ~0xF == _SKIPPABLE:
                at += 8 + size
                continue
            if magic != _FRAME:
                break
            flags = content[at + 4]
            single = flags >> 5 & 1
            at += 6 - single + (0, 1, 2, 4)[flags & 3]  # the window, and the number of a dictionary
            n_bytes = (single, 2, 4, 8)[flags >> 6]
            declared += int.from_bytes(content[at : at + n_bytes], "little") + 256 * (n_bytes == 2)
            sized &= n_bytes > 0
            n_decoded, at = _zstd_blocks(content, at + n_bytes)
            total += n_decoded
            at += 4 * (flags >> 2 & 1)  # checksum
    return declared if sized else max(total, declared)  # with all sizes given, decoders allocate no more


def _zstd_blocks(content: memoryview, at: int) -> tuple[int, int]:
    """Return a bound of what the blocks of a frame decode to, and where they end."""
    total = last = 0
    while not last:
        if at + 3 > len(content):
            return total, len(content)
        header = int.from_bytes(content[at : at + 3], "little")
        last, kind, size = header & 1, header >> 1 & 3, header >> 3
        total += size if kind < 2 else _BLOCK  # stored, one byte repeated, or compressed
        at += 3 + (1 if kind == 1 else size)
    return total, at
