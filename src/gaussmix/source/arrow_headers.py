"""How many rows the batches of an Arrow IPC file declare, from its messages alone: nothing is decoded.

A compressed batch is decoded at once, and a few bytes may stand for gigabytes. pyarrow does not tell the number of
its rows before, so it is read here from the flatbuffer (Arrow's ``Message.fbs``): the header of a message is a table,
that of a record batch, whose field 0 is the number of rows and whose field 3 is there if the buffers are compressed.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any, Final

from gaussmix.source.arrow import require_pyarrow

_HEADER: Final = 2  # the field of a message
_LENGTH: Final = 0  # fields of a record batch
_COMPRESSION: Final = 3


def declared_batches(stream: Any) -> Iterator[tuple[int, bool]]:
    """Yield the number of rows of each batch, and whether it is compressed.

    Parameters
    ----------
    stream : pyarrow.Buffer
        Messages one after the other, from that of the schema on.

    Raises
    ------
    ValueError
        If a message is damaged.
    """
    reader = require_pyarrow().ipc.MessageReader.open_stream(stream)
    for message in reader:
        if message.type == "record batch":
            try:
                yield _declared(message.metadata.to_pybytes())
            except (struct.error, IndexError) as error:
                raise ValueError("the header of a batch is damaged") from error


def _declared(metadata: bytes) -> tuple[int, bool]:
    (root,) = struct.unpack_from("<I", metadata, 0)
    header = _field(metadata, root, _HEADER)
    if header is None:
        raise ValueError("a batch has no header")
    batch = header + struct.unpack_from("<I", metadata, header)[0]
    length = _field(metadata, batch, _LENGTH)
    n_rows = 0 if length is None else struct.unpack_from("<q", metadata, length)[0]  # zeros are left out
    if n_rows < 0:
        raise ValueError(f"a batch declares {n_rows} rows")
    return n_rows, _field(metadata, batch, _COMPRESSION) is not None


def _field(metadata: bytes, table: int, number: int) -> int | None:
    """Return where a field of a table stands; None if the table leaves it out."""
    entries = table - struct.unpack_from("<i", metadata, table)[0]
    (size,) = struct.unpack_from("<H", metadata, entries)
    at = 4 + 2 * number
    offset = struct.unpack_from("<H", metadata, entries + at)[0] if at < size else 0
    return table + offset if offset else None
