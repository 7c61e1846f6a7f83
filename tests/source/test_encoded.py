from __future__ import annotations

import bz2
import gzip
import zlib

import numpy as np
import pytest

from gaussmix.errors import ResourceLimitError
from gaussmix.source.encoded import _zstd_bytes, most_bytes, needs_check, require_small

ZEROS = bytes(100_000)
NOISE = np.random.default_rng(0).bytes(100_000)
ENCODE = {"gzip": gzip.compress, "zlib": zlib.compress, "bz2": bz2.compress}


@pytest.mark.parametrize("content", [ZEROS, NOISE], ids=["zeros", "noise"])
@pytest.mark.parametrize("codec", ENCODE)
def test_streams_are_measured_exactly(codec, content):
    encoded = ENCODE[codec](content)
    require_small(codec, encoded, max(len(encoded), 100_000), "x")
    with pytest.raises(ResourceLimitError, match=r"x decodes to more than 100\.0 kB"):
        require_small(codec, encoded, 99_999, "x")


@pytest.mark.parametrize("values", [np.zeros(50_000), np.random.default_rng(0).normal(size=50_000).round(1)])
def test_lzf_is_measured_exactly(values, tmp_path):
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "x.h5", "w") as file:
        data = file.create_dataset("x", data=values, chunks=values.shape, compression="lzf")
        _, content = data.id.read_direct_chunk((0,))
    require_small("lzf", content, values.nbytes, "x")
    with pytest.raises(ResourceLimitError, match=r"x decodes to more than 400 kB"):
        require_small("lzf", content, values.nbytes - 1, "x")
    for end in range(0, len(content), 500):
        require_small("lzf", content[:end], values.nbytes, "x")  # what ends early raises nothing


@pytest.mark.parametrize("codec", ["gzip", "bz2"])
def test_streams_one_after_the_other_are_refused(codec):
    encoded = ENCODE[codec](ZEROS)
    require_small(codec, encoded + b"crc!", 100_000, "x")  # a checksum may follow
    with pytest.raises(ResourceLimitError):
        require_small(codec, ENCODE[codec](b"1") + encoded, 100_000, "x")


@pytest.mark.parametrize("content", [b"", ZEROS, NOISE, NOISE * 5])
def test_sizes_of_zstd_are_read_from_its_headers(content):
    zstd = pytest.importorskip("numcodecs").Zstd()
    frame = bytes(zstd.encode(content))
    skipped = b"\x50\x2a\x4d\x18\x03\x00\x00\x00abc"
    assert _zstd_bytes(memoryview(frame)) == len(content)
    assert _zstd_bytes(memoryview(skipped + frame + frame + b"crc!")) == 2 * len(content)


def test_zstd_that_does_not_give_its_size_is_bounded_by_its_blocks(tmp_path):
    pa = pytest.importorskip("pyarrow")
    with pa.CompressedOutputStream(tmp_path / "x.zst", "zstd") as stream:
        for _ in range(10):
            stream.write(ZEROS)
    content = (tmp_path / "x.zst").read_bytes()
    assert 1_000_000 <= _zstd_bytes(memoryview(content)) <= 1_000_000 + (128 << 10)
    for end in range(len(content)):
        _zstd_bytes(memoryview(content)[:end])  # what ends early raises nothing


def test_few_bytes_need_no_check():
    most = most_bytes(100)
    assert most == 256 << 20
    assert [needs_check(codec, 100_000, most) for codec in ("gzip", None, "zstd")] == [False, False, True]
    assert [needs_check(codec, 300_000, most) for codec in ("gzip", None)] == [True, False]
