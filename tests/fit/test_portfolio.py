from __future__ import annotations

import numpy as np
import pytest

from gaussmix.covariance import FAMILIES
from gaussmix.fit import Sample
from gaussmix.fit.portfolio import KINDS, Portfolio, _k_means_on_a_line, _whitened

from ..mixtures import REPRESENTATIVES, flat, make_mixture, make_rows


def portfolio_of(X, K=3, name="full", weight=None, prior=None, given=(), seed=0):
    unit = X.std(axis=0, dtype=float)
    sample = Sample(X, np.ones(len(X)) if weight is None else weight, np.where(unit > 0, unit, 1.0))
    prior = flat(X.shape[1], added=1e-6, floor=1e-10) if prior is None else prior
    return Portfolio(sample, K, FAMILIES[name], prior, np.random.default_rng(seed), given=given)


def constant_column():
    X = make_rows(n=120, D=3)[0]
    X[:, 1] = 2.0
    return X


ROWS = {
    "ordinary": lambda: make_rows(n=120, D=3)[0],
    "float32": lambda: make_rows(n=120, D=3, dtype=np.float32)[0],
    "one feature": lambda: make_rows(n=120, D=1)[0],
    "duplicates": lambda: np.repeat(make_rows(n=6)[0], 20, axis=0),
    "constant column": constant_column,
    "more features than rows": lambda: make_rows(n=8, D=12)[0],
    "as many rows as components": lambda: make_rows(n=3)[0],
}


def start_of(kind, portfolio, seed=0):
    return portfolio.mixture(KINDS[kind](portfolio, np.random.default_rng(seed)))


def assert_is_a_start(mixture, K, D):
    assert mixture.means.shape == (K, D)
    assert np.isfinite(mixture.means).all()
    assert mixture.weights.sum() == pytest.approx(1)
    assert (mixture.weights > 0).all()
    dense = mixture.covariances.to_dense()
    sd = np.sqrt(np.einsum("kdd->kd", dense))
    assert np.linalg.eigvalsh(dense / sd[:, :, None] / sd[:, None, :]).min() > 0
    assert not mixture.covariances.singular.any()


@pytest.mark.parametrize("rows", ROWS)
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_gives_a_start_on_any_rows(kind, rows):
    X = ROWS[rows]()
    for name in REPRESENTATIVES:
        assert_is_a_start(start_of(kind, portfolio_of(X, name=name)), 3, X.shape[1])


@pytest.mark.parametrize("kind", KINDS)
def test_rows_of_weight_zero_never_count(kind):
    X, _ = make_rows(n=80)
    far = np.concatenate([X, np.full((5, 2), 1e6)])
    weight = np.repeat([2.0, 0.0], [80, 5])
    sample = Sample(far, weight, X.std(axis=0))
    portfolio = Portfolio(sample, 3, FAMILIES["full"], flat(2), np.random.default_rng(0))
    for seed in range(3):
        start = start_of(kind, portfolio, seed)
        assert_is_a_start(start, 3, 2)
        assert np.abs(start.means).max() < 100
        assert start.covariances.standard_deviations().max() < 100


@pytest.mark.parametrize("kind", ["ward", "ward-white", "ward-near-white", "quantiles"])
def test_weights_are_counts(kind):
    """The deterministic kinds look at all rows here: twice the weight is the row twice in their moments."""
    X, _ = make_rows(n=60)
    one, other = (start_of(kind, portfolio_of(X, weight=np.full(60, w))) for w in (1.0, 2.0))
    np.testing.assert_allclose(other.means, one.means, rtol=1e-12)
    np.testing.assert_allclose(other.weights, one.weights, rtol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_a_start_follows_its_generator_and_no_other(kind):
    X, _ = make_rows(n=100)
    one, other = (start_of(kind, portfolio_of(X), seed=4) for _ in range(2))
    np.testing.assert_array_equal(one.means, other.means)


@pytest.mark.parametrize(
    "kind", [kind for kind in KINDS if kind not in ("random-means", "quantiles", "projection")]
)
def test_separated_clusters_are_found(kind):
    truth = make_mixture(spread=40.0)
    X, labels = truth.sample(150, np.random.default_rng(0))
    start = start_of(kind, portfolio_of(X))
    centres = np.array([X[labels == k].mean(axis=0) for k in range(3)])
    distances = np.abs(start.means[:, None] - centres).max(axis=2)
    assert sorted(distances.argmin(axis=1).tolist()) == [0, 1, 2]
    assert distances.min(axis=1).max() < 0.5


def test_given_starts_come_first_and_the_deterministic_ones_next():
    X, _ = make_rows(n=100)
    given = [make_mixture(seed=1), make_mixture(seed=2)]
    portfolio = portfolio_of(X, given=given)
    starts = [portfolio.start(index, np.random.default_rng(index)) for index in range(6)]
    assert starts[:2] == given
    for start, kind in zip(starts[2:], ["ward", "ward-near-white", "ward-white", "quantiles"], strict=True):
        np.testing.assert_array_equal(start.means, start_of(kind, portfolio).means)


def test_later_starts_are_random():
    portfolio = portfolio_of(make_rows(n=100)[0])
    for index in range(4, 14):
        one, other = (portfolio.start(index, np.random.default_rng(seed)) for seed in (0, 1))
        assert not np.array_equal(one.means, other.means)


def test_a_broad_start_has_one_covariance_and_rows_as_means():
    X, _ = make_rows(n=100)
    start = portfolio_of(X, prior=flat(2)).broad(np.random.default_rng(0))
    part = np.cov(X.T, bias=True) / 3  # the volume of the whole is that of three such parts
    np.testing.assert_allclose(start.covariances.to_dense(), [part] * 3, rtol=1e-10)
    assert all((mean == X).all(axis=1).any() for mean in start.means)


def test_k_means_on_a_line_is_lloyds():
    rng = np.random.default_rng(0)
    line, weight = np.sort(rng.standard_normal(40)), rng.uniform(0.5, 2, 40)
    expected = np.sort(rng.choice(line, 3, replace=False))
    labels = _k_means_on_a_line(line, weight, expected.copy())
    for _ in range(20):
        nearest = np.abs(line[:, None] - expected).argmin(axis=1)
        expected = np.array([np.average(line[nearest == k], weights=weight[nearest == k]) for k in range(3)])
    np.testing.assert_array_equal(labels, np.abs(line[:, None] - expected).argmin(axis=1))


def test_k_means_on_a_line_by_hand():
    line = np.array([0.0, 1.0, 10.0, 11.0])
    assert _k_means_on_a_line(line, np.ones(4), np.array([0.0, 1.0])).tolist() == [0, 0, 1, 1]


def test_a_centre_without_values_stays():
    line = np.array([0.0, 0.0, 5.0])
    assert _k_means_on_a_line(line, np.ones(3), np.array([0.0, 0.0, 5.0]))[-1] == 2


def test_whitened_rows_have_the_identity_as_covariance():
    X = make_rows(n=200, D=4)[0] @ np.diag([1.0, 1e3, 1e-3, 7.0])
    Z = _whitened(X - X.mean(axis=0), np.cov(X.T))
    np.testing.assert_allclose(np.cov(Z.T), np.eye(Z.shape[1]), atol=1e-8)
    np.testing.assert_allclose(np.cov(portfolio_of(X).white.T), np.eye(4), atol=1e-8)


def test_directions_without_variance_are_left_out():
    X = make_rows(n=200, D=2)[0]
    portfolio = portfolio_of(np.column_stack([X, X.sum(axis=1)]))
    assert portfolio.white.shape == portfolio.near_white.shape == (200, 2)


def test_near_neighbours_whiten_by_the_covariance_within_clusters():
    rng = np.random.default_rng(0)
    shape = np.diag([1.0, 0.05])
    X = np.concatenate([rng.standard_normal((200, 2)) @ shape + [0, y] for y in (0.0, 3.0)])
    Z = portfolio_of(X, K=2).near_white
    usual = portfolio_of(X, K=2).white
    assert np.linalg.cond(np.cov(Z[:200].T)) < np.linalg.cond(np.cov(usual[:200].T)) / 20


def test_equal_rows_have_no_neighbours_to_whiten_by():
    portfolio = portfolio_of(np.repeat([[0.0, 0.0], [1.0, 2.0]], 100, axis=0), K=2)
    assert portfolio.near_white is portfolio.raw


def test_ward_looks_at_some_rows_only_and_the_heavy_ones_first():
    X, _ = make_rows(n=5000)
    weight = np.where(np.arange(5000) < 100, 1e6, 1.0)
    subset = portfolio_of(X, weight=weight).subset
    assert len(subset) == len(set(subset.tolist())) == 600
    assert set(range(100)) <= set(subset.tolist())
