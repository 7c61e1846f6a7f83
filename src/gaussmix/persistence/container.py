"""The safetensors container: its header, read by ourselves before any tensor is touched.

Layout: 8 bytes little-endian header length, a JSON header ``{"__metadata__": {"gaussmix": "..."}, "weights":
{"dtype", "shape", "data_offsets"}, ...}``, then the tensors without gaps. The safetensors parser refuses
overlaps, gaps and trailing bytes, but lets repeated keys and unexpected tensors pass. So the header is
checked here as well, and the size of the file against the shapes before anything of that size is read.

Every byte is under a SHA-256. It is taken with the digest's own 64 characters set to zeros, and stands in the
metadata: a seal against damage, not against a forger.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import TypeAlias

from gaussmix.errors import ModelFormatError
from gaussmix.persistence import strict_json

TENSORS = ("covariances", "means", "weights")
METADATA_KEY = "gaussmix"
METADATA_LIMIT = 1_000_000  # characters
PREFIX = 8  # bytes that hold the header's length
DIGEST_PLACE = "0" * 64

_HEADER_LIMIT = 2 * METADATA_LIMIT + 4096  # quoting inside the header at most doubles the metadata
_DIGEST = re.compile("[0-9a-f]{64}")
_ITEM_BYTES = {"F64": 8, "I64": 8, "I32": 4}
_TYPES = {"F64": "F64 (float64)", "I64": "I64 (int64)", "I32": "I32 (int32)"}

# How other formats begin, so that a renamed file is told apart from a damaged one.
_OTHER_FORMATS = {
    b"PK": "a zip archive (.npz, .pt, .zip)",
    b"\x93NUMPY": "a NumPy .npy file",
    b"\x89HDF": "an HDF5 file",
    b"PAR1": "a Parquet file",
    b"ARROW1": "an Arrow file",
    b"\x1f\x8b": "a gzip file",
    b"\x80": "a Python pickle, which gaussmix never opens",
    b"{": "a JSON text",
}

Shapes: TypeAlias = dict[str, tuple[int, ...]]


@dataclass(frozen=True)
class Header:
    """What the header says: the metadata's text, the shape of each tensor, and the bytes that all of them take."""

    metadata: str
    shapes: Shapes
    data_bytes: int


def header_length(prefix: bytes, size: int) -> int:
    """Return the length of the header from the first 8 bytes of a file of ``size`` bytes.

    Raises
    ------
    ModelFormatError
        If the file is shorter, or not a safetensors file.
    """
    if size == 0:
        raise ModelFormatError("the file is empty")
    length = int.from_bytes(prefix, "little")
    if len(prefix) == PREFIX and 2 <= length <= min(_HEADER_LIMIT, size - PREFIX):
        return length
    if size < PREFIX or length <= _HEADER_LIMIT:
        raise ModelFormatError("the file is cut off or damaged: its header is not all there")
    if length <= size - PREFIX:
        raise ModelFormatError(f"its header is longer than {_HEADER_LIMIT} bytes")
    for magic, name in _OTHER_FORMATS.items():
        if prefix.startswith(magic):
            raise ModelFormatError(f"it is {name}, not a .safetensors file")
    raise ModelFormatError("it is not a .safetensors file: it does not begin with a header's length")


def read_header(
    header: bytes, tensors: Collection[str] | None = TENSORS, kinds: Collection[str] = ("F64",)
) -> Header:
    """Return the checked content of the header's bytes.

    Parameters
    ----------
    header : bytes
    tensors : collection of str, or None
        The names of the tensors that there are to be; None for any.
    kinds : collection of str
        The types that they may have.

    Raises
    ------
    ModelFormatError
        If it is not what such a file's header is.
    """
    try:
        text = header.decode("utf-8")
    except UnicodeDecodeError:
        raise ModelFormatError("its header is not UTF-8 text") from None
    table = strict_json.parse(text, what="its header", max_length=_HEADER_LIMIT)
    if not isinstance(table, dict) or "__metadata__" not in table:
        raise ModelFormatError("its header holds no metadata")
    if tensors is not None and set(table) != {"__metadata__", *tensors}:
        raise ModelFormatError(
            f"its header does not list the tensors {', '.join(tensors)} and the metadata only"
        )
    metadata = table.pop("__metadata__")
    if not isinstance(metadata, dict) or set(metadata) != {METADATA_KEY}:
        raise ModelFormatError(f"its metadata is not the single entry {METADATA_KEY!r} of a gaussmix model")
    content = metadata[METADATA_KEY]
    if not isinstance(content, str):
        raise ModelFormatError("its metadata is not a string")
    shapes = {name: _shape(name, entry, kinds) for name, entry in table.items()}
    data_bytes = sum(math.prod(shapes[name]) * _ITEM_BYTES[entry["dtype"]] for name, entry in table.items())
    return Header(content, shapes, data_bytes)


def check_extent(header: Header, header_bytes: int, size: int) -> None:
    """Raise ModelFormatError unless header and tensors fill a file of ``size`` bytes exactly."""
    expected = PREFIX + header_bytes + header.data_bytes
    if size != expected:
        state = "cut off" if size < expected else "followed by other bytes"
        raise ModelFormatError(f"the file is {state}: {size} bytes where its header says {expected}")


def seal(data: bytes) -> bytes:
    """Return the file's bytes with the digest in its place.

    Parameters
    ----------
    data : bytes
        The whole file, with 64 zeros where the digest belongs.
    """
    place = data.index(DIGEST_PLACE.encode())
    return data[:place] + hashlib.sha256(data).hexdigest().encode() + data[place + 64 :]


def check_seal(data: bytes, digest: object) -> None:
    """Raise ModelFormatError unless ``digest``, as the metadata states it, is that of the file's bytes."""
    if not isinstance(digest, str) or not _DIGEST.fullmatch(digest):
        raise ModelFormatError("its metadata holds no SHA-256")
    blank = data.replace(digest.encode(), DIGEST_PLACE.encode(), 1)
    if hashlib.sha256(blank).hexdigest() != digest:
        raise ModelFormatError(
            "its content was changed or damaged since it was written (the SHA-256 differs)"
        )


def _shape(name: str, entry: object, kinds: Collection[str]) -> tuple[int, ...]:
    if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
        raise ModelFormatError(f"its header does not give dtype, shape and data_offsets of {name}")
    if entry["dtype"] not in kinds:
        raise ModelFormatError(
            f"its tensor {name} is not of type {' or '.join(_TYPES[kind] for kind in kinds)}"
        )
    shape = entry["shape"]
    if not isinstance(shape, list) or not all(type(length) is int and length > 0 for length in shape):
        raise ModelFormatError(f"the shape of its tensor {name} is not a list of positive integers")
    return tuple(shape)
