"""Empty cells are missing values to the commands that take them."""

from __future__ import annotations

import json

import numpy as np
import pytest

from gaussmix.persistence import load

ROWS = [(2, 0), (50, 1), (77, 1)]


@pytest.fixture
def holed(tmp_path, X):
    """The data file with some cells empty, and a column of weights."""
    cells = [[repr(a), repr(b), "1"] for a, b in X.tolist()]
    for row, column in ROWS:
        cells[row][column] = ""
    path = tmp_path / "holed.csv"
    path.write_text("height,weight,n\n" + "".join(f"{','.join(row)}\n" for row in cells))
    return path


@pytest.fixture
def with_nan(X):
    X = X.copy()
    X[tuple(np.transpose(ROWS))] = np.nan
    return X


def test_fit(call, holed, tmp_path, with_nan):
    output = tmp_path / "out.safetensors"
    result = call("fit", holed, "-k", 2, "--weights", "n", "-o", output, "--json")
    assert result.code == 0
    score = load(output).mixture.log_prob(with_nan).mean()
    assert json.loads(result.out)["log_likelihood"] == pytest.approx(100 * score, rel=1e-9)


def test_predict(call, model, holed, mixture, with_nan):
    _, *values = call("predict", model, holed).out.splitlines()
    np.testing.assert_array_equal(np.array(values, int), mixture.predict(with_nan))
    _, *values = call("predict", model, holed, "--proba").out.splitlines()
    np.testing.assert_array_equal(np.loadtxt(values, delimiter=","), mixture.posterior(with_nan))


def test_score(call, model, holed, mixture, with_nan):
    result = json.loads(call("score", model, holed, "--json").out)
    assert result["log_likelihood"] == pytest.approx(mixture.log_prob(with_nan).sum(), rel=1e-12)
    _, *values = call("score", model, holed, "--per-row").out.splitlines()
    np.testing.assert_array_equal(np.array(values, float), mixture.log_prob(with_nan))


def test_select(call, holed):
    result = call("select", holed, "-k", "1:3", "--covariance", "VVI", "--columns", "height,weight", "--json")
    assert json.loads(result.out)["best"]["n_components"] == 2


@pytest.mark.parametrize("command", ["fit", "select"])
def test_empty_weights_are_refused(call, holed, command):
    options = ["-k", 2, "--weights", "weight", "--columns", "height,n"]
    result = call(command, holed, *options)
    assert result.code != 0
    assert "row 50, column 'weight' is NaN" in result.err


@pytest.mark.parametrize("command", [["fit", "-k", 1], ["predict"], ["score"]], ids=lambda part: part[0])
def test_rows_without_values_are_refused(call, model, tmp_path, command):
    path = tmp_path / "empty.csv"
    path.write_text("height,weight\n1,2\n,\n3,4\n")
    name, *options = command
    arguments = [path, *options] if name == "fit" else [model, path]
    result = call(name, *arguments)
    assert result.code != 0
    assert "row 1 (rows count from 0) has missing values only" in result.err
