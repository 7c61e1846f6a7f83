from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

from gaussmix.covariance import FAMILIES
from gaussmix.errors import DegenerateError, ParameterError
from gaussmix.executor import Serial, Threads
from gaussmix.fit import EStep
from gaussmix.model import Mixture
from gaussmix.prior import Flat, Frozen, Given
from gaussmix.selection import by_information
from gaussmix.selection.uncertainty.scores import Scores
from gaussmix.source import ArraySource, IncompleteRows

from ...mixtures import REPRESENTATIVES, fit, make_rows, start
from .curvature import moved, numerical_covariance, overlapping

LENGTHY = ("VEE", "EVE", "VVE", "EEV")  # the same code as VEV and EVV, whose M-steps take less time


def errors(mixture, X, weight=None, **options):
    return by_information(mixture, ArraySource(X, weight), Serial(), **options)


def one_component(X, weight=None, name="full"):
    return fit(start(X, np.zeros(len(X), int), name, weight), X, weight, n_iter=2).model


def test_one_component_has_the_known_errors():
    X, _ = make_rows(100, K=2, D=3)
    found = errors(one_component(X), X)
    S, n = found.mixture.covariances.to_dense()[0], len(X)
    np.testing.assert_allclose(found.means_error[0], np.sqrt(np.diag(S) / n), rtol=1e-10)
    expected = np.sqrt((np.outer(np.diag(S), np.diag(S)) + S**2) / n)
    np.testing.assert_allclose(found.covariances_error[0], expected, rtol=1e-10)
    assert found.weights_error.tolist() == [0.0]
    np.testing.assert_allclose(
        found.parameter_covariance[1:4, 1:4], S / n, rtol=1e-10, atol=1e-12 * S.max() / n
    )


@pytest.mark.parametrize("D", [2, pytest.param(3, marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=pytest.mark.slow if name in LENGTHY else ()) for name in FAMILIES],
)
def test_it_is_the_curvature_of_the_likelihood(name, D):
    X, weight, mixture = overlapping(name, D=D)
    expected = numerical_covariance(
        mixture,
        lambda other: float(other.log_prob(X) @ weight),
        lambda vector: moved(mixture, vector),
        mixture.n_parameters,
    )
    found = errors(mixture, X, weight).parameter_covariance
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5 * np.abs(expected).max())


@pytest.mark.parametrize(
    "name",
    ["full", "spherical"] + [pytest.param(name, marks=pytest.mark.slow) for name in ("tied", "diag", "VEV")],
)
def test_missing_values_and_known_components_count(name):
    X, _, mixture = overlapping(name, spread=2.5)
    rng = np.random.default_rng(0)
    X = np.where((rng.random(X.shape) < 0.2) & (np.arange(len(X)) % 2 == 0)[:, None], np.nan, X)
    X = X[~np.isnan(X).all(axis=1)]
    labels = np.where(rng.random(len(X)) < 0.3, rng.integers(0, 2, len(X)), -1)
    source = ArraySource(X)
    rows = IncompleteRows.of(source, labels, [(0,), (1,)]).partitions(1000)
    for _ in range(200):
        mixture = mixture.m_step(Serial().map_reduce(EStep(mixture), rows))

    def log_likelihood(other):
        joint = other.log_joint(X)
        joint[labels >= 0, 1 - labels[labels >= 0]] = -np.inf
        return float(np.logaddexp.reduce(joint, axis=1).sum())

    expected = numerical_covariance(
        mixture, log_likelihood, lambda v: moved(mixture, v), mixture.n_parameters
    )
    found = by_information(mixture, source, Serial(), labels=labels).parameter_covariance
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5 * np.abs(expected).max())


@pytest.mark.parametrize("name", REPRESENTATIVES)
def test_a_row_of_weight_two_is_two_rows(name):
    X, weight, mixture = overlapping(name, counts=True)
    again = np.repeat(X, weight.astype(int), axis=0)
    for kind in ("observed", "outer"):
        one, two = errors(mixture, X, weight, kind=kind), errors(mixture, again, kind=kind)
        np.testing.assert_allclose(one.standard_errors, two.standard_errors, rtol=1e-8)


def test_the_sandwich_needs_ratios_of_weights_only():
    X, weight, mixture = overlapping("full")
    one, other = (errors(mixture, X, weight * c, kind="sandwich").standard_errors for c in (1.0, 1e-6))
    np.testing.assert_allclose(one, other, rtol=1e-8)
    with pytest.raises(ParameterError, match=r"sums to 0.000118635.*11 free parameters"):
        errors(mixture, X, weight * 1e-6)


def test_rows_of_one_pattern_count_as_they_do_among_others():
    X, _, mixture = overlapping("full", n=300)
    X[:, 1] = np.nan
    task = Scores.of(mixture)
    (alone,) = IncompleteRows.of(ArraySource(X)).partitions(1000)
    (among,) = IncompleteRows.of(ArraySource(X[:100])).partitions(1000)
    assert alone.known.features == (0,)
    assert among.known.mixed
    one, other = task(replace(alone, X=alone.X[:100])), task(among)
    np.testing.assert_allclose(one.outer, other.outer, rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(one.complete, other.complete, rtol=1e-10, atol=1e-10)


def test_the_kinds_agree_on_many_rows_of_the_model():
    X, labels = make_rows(20_000, K=2)
    mixture = fit(start(X, labels, "full"), X, n_iter=100).model
    first, *others = (
        errors(mixture, X, kind=kind).standard_errors for kind in ("observed", "outer", "sandwich")
    )
    for other in others:
        np.testing.assert_allclose(other, first, rtol=0.05)


def test_the_sandwich_of_one_component_is_whites():
    X = np.random.default_rng(0).exponential(size=(300, 1))
    found = errors(one_component(X), X, kind="sandwich")
    centred = X[:, 0] - X.mean()
    np.testing.assert_allclose(found.means_error[0, 0], X.std() / np.sqrt(300), rtol=1e-10)
    expected = np.sqrt(((centred**2 - X.var()) ** 2).mean() / 300)
    np.testing.assert_allclose(found.covariances_error[0, 0, 0], expected, rtol=1e-10)


@pytest.mark.parametrize("name", ["full", "tied", "VEE", "EVV"])
def test_errors_follow_an_affine_map(name):
    X, weight, mixture = overlapping(name)
    before = errors(mixture, X, weight)
    A, b = np.array([[1e3, 2e3], [0.0, 1e-3]]), np.array([1e4, -3.0])
    covariances = A @ mixture.covariances.parameters() @ A.T
    image = Mixture.from_parameters(
        mixture.weights, mixture.means @ A.T + b, covariances, name, mixture.prior
    )
    after = errors(image, X @ A.T + b, weight)
    np.testing.assert_allclose(after.weights_error, before.weights_error, rtol=1e-6)
    for one, other in zip(before.mean_ellipses(), after.mean_ellipses(), strict=True):
        units = np.sqrt(np.outer(np.diag(other.covariance), np.diag(other.covariance)))
        np.testing.assert_allclose(A @ one.covariance @ A.T / units, other.covariance / units, atol=1e-6)


def test_what_is_fixed_has_no_error_and_helps_the_others():
    X, weight, mixture = overlapping("full")
    given = Given(mixture.means, np.array([True, False]))
    frozen = Frozen(
        mixture.prior, means=given, covariances=Given(mixture.covariances.parameters(), given.fixed)
    )
    found = errors(replace(mixture, prior=frozen), X, weight)
    free = errors(mixture, X, weight)
    assert not found.means_error[0].any()
    assert not found.covariances_error[0].any()
    assert (found.means_error[1] < free.means_error[1]).all()
    assert (found.weights_error < free.weights_error).all()


@pytest.mark.parametrize("fixed", [[True, False, False], [True, True, True]])
def test_fixed_weights_leave_their_errors_to_the_others(fixed):
    X, weight, mixture = overlapping("full", K=3)
    prior = Frozen(mixture.prior, weights=Given(mixture.weights, np.array(fixed)))
    found = errors(replace(mixture, prior=prior), X, weight)
    assert (found.weights_error > 0).tolist() == np.logical_not(fixed).tolist()
    np.testing.assert_allclose(found.parameter_covariance[:3, :3].sum(axis=0), 0.0, atol=1e-12)


def test_equal_weights_have_no_error():
    X, weight, mixture = overlapping("full")
    equal = replace(mixture, weights=np.array([0.5, 0.5]), prior=Flat(None, np.zeros(2), equal_weights=True))
    equal = fit(equal, X, weight, n_iter=400).model
    assert errors(equal, X, weight).weights_error.tolist() == [0.0, 0.0]


def test_executors_agree_bit_for_bit():
    X, weight, mixture = overlapping("full", n=1000)
    one = by_information(mixture, ArraySource(X, weight), Serial()).deviations
    two = by_information(mixture, ArraySource(X, weight), Threads(2)).deviations
    assert np.array_equal(one, two)


def test_a_component_that_rows_do_not_determine_is_named():
    X, _, mixture = overlapping("full")
    twice = Mixture.from_parameters(
        [0.5, 0.25, 0.25], mixture.means[[0, 1, 1]], mixture.covariances.parameters()[[0, 1, 1]]
    )
    with pytest.raises(DegenerateError, match=r"not determine the parameters.*component [12]"):
        errors(twice, X)
    empty = Mixture.from_parameters([1.0, 0.0], mixture.means, mixture.covariances.parameters())
    with pytest.raises(DegenerateError, match="component 1 has collapsed"):
        errors(empty, X)


def test_other_rows_than_those_of_the_fit_are_noticed():
    X, _, mixture = overlapping("full")
    with pytest.warns(ConvergenceWarning, match="not at a maximum"):
        errors(mixture, X + 0.2)


def test_too_many_parameters_and_unknown_kinds_are_refused():
    X = np.random.default_rng(0).standard_normal((100, 50))
    with pytest.raises(ParameterError, match=r"1326 parameters.*bootstrap"):
        errors(Mixture.from_parameters([1.0], np.zeros((1, 50)), np.eye(50)[None]), X)
    mixture = Mixture.from_parameters([1.0], np.zeros((1, 50)), np.ones((1, 50)), "diag")
    with pytest.raises(ParameterError, match="'observed', 'outer', 'sandwich'"):
        errors(mixture, X, kind="fisher")
    with pytest.raises(ParameterError, match="level"):
        errors(mixture, X, level=95)
