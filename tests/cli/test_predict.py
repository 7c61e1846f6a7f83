from __future__ import annotations

import io

import numpy as np
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
import pytest

from gaussmix.persistence import load


def read(path) -> np.ndarray:
    """Return what a result file holds, as rows."""
    if path.suffix == ".npy":
        values = np.load(path)
        return values if values.ndim == 2 else values[:, None]
    if path.suffix == ".csv":
        return np.loadtxt(path, delimiter=",", skiprows=1, ndmin=2)
    table = pq.read_table(path) if path.suffix == ".parquet" else pa.feather.read_table(path)
    return np.column_stack([column.to_numpy() for column in table.columns])


def test_labels_on_standard_output(call, model, data):
    result = call("predict", model, data)
    assert (result.code, result.err) == (0, "")
    assert result.out == "label\n" + "0\n" * 60 + "1\n" * 40


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".arrow", ".npy"])
def test_every_format_keeps_every_bit(call, model, data, X, mixture, tmp_path, suffix):
    output = tmp_path / f"out{suffix}"
    result = call("predict", model, data, "--proba", "-o", output)
    assert result == (0, "", "")
    np.testing.assert_array_equal(read(output), mixture.posterior(X))
    call("predict", model, data, "-o", output)
    np.testing.assert_array_equal(read(output)[:, 0], mixture.predict(X))
    assert len(list(tmp_path.iterdir())) == 3  # model, data, output and no temporary


def test_probabilities_of_float32_rows_read_back_exactly(call, model, X, mixture, tmp_path):
    np.save(tmp_path / "rows.npy", X.astype(np.float32))
    out = call("predict", model, tmp_path / "rows.npy", "--proba").out
    again = np.loadtxt(io.StringIO(out), delimiter=",", skiprows=1).astype(np.float32)
    np.testing.assert_array_equal(again, mixture.posterior(X.astype(np.float32)))


def test_columns_are_found_by_name(call, model, X, tmp_path):
    path = tmp_path / "shuffled.csv"
    path.write_text("weight,name,height\n" + "".join(f"{b!r},someone,{a!r}\n" for a, b in X.tolist()))
    assert call("predict", model, path).out == "label\n" + "0\n" * 60 + "1\n" * 40


def test_a_missing_column_is_named(call, model, tmp_path):
    path = tmp_path / "short.csv"
    path.write_text("height,age\n1,2\n")
    result = call("predict", model, path)
    assert result.code == 3
    assert "'weight'" in result.err
    assert len(result.err.splitlines()) == 1


def test_columns_option_overrides_names(call, model, tmp_path):
    path = tmp_path / "other.csv"
    path.write_text("a,b,c\n0,0,9\n9,9,9\n")
    assert call("predict", model, path, "--columns", "a,b").out == "label\n0\n1\n"
    result = call("predict", model, path, "--columns", "a,b,c")
    assert result.code == 3
    assert "3 columns, but the model has 2 features" in result.err


def test_wrong_number_of_unnamed_columns(call, model, tmp_path):
    np.save(tmp_path / "rows.npy", np.zeros((4, 3)))
    assert "3 columns, but the model has 2 features" in call("predict", model, tmp_path / "rows.npy").err


def test_rows_from_standard_input(call, model, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"weight,height\n0,0\n8,8\n")))
    assert call("predict", model, "-").out == "label\n0\n1\n"


@pytest.mark.parametrize("content", [b"", b"height,weight\n", b"height,weight\n1,x\n"])
def test_bad_rows_from_standard_input(call, model, monkeypatch, content):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content)))
    result = call("predict", model, "-")
    assert result.code == 3
    assert result.err.startswith("gaussmix: error: standard input: ")


def test_results_come_in_blocks(call, model, tmp_path, monkeypatch):
    monkeypatch.setattr("gaussmix.cli.rows.BLOCK_ROWS", 7)
    np.save(tmp_path / "rows.npy", np.repeat([[0.0, 0.0], [8.0, 8.0]], 50, axis=0))
    for suffix in (".npy", ".parquet", ".csv", ".arrow"):
        assert call("predict", model, tmp_path / "rows.npy", "-o", tmp_path / f"out{suffix}").code == 0
        assert read(tmp_path / f"out{suffix}")[:, 0].tolist() == [0] * 50 + [1] * 50


def test_the_model_is_not_overwritten(call, model, data):
    before = model.read_bytes()
    for victim in (model, data):
        assert call("predict", model, data, "-o", victim).code == 2
    assert model.read_bytes() == before
    assert load(model)
