from __future__ import annotations

import numpy as np
import pytest

from gaussmix.executor import Serial, Threads
from gaussmix.fit import EStep
from gaussmix.model import Mixture
from gaussmix.model.truncated import TruncatedMixture, assigned
from gaussmix.model.truncated_candidates import Candidates, Cells, shared_candidates
from gaussmix.source import ArraySource

TYPES = {"full": (2, 2), "tied": (), "diag": (2,), "spherical": ()}


def grid(covariance_type="full", side=18, spread=0.5):
    """Return a mixture on the points of a grid, and rows of it."""
    rng = np.random.default_rng(0)
    means = np.stack(np.meshgrid(*2 * [np.arange(float(side))]), axis=-1).reshape(-1, 2)
    K = len(means)
    covariances = {
        "full": np.repeat(spread**2 * np.eye(2)[None], K, axis=0),
        "tied": spread**2 * np.eye(2),
        "diag": np.full((K, 2), spread**2),
        "spherical": np.full(K, spread**2),
    }[covariance_type]
    X = means[rng.integers(0, K, 6000)] + spread * rng.standard_normal((6000, 2))
    return Mixture.from_parameters(np.full(K, 1 / K), means, covariances, covariance_type), X


def passes(model, X, n_passes, executor=None, block=6000):
    """Return the bounds, the exact likelihoods, the last model and the best components."""
    partitions = assigned(ArraySource(X).partitions(block), len(X), block)
    bounds, likelihoods = [], []
    for _ in range(n_passes):
        moments = (executor or Serial()).map_reduce(EStep(model), partitions)
        bounds.append(model.lower_bound(moments))
        likelihoods.append(model.mixture.log_prob(X).mean())
        model = model.m_step(moments)
    best = np.concatenate([partition.known.best for partition in partitions])
    return np.array(bounds), np.array(likelihoods), model, best


@pytest.mark.parametrize("covariance_type", TYPES)
def test_the_bound_is_below_the_likelihood_and_near_it(covariance_type):
    mixture, X = grid(covariance_type)
    bounds, likelihoods, _, _ = passes(TruncatedMixture.of(mixture, 24), X, 4)
    assert np.all(bounds <= likelihoods + 1e-9)
    assert np.all(likelihoods - bounds < 0.01)


@pytest.mark.parametrize("covariance_type", TYPES)
def test_iterations_raise_bound_and_likelihood(covariance_type):
    mixture, X = grid(covariance_type)
    bounds, likelihoods, _, _ = passes(TruncatedMixture.of(mixture, 24), X, 6)
    assert np.all(np.diff(likelihoods) > 0)
    assert np.all(np.diff(bounds) > -1e-3)


@pytest.mark.parametrize("covariance_type", TYPES)
def test_the_first_best_components_are_those_of_the_exact_e_step(covariance_type):
    mixture, X = grid(covariance_type)
    _, _, _, best = passes(TruncatedMixture.of(mixture, 24), X, 1)
    assert (best == mixture.predict(X)).mean() > 0.999


def test_rows_at_the_wrong_component_are_found_again():
    mixture, X = grid()
    model = TruncatedMixture.of(mixture, 16)
    (partition,) = assigned(ArraySource(X).partitions(len(X)), len(X), len(X))
    partition.known.best[:] = 0
    model.e_step(X, None, known=partition.known)
    assert (partition.known.best == mixture.predict(X)).mean() > 0.99


def test_candidates_that_rows_chose_raise_the_first_bound():
    mixture, X = grid("diag")
    wide = np.where(np.arange(324) % 9, 0.1, 9.0)[:, None] * np.ones(
        2
    )  # in whose reach there are many narrow ones
    mixture = Mixture.from_parameters(mixture.weights, mixture.means, wide, "diag")
    model = TruncatedMixture.of(mixture, 8)
    partitions = assigned(ArraySource(X).partitions(6000), len(X), 6000)
    moments = Serial().map_reduce(EStep(model), partitions)
    chosen = model.acquainted(moments)
    assert chosen.mixture is model.mixture
    assert np.diff(chosen.candidates.starts).max() <= 32
    after = Serial().map_reduce(EStep(chosen), partitions)
    assert chosen.lower_bound(after) > model.lower_bound(moments)


def test_weights_count_rows():
    mixture, X = grid("diag")
    weight = np.random.default_rng(1).integers(0, 3, len(X))
    model = TruncatedMixture.of(mixture, 24)
    (one,) = assigned([None], len(X), len(X))
    (many,) = assigned([None], weight.sum(), weight.sum())
    a = model.e_step(X, weight.astype(float), known=one.known)
    b = model.e_step(np.repeat(X, weight, axis=0), None, known=many.known)
    np.testing.assert_allclose(a.moments.buffer, b.moments.buffer, rtol=1e-9, atol=1e-9)


def test_threads_give_the_same_bits():
    mixture, X = grid()
    alone = passes(TruncatedMixture.of(mixture, 12), X, 4, Serial(), 1000)
    together = passes(TruncatedMixture.of(mixture, 12), X, 4, Threads(3), 1000)
    assert np.array_equal(alone[0], together[0])
    assert np.array_equal(alone[2].mixture.means, together[2].mixture.means)
    assert np.array_equal(alone[3], together[3])


def test_cells_hold_every_component_and_name_candidates_once():
    mixture, X = grid()
    cells = Cells.of(mixture.means, np.ones(2), 8, np.random.default_rng(0))
    candidates = cells.candidates
    for group in range(len(candidates.starts) - 1):
        listed = candidates.of_group(group)
        assert len(np.unique(listed)) == len(listed)
        assert set(np.flatnonzero(candidates.group_of == group)) <= set(listed.tolist())
    distance = np.square(X[:, None] - cells.centres).sum(axis=2)
    expected = candidates.components[candidates.starts[distance.argmin(axis=1)]]
    assert np.array_equal(cells.nearest(X), expected)


def test_candidates_that_take_rows_stay_and_others_make_room():
    n = 5
    lists = [np.array([k, (k + 1) % 8, (k + 2) % 8, (k + 3) % 8, (k + 4) % 8]) for k in range(8)]
    candidates = Candidates.of_lists(np.arange(8), lists)
    share = np.tile([10.0, 3.0, 0.0, 0.0, 1.0], 8)
    followed = shared_candidates(candidates, share, n, np.random.default_rng(0))
    for k in range(8):
        listed = followed.of_group(k)
        assert listed[0] == k
        assert {(k + 1) % 8, (k + 4) % 8} <= set(listed.tolist())
        assert len(np.unique(listed)) == len(listed) <= n


def test_candidates_that_together_take_next_to_nothing_are_left_out():
    lists = [(k + np.arange(6)) % 64 for k in range(64)]
    share = np.tile([90.0, 9.0, 1.0, 6e-4, 3e-4, 2e-4], 64)
    kept = shared_candidates(
        Candidates.of_lists(np.arange(64), lists), share, 8, np.random.default_rng(0), 1e-5
    )
    for k in range(64):
        assert set(((k + np.arange(4)) % 64).tolist()) <= set(kept.of_group(k).tolist())
        assert len(kept.of_group(k)) <= 5  # with one that is tried
