from __future__ import annotations

import inspect
import json
import signal

import numpy as np
import pytest

from gaussmix.covariance import FAMILIES
from gaussmix.estimator import GaussianMixture
from gaussmix.fit import POLICIES, STARTS
from gaussmix.persistence import load

from .conftest import start

KEYS = {
    "data", "model", "n_rows", "n_features", "feature_names", "distribution", "n_components", "covariance_type",
    "converged", "n_iter", "lower_bound", "log_likelihood", "score", "bic", "aic", "seconds", "degenerate", "weights",
    "means", "covariances",
}  # fmt: skip


def test_fit_writes_a_model_that_predict_reads(call, data, tmp_path):
    model = tmp_path / "m.safetensors"
    result = call("fit", data, "-k", 2, "-o", model)
    assert (result.code, result.err) == (0, "")
    assert call("predict", model, data).out.splitlines()[1:] in (
        ["0"] * 60 + ["1"] * 40,
        ["1"] * 60 + ["0"] * 40,
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["m.safetensors", "people.csv"]


@pytest.mark.parametrize("covariance", list(FAMILIES))
def test_the_model_is_the_estimators(call, data, X, tmp_path, covariance):
    model = tmp_path / "m.safetensors"
    assert call("fit", data, "-k", 2, "--covariance", covariance, "--seed", 7, "-o", model, "-q").code == 0
    saved, estimator = load(model), GaussianMixture(2, covariance_type=covariance, random_state=7).fit(X)
    np.testing.assert_array_equal(saved.mixture.means, estimator.means_)
    assert saved.feature_names == ("height", "weight")
    assert saved.fit["n_iter"] == estimator.n_iter_
    assert saved.fit["lower_bound"] == estimator.lower_bound_
    assert saved.fit["n_rows"] == 100


def test_json(call, data, X):
    result = call("fit", data, "-k", 2, "--json")
    assert (result.code, result.err, result.out.count("\n")) == (0, "", 1)
    report = json.loads(result.out)
    estimator = GaussianMixture(2, random_state=0).fit(X)
    assert set(report) == KEYS
    assert report["converged"] is True
    assert report["bic"] == pytest.approx(estimator.bic(X), rel=1e-9)
    assert report["aic"] == pytest.approx(estimator.aic(X), rel=1e-9)
    assert report["score"] == pytest.approx(estimator.score(X), rel=1e-9)
    assert np.shape(report["covariances"]) == (2, 2, 2)


def test_table(call, data):
    out = call("fit", data, "-k", 2).out
    assert "100 × 2" in out
    assert "converged        yes" in out
    assert out.splitlines()[-3].split() == ["component", "weight", "height", "weight"]


@pytest.mark.parametrize("arguments", [["-q"], ["-q", "--seed", 3]])
def test_quiet_prints_nothing(call, data, arguments):
    assert call("fit", data, "-k", 2, *arguments) == (0, "", "")


def test_the_same_seed_gives_the_same_bytes(call, data, tmp_path):
    for name, jobs in (("a", 1), ("b", 2)):
        call("fit", data, "-k", 2, "-o", tmp_path / f"{name}.safetensors", "--jobs", jobs)
    assert (tmp_path / "a.safetensors").read_bytes() == (tmp_path / "b.safetensors").read_bytes()


def test_defaults_are_the_estimators():
    from gaussmix.cli.fit import fit

    names = {"covariance": "covariance_type"}
    library = inspect.signature(GaussianMixture).parameters
    options = [option for option in fit.params if names.get(option.name, option.name) in library]
    checked = {
        option.name: library[names.get(option.name, option.name)].default
        for option in options
        # The two words of --executor stand for None and an address.
        if option.name not in ("n_components", "verbose", "executor")
        and option.default not in (None, *_unset())
    }
    assert len(checked) == 9
    assert {option.name: option.default for option in options if option.name in checked} == checked


def _unset() -> list[object]:
    """Click's mark for an option without a default, where this version has one."""
    import click

    option = click.Option(["--none"])
    return [option.default]


def test_help_lists_the_registries(call):
    out = " ".join(call("fit", "--help").out.split())
    for registry in (STARTS, POLICIES):
        assert f"[{'|'.join(registry)}]" in out
    for name in (
        "full",
        "tied",
        "diag",
        "spherical",
        "EII",
        "VVV",
    ):  # all the families are too many for a line
        assert name in out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--covariance", "round"], "'round' is not one of full, "),
        (["--init", "magic"], "'magic' is not one of "),
        (["--on-degenerate", "cry"], "'cry' is not one of floor, "),
        (["--tol", "nan"], "not a finite number"),
        (["--tol", "-1"], "-1"),
        (["--reg-covar", "inf"], "not a finite number"),
        (["--columns", "height,,weight"], "empty name"),
        (["--jobs", "0"], "0"),
        (["--seed", "-1"], "-1"),
        (["-o", "model.csv"], "should end in .safetensors"),
    ],
)
def test_usage_errors(call, data, arguments, words):
    result = call("fit", data, "-k", 2, *arguments)
    assert result.code == 2
    assert words in result.err
    assert len(result.err.splitlines()) == 1


BAD_DATA = {
    "text.csv": (b"a,b\n1,x\n2,y\n3,z\n", "b"),
    "infinite.csv": (b"a,b\n1,2\n3,inf\n5,6\n", "b"),
    "nothing.csv": (b"a,b\n1,2\n,\n5,6\n", "row 1"),
    "empty.csv": (b"", "empty"),
    "header.csv": (b"a,b\n", "rows"),
    "ragged.csv": (b"a,b\n1,2\n3,4,5\n", ""),
    "semicolons.csv": (b"a;b\n1;2\n3;4\n", ""),
    "few.csv": (b"a,b\n1,2\n", ""),
    "pickle.npy": (b"\x80\x04K\x01.", ""),
    "cut.npy": (b"\x93NUMPY\x01\x00v\x00{'descr': '<f8', 'fo", ""),
    "wrong.parquet": (b"PAR1 this is no Parquet file PAR1", ""),
    "wrong.arrow": (b"ARROW1\0\0 this is no Arrow file", ""),
    "wrong.xlsx": (b"PK\3\4", "xlsx"),
}


@pytest.mark.parametrize("name", BAD_DATA)
def test_bad_data_is_one_line_and_code_3(call, tmp_path, name):
    content, words = BAD_DATA[name]
    (tmp_path / name).write_bytes(content)
    result = call("fit", tmp_path / name, "-k", 2, "-o", tmp_path / "m.safetensors")
    assert result.code == 3
    assert result.err.startswith("gaussmix: error: ")
    assert len(result.err.splitlines()) == 1
    assert name in result.err
    assert words in result.err
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_columns_chosen_by_name(call, tmp_path, X):
    path = tmp_path / "named.csv"
    path.write_text("name,a,b\n" + "".join(f"someone,{a},{b}\n" for a, b in X.tolist()))
    result = call("fit", path, "-k", 2)
    assert result.code == 3
    assert "--columns" in result.err
    assert call("fit", path, "-k", 2, "--columns", "b,a").out.splitlines()[-3].split()[2:] == ["b", "a"]


def test_weights_are_repetitions(call, tmp_path, X):
    times = np.arange(100) % 3 + 1
    once, often = tmp_path / "once.csv", tmp_path / "often.csv"
    once.write_text(
        "a,n,b\n" + "".join(f"{a},{n},{b}\n" for (a, b), n in zip(X.tolist(), times, strict=True))
    )
    often.write_text("a,b\n" + "".join(f"{a},{b}\n" for a, b in np.repeat(X, times, axis=0).tolist()))
    weighted = json.loads(call("fit", once, "-k", 2, "--weights", "n", "--json").out)
    repeated = json.loads(call("fit", often, "-k", 2, "--json").out)
    assert weighted["feature_names"] == ["a", "b"]
    assert weighted["bic"] == pytest.approx(repeated["bic"], rel=1e-6)
    assert sorted(weighted["weights"]) == pytest.approx(sorted(repeated["weights"]), rel=1e-3)


def test_rows_from_standard_input(data):
    with data.open() as rows:
        process = start("fit", "-", "-k", 2, "--json", stdin=rows)
        out, err = process.communicate()
    assert (process.returncode, err) == (0, "")
    assert json.loads(out)["feature_names"] == ["height", "weight"]


def test_strict(call, data, tmp_path):
    model = tmp_path / "m.safetensors"
    result = call("fit", data, "-k", 2, "--max-iter", 1, "--tol", 0, "--strict", "-o", model)
    assert result.code == 4
    assert result.err == "gaussmix: error: not converged after 1 iterations (--strict)\n"
    assert load(model).fit["converged"] is False


def test_not_converged_is_a_warning_in_one_line(data):
    process = start("fit", data, "-k", 2, "--max-iter", 1, "--tol", 0)
    out, err = process.communicate()
    assert process.returncode == 0
    assert "converged        no" in out
    assert err.startswith("gaussmix: warning: ")
    assert err.count("\n") == 1


def test_a_missing_folder_is_told_before_the_fit(call, data, tmp_path):
    result = call("fit", data.with_name("missing.csv"), "-k", 2, "-o", tmp_path / "no" / "m.safetensors")
    assert result == (5, "", f"gaussmix: error: {tmp_path / 'no'}: there is no such folder\n")


def test_missing_data_is_code_5(call, tmp_path):
    assert call("fit", tmp_path / "none.csv", "-k", 2).code == 5
    assert call("fit", tmp_path, "-k", 2).code == 5


def test_too_much_memory_is_code_6(call, tmp_path):
    np.save(tmp_path / "wide.npy", np.random.default_rng(0).random((4, 30_000)))
    result = call("fit", tmp_path / "wide.npy", "-k", 3)
    assert result.code == 6
    assert "GiB" in result.err


def test_names_too_long_for_a_model_file_are_told_before_the_fit(call, tmp_path, monkeypatch):
    monkeypatch.setattr("gaussmix.cli.fit.fitted", None)
    (tmp_path / "long.csv").write_text("a" * 10_001 + ",b\n1,2\n3,4\n5,7\n")
    result = call("fit", tmp_path / "long.csv", "-k", 1, "-o", tmp_path / "m.safetensors")
    assert result.code == 2
    assert "longer than 10000" in result.err


def test_verbose_shows_iterations_on_stderr(call, data):
    result = call("fit", data, "-k", 2, "-v", "--json")
    assert "Iteration" in result.err
    assert json.loads(result.out)["converged"]


def test_ctrl_c_during_a_fit_leaves_the_old_model(tmp_path):
    np.save(tmp_path / "rows.npy", np.random.default_rng(0).standard_normal((4_000, 8)))
    model = tmp_path / "m.safetensors"
    model.write_bytes(b"old")
    endless = ["--init", "kmeans", "--tol", 0, "--max-iter", 10**6, "-v", "-o", model]
    with start("fit", tmp_path / "rows.npy", "-k", 16, *endless, bufsize=1) as process:
        while "Iteration" not in process.stderr.readline():
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        out, err = process.communicate()
    assert (process.returncode, out) == (130, "")
    assert err.splitlines()[-1] == "gaussmix: error: interrupted"
    assert model.read_bytes() == b"old"
    assert len(list(tmp_path.iterdir())) == 2


def test_hard_assignment_and_equal_weights(call, data, tmp_path):
    model = tmp_path / "m.safetensors"
    arguments = ["--covariance", "EII", "--hard", "--equal-weights", "--effort", "low"]
    assert call("fit", data, "-k", 2, *arguments, "-o", model, "-q").code == 0
    assert load(model).mixture.weights.tolist() == [0.5, 0.5]


def test_factors_are_fitted_and_reported(call, data, tmp_path):
    model = tmp_path / "factors.safetensors"
    result = call("fit", data, "-k", 2, "--covariance", "mfa", "--n-factors", 1, "-o", model, "--json")
    report = json.loads(result.out)
    assert report["covariance_type"] == "mfa"
    assert np.shape(report["loadings"]) == (2, 2, 1)
    assert np.shape(report["noise_variance"]) == (2, 2)
    assert call("predict", model, data).code == 0
    assert call("info", model).code == 0
