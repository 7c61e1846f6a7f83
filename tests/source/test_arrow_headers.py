from __future__ import annotations

import contextlib

import numpy as np
import pytest

from gaussmix.source.arrow_headers import declared_batches

pa = pytest.importorskip("pyarrow")

TABLE = pa.table({"a": np.ones(1000), "b": np.ones(1000, "f4")})


def written(compression):
    out = pa.BufferOutputStream()
    options = pa.ipc.IpcWriteOptions(compression=compression)
    with pa.ipc.new_stream(out, TABLE.schema, options=options) as stream:
        stream.write_table(TABLE, max_chunksize=300)
        stream.write_batch(TABLE.to_batches()[0].slice(0, 0))
    return out.getvalue()


@pytest.mark.parametrize("compression", [None, "lz4", "zstd"])
def test_rows_of_batches_are_known_before_they_are_decoded(compression):
    expected = [(n, compression is not None) for n in (300, 300, 300, 100, 0)]
    assert list(declared_batches(written(compression))) == expected


def test_damaged_headers_raise_errors_of_their_kind_only():
    content = written("zstd").to_pybytes()
    rng = np.random.default_rng(0)
    for _ in range(300):
        damaged = bytearray(content)
        damaged[rng.integers(len(damaged))] = rng.integers(256)
        with contextlib.suppress(ValueError, OSError):  # OSError: pyarrow's own, of a message that is cut
            assert all(n >= 0 for n, _ in declared_batches(pa.py_buffer(bytes(damaged))))
