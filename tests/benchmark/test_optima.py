"""How the benchmark judges optima, and its parts about them, each on one small problem."""

from __future__ import annotations

import math

import numpy as np
import pytest
from click.testing import CliRunner

from benchmark.defaults import _PART, _WHOLE, _unless_below
from benchmark.outcome import Outcome, Task, in_processes, least_eigenvalue, log_likelihood, outcome, scales
from benchmark.race import Finish
from benchmark.real import digits
from benchmark.reference import best_known, mclust, rows
from benchmark.run import main
from benchmark.table import OURS, Row, as_text, at_least
from benchmark.tally import beaten, percentage, reached
from gaussmix import GaussianMixture

FOUND = Outcome("fit", 0, -100.0, 1.0, None, spurious=False)
SPURIOUS = Outcome("fit", 0, 0.0, 1.0, None, spurious=True)


@pytest.mark.parametrize(
    ("one", "goal", "is_reached", "is_beaten"),
    [
        (FOUND, -99.96, True, False),
        (FOUND, -99.94, False, False),
        (FOUND, -100.06, True, True),
        (SPURIOUS, -100.0, False, False),
    ],
)
def test_optimum_is_judged_by_the_goal_and_soundness(one, goal, is_reached, is_beaten):
    assert reached(one, goal) == is_reached
    assert beaten(one, goal) == is_beaten


def test_percentage():
    assert percentage([True, False, True, True]) == 75.0


def test_references_name_families_that_exist():
    assert len(list(best_known())) == 56
    assert all(fit.covariance_type is not None for fit in best_known())
    assert {fit.problem for fit in mclust()} == {fit.problem for fit in best_known()}


@pytest.mark.parametrize("covariance_type", ["full", "tied", "diag", "spherical"])
def test_log_likelihood_and_eigenvalue_whatever_the_family(covariance_type):
    X = rows("faithful")
    model = GaussianMixture(2, covariance_type=covariance_type, init_params="kmeans", random_state=0).fit(X)
    assert log_likelihood(X, model) == pytest.approx(len(X) * model.score(X), rel=1e-12)
    dense = model.mixture_.covariances.to_dense()
    assert least_eigenvalue(model, np.ones(2)) == pytest.approx(np.linalg.eigvalsh(dense).min())


def test_one_scale_for_families_that_need_it():
    X = rows("faithful")
    assert scales(X, "full") == pytest.approx(X.std(axis=0))
    assert scales(X, "spherical") == pytest.approx([X.std(axis=0).mean()] * 2)


def test_outcome_under_the_floor_is_spurious():
    task = Task("fit", rows("acidity"), 2, "full", 0, math.inf, {"init_params": "kmeans"})
    assert outcome(task).spurious


def test_results_come_in_order_from_processes():
    assert list(in_processes(math.sqrt, [4.0, 9.0], 2)) == [2.0, 3.0]


def test_run_below_the_other_never_ends():
    better, worse = Finish(1.0, -2.0, 5), Finish(1.0, -2.1, 5)
    assert _unless_below(better, worse) == 1.0
    assert _unless_below(worse, better) == math.inf
    row = Row("work", {OURS: math.inf, "scikit-learn": 1.0}, bars=[at_least(1, "ms")])
    assert row.ratio("scikit-learn") == 0
    assert "never" in as_text([row])


def test_part_of_the_grid_has_each_family_twice():
    assert set(_PART) < set(_WHOLE)
    families = [cell.covariance_type for cell in _PART]
    assert all(families.count(family) == 2 for family in families)


def test_digits_have_sixteen_features():
    assert digits().shape == (1797, 16)


@pytest.mark.parametrize(
    ("work", "expected"),
    [
        ("optima: acidity/E/2", "best known reached, 1 fits × 1 seeds"),
        ("mclust: precip/E/2", "reached, 1 fits"),
        ("simulated: sep d2 K3", "as good as from the truth, 1 fits"),
        ("acceleration: tied 40 × 2, K=5", "median of 1"),
        ("defaults: full 24 × 2, K=3", "24 × 2"),
    ],
)
def test_parts_run(work, expected):
    result = CliRunner().invoke(main, ["--no-peers", "--seeds", "1", "--scale", "1000", "--only", work])
    assert result.exit_code == 0, result.output
    assert expected in result.output


@pytest.mark.slow
@pytest.mark.parametrize(
    ("work", "expected"), [("search: acidity", "BIC over"), ("recovery: EII", "K and family")]
)
def test_searches_run(work, expected):
    result = CliRunner().invoke(main, ["--no-peers", "--seeds", "1", "--scale", "10", "--only", work])
    assert result.exit_code == 0, result.output
    assert expected in result.output
