from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from gaussmix.atomic import write_atomically


def test_writes_bytes_and_streams(tmp_path):
    write_atomically(tmp_path / "a", b"abc")
    write_atomically(str(tmp_path / "b"), lambda stream: stream.write(b"xyz"))
    assert (tmp_path / "a").read_bytes() == b"abc"
    assert (tmp_path / "b").read_bytes() == b"xyz"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]


@pytest.mark.parametrize("failure", [OSError, KeyboardInterrupt, SystemExit, MemoryError])
def test_a_failure_leaves_the_old_content_and_no_temporary(tmp_path, failure):
    target = tmp_path / "model"
    target.write_bytes(b"old")

    def half_written(stream):
        stream.write(b"new")
        raise failure

    with pytest.raises(failure):
        write_atomically(target, half_written)
    assert target.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("step", ["fsync", "chmod", "replace"])
def test_a_failing_system_call_leaves_the_old_content(tmp_path, monkeypatch, step):
    target = tmp_path / "model"
    target.write_bytes(b"old")

    def fail(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os if step == "fsync" else Path, step, fail)
    with pytest.raises(OSError, match="No space left") as error:
        write_atomically(target, b"new")
    assert error.value.filename == str(target)
    assert target.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_missing_folder_is_named_by_the_target(tmp_path):
    target = tmp_path / "nowhere" / "model"
    with pytest.raises(FileNotFoundError) as error:
        write_atomically(target, b"new")
    assert error.value.filename == str(target)


def test_a_folder_is_not_replaced(tmp_path):
    with pytest.raises(IsADirectoryError):
        write_atomically(tmp_path, b"new")


def test_permissions_and_links_are_kept(tmp_path):
    target, link = tmp_path / "model", tmp_path / "link"
    target.write_bytes(b"old")
    target.chmod(0o640)
    link.symlink_to(target)
    write_atomically(link, b"new")
    assert link.is_symlink()
    assert target.read_bytes() == b"new"
    assert stat.S_IMODE(target.stat().st_mode) == 0o640


def test_the_longest_file_name_works(tmp_path):
    target = tmp_path / ("n" * 255)
    write_atomically(target, b"new")
    assert target.read_bytes() == b"new"


def test_a_device_is_written_to_and_stays_a_device():
    write_atomically("/dev/null", b"new")
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)
