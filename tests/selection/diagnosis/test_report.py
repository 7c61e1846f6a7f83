"""What a diagnosis says of fits whose faults are known, and of fits without any."""

from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import pytest

from gaussmix import GaussianMixture, Mixture
from gaussmix.selection.diagnosis import FitRecord, diagnose, gather
from gaussmix.source import ArraySource

CLEAN = Mixture.from_parameters([0.5, 0.5], [[0.0], [9.0]], [[1.0], [1.0]], "diag")


def groups(n, *centres, D=2, seed=0):
    """Return n standard normal rows about each centre, which is that of all features."""
    rng = np.random.default_rng(seed)
    return np.concatenate([rng.standard_normal((n, D)) + centre for centre in centres])


def report(X, labels, *, name="full", thorough=True, weight=None, n_jobs=1, **record):
    """Return the diagnosis of the fit that starts at these labels."""
    estimator = GaussianMixture(
        int(labels.max()) + 1, covariance_type=name, init_params=labels, max_iter=300, tol=1e-4, n_jobs=n_jobs
    )
    mixture = estimator.fit(X, sample_weight=weight).mixture_
    return diagnose(mixture, gather(mixture, ArraySource(X, weight), thorough=thorough), FitRecord(**record))


def found(diagnosis, kind):
    return next(finding for finding in diagnosis.findings if finding.kind == kind)


def kinds(diagnosis):
    return {finding.kind for finding in diagnosis.warnings}


@pytest.mark.parametrize("thorough", [False, True])
@pytest.mark.parametrize("name", ["full", "tied", "diag", "spherical"])
def test_true_models_are_rarely_warned_of(name, thorough):
    alarms = 0
    for seed in range(25):
        X = groups(150, 0, 4, -4, D=3, seed=seed) * [1, 1, 1 if name == "spherical" else 2]
        alarms += bool(report(X, np.repeat([0, 1, 2], 150), name=name, thorough=thorough).warnings)
    assert alarms <= 2  # under 10 %


@pytest.mark.parametrize("D", [2, 6])
def test_two_groups_in_one_component_are_named(D):
    X = groups(300, 0, 3, 20, D=D)
    diagnosis = report(X, np.repeat([0, 0, 1], 300))
    finding = found(diagnosis, "split")
    assert finding.components == (0,)
    assert finding.severity == "warning"
    assert "Component 0 looks like two" in finding.sentence
    assert "try n_components=3" in finding.sentence


def test_the_quick_look_sees_them_too():
    diagnosis = report(groups(300, 0, 3, 20), np.repeat([0, 0, 1], 300), thorough=False)
    assert found(diagnosis, "not_normal").components == (0,)
    assert diagnosis.normality_p_value[0] < 1e-3 < diagnosis.normality_p_value[1]


def test_one_group_in_two_components_is_named():
    X = groups(300, 0, 20)
    diagnosis = report(X, np.repeat([0, 1, 2], [150, 150, 300]))
    finding = found(diagnosis, "merge")
    assert finding.components == (0, 1)
    assert finding.numbers["bic"][0] < 0


def test_twins_overlap():
    twins = Mixture.from_parameters([0.5, 0.5], [[0.0], [0.1]], [[1.0], [1.1]], "diag")
    finding = found(diagnose(twins), "overlap")
    assert finding.severity == "warning"
    assert finding.numbers["overlap"][0] == pytest.approx(1, abs=0.1)


def test_more_parameters_than_rows_overfit():
    diagnosis = report(groups(20, 0, 9, D=10), np.repeat([0, 1], 20))
    assert {"overfitting", "high_dimension", "few_rows"} <= kinds(diagnosis)
    finding = found(diagnosis, "overfitting")
    assert finding.numbers["rows_per_parameter"] == pytest.approx(40 / (2 * 65 + 1))
    assert "40 effective rows for 131 free parameters" in finding.sentence
    assert "'diag' needs 20" in found(diagnosis, "high_dimension").sentence


@pytest.mark.parametrize("name", ["full", "tied"])
def test_dependent_columns_are_named(name):
    X = groups(200, 0, 9, D=4)
    X[:, 3] = X[:, 0] - 2 * X[:, 2]
    diagnosis = report(X, np.repeat([0, 1], 200), name=name, feature_names=("a", "b", "c", "d"))
    finding = found(diagnosis, "ill_conditioned")
    assert set(finding.components) == {0, 1}
    assert all(f"'{column}'" in finding.sentence for column in "acd")
    assert "'b'" not in finding.sentence


def test_correlations_that_the_family_ignores():
    X = groups(200, 0, 9)
    X[:200, 1] = X[:200, 0] + 0.3 * X[:200, 1]
    finding = found(report(X, np.repeat([0, 1], 200), name="diag"), "covariance_structure")
    assert finding.components == (0,)


def test_a_thin_component_is_spurious_and_has_few_rows():
    mixture = Mixture.from_parameters([0.97, 0.03], np.zeros((2, 2)), [np.eye(2), np.diag([1e-9, 1.0])])
    diagnosis = diagnose(mixture, None, FitRecord(n_rows=100))
    assert diagnosis.least_eigenvalue_ratio[1] == pytest.approx(1e-9 / 0.97, rel=1e-6)
    assert found(diagnosis, "narrow").components == found(diagnosis, "few_rows").components == (1,)
    assert "rests on 3 effective rows, fewer than the 6" in found(diagnosis, "few_rows").sentence


def test_weights_count_by_their_effective_number():
    X, weight = groups(50, 0), np.repeat([1.0, 1e-9], 25)
    assert report(X, np.zeros(50, int), weight=weight).effective_rows == pytest.approx(25)


def test_how_the_fit_went():
    optima = SimpleNamespace(n_starts=20, n_optima=4, n_best=13)
    event = {"component": 1, "iteration": 3, "weight": 0.0, "reason": "no rows", "action": "floor"}
    diagnosis = diagnose(CLEAN, None, FitRecord(False, 1000, None, [event], optima))
    assert [finding.kind for finding in diagnosis.findings] == ["convergence", "degenerate", "optima"]
    assert "The best of 20 starts was reached by 13 of them; 3 other optima were seen." in str(diagnosis)
    assert "not converged after 1000 iterations" in str(diagnosis)
    assert found(diagnosis, "degenerate").components == (1,)


def test_nothing_to_say_is_one_sentence():
    assert str(diagnose(CLEAN, None, FitRecord(True, 7, 1000))) == "Nothing stood out."
    assert repr(diagnose(CLEAN)) == "<Diagnosis of 2 components: 0 warnings, 0 notes>"


@pytest.mark.parametrize("thorough", [False, True])
def test_as_json(thorough):
    optima = SimpleNamespace(n_starts=5, n_optima=1, n_best=5)
    diagnosis = report(groups(30, 0, 3), np.repeat([0, 1], 30), thorough=thorough, optima=optima)
    table = json.loads(json.dumps(diagnosis.as_dict(), allow_nan=False))
    assert table["optima"] == {"n_starts": 5, "n_optima": 1, "n_best": 5}
    assert len(table["overlap"]) == len(table["component_rows"]) == 2
    assert [finding["kind"] for finding in table["findings"]] == [one.kind for one in diagnosis.findings]
    assert json.dumps(diagnose(CLEAN).as_dict(), allow_nan=False)
