"""Variational posteriors that the tests of several folders share."""

from __future__ import annotations

import numpy as np
from scipy import stats

from gaussmix.covariance import FAMILIES
from gaussmix.fit import moments_of_responsibilities
from gaussmix.model.variational import Belief, Dirichlet, StickBreaking, VariationalMixture
from gaussmix.source import ArraySource

KINDS = ("sticks", "dirichlet")


def rows(n=200, D=2, seed=3):
    """Return rows of three groups, in units of about 1."""
    rng = np.random.default_rng(seed)
    centres = np.array([[0.0] * D, [4.0] * D, [-1.0] + [5.0] * (D - 1)])
    return np.ascontiguousarray(centres[rng.integers(0, 3, n)] + rng.normal(size=(n, D)) * [1.0, 0.7][:D])


def belief_of(X, name):
    """Return a belief of the scale of the rows, with numbers that no default has."""
    D = X.shape[1]
    scale = {"full": np.cov(X.T), "tied": np.cov(X.T), "diag": X.var(axis=0), "EEI": X.var(axis=0)}
    S = scale.get(name, np.asarray(X.var()))
    return Belief(FAMILIES[name], X.mean(axis=0) + 0.1, 0.7, D + 1.5, np.asarray(S), np.full(D, 1e-8))


def weights_of(kind, K):
    """Return the prior of the weights of one kind."""
    return {
        "sticks": lambda: StickBreaking.before(0.8, K),
        "dirichlet": lambda: Dirichlet.before(0.6, K),
        "learnt sticks": lambda: StickBreaking.before(1.5, K, hyper_prior=(3.0, 2.0)),
        "learnt dirichlet": lambda: Dirichlet.before(1.5, K, (3.0, 2.0)),
    }[kind]()


def posterior_of(X, name, kind, K, seed=0):
    """Return the posterior given random responsibilities."""
    shares = np.random.default_rng(seed).dirichlet(np.full(K, 0.5), len(X))
    blocks = ArraySource(X).partitions(len(X))
    moments = moments_of_responsibilities(blocks, shares, K, FAMILIES[name].scatter)
    return VariationalMixture.before(belief_of(X, name), weights_of(kind, K)).m_step(moments)


def iterate(model, X, n_iter):
    """Return the posterior after some iterations, and the bound at the start of each."""
    bounds = []
    for _ in range(n_iter):
        moments = model.e_step(X)
        bounds.append(model.lower_bound(moments))
        model = model.m_step(moments)
    return model, bounds


class Draws:
    """Draws of all parameters from a posterior, by SciPy's distributions.

    ``log_ratios``, (n,), is log p − log q of each draw; ``log_weights`` is (n, K).
    """

    def __init__(self, model, rng, n=1000):
        self.rng, self.model, self.n = rng, model, n
        self.log_weights, self.log_ratios = self._weights(model.weight_posterior)
        self.means, self.precisions = [], []
        for k in range(model.n_components):
            if k == 0 or not model.belief.precisions.shared:
                precision, log_ratios = self._precisions(k)
                self.log_ratios = self.log_ratios + log_ratios
            self.precisions.append(precision)
            self.means.append(self._means(k))

    def log_joint(self, X, k):
        """Return log π_k N(x | μ_k, Λ_k⁻¹) for each draw and row."""
        return self.log_weights[:, k, None] + self.log_density(X, k)

    def log_density(self, X, k):
        return normal(X[None] - self.means[k][:, None], self.precisions[k][:, None])

    def _means(self, k):
        belief, beta, precision = self.model.belief, self.model.mean_precision[k], self.precisions[k]
        roots = np.linalg.cholesky(np.linalg.inv(precision) / beta)
        shift = (roots @ self.rng.standard_normal((self.n, belief.n_features, 1)))[..., 0]
        means = self.model.means[k] + shift
        self.log_ratios = self.log_ratios - normal(shift, beta * precision)
        self.log_ratios += normal(means - belief.mean, belief.mean_precision * precision)
        return means

    def _precisions(self, k):
        belief, D = self.model.belief, self.model.n_features
        nu, nu_0 = self.model.degrees_of_freedom[k], belief.degrees_of_freedom
        S, S_0 = nu * self.model.covariances.to_dense()[k], belief.represented_scale.to_dense()[0]
        if belief.family.name in ("full", "tied"):
            q, p = stats.wishart(nu, np.linalg.inv(S)), stats.wishart(nu_0, np.linalg.inv(S_0))
            drawn = q.rvs(self.n, random_state=self.rng)
            stacked = np.moveaxis(drawn, 0, -1)
            return drawn, p.logpdf(stacked) - q.logpdf(stacked)
        isotropic = belief.family.name in ("spherical", "EII")
        n, times = (1, D) if isotropic else (D, 1)
        q = stats.gamma(times * nu / 2, scale=2 / (times * np.diag(S)[:n]))
        p = stats.gamma(times * nu_0 / 2, scale=2 / (times * np.diag(S_0)[:n]))
        drawn = q.rvs((self.n, n), random_state=self.rng)
        log_ratios = (p.logpdf(drawn) - q.logpdf(drawn)).sum(axis=1)
        return np.broadcast_to(drawn, (self.n, D))[:, :, None] * np.eye(D), log_ratios

    def _weights(self, weights):
        if isinstance(weights, Dirichlet):
            pi = self.rng.dirichlet(weights.alpha, self.n)
            prior = np.full(len(weights.alpha), weights.prior)
            return np.log(pi), stats.dirichlet.logpdf(pi.T, prior) - stats.dirichlet.logpdf(
                pi.T, weights.alpha
            )
        gamma, log_ratios = np.full(self.n, weights.gamma), 0.0
        if weights.hyper_prior is not None:
            shape, rate = weights.hyper_prior
            posterior = stats.gamma(shape + len(weights.first), scale=1 / weights.rate)
            gamma = posterior.rvs(self.n, random_state=self.rng)
            log_ratios = stats.gamma.logpdf(gamma, shape, scale=1 / rate) - posterior.logpdf(gamma)
        v = self.rng.beta(weights.first, weights.second, (self.n, len(weights.first)))
        ratios = stats.beta.logpdf(v, 1, gamma[:, None]) - stats.beta.logpdf(v, weights.first, weights.second)
        left = np.concatenate([np.zeros((self.n, 1)), np.cumsum(np.log1p(-v[:, :-1]), axis=1)], axis=1)
        return np.log(v) + left, log_ratios + ratios.sum(axis=1)


def normal(shift, precision):
    """Return the log-density of a normal distribution at a distance from its mean, (..., D)."""
    square = np.einsum("...d,...de,...e->...", shift, precision, shift)
    return 0.5 * (np.linalg.slogdet(precision)[1] - shift.shape[-1] * np.log(2 * np.pi) - square)
