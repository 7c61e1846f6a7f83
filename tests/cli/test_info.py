from __future__ import annotations

import json

import pytest

from gaussmix.model.mixture import Mixture
from gaussmix.persistence import save


def test_json_has_everything(call, model):
    result = json.loads(call("info", model, "--json").out)
    assert set(result) == {
        "model", "distribution", "n_components", "n_features", "n_parameters", "covariance_type", "feature_names",
        "fit", "weights", "means", "covariances", "diagnosis",
    }  # fmt: skip
    assert result["feature_names"] == ["height", "weight"]
    assert result["weights"] == [0.6, 0.4]
    assert result["fit"] == {"n_iter": 3, "converged": True, "n_rows": 100}


def test_table(call, model):
    out = call("info", model).out
    assert "2 (full covariance)" in out
    assert "iterations" in out
    assert out.split("\n\n")[1].splitlines()[-1].split() == ["1", "0.4000", "8", "8"]
    assert out.splitlines()[-1] == "- Nothing stood out."


def test_diagnosis_with_rows(call, model, data):
    diagnosis = json.loads(call("info", model, "--data", data, "--json").out)["diagnosis"]
    assert diagnosis["n_rows_looked_at"] == 100
    assert diagnosis["component_rows"] == [60, 40]
    assert diagnosis["findings"] == []
    assert diagnosis["splits"][0]["bic"] > 0


def test_diagnosis_without_rows_goes_by_the_number_of_them(call, tmp_path):
    few = Mixture.from_parameters([0.9, 0.1], [[0.0], [9.0]], [[1.0], [1.0]], "diag")
    save(few, tmp_path / "few.safetensors", feature_names=["x"], fit={"n_rows": 30, "converged": False})
    out = call("info", tmp_path / "few.safetensors").out
    assert "Component 1 rests on 3 effective rows" in out
    assert "had not converged" in out


def test_columns_without_data_is_a_usage_error(call, model):
    assert call("info", model, "--columns", "height").code == 2


@pytest.mark.parametrize("columns", [20, 40, 200])
def test_wide_models_fit_the_terminal(call, tmp_path, monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", str(columns))
    wide = Mixture.from_parameters([1.0], [[1e-5 / 3] * 50], [[1.0] * 50], "diag")
    save(wide, tmp_path / "wide.safetensors", feature_names=[f"a long name {i:04}" * 9 for i in range(50)])
    table = call("info", tmp_path / "wide.safetensors").out.split("\n\n")[1]
    assert max(map(len, table.splitlines()[:-1])) <= max(columns, 40)
    assert "more features (--json has all)" in table


def test_names_cannot_command_the_terminal(call, tmp_path, mixture):
    save(mixture, tmp_path / "m.safetensors", feature_names=["\x1b[2J\x07", "two\nlines"])
    out = call("info", tmp_path / "m.safetensors").out
    assert "\x1b" not in out
    assert "two\nlines" not in out


def test_a_damaged_model_is_one_line_and_code_3(call, model):
    model.write_bytes(model.read_bytes()[:-1])
    result = call("info", model)
    assert result.code == 3
    assert result.out == ""
    assert result.err.startswith(
        f"gaussmix: error: {model} is not a usable gaussmix model file: the file is cut off"
    )
    assert len(result.err.splitlines()) == 1


def test_a_missing_model_is_code_5(call, tmp_path):
    result = call("info", tmp_path / "none.safetensors")
    assert result == (5, "", f"gaussmix: error: {tmp_path / 'none.safetensors'}: No such file or directory\n")
