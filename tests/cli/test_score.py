from __future__ import annotations

import json

import numpy as np
import pytest


def test_json_has_the_criteria(call, model, data, X, mixture):
    result = json.loads(call("score", model, data, "--json").out)
    total = mixture.log_prob(X).sum()
    assert set(result) == {"model", "data", "n_rows", "log_likelihood", "score", "bic", "aic"}
    assert result["n_rows"] == 100
    assert result["log_likelihood"] == pytest.approx(total, rel=1e-12)
    assert result["score"] == pytest.approx(total / 100, rel=1e-12)
    assert result["bic"] == pytest.approx(mixture.n_parameters * np.log(100) - 2 * total, rel=1e-12)
    assert result["aic"] == pytest.approx(2 * mixture.n_parameters - 2 * total, rel=1e-12)


def test_table(call, model, data):
    lines = call("score", model, data).out.splitlines()
    assert [line.split("  ")[0] for line in lines] == ["rows", "log-likelihood", "a row", "BIC", "AIC"]


def test_per_row(call, model, data, X, mixture, tmp_path):
    header, *values = call("score", model, data, "--per-row").out.splitlines()
    assert header == "log_prob"
    np.testing.assert_array_equal(np.array(values, float), mixture.log_prob(X))
    call("score", model, data, "--per-row", "-o", tmp_path / "density.npy")
    np.testing.assert_array_equal(np.load(tmp_path / "density.npy"), mixture.log_prob(X))


def test_a_row_of_no_density_gives_null(call, model, tmp_path):
    (tmp_path / "far.csv").write_text("height,weight\n1e200,0\n")
    assert json.loads(call("score", model, tmp_path / "far.csv", "--json").out)["score"] is None


@pytest.mark.parametrize("arguments", [["-o", "x.csv"], ["--json", "--per-row"]])
def test_options_that_contradict(call, model, data, arguments):
    assert call("score", model, data, *arguments).code == 2
