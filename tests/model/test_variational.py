"""The variational mixture: its updates, its lower bound, and its predictive distribution."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats
from scipy.special import logsumexp, xlogy

from gaussmix.covariance import FAMILIES
from gaussmix.executor import Serial
from gaussmix.fit import EStep, moments_of_responsibilities
from gaussmix.model.variational import PRECISIONS, Belief, Dirichlet, StickBreaking, VariationalMixture
from gaussmix.source import ArraySource
from tests.variational import KINDS, belief_of, iterate, posterior_of, rows

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
    assert model.weight_posterior.concentration != posterior_of(X, "diag", weights, K=5).belief.mean_precision


@pytest.mark.parametrize("weights", [*KINDS, "learnt sticks"])
@pytest.mark.parametrize("name", FAMILIES_WITH_PRIOR)
def test_the_bound_is_its_monte_carlo_estimate(name, weights):
    X = rows(n=40)
    model, _ = iterate(posterior_of(X, name, weights, K=3), X, 3)
    moments = model.e_step(X)
    R = model.posterior(X)
    rng = np.random.default_rng(0)
    draws = [_log_ratio(model, X, R, rng) for _ in range(4000)]
    estimate = np.mean(draws) - xlogy(R, R).sum()
    error = np.std(draws) / np.sqrt(len(draws))
    assert abs(model.lower_bound(moments) * len(X) - estimate) < 3 * error + 1e-9


def _log_ratio(model, X, R, rng):
    """Return E_r[log p(X, z | θ)] + log p(θ) − log q(θ) for one draw of θ from q."""
    log_pi, total = _draw_weights(model, rng)
    belief, K = model.belief, model.n_components
    shared = belief.precisions.shared
    for k in range(K):
        if k == 0 or not shared:
            precision, log_ratio = _draw_precision(model, k, rng)
            total += log_ratio
        own, prior = (np.linalg.inv(precision) / b for b in (model.mean_precision[k], belief.mean_precision))
        mean = rng.multivariate_normal(model.means[k], own, method="cholesky")
        total += stats.multivariate_normal.logpdf(mean, belief.mean, prior)
        total -= stats.multivariate_normal.logpdf(mean, model.means[k], own)
        density = stats.multivariate_normal.logpdf(X, mean, np.linalg.inv(precision))
        total += R[:, k] @ (log_pi[k] + density)
    return total


def _draw_weights(model, rng):
    weights = model.weight_posterior
    if isinstance(weights, Dirichlet):
        pi = rng.dirichlet(weights.alpha)
        prior = np.full(len(pi), weights.prior)
        return np.log(pi), stats.dirichlet.logpdf(pi, prior) - stats.dirichlet.logpdf(pi, weights.alpha)
    gamma, log_ratio = weights.gamma, 0.0
    if weights.hyper_prior is not None:
        shape, rate = weights.hyper_prior
        posterior = stats.gamma(shape + len(weights.first), scale=1 / weights.rate)
        gamma = posterior.rvs(random_state=rng)
        log_ratio = stats.gamma.logpdf(gamma, shape, scale=1 / rate) - posterior.logpdf(gamma)
    v = rng.beta(weights.first, weights.second)
    log_ratio += (stats.beta.logpdf(v, 1, gamma) - stats.beta.logpdf(v, weights.first, weights.second)).sum()
    return np.log(v) + np.concatenate([[0], np.cumsum(np.log1p(-v[:-1]))]), log_ratio


def _draw_precision(model, k, rng):
    """Return a precision matrix drawn from q, and log p − log q of it."""
    name, D = model.belief.family.name, model.n_features
    nu, nu_0 = model.degrees_of_freedom[k], model.belief.degrees_of_freedom
    scale, scale_0 = nu * model.covariances.to_dense()[k], model.belief.represented_scale.to_dense()[0]
    if name in ("full", "tied"):
        q, p = (stats.wishart(n, np.linalg.inv(S)) for n, S in ((nu, scale), (nu_0, scale_0)))
        drawn = q.rvs(random_state=rng)
        return drawn, p.logpdf(drawn) - q.logpdf(drawn)
    power = D if name in ("spherical", "EII") else 1
    q, p = (
        stats.gamma(power * n / 2, scale=2 / (power * np.diag(S))) for n, S in ((nu, scale), (nu_0, scale_0))
    )
    if power > 1:
        q, p = (stats.gamma(each.args[0], scale=each.kwds["scale"][0]) for each in (q, p))
    drawn = q.rvs(random_state=rng)
    return np.diag(np.broadcast_to(drawn, D)), np.sum(p.logpdf(drawn) - q.logpdf(drawn))


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


@pytest.mark.parametrize("weights", KINDS)
@pytest.mark.parametrize("name", FAMILIES_WITH_PRIOR)
def test_the_predictive_density_is_the_mean_density_of_the_posterior(name, weights):
    X = rows(n=60)
    model, _ = iterate(posterior_of(X, name, weights, K=2), X, 5)
    rng = np.random.default_rng(1)
    x, K = X[:2], model.n_components
    predictive = model.predictive()
    parts = np.empty((4000, K, 2))
    for draw in parts:
        for k in range(K):
            precision, _ = _draw_precision(model, k, rng)
            covariance = np.linalg.inv(precision)
            mean = rng.multivariate_normal(model.means[k], covariance / model.mean_precision[k])
            draw[k] = stats.multivariate_normal.pdf(x, mean, covariance)
    density = np.exp(predictive.components.log_prob(x)).T
    error = parts.std(axis=0) / np.sqrt(len(parts))
    assert (abs(parts.mean(axis=0) - density) < 4 * error).all()


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
    np.testing.assert_allclose(pruned.plug_in().log_prob(X), model.plug_in().log_prob(X), atol=1e-2)
    everything = replace(model, mean_precision=np.full(6, model.belief.mean_precision))
    assert everything.pruned().n_components == 1


def test_moments_of_parts_of_the_rows_add():
    X = rows()
    model = posterior_of(X, "full", "sticks", K=3)
    whole = Serial().map_reduce(EStep(model), ArraySource(X).partitions(len(X)))
    parts = Serial().map_reduce(EStep(model), ArraySource(X).partitions(16))
    np.testing.assert_allclose(parts.buffer, whole.buffer, rtol=1e-10, atol=1e-10)


def test_an_unknown_family_has_no_prior():
    with pytest.raises(KeyError, match="VVE"):
        Belief(FAMILIES["VVE"], np.zeros(2), 1.0, 2.0, np.eye(2), np.ones(2)).precisions
