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


def test_p_values_by_held_out_rows(call, model, data, X, mixture, tmp_path):
    (tmp_path / "held.csv").write_text(
        "weight,height\n" + "".join(f"{b!r},{a!r}\n" for a, b in X[:9].tolist())
    )
    header, *values = call(
        "score", model, data, "--p-values", "--calibration", tmp_path / "held.csv"
    ).out.splitlines()
    scores = mixture.log_prob(X)
    expected = (1 + (scores[:9] <= scores[:, None]).sum(axis=1)) / 10
    assert header == "p_value"
    np.testing.assert_array_equal(np.array(values, float), expected)


def test_p_values_by_the_model(call, model, data, X, mixture, tmp_path):
    call("score", model, data, "--p-values", "--per-row", "-o", tmp_path / "both.npy")
    densities, p_values = np.load(tmp_path / "both.npy").T
    np.testing.assert_array_equal(densities, mixture.log_prob(X))
    drawn = mixture.log_prob(mixture.sample(20_000, np.random.default_rng(1))[0])
    expected = (drawn <= densities[:, None]).mean(axis=1)
    np.testing.assert_allclose(p_values, expected, atol=5 * np.sqrt(0.25 * (1 / 20_000 + 1 / 100_000)))
    again = call("score", model, data, "--p-values", "--seed", 0).out.splitlines()[1:]
    np.testing.assert_array_equal(np.array(again, float), p_values)


def test_calibration_rows_that_cannot_be_used(call, model, data, tmp_path):
    (tmp_path / "one.csv").write_text("height\n1\n")
    for name, code in ("one.csv", 3), ("none.csv", 5):
        result = call("score", model, data, "--p-values", "--calibration", tmp_path / name)
        assert result.code == code
        assert name in result.err


@pytest.mark.parametrize(
    "arguments",
    [
        ["-o", "x.csv"],
        ["--json", "--per-row"],
        ["--json", "--p-values"],
        ["--per-row", "--calibration", "x.csv"],
    ],
)
def test_options_that_contradict(call, model, data, arguments):
    assert call("score", model, data, *arguments).code == 2
