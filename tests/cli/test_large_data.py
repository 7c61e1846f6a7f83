"""DATA of many files, of stores, and larger than the memory it may take: the same answers as of one small file."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gaussmix.persistence import load, save

SMALL = ["--memory-limit", "1kB"]


def as_parquet(folder, X) -> str:
    folder.mkdir()
    for number, rows in enumerate(np.array_split(X, 3)):
        table = pa.table({"weight": rows[:, 1], "name": ["someone"] * len(rows), "height": rows[:, 0]})
        pq.write_table(table, folder / f"part-{number}.parquet", row_group_size=10)
    return folder


def as_npy(folder, X) -> str:
    folder.mkdir()
    for number, rows in enumerate(np.array_split(X, 3)):
        np.save(folder / f"part-{number}.npy", rows)
    return folder


def as_csv(folder, X) -> str:
    folder.mkdir()
    for number, rows in enumerate(np.array_split(X, 3)):
        text = "".join(f"{a!r},{b!r}\n" for a, b in rows.tolist())
        (folder / f"{number}.csv").write_text("height,weight\n" + text)
    return folder


def as_glob(folder, X) -> str:
    return as_parquet(folder, X) / "part-*.parquet"


def as_glob_of_npy(folder, X) -> str:
    return as_npy(folder, X) / "*"


def as_hdf5(folder, X) -> str:
    h5py = pytest.importorskip("h5py")
    folder.mkdir()
    with h5py.File(folder / "rows.h5", "w") as file:
        file["group/data"], file["other"] = X, X[:3]
    return f"{folder / 'rows.h5'}::/group/data"


def as_zarr(folder, X) -> str:
    zarr = pytest.importorskip("zarr")
    zarr.save_array(str(folder / "rows.zarr"), X)
    return folder / "rows.zarr"


FORMS = [as_parquet, as_npy, as_csv, as_glob, as_glob_of_npy, as_hdf5, as_zarr]


@pytest.mark.parametrize("limit", [[], SMALL], ids=["in memory", "out of core"])
@pytest.mark.parametrize("form", FORMS)
def test_predict_and_score_take_every_form(call, model, mixture, X, tmp_path, form, limit):
    data = form(tmp_path / "folder", X)
    result = call("predict", model, data, *limit)
    assert (result.code, result.err) == (0, "")
    assert result.out == "label\n" + "0\n" * 60 + "1\n" * 40
    rows = call("score", model, data, "--per-row", *limit).out.split()[1:]
    np.testing.assert_array_equal(np.array(rows, float), mixture.log_prob(X))
    score = json.loads(call("score", model, data, "--json", *limit).out)
    assert score["log_likelihood"] == pytest.approx(mixture.log_prob(X).sum(), rel=1e-12)


@pytest.mark.parametrize("form", [as_parquet, as_npy, as_csv, as_hdf5, as_zarr])
def test_a_fit_has_the_same_bytes_in_any_form(call, X, tmp_path, form):
    named = [] if form in (as_npy, as_hdf5, as_zarr) else ["--columns", "height,weight"]
    np.save(tmp_path / "rows.npy", X)
    call("fit", tmp_path / "rows.npy", "-k", 2, "-q", "-o", tmp_path / "a.safetensors")
    data = form(tmp_path / "folder", X)
    result = call("fit", data, "-k", 2, "-q", *named, *SMALL, "-o", tmp_path / "b.safetensors")
    assert result == (0, "", "")
    a, b = (load(tmp_path / f"{name}.safetensors") for name in "ab")
    assert b.feature_names == (("height", "weight") if named else None)
    save(b.mixture, tmp_path / "b.safetensors", fit=b.fit)
    assert (tmp_path / "a.safetensors").read_bytes() == (tmp_path / "b.safetensors").read_bytes()
    assert a.fit["n_rows"] == 100


def test_t_distributions_are_fitted_out_of_core(call, X, tmp_path):
    data = as_npy(tmp_path / "folder", X)
    for name, limit in (("a", []), ("b", SMALL)):
        fit = ["fit", data, "-k", 2, "--distribution", "student", "-q", *limit]
        assert call(*fit, "-o", tmp_path / f"{name}.safetensors") == (0, "", "")
    assert (tmp_path / "a.safetensors").read_bytes() == (tmp_path / "b.safetensors").read_bytes()


def test_weights_of_many_files(call, X, tmp_path):
    (tmp_path / "folder").mkdir()
    for name, rows in (("a", X[:30]), ("b", X[30:])):
        table = pa.table({"n": np.arange(len(rows)) % 2, "x": rows[:, 0]})
        pq.write_table(table, tmp_path / "folder" / f"{name}.parquet")
    counted = np.concatenate([X[1:30:2, 0], X[31::2, 0]])
    for limit in ([], SMALL):
        result = call("fit", tmp_path / "folder", "-k", 1, "--weights", "n", "--json", *limit)
        report = json.loads(result.out)
        assert report["feature_names"] == ["x"]
        assert report["means"] == [[pytest.approx(counted.mean(), rel=1e-9)]]


@pytest.mark.parametrize("option", ["--columns", "--weights"])
@pytest.mark.parametrize("form", [as_npy, as_hdf5, as_zarr])
def test_columns_without_names_cannot_be_chosen(call, X, tmp_path, form, option):
    result = call("fit", form(tmp_path / "folder", X), "-k", 1, option, "height")
    assert result.code == 2
    assert f"have no names: leave {option} out" in result.err


def test_missing_cells_out_of_core_say_which_option_helps(call, data):
    data.write_text(data.read_text() + "1,\n")
    result = call("fit", data, "-k", 2, *SMALL)
    assert result.code == 3
    assert "raise --memory-limit" in result.err
    assert len(result.err.splitlines()) == 1


def test_rows_from_standard_input_out_of_core(call, model, data, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(data.read_bytes())))
    assert call("predict", model, "-", *SMALL).out == "label\n" + "0\n" * 60 + "1\n" * 40


def test_select_takes_a_folder(call, X, tmp_path):
    folder = as_csv(tmp_path / "folder", X)
    result = call("select", folder, "-k", "1:2", "--covariance", "VII", *SMALL, "--json")
    assert json.loads(result.out)["best"]["n_components"] == 2


def test_an_output_among_the_inputs_is_refused(call, model, X, tmp_path):
    folder = as_parquet(tmp_path / "folder", X)
    before = (folder / "part-1.parquet").read_bytes()
    for data in (folder, folder / "*.parquet"):
        result = call("predict", model, data, "-o", folder / "part-1.parquet")
        assert result.code == 2
        assert "would be overwritten" in result.err
    assert (folder / "part-1.parquet").read_bytes() == before


@pytest.mark.parametrize("limit", ["much", "0", "-1GB", "1.5"])
@pytest.mark.parametrize("command", ["fit", "predict", "score", "select"])
def test_a_memory_limit_that_is_none(call, model, data, command, limit):
    arguments = [command, data, "-k", 1] if command in ("fit", "select") else [command, model, data]
    result = call(*arguments, "--memory-limit", limit)
    assert result.code == 2
    assert "--memory-limit" in result.err
    assert len(result.err.splitlines()) == 1


def test_an_empty_folder_and_a_pattern_that_finds_nothing(call, model, tmp_path):
    (tmp_path / "empty").mkdir()
    for data in (tmp_path / "empty", tmp_path / "*.parquet"):
        for arguments in (["fit", data, "-k", 1], ["predict", model, data]):
            result = call(*arguments)
            assert result.code == 5
            assert str(data) in result.err


def test_wide_rows_come_in_smaller_blocks(mixture):
    from gaussmix.cli.rows import BLOCK_ROWS, blocks

    class Wide:
        n_features = 10**6

        def partitions(self, rows):
            self.rows = rows
            return []

    source = Wide()
    assert list(blocks(source)) == []
    assert source.rows == 16
    source.n_features = 10
    assert list(blocks(source, 20)) == []
    assert source.rows == BLOCK_ROWS


# Not by getrusage, which counts what the parent had when it forked.
MEASURED = """
import pathlib, re, sys
from gaussmix.cli.group import run
code = run(sys.argv[1:])
print(code, re.search(r"VmHWM:\\s+(\\d+) kB", pathlib.Path("/proc/self/status").read_text())[1])
"""


def peak(*arguments: object) -> int:
    """Return the most memory that the command had, in MiB."""
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, *map(str, arguments)], capture_output=True, text=True, check=True
    )
    code, memory = done.stdout.split()
    assert (code, done.stderr) == ("0", "")
    return int(memory) // 1024


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux tells the peak")
@pytest.mark.parametrize("proba", [pytest.param([], marks=pytest.mark.slow), ["--proba"]])
def test_memory_does_not_grow_with_the_rows(model, X, tmp_path, proba):
    sizes = []
    for times in (2_000, 30_000):  # 3 and 48 MB of rows
        np.save(tmp_path / "rows.npy", np.tile(X, (times, 1)))
        limit = ["--memory-limit", "1MB", "-o", tmp_path / "out.npy"]
        sizes.append(peak("predict", model, tmp_path / "rows.npy", *proba, *limit))
    assert sizes[1] < sizes[0] + 20


@pytest.mark.parametrize("form", [as_npy, as_hdf5])
def test_bad_values_out_of_core_are_named_once_and_no_output_is_left(call, model, X, tmp_path, form):
    rows = X.copy()
    rows[65, 1] = np.inf
    data, out = form(tmp_path / "folder", rows), tmp_path / "out.csv"
    fit = ["fit", data, "-k", 2, "-o", tmp_path / "out.safetensors"]
    for command in (fit, ["predict", model, data, "-o", out], ["score", model, data, "--per-row", "-o", out]):
        result = call(*command, *SMALL)
        assert result.code == 3
        assert result.err.count("column 1 is inf") == 1
        assert result.err.count("folder/") == 1
        assert not command[-1].exists()
