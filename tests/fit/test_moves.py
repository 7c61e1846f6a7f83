from __future__ import annotations

import numpy as np
import pytest

from gaussmix.covariance import FAMILIES
from gaussmix.executor import Serial, Threads
from gaussmix.fit import Sample
from gaussmix.fit.level import Level
from gaussmix.fit.moves import _best_cut, _nearer, _skewed_direction, _standardized, split_and_merge
from gaussmix.fit.portfolio import Portfolio
from gaussmix.model.groups import Groups
from gaussmix.moments import DIAGONAL, FULL, TRACE
from gaussmix.source import ArraySource

from ..mixtures import REPRESENTATIVES, flat, make_mixture, start


def clusters(n=100, K=3, D=2, seed=0):
    """Return rows of K clusters far apart on a line, and their labels."""
    labels = np.arange(n) % K
    X = np.random.default_rng(seed).standard_normal((n, D))
    X[:, 0] += 10.0 * labels
    return X, labels


def misplaced(labels, rng):
    """Return labels with two groups on cluster 0, and one on both of the last two clusters."""
    halves = np.where(labels == 0, rng.integers(2, size=len(labels)), labels + 1)
    return np.minimum(halves, labels.max())


def moved(X, labels, name="full", executor=None, seed=0, **options):
    """Return level, run before and after the moves, for the groups as a start."""
    K = int(labels.max()) + 1
    prior = flat(X.shape[1], floor=1e-9)
    sample = Sample(X, np.ones(len(X)), X.std(axis=0))
    portfolio = Portfolio(sample, K, FAMILIES[name], prior, np.random.default_rng(0))
    level = Level(ArraySource(X), K, 1.0)
    run = level.run(start(X, labels, name, prior=prior), 500, level.tol)
    rng = np.random.default_rng(seed)
    limits = {"n_candidates": 4, "max_rounds": 10, "max_passes": np.inf} | options
    end, passes = split_and_merge(run, level, portfolio, executor or Serial(), rng, **limits)
    return level, run, end, passes


@pytest.mark.parametrize(
    ("name", "K"), [*((name, 3) for name in (*REPRESENTATIVES, "EEV")), ("full", 5), ("diag", 5)]
)
def test_a_component_moves_to_where_one_is_missing(name, K):
    X, labels = clusters(K=K, n=30 * K)
    level, run, end, passes = moved(X, misplaced(labels, np.random.default_rng(1)), name)
    best = level.run(start(X, labels, name), 500, level.tol)
    assert best.bound > run.bound + 0.1
    assert end.bound >= best.bound - level.same
    assert passes > 0
    found = end.model.predict(X)
    assert len(set(zip(labels.tolist(), found.tolist(), strict=True))) == K


def test_many_features_are_split_too():
    """From 64 features on, the kernel leaves the iterations to Python."""
    X, labels = clusters(n=900, D=64)
    _, run, end, _ = moved(X, misplaced(labels, np.random.default_rng(1)), "full")
    assert end.bound > run.bound + 0.5


@pytest.mark.parametrize("seed", range(4))
def test_moves_never_lower_the_bound(seed):
    X, labels = make_mixture(K=4, seed=seed, spread=1.5).sample(200, np.random.default_rng(seed))
    level, run, end, _ = moved(X, labels)
    assert end is run or (end.bound > run.bound + 2 * level.tol and end.sound and end.n_hits == 1)


def test_the_best_optimum_is_left_alone():
    X, labels = clusters()
    _, run, end, _ = moved(X, labels)
    assert end is run


@pytest.mark.parametrize("limit", [{"max_rounds": 0}, {"max_passes": 0.0}])
def test_without_leave_no_move_is_made(limit):
    X, labels = clusters()
    _, run, end, passes = moved(X, misplaced(labels, np.random.default_rng(1)), **limit)
    assert end is run
    assert passes == 0


def test_two_components_leave_nothing_to_move():
    X, labels = clusters(K=2)
    _, run, end, _ = moved(X, labels)
    assert end is run


def test_components_of_few_rows_are_not_split():
    X, labels = clusters(n=12, D=3)
    _, run, end, _ = moved(X, labels, "diag")
    assert end.bound >= run.bound


def test_moves_give_the_same_bits_on_any_executor():
    X, labels = clusters(n=20_000)
    labels = misplaced(labels, np.random.default_rng(1))
    one, other = (moved(X, labels, executor=executor)[2] for executor in (Serial(), Threads(2)))
    assert one.bound == other.bound
    np.testing.assert_array_equal(one.model.means, other.model.means)


def test_a_cut_divides_two_groups():
    line = np.sort(np.concatenate([np.linspace(-1, 1, 90), np.linspace(9, 10, 12)]))
    assert _best_cut(line, 3) == 90
    assert _best_cut(line[::-1], 3) == 12


def test_a_cut_leaves_both_parts_their_least_rows():
    line = np.sort(np.concatenate([np.linspace(-1, 1, 97), [50.0]]))
    assert _best_cut(line, 5) in range(5, 94)
    assert _best_cut(np.arange(10.0), 5) == 5


@pytest.mark.parametrize("D", [2, 20])
def test_a_skewed_direction_points_to_a_small_far_group(D):
    rng = np.random.default_rng(0)
    Z = rng.standard_normal((2000, D))
    far = np.zeros(D)
    far[0] = 8.0
    Z[:80] += far
    Z -= Z.mean(axis=0)
    direction = _skewed_direction(Z, np.ones(2000), rng)
    assert np.linalg.norm(direction) == pytest.approx(1)
    assert abs(direction[0]) > 0.9
    labels = _nearer(-Z @ direction, _best_cut(np.sort(Z @ direction)[::-1], D + 2))
    assert (labels[:80] != labels[80:].mean().round()).mean() > 0.95


def test_the_nearer_rows_are_marked():
    assert _nearer(np.array([3.0, 1.0, 2.0, 0.0]), 2).tolist() == [0, 1, 0, 1]


@pytest.mark.parametrize("scatter", [FULL, DIAGONAL, TRACE])
def test_standardized_rows_have_unit_variance(scatter):
    X, _ = make_mixture(D=3, K=1).sample(300, np.random.default_rng(0))
    whole = Groups.from_labels(X, np.ones(300), np.zeros(300, np.int64), 1, scatter)
    Z = _standardized(X, whole)
    np.testing.assert_allclose(Z.mean(axis=0), 0, atol=1e-12)
    assert np.square(Z).sum() == pytest.approx(900)
    if scatter is FULL:
        np.testing.assert_allclose(np.cov(Z.T, bias=True), np.eye(3), atol=1e-10)
