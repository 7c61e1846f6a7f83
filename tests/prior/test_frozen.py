from __future__ import annotations

import numpy as np
import pytest

from gaussmix.prior import Flat, Frozen, Given

from ..incompleteness import fit_incomplete, with_holes
from ..mixtures import REPRESENTATIVES, fit, flat, make_mixture, make_rows, start

representatives = pytest.mark.parametrize("name", REPRESENTATIVES)
K, D = 3, 2
PARTS = {
    "weights": ("weights",),
    "means": ("means",),
    "covariances": ("covariances",),
    "all": ("weights", "means", "covariances"),
}


def frozen(name, parts, fixed=(True, True, True), free=None):
    """Return a prior that fixes parts of a random mixture, and that mixture."""
    model, fixed = make_mixture(name, K, D, seed=5), np.array(fixed)
    values = {
        "weights": Given(model.weights, fixed),
        "means": Given(model.means, fixed),
        "covariances": Given(model.covariances.parameters(), fixed, shared=name == "tied"),
    }
    return Frozen(free or flat(D), **{part: values[part] for part in parts}), model


@representatives
@pytest.mark.parametrize("parts", PARTS.values(), ids=PARTS)
def test_fixed_values_are_kept_to_the_bit(name, parts):
    prior, model = frozen(name, parts)
    X, labels = make_rows(name=name)
    fitted = fit(start(X, labels, name, prior=prior), X, n_iter=7).model
    for part in ("weights", "means"):
        assert np.array_equal(getattr(fitted, part), getattr(model, part)) == (part in parts)
    same = np.array_equal(fitted.covariances.parameters(), model.covariances.parameters())
    assert same == ("covariances" in parts)


@representatives
@pytest.mark.parametrize("parts", PARTS.values(), ids=PARTS)
@pytest.mark.parametrize("incomplete", [False, True])
def test_the_bound_never_falls(name, parts, incomplete):
    fixed = [True] * 3 if name == "tied" else [True, False, True]
    prior, _ = frozen(name, parts, fixed)
    X, labels = make_rows(name=name)
    one = start(X, labels, name, prior=prior)
    run = fit_incomplete(one, with_holes(X), n_iter=25) if incomplete else fit(one, X, n_iter=25)
    assert np.diff(run.history).min() >= -1e-10


@representatives
def test_what_is_free_is_estimated_as_ever_where_nothing_is_fixed(name):
    X, labels = make_rows(name=name)
    prior, _ = frozen(name, PARTS["all"], [False] * 3)
    if name == "tied":
        prior = Frozen(prior.base, prior.weights, prior.means)
    one, other = start(X, labels, name), start(X, labels, name, prior=prior)
    np.testing.assert_array_equal(fit(one, X).model.means, fit(other, X).model.means)


def test_free_weights_share_what_is_left():
    given = Given(np.array([0.2, 0.5, 0.3]), np.array([False, True, False]))
    weights = Frozen(flat(D), weights=given).mixing_weights(np.array([30.0, 50.0, 10.0]))
    np.testing.assert_allclose(weights, [0.375, 0.5, 0.125], rtol=1e-15)
    equal = Frozen(Flat(None, np.zeros(D), equal_weights=True), weights=given)
    np.testing.assert_allclose(equal.mixing_weights(np.array([30.0, 50.0, 10.0])), [0.25, 0.5, 0.25])


def test_free_weights_without_rows_share_equally():
    given = Given(np.array([0.2, 0.5, 0.3]), np.array([False, True, False]))
    weights = Frozen(flat(D), weights=given).mixing_weights(np.array([0.0, 50.0, 0.0]))
    np.testing.assert_allclose(weights, [0.25, 0.5, 0.25])


@representatives
def test_the_covariance_is_about_the_fixed_mean(name):
    X, labels = make_rows(name=name)
    prior, model = frozen(name, ("means",))
    one = start(X, labels, name, prior=prior)
    shares, offsets = one.posterior(X), X - model.means[:, None]
    scatter = np.einsum("nk,kni,knj->kij", shares, offsets, offsets)
    expected = one.family.estimate(one.family.scatter.of_dense(scatter), shares.sum(axis=0), D)
    moved = one.m_step(one.e_step(X))
    np.testing.assert_allclose(moved.covariances.parameters(), expected.parameters(), rtol=1e-12)


@pytest.mark.parametrize(
    ("parts", "fixed", "expected"),
    [
        (("weights",), [True, True, True], 15),
        (("weights",), [True, False, False], 16),
        (("weights",), [True, True, False], 15),
        (("means",), [True, False, True], 13),
        (("covariances",), [True, False, False], 14),
        (("weights", "means", "covariances"), [True, True, True], 0),
    ],
)
def test_what_is_fixed_is_no_free_parameter(parts, fixed, expected):
    prior, _ = frozen("full", parts, fixed)
    assert make_mixture("full", K, D).n_parameters == 17
    assert prior.n_parameters(9, K, D) == expected


def test_components_are_selected_with_their_values():
    prior, model = frozen("full", PARTS["all"], [True, False, True])
    chosen = prior.select(np.array([2, 1]))
    assert chosen.weights.fixed.tolist() == [True, False]
    np.testing.assert_array_equal(chosen.means.values, model.means[[2, 1]])
    np.testing.assert_array_equal(chosen.covariances.values, model.covariances.parameters()[[2, 1]])


def test_a_fixed_component_without_rows_does_not_collapse():
    X, labels = make_rows()
    prior, model = frozen("full", ("means", "covariances"), [True, False, False])
    one = start(X, labels, "full", prior=prior)
    moments = one.e_step(X)
    moments.count[0] = 0.0
    moments.first[0] = moments.second[0] = 0.0
    moved = one.m_step(moments)
    assert not moved.collapsed.any()
    np.testing.assert_array_equal(moved.means[0], model.means[0])


def test_floor_and_added_variance_are_those_of_the_free_prior():
    free = Flat(np.ones(D), np.full(D, 2.0))
    prior = Frozen(free)
    assert prior.floor is free.floor
    assert prior.added_variance is free.added_variance
    assert not prior.flat
