"""Mixtures of t distributions: densities against SciPy, and the laws of their EM."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.stats import multivariate_t

from gaussmix.covariance import FAMILIES
from gaussmix.errors import DataError, ParameterError
from gaussmix.kernel.student import student_moments
from gaussmix.model import StudentMixture, student_freedom
from gaussmix.model.student_density import SCATTERS
from gaussmix.source import Known
from tests.mixtures import fit, flat, make_mixture

NAMES = [name for name, family in FAMILIES.items() if family.scatter.name in SCATTERS]


def make(name="full", K=3, D=2, degrees=(3.0, 5.0, 40.0), rule="component", seed=0):
    mixture = replace(make_mixture(name, K, D, seed), prior=flat(D))
    return StudentMixture.from_mixture(mixture, np.array(degrees[:K]), rule)


def rows_of(model, n=400, seed=1):
    return np.ascontiguousarray(model.sample(n, seed)[0])


@pytest.mark.parametrize("name", ["full", "tied", "diag", "spherical"])
def test_densities_are_those_of_scipy(name):
    model = make(name)
    X = rows_of(model, 50)
    scatters = model.covariances.to_dense()
    expected = np.stack(
        [
            np.log(w) + multivariate_t.logpdf(X, m, S, v)
            for w, m, S, v in zip(model.weights, model.means, scatters, model.degrees_of_freedom, strict=True)
        ],
        axis=1,
    )
    np.testing.assert_allclose(model.log_joint(X), expected, rtol=1e-10)
    total = np.logaddexp.reduce(expected, axis=1)
    np.testing.assert_allclose(model.log_prob(X), total, rtol=1e-10)
    np.testing.assert_allclose(model.posterior(X), np.exp(expected - total[:, None]), atol=1e-12)
    np.testing.assert_array_equal(model.predict(X), expected.argmax(axis=1))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("rule", ["component", "shared", "fixed"])
def test_the_likelihood_never_falls(name, rule):
    model = make(name, degrees=(8.0, 8.0, 8.0), rule=rule)
    X = np.concatenate([rows_of(make(name)), np.random.default_rng(0).uniform(-15, 15, (10, 2))])
    result = fit(model, X, n_iter=30)
    assert not result.collapses
    assert np.diff(result.history).min() > -1e-10


@pytest.mark.parametrize("rule", ["component", "shared"])
def test_degrees_of_freedom_end_where_the_likelihood_is_highest(rule):
    X = rows_of(make(degrees=(4.0, 4.0, 4.0)), 600)
    model = fit(make(degrees=(8.0, 8.0, 8.0), rule=rule), X, n_iter=2000, tol=1e-13).model

    def loss(value):
        degrees = np.where((np.arange(3) == 0) | (rule == "shared"), value, model.degrees_of_freedom)
        return -replace(model, degrees_of_freedom=degrees).log_prob(X).sum()

    best = minimize_scalar(loss, bounds=(0.6, 100.0), method="bounded", options={"xatol": 1e-7}).x
    assert model.degrees_of_freedom[0] == pytest.approx(best, rel=1e-3)


def test_fixed_degrees_of_freedom_stay_and_shared_ones_agree():
    X = rows_of(make())
    fixed = fit(make(rule="fixed"), X).model
    np.testing.assert_array_equal(fixed.degrees_of_freedom, [3.0, 5.0, 40.0])
    shared = fit(make(degrees=(8.0,) * 3, rule="shared"), X).model.degrees_of_freedom
    assert shared[0] == shared[1] == shared[2] != 8.0
    base = make(rule="fixed").n_parameters
    assert [make(rule=rule).n_parameters - base for rule in ("component", "shared")] == [3, 1]


def test_light_tails_end_at_the_bound():
    X = np.random.default_rng(0).uniform(-1, 1, (500, 2))
    result = fit(make(K=1, degrees=(8.0,)), X, n_iter=200, tol=1e-6)
    assert result.converged
    assert result.model.degrees_at_bound.all()
    assert result.model.degrees_of_freedom[0] == student_freedom.MOST


def test_the_equation_of_the_degrees_is_solved():
    degrees = np.array([0.7, 3.0, 30.0, 900.0])
    excess = student_freedom._left_side(degrees)
    np.testing.assert_allclose(student_freedom.solve(excess, np.full(4, 8.0)), degrees, rtol=1e-9)
    np.testing.assert_array_equal(
        student_freedom.solve(np.array([-1.0, 9e9]), np.full(2, 8.0)), [1000.0, 0.2]
    )


def test_many_degrees_of_freedom_are_a_gaussian_mixture():
    mixture = make_mixture("full", 3, 2)
    model = StudentMixture.from_mixture(mixture, np.full(3, 1e7), "fixed")
    X, _ = mixture.sample(200, 0)
    np.testing.assert_allclose(model.log_prob(X), mixture.log_prob(X), atol=1e-4)
    stepped, expected = model.m_step(model.e_step(X)), mixture.m_step(mixture.e_step(X))
    np.testing.assert_allclose(stepped.means, expected.means, atol=1e-4)
    np.testing.assert_allclose(stepped.covariances.to_dense(), expected.covariances.to_dense(), atol=1e-4)


@pytest.mark.parametrize("name", ["full", "tied", "diag", "spherical"])
def test_moments_of_parts_add_and_weights_are_copies(name):
    model, weight = make(name), np.random.default_rng(0).integers(0, 3, 400).astype(float)
    X = rows_of(model)
    whole = model.e_step(X, weight)
    parts = model.e_step(X[:150], weight[:150]) + model.e_step(X[150:], weight[150:])
    copies = model.e_step(np.repeat(X, weight.astype(int), axis=0))
    for other in (parts, copies):
        np.testing.assert_allclose(other.scaled.buffer, whole.scaled.buffer, rtol=1e-10, atol=1e-9)
        for field in ("count", "log_scale", "square_scale"):
            np.testing.assert_allclose(getattr(other, field), getattr(whole, field), rtol=1e-10)


def test_what_the_kernel_declines_is_done_in_numpy():
    model = make("diag")
    model = replace(model, means=model.means * 1e7)  # too far apart for the linear form
    X = model.means[[0, 1, 2, 0]] + 0.1
    moments = model.e_step(X)
    out = np.empty(len(moments.scaled.buffer) + 9)
    student_moments(
        2, X, None, model._log_constant, model.means, model._precision, model.degrees_of_freedom, out
    )
    np.testing.assert_allclose(moments.scaled.buffer, out[:-9])
    np.testing.assert_allclose(moments.count, [2.0, 1.0, 1.0])


def test_outlyingness_is_the_inverse_of_the_weight_in_the_means():
    model = make(K=1, degrees=(4.0,))
    X = rows_of(model, 30)
    moments = model.e_step(X)
    assert (1 / model.outlyingness(X)).sum() == pytest.approx(moments.scaled.count[0], rel=1e-10)


def test_draws_have_the_covariance_of_a_t_distribution():
    model = make(K=1, degrees=(10.0,))
    X, labels = model.sample(200_000, 0)
    expected = 10 / 8 * model.covariances.to_dense()[0]
    np.testing.assert_allclose(np.cov(X.T), expected, rtol=0.05, atol=0.02)
    assert (labels == 0).all()


def test_a_component_without_rows_keeps_its_place():
    model = make()
    model = replace(model, weights=np.array([0.5, 0.5, 0.0]))
    stepped = model.m_step(model.e_step(rows_of(model)))
    assert stepped.collapsed.tolist() == [False, False, True]
    np.testing.assert_array_equal(stepped.means[2], model.means[2])
    assert stepped.degrees_of_freedom[2] == model.degrees_of_freedom[2]


@pytest.mark.parametrize("degrees", [0.0, -1.0, np.inf, np.nan, [1.0, 2.0, 3.0], "x"])
def test_bad_degrees_of_freedom_are_refused(degrees):
    with pytest.raises(ParameterError, match="degrees_of_freedom should be"):
        StudentMixture.from_parameters([0.5, 0.5], [[0.0], [1.0]], np.ones((2, 1, 1)), degrees)


def test_rows_that_cannot_be_used_are_refused():
    model = make()
    with pytest.raises(DataError, match="complete rows"):
        model.e_step(np.zeros((1, 2)), known=Known())
    with pytest.raises(DataError, match="shape"):
        model.log_prob(np.zeros((3, 5)))
    with pytest.raises(DataError, match="row 1"):
        model.log_prob(np.array([[0.0, 1.0], [np.nan, 2.0]]))
    assert model.log_prob(np.empty((0, 2))).shape == (0,)
