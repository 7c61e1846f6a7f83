"""The variational mixture: its updates, its lower bound, and its predictive distribution."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import logsumexp, xlogy

from gaussmix.covariance import FAMILIES
from gaussmix.executor import Serial
from gaussmix.fit import EStep, moments_of_responsibilities
from gaussmix.model.variational import PRECISIONS, Belief, Dirichlet, StickBreaking, VariationalMixture
from gaussmix.source import ArraySource
from tests.variational import KINDS, Draws, belief_of, iterate, posterior_of, rows

FAMILIES_WITH_PRIOR = tuple(PRECISIONS)


@pytest.mark.parametrize("weights", KINDS)
@pytest.mark.parametrize("name", FAMILIES_WITH_PRIOR)
def test_the_bound_never_falls(name, weights):
    X = rows()
    _, bounds = iterate(posterior_of(X, name, weights, K=5), X, 60)
    assert np.diff(bounds).min() > -1e-12


@pytest.mark.parametrize("weights", ["learnt sticks", "learnt dirichlet"])
def test_the_bound_never_falls_while_the_concentration_is_learnt(weights):
    X = rows()
    model, bounds = iterate(posterior_of(X, "diag", weights, K=5), X, 60)
    assert np.diff(bounds).min() > -1e-12
    assert model.weight_posterior.concentration < 1.5  # of the prior: three of the five have rows


@pytest.mark.parametrize("weights", [*KINDS, "learnt sticks"])
@pytest.mark.parametrize("name", FAMILIES_WITH_PRIOR)
def test_the_bound_is_its_monte_carlo_estimate(name, weights):
    X = rows(n=40)
    model, _ = iterate(posterior_of(X, name, weights, K=3), X, 3)
    R = model.posterior(X)
    draws = Draws(model, np.random.default_rng(0))
    values = draws.log_ratios + sum(draws.log_joint(X, k) @ R[:, k] for k in range(3)) - xlogy(R, R).sum()
    error = values.std() / np.sqrt(len(values))
    assert abs(model.lower_bound(model.e_step(X)) * len(X) - values.mean()) < 3 * error


@pytest.mark.parametrize("name", FAMILIES_WITH_PRIOR)
def test_the_bound_of_one_component_is_the_evidence(name):
    X = rows(n=30)
    model, _ = iterate(posterior_of(X, name, "dirichlet", K=1), X, 1)
    chained, before = 0.0, VariationalMixture.before(model.belief, Dirichlet.before(1.0, 1))
    for i in range(len(X)):  # p(X) = Π p(x_i | x_1 … x_{i−1})
        seen = before if i == 0 else before.m_step(_moments(X[:i], name))
        chained += seen.predictive().log_prob(X[i : i + 1])[0]
    assert model.lower_bound(model.e_step(X)) * len(X) == pytest.approx(chained, rel=1e-10)


def _moments(X, name):
    blocks = ArraySource(X).partitions(len(X))
    return moments_of_responsibilities(blocks, np.ones((len(X), 1)), 1, FAMILIES[name].scatter)


@pytest.mark.parametrize("name", FAMILIES_WITH_PRIOR)
def test_the_predictive_density_is_the_mean_density_of_the_posterior(name):
    X = rows(n=60)
    model, _ = iterate(posterior_of(X, name, "sticks", K=2), X, 5)
    draws = Draws(model, np.random.default_rng(1))
    for k in range(2):
        density = np.exp(draws.log_density(X[:3], k))
        error = density.std(axis=0) / np.sqrt(len(density))
        predicted = np.exp(model.predictive().components.log_prob(X[:3])[:, k])
        assert (abs(density.mean(axis=0) - predicted) < 4 * error).all()


def test_predictive_weights_sum_to_one_with_what_the_sticks_leave():
    predictive = posterior_of(rows(), "full", "sticks", K=4).predictive()
    assert predictive.rest > 0
    assert predictive.weights.sum() + predictive.rest == pytest.approx(1, rel=1e-14)
    parts = np.column_stack([predictive.components.log_prob(rows()), predictive.prior.log_prob(rows())])
    weights = np.append(predictive.weights, predictive.rest)
    np.testing.assert_allclose(predictive.log_prob(rows()), logsumexp(parts, axis=1, b=weights), rtol=1e-12)


def test_responsibilities_lie_below_the_predictive_density():
    X = rows()
    model, _ = iterate(posterior_of(X, "full", "sticks", K=3), X, 5)
    assert (model.log_prob(X) <= model.predictive().log_prob(X)).all()


def test_a_component_without_rows_is_as_the_prior():
    X = rows()
    labels = np.arange(len(X)) % 2
    before = VariationalMixture.before(belief_of(X, "full"), StickBreaking.before(0.5, 3))
    blocks = ArraySource(X).partitions(100)
    model = before.m_step(moments_of_responsibilities(blocks, labels, 3, FAMILIES["full"].scatter, np.eye(3)))
    assert model.used().tolist() == [0, 1]
    np.testing.assert_array_equal(model.means[2], before.means[2])
    np.testing.assert_allclose(model.covariances.to_dense()[2], before.covariances.to_dense()[2], rtol=1e-14)
    assert not model.collapsed.any()


def test_the_prior_lies_at_no_distance_from_itself():
    before = VariationalMixture.before(belief_of(rows(), "tied"), StickBreaking.before(0.5, 3))
    assert before.divergence() == pytest.approx(0, abs=1e-12)


def test_components_are_ordered_by_count_which_raises_the_bound():
    X = rows()
    labels = np.repeat([0, 1, 2], [20, 60, len(X) - 80])
    ordered, plain = (
        VariationalMixture.before(belief_of(X, "full"), StickBreaking.before(0.5, 3, ordered=each)).m_step(
            moments_of_responsibilities(
                ArraySource(X).partitions(100), labels, 3, FAMILIES["full"].scatter, np.eye(3)
            )
        )
        for each in (True, False)
    )
    assert ordered.order.tolist() == [2, 1, 0]
    np.testing.assert_array_equal(ordered.means, plain.means[::-1])
    assert ordered.divergence() < plain.divergence()
    assert ordered.movement(plain) == pytest.approx(np.sqrt(_weight_change(ordered, plain)), rel=1e-9)


def _weight_change(ordered, plain):
    before = plain.select(np.array([2, 1, 0])).weights
    return (np.square(ordered.weights - before) / np.maximum(ordered.weights, before)).sum()


def test_pruning_keeps_what_has_rows():
    X = rows()
    model, _ = iterate(posterior_of(X, "full", "sticks", K=6), X, 200)
    pruned = model.pruned()
    assert pruned.n_components == len(model.used()) < 6
    np.testing.assert_allclose(pruned.plug_in().log_prob(X), model.plug_in().log_prob(X), atol=0.2)
    everything = replace(model, mean_precision=np.full(6, model.belief.mean_precision))
    assert everything.pruned().n_components == 1


def test_moments_of_parts_of_the_rows_add():
    X = rows()
    model = posterior_of(X, "full", "sticks", K=3)
    whole = Serial().map_reduce(EStep(model), ArraySource(X).partitions(len(X)))
    parts = Serial().map_reduce(EStep(model), ArraySource(X).partitions(16))
    np.testing.assert_allclose(parts.buffer, whole.buffer, rtol=1e-10, atol=1e-10)


def test_an_unknown_family_has_no_prior():
    belief = Belief(FAMILIES["VVE"], np.zeros(2), 1.0, 2.0, np.eye(2), np.ones(2))
    with pytest.raises(KeyError, match="VVE"):
        VariationalMixture.before(belief, Dirichlet.before(1.0, 2))
