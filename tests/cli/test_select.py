from __future__ import annotations

import csv
import json

import numpy as np
import pytest

from gaussmix.estimator import GaussianMixtureSearch
from gaussmix.estimator.cells import CellFitter
from gaussmix.persistence import load
from gaussmix.selection.criteria import CRITERIA

FEW = ["-k", "1:3", "--covariance", "VVV,VVI", "--effort", "low"]


@pytest.fixture(scope="module")
def search(X):
    options = {"covariance_type": ["VVV", "VVI"], "effort": "low", "random_state": 0}
    return GaussianMixtureSearch((1, 2, 3), **options).fit(X)


def test_help_lists_the_criteria(call):
    assert f"[{'|'.join(CRITERIA)}]" in "".join(call("select", "--help").out.split())


def test_the_model_is_the_best_one(call, data, search, tmp_path):
    model = tmp_path / "best.safetensors"
    result = call("select", data, *FEW, "-o", model)
    assert (result.code, result.err) == (0, "")
    np.testing.assert_array_equal(load(model).mixture.means, search.best_estimator_.means_)
    assert load(model).feature_names == ("height", "weight")
    assert "best             2 components (VVI covariance)" in result.out
    assert "cells            6 (6 ok)" in result.out


def test_json(call, data, search):
    report = json.loads(call("select", data, *FEW, "--criterion", "icl", "--json").out)
    assert report["criterion"] == "icl"
    assert report["interrupted"] is False
    assert [cell["icl"] for cell in report["cells"]] == pytest.approx(search.results_["icl"].tolist())
    assert report["best"]["rank"] == 1
    assert np.shape(report["best"]["means"]) == (2, 2)


def test_the_table_in_a_file(call, data, search, tmp_path):
    path = tmp_path / "cells.csv"
    assert call("select", data, *FEW, "--table", path, "-q") == (0, "", "")
    rows = list(csv.DictReader(path.read_text().splitlines()))
    assert [float(row["bic"]) for row in rows] == search.results_["bic"].tolist()
    assert {row["status"] for row in rows} == {"ok"}


def test_only_the_best_cells_are_printed(call, data):
    out = call("select", data, *FEW, "--top", 2).out
    assert [line.split()[0] for line in out.split("\n\n")[1].splitlines()] == ["rank", "1", "2"]


def test_both_kinds_of_weights_are_told_apart(call, data):
    out = call("select", data, "-k", 2, "--covariance", "VVI", "--equal-weights", "both").out
    assert out.split("\n\n")[1].split()[3] == "equal_weights"


@pytest.mark.parametrize("numbers", ["0:3", "3:1", "1:2:3", "two", "", "-1", "1,,2"])
def test_wrong_numbers_of_components(call, data, numbers):
    result = call("select", data, f"--components={numbers}")
    assert result.code == 2
    assert "should be positive numbers or ranges, such as 1:9 or 2,4,8" in result.err


def test_wrong_names(call, data, tmp_path):
    assert "is not one of" in call("select", data, "--covariance", "VVV,round").err
    assert "is not one of" in call("select", data, "--criterion", "dic").err
    result = call("select", data, "--table", tmp_path / "cells.txt")
    assert (result.code, "--table" in result.err, "should end in .csv" in result.err) == (2, True, True)


def test_all_cells_failed(call, data):
    result = call("select", data, "-k", 101, "--covariance", "EII")
    assert result.code == 3
    assert "people.csv: none of the 1 cells could be fitted: 101 × EII: 101 components need" in result.err


@pytest.mark.filterwarnings("ignore:the search was interrupted")
def test_an_interrupted_search_prints_and_writes_what_it_has(call, data, tmp_path, monkeypatch):
    fit = CellFitter.fit

    def interrupted(self, cell):
        if cell.n_components == 2:
            raise KeyboardInterrupt
        return fit(self, cell)

    monkeypatch.setattr(CellFitter, "fit", interrupted)
    model = tmp_path / "best.safetensors"
    result = call("select", data, *FEW, "-o", model, "--jobs", 1)
    assert result.code == 130
    assert "2 ok, 4 skipped: interrupted" in result.out
    assert load(model).mixture.n_components == 1


def test_verbose_lines_go_to_stderr(call, data):
    result = call("select", data, *FEW, "-v", "--json")
    assert result.err.count(": ok, ") == 6
    json.loads(result.out)


def test_a_search_goes_on_from_its_checkpoint(call, data, tmp_path):
    select = ["-k", "1:2", "--covariance", "EII,VII", "--checkpoint", tmp_path / "c", "--checkpoint-every", 0]
    first = call("select", data, *select, "--time-budget", 1e-9, "-q")
    assert first == (0, "", "")
    table = ["--table", tmp_path / "cells.csv", "-q"]
    assert call("select", data, *select, "--resume", *table) == (0, "", "")
    assert (tmp_path / "cells.csv").read_text().count(",ok,") == 4


def test_resuming_names_a_checkpoint(call, data):
    result = call("select", data, "--resume")
    assert (result.code, "name it with --checkpoint FILE" in result.err) == (2, True)
