"""What every prior with an objective obeys, for every covariance family."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gaussmix.covariance import FAMILIES
from gaussmix.prior import NormalWishart

from ..mixtures import assert_same_mixture, fit, flat, make_mixture, make_rows, start
from .beliefs import both, bound, map_fit, resolved

CLASSIC = [name for name, family in FAMILIES.items() if family.code]
families = pytest.mark.parametrize("name", CLASSIC)


@families
def test_the_penalised_likelihood_never_falls(name):
    X, labels = make_rows(n=60, name=name)
    result = fit(start(X, labels, name, prior=both(X, name, 3)), X, n_iter=30)
    assert np.diff(result.history).min() > -1e-12
    assert not result.collapses


def neighbours(model, X, rng, size=1e-3):
    """Yield mixtures near ``model`` whose covariances belong to its family."""
    for _ in range(10):
        scatter = model.weights[:, None, None] * model.covariances.to_dense()
        noise = 1 + size * rng.standard_normal((model.n_components, model.n_features, 1))
        moved = model.family.estimate(
            model.family.scatter.of_dense(scatter * noise * noise.transpose(0, 2, 1)),
            model.weights * (1 + size * rng.standard_normal(model.n_components)),
            model.n_features,
            previous=model.covariances,
        )
        weights = model.weights * np.exp(size * rng.standard_normal(model.n_components))
        sd = model.covariances.standard_deviations()
        yield replace(model, covariances=moved)
        yield replace(model, weights=weights / weights.sum())
        yield replace(model, means=model.means + size * sd * rng.standard_normal(model.means.shape))


@families
def test_nothing_in_the_family_is_more_probable(name):
    X, labels = make_rows(n=60, name=name)
    model = fit(start(X, labels, name, prior=both(X, name, 3)), X, n_iter=3000, tol=1e-14).model
    best = bound(model, X)
    for other in neighbours(model, X, np.random.default_rng(0)):
        assert bound(other, X) < best


@families
def test_against_many_rows_the_prior_vanishes(name):
    X, labels = make_rows(n=200, name=name)
    heavy = np.full(len(X), 1e9)
    believed = map_fit(name, n=200, n_iter=15, weight=heavy)[0].model
    assert_same_mixture(believed, fit(start(X, labels, name, heavy), X, heavy, n_iter=15).model, 1e-5)


@families
def test_a_component_without_rows_is_reported_and_takes_the_prior(name):
    X, labels = make_rows(n=60, name=name)
    prior = resolved(NormalWishart(), X, name, 3)
    model = start(X, labels, name, prior=prior)
    away = replace(model, weights=np.array([0.5, 0.5, 0.0]))
    moved = fit(away, X, n_iter=1)
    assert moved.model.collapsed.tolist() == [False, False, True]
    np.testing.assert_allclose(moved.model.means[2], X.mean(axis=0))


@families
def test_selecting_all_components_changes_nothing(name):
    model = map_fit(name, n_iter=5)[0].model
    order = np.array([2, 0, 1])
    turned = model.select(order)
    assert turned.prior.log_density(turned) == pytest.approx(model.prior.log_density(model), rel=1e-12)
    assert len(model.select(order[:2]).prior.count) == 2


def test_a_shared_matrix_keeps_its_belief_when_components_go():
    X, _ = make_rows(n=60, name="EEI")
    for name in ("EEI", "EII", "tied"):
        prior = resolved(NormalWishart(degrees_of_freedom=5.0), X, name, 3)
        fewer = prior.select(np.array([0, 2]))
        assert fewer.count.sum() - 2 == pytest.approx(prior.count.sum() - 3)
        np.testing.assert_allclose(fewer.scatter.sum(), prior.scatter.sum())


@pytest.mark.parametrize("scale", [1e-120, 1e120])
def test_units_do_not_matter(scale):
    for name in ("full", "tied", "diag", "spherical", "VEV"):
        one, X = map_fit(name, n_iter=10)
        labels = make_rows(n=120, name=name)[1]
        Y = scale * X
        other = fit(
            start(Y, labels, name, prior=resolved(NormalWishart(mean_strength=2.0), Y, name, 3)), Y, n_iter=10
        )
        np.testing.assert_allclose(other.model.means / scale, one.model.means, rtol=1e-9, atol=1e-9)


def test_added_variance_is_added_to_the_most_probable_covariance():
    X, labels = make_rows(n=60)
    bare, raised = (
        start(X, labels, "full", prior=resolved(NormalWishart(), X, "full", 3, flat(2, added)))
        for added in (0.0, 0.5)
    )
    difference = raised.covariances.to_dense() - bare.covariances.to_dense()
    np.testing.assert_allclose(difference, 0.5 * np.repeat(np.eye(2)[None], 3, 0), atol=1e-12)


def test_a_mixture_far_from_its_prior_is_less_probable():
    model = map_fit("full", n_iter=5)[0].model
    far = replace(model, means=model.means + 10.0)
    assert model.prior.log_density(far) < model.prior.log_density(model)
    assert make_mixture().prior.log_density(make_mixture()) == 0.0
