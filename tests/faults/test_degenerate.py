"""Rows that cannot support the components: a finite model and a report, or the chosen policy's error (B4 to B9)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gaussmix import GaussianMixture
from gaussmix.errors import DegenerateError, DegenerateWarning

from .conftest import assert_finite, rows

TWO_ROWS = np.repeat([[0.0, 0.0, 0.0], [1.0, 2.0, 3.0]], 10, axis=0)
ONE_ROW = np.full((20, 3), 1.5)


def constant_column() -> Any:
    X = rows(60)
    X[:, 1] = 7.0
    return X


def equal_columns() -> Any:
    X = rows(60)
    X[:, 2] = X[:, 0]
    return X


def one_line() -> Any:
    return rows(60, 1) @ [[1.0, -2.0, 0.5]]


DATA = {
    "two distinct rows": (TWO_ROWS, 5),
    "all rows equal": (ONE_ROW, 2),
    "one component, all rows equal": (ONE_ROW, 1),
    "constant column": (constant_column(), 2),
    "equal columns": (equal_columns(), 2),
    "one line": (one_line(), 3),
    "as many components as rows": (rows(6), 6),
    "more features than rows": (rows(20, 50), 2),
    "fifty on fifty": (rows(50, 2), 50),
}
WARNED = {"two distinct rows", "all rows equal", "one component, all rows equal", "constant column"}


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.filterwarnings("ignore::gaussmix.errors.DegenerateWarning")
@pytest.mark.parametrize("reg_covar", [1e-6, 0.0])
@pytest.mark.parametrize("policy", ["floor", "drop", "restart"])
@pytest.mark.parametrize("data", DATA)
def test_the_model_is_finite(data: str, policy: str, covariance_type: str, reg_covar: float) -> None:
    X, K = DATA[data]
    options = {"covariance_type": covariance_type, "reg_covar": reg_covar, "max_iter": 50, "effort": "low"}
    model = GaussianMixture(K, on_degenerate=policy, random_state=0, **options).fit(X)
    assert_finite(model)
    assert model.weights_.sum() == pytest.approx(1.0)
    assert np.isfinite(model.score_samples(X)).all()
    np.testing.assert_allclose(model.predict_proba(X).sum(axis=1), 1.0)
    assert len(model.sample(10)[0]) == 10


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("data", sorted(WARNED))
def test_there_is_a_warning(data: str, covariance_type: str) -> None:
    X, K = DATA[data]
    with pytest.warns(DegenerateWarning):
        GaussianMixture(K, covariance_type=covariance_type, random_state=0).fit(X)


def test_a_constant_column_is_named() -> None:
    with pytest.warns(DegenerateWarning, match="column 1 is constant"):
        GaussianMixture(2, random_state=0).fit(constant_column())


@pytest.mark.filterwarnings("ignore::gaussmix.errors.DegenerateWarning")
def test_scikit_learns_singular_data_raise_by_choice(covariance_type: str) -> None:
    """The data of scikit-learn's test_regularisation."""
    X = np.repeat([[1.0], [0.0]], 5, axis=0) * np.ones(5)
    model = GaussianMixture(
        10, covariance_type=covariance_type, reg_covar=0, on_degenerate="raise", random_state=0
    )
    with pytest.raises(DegenerateError, match=r"component \d+ collapsed .* increase reg_covar"):
        model.fit(X)
    assert not hasattr(model, "mixture_")
    assert_finite(model.set_params(on_degenerate="floor", reg_covar=1e-6).fit(X))


@pytest.mark.filterwarnings("ignore::gaussmix.errors.DegenerateWarning")  # restarts end in a floor
@pytest.mark.parametrize("policy", ["floor", "drop", "restart"])
def test_the_report_says_what_was_done(policy: str) -> None:
    X = np.concatenate([rows(60), np.full((10, 3), 9.0)])
    model = GaussianMixture(2, reg_covar=0, on_degenerate=policy, random_state=0)
    with pytest.warns(DegenerateWarning, match=f"collapsed .*on_degenerate='{policy}'"):
        model.fit(X)
    event = model.degenerate_[0]
    assert event.keys() == {"component", "iteration", "weight", "reason", "action"}
    assert event["action"] == policy
    assert event["reason"] == "singular covariance"
    assert len(model.weights_) == (1 if policy == "drop" else 2)


def test_a_sound_fit_has_an_empty_report() -> None:
    assert GaussianMixture(2, random_state=0).fit(rows(60)).degenerate_ == []


@pytest.mark.parametrize("value", [0.0, 1e-300, 1e-200, 1e150])
def test_a_constant_column_may_have_any_value(value: float, covariance_type: str) -> None:
    X = rows(60, 2)
    X[:, 1] = value
    if covariance_type == "spherical" and value > 1:  # one unit for all columns: that of the constant
        X[:, 1] = 1.0
    with pytest.warns(DegenerateWarning, match="column 1 is constant"):
        assert_finite(GaussianMixture(2, covariance_type=covariance_type, random_state=0).fit(X))
