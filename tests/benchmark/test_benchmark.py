"""The benchmark's own arithmetic, and a run of it on a few rows without other packages."""

from __future__ import annotations

import numpy as np
import pytest
from click.testing import CliRunner
from scipy.stats import multivariate_normal

from benchmark import memory, passes
from benchmark.clock import Patience, least_times
from benchmark.data import Parameters, clustered, mean_log_likelihood, start_for
from benchmark.environment import clean_environment
from benchmark.report import publish
from benchmark.run import main
from benchmark.table import OURS, Row, as_markdown, as_text, at_most, seeds, share, times
from benchmark.yardstick import least_flops

ROW = Row(
    "work",
    {OURS: 10.0, "scikit-learn": 150.0},
    bars=[times("scikit-learn", 15), share(0.75), seeds(0.9)],
    share=0.8,
    seeds=(18, 20),
)


def test_row_that_reaches_its_bars():
    assert ROW.ratio("scikit-learn") == 15
    assert ROW.verdict == "met"


@pytest.mark.parametrize(
    ("bars", "verdict"),
    [
        ([times("scikit-learn", 16)], "MISSED"),
        ([times("scikit-learn", 16), share(0.5)], "MISSED: ≥ 16× scikit-learn"),
        ([seeds(0.95)], "MISSED"),
        ([at_most(9, "ms")], "MISSED"),
        ([at_most(10, "ms")], "met"),
        ([times("oneDAL", 4)], "not measured: ≥ 4× oneDAL"),
        ([], ""),
    ],
)
def test_verdicts(bars, verdict):
    assert Row("work", ROW.values, bars=bars, share=ROW.share, seeds=ROW.seeds).verdict == verdict


def test_table_leaves_out_empty_columns():
    text = as_text([ROW])
    assert "scikit-learn" in text
    assert "oneDAL" not in text
    assert as_markdown([ROW]).splitlines()[2].startswith("| work | 10 ms | 150 ms | 15× | 80% | 18 of 20 |")


def test_page_keeps_what_is_around_the_table(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("above\n<!-- benchmark: begin -->old<!-- benchmark: end -->\nbelow\n")
    publish("Measured today.", [ROW], page)
    text = page.read_text()
    assert text.startswith("above\n")
    assert text.endswith("\nbelow\n")
    assert "old" not in text
    assert "| 10 ms |" in text


def test_least_times_takes_turns_and_keeps_the_least():
    calls, seconds = [], iter([3.0, 5.0, 2.0, 9.0])

    def stopwatch(name):
        calls.append(name)
        return next(seconds)

    least = least_times({n: lambda n=n: stopwatch(n) for n in "ab"}, Patience(rounds=2))
    assert calls == ["a", "b", "a", "b"]
    assert least == {"a": 2.0, "b": 5.0}


@pytest.mark.parametrize(
    ("covariance_type", "flops"), [("full", 720), ("tied", 240), ("spherical", 240), ("diag", 480)]
)
def test_least_flops(covariance_type, flops):
    assert least_flops(covariance_type, 10, 3, 2) == flops


def test_yardstick_of_likelihood_is_the_density():
    X = clustered(50, 2, 2)
    parameters = Parameters(
        "full", np.array([0.3, 0.7]), X[:2], np.array([np.eye(2), [[2.0, 0.5], [0.5, 1.0]]])
    )
    density = sum(
        weight * multivariate_normal(mean, covariance).pdf(X)
        for weight, mean, covariance in zip(parameters.weights, X[:2], parameters.covariances, strict=True)
    )
    assert mean_log_likelihood(X, parameters) == pytest.approx(np.log(density).mean(), rel=1e-12)


@pytest.mark.parametrize("covariance_type", ["full", "tied", "diag", "spherical"])
def test_starts_have_positive_definite_covariances(covariance_type):
    start = start_for(clustered(200, 3, 2), 2, covariance_type)
    assert np.isfinite(mean_log_likelihood(clustered(20, 3, 2), start))
    assert start.precisions.shape == start.covariances.shape


def test_environment_is_cleaned():
    assert clean_environment({"OPENBLAS_CORETYPE": "Haswell", "PATH": "/bin"}) == {"PATH": "/bin"}


def test_every_shape_has_bars():
    assert all(case.bars for case in passes.PASSES)


def test_memory_is_measured():
    assert memory._risen(OURS, "predict", 3_000, 2, 2) < 64e6


def test_run_prints_one_table():
    arguments = ["--no-peers", "--rounds", "1", "--seeds", "1", "--scale", "1000000"]
    works = ["pass: full 40 × 2, K=5", "fit: full 150", "iteration of"]
    result = CliRunner().invoke(main, [*arguments, *(part for work in works for part in ("--only", work))])
    assert result.exit_code == 0, result.output
    for work in [*works, "not measured: ≥ 4× oneDAL", "kernel"]:
        assert work in result.output


def test_run_refuses_unknown_work():
    assert CliRunner().invoke(main, ["--no-peers", "--only", "nonsense"]).exit_code == 2
