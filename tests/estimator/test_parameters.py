"""Parameters out of range: ValueError or TypeError that says what is allowed, and nothing is fitted."""

from __future__ import annotations

import os
from copy import copy
from typing import Any

import numpy as np
import pytest

from gaussmix import BayesianGaussianMixture, GaussianMixture, GaussianMixtureSearch, StudentTMixture
from gaussmix.covariance import FAMILIES
from gaussmix.errors import ResourceLimitError
from gaussmix.estimator.parameters import check_memory

INVALID = {
    "n_components": [0, -1, 2.5, True, "3", None],
    "covariance_type": ["ful", "VVX", 3, None],
    "tol": [-1e-3, float("nan"), float("inf"), "small", None],
    "reg_covar": [-1e-9, float("nan"), float("inf"), "none"],
    "max_iter": [-1, 1.5, True, "100"],
    "n_init": [0, 1.5, True],
    "init_params": ["k-mean", 3, None],
    "random_state": ["seed", -1],
    "warm_start": ["yes", 2],
    "verbose": [-1, "yes"],
    "verbose_interval": [0, 1.5],
    "n_jobs": [0, 1.5, "two", True],
    "on_degenerate": ["ignore", None, True],
}
CASES = [(name, value) for name, values in INVALID.items() for value in values]


@pytest.mark.parametrize(("name", "value"), CASES)
def test_a23_invalid_parameters(X: Any, name: str, value: Any) -> None:
    model = GaussianMixture(2).set_params(**{name: value})
    before = dict(vars(model))
    with pytest.raises((ValueError, TypeError), match=f"{name}|seed|random"):
        model.fit(X)
    assert vars(model) == before


def test_a23_unknown_parameter() -> None:
    with pytest.raises(TypeError, match="n_component"):
        GaussianMixture(n_component=3)
    with pytest.raises(ValueError, match="Invalid parameter"):
        GaussianMixture().set_params(n_component=3)


def precisions(covariance_type: str, fill: float = 1.0) -> Any:
    shapes = {"full": (3, 3, 3), "tied": (3, 3), "diag": (3, 3), "spherical": (3,)}
    values = np.zeros(shapes[covariance_type])
    if covariance_type in ("full", "tied"):
        values[..., range(3), range(3)] = fill
    else:
        values[...] = fill
    return values


def refused(X: Any, match: str, covariance_type: str = "full", **start: Any) -> None:
    model = GaussianMixture(3, covariance_type=covariance_type, **start)
    with pytest.raises(ValueError, match=match):
        model.fit(X)
    assert not hasattr(model, "mixture_")
    assert not hasattr(model, "n_features_in_")


@pytest.mark.parametrize(
    ("value", "match"),
    [
        (np.zeros((2, 3)), r"'means' should have the shape of \(3, 3\), but got \(2, 3\)"),
        (np.zeros((3, 4)), r"'means' should have the shape"),
        (np.zeros(9), r"'means' should have the shape"),
        (np.full((3, 3), np.nan), "means_init contains NaN"),
        (np.full((3, 3), np.inf), "means_init contains infinity"),
    ],
)
def test_a24_means_init(X: Any, value: Any, match: str) -> None:
    refused(X, match, means_init=value)


@pytest.mark.parametrize(
    ("value", "match"),
    [
        ([0.5, 0.5], r"'weights' should have the shape of \(3,\), but got \(2,\)"),
        ([0.5, 0.7, -0.2], r"'weights' should be in the range \[0, 1\]"),
        ([0.5, 0.5, 0.5], "'weights' should be normalized"),
        ([np.nan, 0.5, 0.5], "weights_init contains NaN"),
    ],
)
def test_a24_weights_init(X: Any, value: Any, match: str) -> None:
    refused(X, match, weights_init=value)


@pytest.mark.parametrize("fill", [0.0, -1.0])
def test_a24_precisions_init_not_positive(X: Any, covariance_type: str, fill: float) -> None:
    refused(
        X,
        f"'{covariance_type} precision' should be",
        covariance_type,
        precisions_init=precisions(covariance_type, fill),
    )


def test_a24_precisions_init(X: Any, covariance_type: str) -> None:
    good = precisions(covariance_type)
    refused(X, "precision.*contains NaN", covariance_type, precisions_init=np.nan * good)
    refused(X, "should have the shape", covariance_type, precisions_init=good[..., :2])


def test_a24_asymmetric_precisions(X: Any) -> None:
    asymmetric = precisions("full")
    asymmetric[1, 0, 2] = 0.5
    refused(X, "symmetric, positive-definite", precisions_init=asymmetric)


@pytest.mark.parametrize(
    ("start", "match"),
    [
        (np.zeros(5, int), r"shape \(600,\)"),
        (np.full(600, 3), "integers from 0 to 2"),
        (np.full(600, -1), "integers from 0 to 2"),
        (np.full(600, 0.5), "integers from 0 to 2"),
        (np.full((600, 3), 0.5), "sum to 1"),
        (np.full((600, 3), np.nan), "sum to 1"),
        (np.tile([2.0, -1.0, 0.0], (600, 1)), "non-negative"),
        (lambda X, K, rng: None, "init_params should give"),
        (lambda X, K, rng: np.zeros((len(X), K + 1)), "init_params should give"),
    ],
)
def test_starts_of_the_wrong_shape_or_range(X: Any, start: Any, match: str) -> None:
    refused(X, match, init_params=start)


@pytest.mark.parametrize("kind", ["labels", "list", "responsibilities", "callable"])
def test_starts_that_are_given(X: Any, kind: str) -> None:
    labels = np.arange(len(X)) % 3  # the groups of X
    starts = {
        "labels": labels,
        "list": labels.tolist(),
        "responsibilities": np.eye(3)[labels],
        "callable": lambda X, K, rng: labels,
    }
    model = GaussianMixture(3, init_params=starts[kind]).fit(X)
    expected = GaussianMixture(3, init_params=labels).fit(X)
    np.testing.assert_array_equal(model.means_, expected.means_)
    assert (model.predict(X) == labels).mean() > 0.95


def test_a25_parameters_larger_than_memory_are_refused_at_once() -> None:
    X = np.ones((4, 200_000))
    X[::2] = 0
    with pytest.raises(ResourceLimitError, match=r"would need about .*GiB.*covariance_type='diag'"):
        GaussianMixture(2).fit(X)


def test_a25_the_memory_needed_is_compared_with_the_machines(X: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sysconf", lambda name: 16)
    with pytest.raises(MemoryError, match="3 'full' components of 3 features"):
        GaussianMixture(3).fit(X)


def test_a26_sizes_beyond_64_bits_do_not_wrap() -> None:
    with pytest.raises(ResourceLimitError, match="GiB"):
        check_memory(2**40, 2**30, FAMILIES["full"])


def test_warm_start_needs_the_same_model(X: Any) -> None:
    model = GaussianMixture(3, warm_start=True, random_state=0).fit(X)
    before = dict(vars(model))
    with pytest.raises(ValueError, match=r"3 'full' components of 3 features, .* of 2: set warm_start=False"):
        model.fit(X[:, :2])
    assert vars(model) == before
    for change in ({"n_components": 2}, {"covariance_type": "diag"}):
        with pytest.raises(ValueError, match="warm_start=True goes on from"):
            copy(model).set_params(**change).fit(X)


@pytest.mark.parametrize(
    "kind", [GaussianMixture, BayesianGaussianMixture, GaussianMixtureSearch, StudentTMixture]
)
def test_messages_list_names_in_a_fixed_order(kind):
    with pytest.raises(ValueError, match=r"a str among \{('all', )?'full', 'tied', 'diag', 'spherical',"):
        kind(2, covariance_type="round").fit(np.eye(5))
