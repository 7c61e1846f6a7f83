from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from gaussmix import GaussianMixture
from gaussmix.errors import DataError, ParameterError
from gaussmix.source import as_source
from gaussmix.source.paths import find_files, is_path

EXTENSIONS = [".npy", ".csv"]
X = np.random.default_rng(0).normal(size=(100, 3))


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def found(data, folder):
    return [path.relative_to(folder).as_posix() for path in find_files(data, EXTENSIONS)]


def test_folder_is_walked_in_the_order_of_paths(tmp_path):
    touch(
        tmp_path,
        "b.npy",
        "a.CSV",
        "_SUCCESS",
        ".b.npy.crc",
        "y=2/a.npy",
        "y=10/z=1/c.npy",
        "_temporary/0/d.npy",
    )
    assert found(tmp_path, tmp_path) == ["a.CSV", "b.npy", "y=10/z=1/c.npy", "y=2/a.npy"]


def test_globs(tmp_path):
    touch(tmp_path, "a1.npy", "a2.npy", "b.csv", "deep/er/c.npy", "y=1/d.npy", "_a.npy", "notes.txt")
    assert found(tmp_path / "a*.npy", tmp_path) == ["a1.npy", "a2.npy"]
    assert found(f"{tmp_path}/**/*.npy", tmp_path) == ["a1.npy", "a2.npy", "deep/er/c.npy", "y=1/d.npy"]
    assert found(f"{tmp_path}/y=*", tmp_path) == ["y=1/d.npy"]


def test_globs_leave_out_folders_of_unfinished_files(tmp_path):
    touch(tmp_path, "a/p.npy", "a/_temporary/0/q.npy", "a/.b/r.npy")
    assert found(f"{tmp_path}/**/*.npy", tmp_path) == ["a/p.npy"]
    assert found(f"{tmp_path}/a/_temporary/*/*.npy", tmp_path) == ["a/_temporary/0/q.npy"]


def test_one_file_under_two_names_is_refused(tmp_path, monkeypatch):
    touch(tmp_path, "a.npy")
    (tmp_path / "link.npy").symlink_to("a.npy")
    monkeypatch.chdir(tmp_path)
    for other in ("a.npy", "link.npy"):
        with pytest.raises(ParameterError, match=r"npy' twice"):
            find_files([tmp_path / "a.npy", other], EXTENSIONS)


@pytest.mark.parametrize("data", [["a.h5", "a.h5::x"], ["b.csv", "x.ZARR"], "folder", "folder/*", "fold*"])
def test_stores_are_read_one_at_a_time(data, tmp_path, monkeypatch):
    touch(tmp_path, "folder/a.h5", "b.csv")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match=r"stores of arrays .* are read one at a time"):
        as_source(data)


def test_lists_keep_their_order(tmp_path):
    touch(tmp_path, "b.npy", "a.npy", "y/c.npy", "y/d.npy")
    paths = [tmp_path / "b.npy", str(tmp_path / "a.npy"), tmp_path / "y"]
    assert found(paths, tmp_path) == ["b.npy", "a.npy", "y/c.npy", "y/d.npy"]
    with pytest.raises(ParameterError, match=r"a\.npy' twice"):
        find_files([tmp_path / "a.npy", tmp_path / "*.npy"], EXTENSIONS)


def test_file_whose_name_is_a_pattern_is_a_file(tmp_path):
    touch(tmp_path, "a[1].npy")
    assert found(tmp_path / "a[1].npy", tmp_path) == ["a[1].npy"]


def test_what_a_path_is():
    assert all(map(is_path, ["x.npy", Path("x"), ["a", Path("b")]]))
    assert not any(map(is_path, [[], ["a", 1], X, b"x.npy"]))


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["a.npy", "b.xlsx"], r"b\.xlsx', whose extension is not known"),
        (["a.npy", "old/b.npy"], "holds the folder 'old', which is not named key=value"),
    ],
)
def test_folders_that_are_refused(names, message, tmp_path):
    touch(tmp_path, *names)
    with pytest.raises(DataError, match=message) as caught:
        find_files(tmp_path, EXTENSIONS)
    assert str(caught.value).startswith(f"{tmp_path}: ")


def test_mixed_formats_are_refused(tmp_path):
    touch(tmp_path, "a.npy", "b.csv")
    with pytest.raises(DataError, match=r"several formats, '\.csv', '\.npy' \(such as .*a\.npy, .*b\.csv\)"):
        as_source(tmp_path)


@pytest.mark.parametrize("names", [[], ["_a.npy"]])
def test_folder_without_files_of_rows(names, tmp_path):
    touch(tmp_path, *names)
    with pytest.raises(FileNotFoundError, match=r"holds no files of rows: expected '\.csv', '\.npy'"):
        find_files(tmp_path, EXTENSIONS)


@pytest.mark.parametrize("name", ["*.npy", "no/such/*.npy", "no/such"])
def test_nothing_there_is_file_not_found(name, tmp_path):
    with pytest.raises(FileNotFoundError):
        as_source(tmp_path / name)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_unreadable_folder_is_permission_error(tmp_path):
    tmp_path.chmod(0)
    with pytest.raises(PermissionError):
        as_source(tmp_path)


@pytest.mark.parametrize("data", [X, "no such.csv"])
def test_estimators_refuse_what_is_no_limit(data):
    with pytest.raises(ParameterError, match="memory_limit='much'"):
        GaussianMixture(2, memory_limit="much").fit(data)


def test_estimators_take_folders_globs_and_lists(tmp_path):
    np.save(tmp_path / "a.npy", X[:60])
    np.save(tmp_path / "b.npy", X[60:])
    expected = GaussianMixture(2, random_state=0).fit(X)
    for data in (tmp_path, str(tmp_path / "*.npy"), [tmp_path / "a.npy", tmp_path / "b.npy"]):
        model = GaussianMixture(2, random_state=0).fit(data)
        assert model.covariances_.tobytes() == expected.covariances_.tobytes()
        assert np.array_equal(model.predict(data), expected.predict(X))


@pytest.mark.parametrize(
    ("path", "reason"), [("", "the path is empty"), ("s3://a/b.npy", "is not on this machine")]
)
def test_paths_that_lead_nowhere_are_refused(path, reason):
    with pytest.raises(DataError, match=reason):
        as_source(path)
