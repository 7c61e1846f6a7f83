"""t distributions and backgrounds: fitted, saved, and used by every subcommand."""

from __future__ import annotations

import json

import numpy as np
import pytest

from gaussmix.estimator import GaussianMixture, StudentTMixture
from gaussmix.model import StudentMixture
from gaussmix.model.background import BackgroundMixture, Uniform
from gaussmix.persistence import load, save

NAMES = ["height", "weight"]


@pytest.fixture
def student(tmp_path, mixture):
    path = tmp_path / "student.safetensors"
    save(StudentMixture.from_mixture(mixture, np.array([3.0, 30.0]), "component"), path, feature_names=NAMES)
    return path


@pytest.fixture
def noisy(tmp_path, mixture):
    path = tmp_path / "noisy.safetensors"
    save(BackgroundMixture(mixture, 0.1, Uniform(6.5)), path, feature_names=NAMES)
    return path


@pytest.mark.parametrize("degrees", [None, "shared", 4.5])
def test_t_distributions_are_the_estimators(call, data, X, tmp_path, degrees):
    option = [] if degrees is None else ["--degrees-of-freedom", degrees]
    fit = ["fit", data, "-k", 2, "--distribution", "student", *option, "--effort", "low", "--json"]
    result = call(*fit, "-o", tmp_path / "m.safetensors")
    assert (result.code, result.err) == (0, "")
    report, saved = json.loads(result.out), load(tmp_path / "m.safetensors")
    fixed = "component" if degrees is None else degrees
    estimator = StudentTMixture(2, degrees_of_freedom=fixed, effort="low", random_state=0).fit(X)
    assert report["distribution"] == "student"
    assert report["degrees_of_freedom"] == estimator.degrees_of_freedom_.tolist()
    assert report["bic"] == pytest.approx(estimator.bic(X), rel=1e-9)
    assert saved.mixture.rule == (
        degrees if isinstance(degrees, str) else "fixed" if degrees else "component"
    )
    assert (saved.fit["n_rows"], saved.fit["degrees_of_freedom"]) == (100, fixed)
    np.testing.assert_array_equal(saved.mixture.means, estimator.means_)


@pytest.mark.parametrize("background", ["uniform", "hull"])
def test_a_background_is_the_estimators(call, data, X, tmp_path, background):
    result = call(
        "fit", data, "-k", 2, "--background", background, "--json", "-o", tmp_path / "m.safetensors"
    )
    report, saved = json.loads(result.out), load(tmp_path / "m.safetensors")
    estimator = GaussianMixture(2, background=background, random_state=0).fit(X)
    assert report["background"]["share"] == estimator.background_.share == saved.background.share
    assert report["bic"] == pytest.approx(estimator.bic(X), rel=1e-9)
    labels = call("predict", tmp_path / "m.safetensors", data).out.split()[1:]
    np.testing.assert_array_equal(np.array(labels, int), estimator.predict(X))


def test_background_rows_are_labelled_minus_one(call, noisy, tmp_path, mixture):
    (tmp_path / "far.csv").write_text("height,weight\n0,0\n8,8\n-9,20\n")
    assert call("predict", noisy, tmp_path / "far.csv").out.split() == ["label", "0", "1", "-1"]
    header, *rows = call("predict", noisy, tmp_path / "far.csv", "--proba").out.split()
    assert header == "component_0,component_1,background"
    table = np.array([row.split(",") for row in rows], float)
    np.testing.assert_array_equal(table, load(noisy).model.posterior([[0, 0], [8, 8], [-9, 20]]))


def test_probabilities_before_a_background_have_the_rows_precision(call, noisy, X, tmp_path):
    np.save(tmp_path / "rows.npy", X.astype(np.float32))
    call("predict", noisy, tmp_path / "rows.npy", "--proba", "-o", tmp_path / "out.npy")
    assert np.load(tmp_path / "out.npy").dtype == np.float32


@pytest.mark.parametrize("name", ["student", "noisy"])
def test_score_is_the_models(call, request, name, data, X):
    path = request.getfixturevalue(name)
    model, result = load(path).model, json.loads(call("score", path, data, "--json").out)
    total = model.log_prob(X).sum()
    assert result["log_likelihood"] == pytest.approx(total, rel=1e-12)
    assert result["bic"] == pytest.approx(model.n_parameters * np.log(100) - 2 * total, rel=1e-12)
    rows = call("score", path, data, "--per-row").out.split()[1:]
    np.testing.assert_array_equal(np.array(rows, float), model.log_prob(X))


def test_p_values_among_rows_of_t_distributions(call, tmp_path, data, X):
    one = StudentMixture.from_parameters([1.0], [[0, 0]], [np.eye(2)], 3.0)
    save(one, tmp_path / "one.safetensors", feature_names=NAMES)
    p_values = np.array(
        call("score", tmp_path / "one.safetensors", data, "--p-values").out.split()[1:], float
    )
    expected = (1 + np.square(X).sum(axis=1) / 3) ** -1.5  # δ / 2 is F(2, 3) distributed
    np.testing.assert_allclose(p_values, expected, atol=5 * np.sqrt(0.25 / 100_000))


def test_p_values_before_a_background_need_rows(call, noisy, data, X):
    result = call("score", noisy, data, "--p-values")
    assert result.code == 2
    assert "--calibration FILE" in result.err
    scores = load(noisy).model.log_prob(X)
    p_values = call("score", noisy, data, "--p-values", "--calibration", data).out.split()[1:]
    expected = (1 + (scores <= scores[:, None]).sum(axis=1)) / 101
    np.testing.assert_array_equal(np.array(p_values, float), expected)


@pytest.mark.parametrize("name", ["student", "noisy"])
def test_rows_are_drawn_from_the_components(call, request, name):
    path = request.getfixturevalue(name)
    rows = np.array([row.split(",") for row in call("sample", path, "-n", 500).out.split()[1:]], float)
    drawn, _ = load(path).mixture.sample(500, np.random.default_rng(0))
    np.testing.assert_array_equal(np.sort(rows, axis=0), np.sort(drawn, axis=0))


def test_info_shows_t_distributions(call, student, data):
    out = call("info", student).out
    assert "2 t distributions (full covariance)" in out
    assert out.splitlines()[-1].split() == ["1", "0.4000", "30", "8", "8"]
    result = json.loads(call("info", student, "--json").out)
    assert (result["distribution"], result["degrees_of_freedom"]) == ("student", [3, 30])
    assert (result["n_parameters"], result["diagnosis"]) == (13, None)
    assert call("info", student, "--data", data).code == 2


def test_info_shows_a_background(call, noisy, data):
    assert "0.1000 of the rows, of log-volume 6.5" in call("info", noisy).out
    result = json.loads(call("info", noisy, "--data", data, "--json").out)
    assert result["background"] == {"share": 0.1, "log_volume": 6.5}
    assert (result["n_parameters"], result["diagnosis"]["n_rows_looked_at"]) == (13, 100)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--degrees-of-freedom", "shared"], "--degrees-of-freedom is for --distribution student"),
        (["--distribution", "student", "--hard"], "--hard is for --distribution gaussian, not for student"),
        (["--distribution", "student", "--background", "hull"], "--background is for"),
        (["--distribution", "student", "--resume"], "name it with --checkpoint FILE"),
        (
            ["--distribution", "student", "--degrees-of-freedom", "0"],
            "component, shared or a positive number",
        ),
        (["--distribution", "student", "--degrees-of-freedom", "nan"], "component, shared or a positive"),
        (["--distribution", "cauchy"], "'cauchy' is not one of 'gaussian', 'student'"),
        (["--background", "box"], "'box' is not one of 'uniform', 'hull'"),
    ],
)
def test_options_that_do_not_go_together(call, data, arguments, words):
    result = call("fit", data, "-k", 2, *arguments)
    assert result.code == 2
    assert words in result.err
    assert len(result.err.splitlines()) == 1


@pytest.mark.parametrize("arguments", [["--distribution", "student"], ["--background", "uniform"]])
def test_missing_values_are_refused_where_no_model_knows_them(call, data, arguments):
    data.write_text(data.read_text() + "1,\n")
    result = call("fit", data, "-k", 2, *arguments)
    assert result.code == 3
    assert "row 100" in result.err


@pytest.mark.parametrize("name", ["student", "noisy"])
def test_missing_values_in_new_rows_are_refused(call, request, name, tmp_path):
    (tmp_path / "gap.csv").write_text("height,weight\n0,0\n1,\n")
    for command in ("predict", "score"):
        result = call(command, request.getfixturevalue(name), tmp_path / "gap.csv")
        assert result.code == 3
        assert "row 1" in result.err
