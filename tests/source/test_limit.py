from __future__ import annotations

import math
import os

import pytest

from gaussmix.errors import ParameterError
from gaussmix.source import limit
from gaussmix.source.limit import in_units, limit_in_bytes, process_memory

SIZES = {
    1: 1,
    "1 B": 1,
    "10000": 10_000,
    " 7 ": 7,
    "3kB": 3000,
    "500 MB": 500_000_000,
    "2GiB": 2 << 30,
    " 1.5 gib ": 3 << 29,
    ".5TB": 500_000_000_000,
}


@pytest.mark.parametrize("text", SIZES)
def test_sizes(text):
    assert limit_in_bytes(text) == SIZES[text]


@pytest.mark.parametrize(
    "text",
    [
        0,
        -1,
        True,
        "",
        "0",
        "2.5",
        "GB",
        "-1GB",
        "2 QB",
        "1e9 B",
        "0.1 B",
        math.nan,
        math.inf,
        [1],
        f"{'9' * 400}B",
    ],
)
def test_what_is_no_size_is_refused(text):
    with pytest.raises(ParameterError, match="'2GiB' or '500 MB'"):
        limit_in_bytes(text)


@pytest.mark.parametrize(
    ("size", "text"), [(0, "0 bytes"), (999, "999 bytes"), (4_224_000_000, "4.2 GB"), (123_456, "123 kB")]
)
def test_sizes_as_people_read_them(size, text):
    assert in_units(size) == text


def group(folder, name, value):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(f"{value}\n")


def test_limits_of_control_groups_hold(tmp_path, monkeypatch):
    monkeypatch.setattr(limit, "_CGROUP", tmp_path)
    monkeypatch.setattr(limit, "_GROUPS", tmp_path / "groups")
    (tmp_path / "groups").write_text("9:name=systemd:/\n4:cpu,memory:/a/b\n0::/c/d\n")
    group(tmp_path / "memory" / "a" / "b", "memory.limit_in_bytes", 9_000_000)
    group(tmp_path / "c", "memory.max", 5_000_000)  # of a group above
    group(tmp_path / "c" / "d", "memory.max", "max")
    assert process_memory() == 5_000_000
    group(tmp_path / "memory" / "a", "memory.limit_in_bytes", 3_000_000)
    assert process_memory() == 3_000_000
    assert limit_in_bytes(None) == 750_000


def test_memory_of_the_machine_where_there_are_no_groups(tmp_path, monkeypatch):
    monkeypatch.setattr(limit, "_GROUPS", tmp_path / "none")
    assert process_memory() == os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    monkeypatch.delattr(os, "sysconf")
    assert process_memory() == 4 << 30
