from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gaussmix.executor import Serial, Threads
from gaussmix.fit import EStep
from gaussmix.fit.truncated import searched
from gaussmix.model import Mixture
from gaussmix.model.assignment import Assignment
from gaussmix.model.truncated import TruncatedMixture
from gaussmix.model.truncated_candidates import Candidates, Cells, shared_candidates
from gaussmix.source import ArraySource, Partition

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


def started(mixture, X, n_candidates, n_parts=1, block=6000):
    """Return the model for the first E-step, and the assignment of the rows."""
    assignment = Assignment.of(ArraySource(X).partitions(block), len(X), block, n_parts)
    return searched(TruncatedMixture.of(mixture, n_candidates), assignment, Serial()), assignment


def passes(start, X, n_passes, executor=None):
    """Return the bounds, the exact likelihoods, the last model and the best components."""
    model, assignment = start
    bounds, likelihoods = [], []
    for _ in range(n_passes):
        moments = (executor or Serial()).map_reduce(EStep(model), assignment.partitions)
        bounds.append(model.lower_bound(moments))
        likelihoods.append(model.mixture.log_prob(X).mean())
        model = model.m_step(moments)
    return np.array(bounds), np.array(likelihoods), model, assignment.after(n_passes)


@pytest.mark.parametrize("covariance_type", TYPES)
def test_the_bound_is_below_the_likelihood_and_near_it(covariance_type):
    mixture, X = grid(covariance_type)
    bounds, likelihoods, _, _ = passes(started(mixture, X, 24), X, 4)
    assert np.all(bounds <= likelihoods + 1e-9)
    assert np.all(likelihoods - bounds < 0.01)


@pytest.mark.parametrize("covariance_type", TYPES)
def test_iterations_raise_bound_and_likelihood(covariance_type):
    mixture, X = grid(covariance_type)
    bounds, likelihoods, _, _ = passes(started(mixture, X, 24), X, 6)
    assert np.all(np.diff(likelihoods) > 0)
    assert np.all(np.diff(bounds) > -1e-3)


@pytest.mark.parametrize("covariance_type", TYPES)
def test_the_first_best_components_are_those_of_the_exact_e_step(covariance_type):
    mixture, X = grid(covariance_type)
    _, _, _, best = passes(started(mixture, X, 24), X, 1)
    assert (best == mixture.predict(X)).mean() > 0.999


def test_rows_at_the_wrong_component_are_found_again():
    mixture, X = grid()
    start, assignment = started(mixture, X, 16)
    assignment.after(0)[:] = 0
    lost = replace(start, cells=TruncatedMixture.of(mixture, 16).cells)
    Serial().map_reduce(EStep(lost), assignment.partitions)
    assert (assignment.after(1) == mixture.predict(X)).mean() > 0.99


@pytest.mark.parametrize("n_parts", [2, 3, 8])
def test_parts_of_a_block_have_each_row_once_and_add_up_to_it(n_parts):
    mixture, X = grid("diag")
    whole, parts = (passes(started(mixture, X, 12, n), X, 3) for n in (1, n_parts))
    np.testing.assert_allclose(parts[0], whole[0], rtol=1e-12)
    np.testing.assert_allclose(parts[2].mixture.means, whole[2].mixture.means, rtol=1e-9)
    assert np.array_equal(parts[3], whole[3])


def test_a_block_is_loaded_once_a_pass():
    mixture, X = grid("diag")
    loads = []

    class Counted(Partition):
        def load(self):
            loads.append(1)
            return X, None

    assignment = Assignment.of([Counted()], len(X), len(X), 4)
    model = searched(TruncatedMixture.of(mixture, 12), assignment, Threads(2))
    Threads(2).map_reduce(EStep(model), assignment.partitions)
    assert len(loads) == 2


def test_candidates_that_rows_chose_raise_the_first_bound():
    mixture, X = grid("diag")
    wide = np.where(np.arange(324) % 9, 0.1, 9.0)[:, None] * np.ones(
        2
    )  # in whose reach there are many narrow ones
    mixture = Mixture.from_parameters(mixture.weights, mixture.means, wide, "diag")
    model, assignment = started(mixture, X, 8)
    partitions = assignment.partitions
    moments = Serial().map_reduce(EStep(model), partitions)
    chosen = model.acquainted(moments)
    assert chosen.mixture is model.mixture
    assert np.diff(chosen.candidates.starts).max() <= 32
    after = Serial().map_reduce(EStep(chosen), partitions)
    assert chosen.lower_bound(after) > model.lower_bound(moments)


def test_weights_count_rows():
    mixture, X = grid("diag")
    weight = np.random.default_rng(1).integers(0, 3, len(X))
    model, one = started(mixture, X, 24)
    repeated = np.repeat(X, weight, axis=0)
    _, many = started(mixture, repeated, 24, block=len(repeated))
    a = model.e_step(X, weight.astype(float), known=one.partitions[0].known)
    b = model.e_step(repeated, None, known=many.partitions[0].known)
    np.testing.assert_allclose(a.moments.buffer, b.moments.buffer, rtol=1e-9, atol=1e-9)


def test_threads_give_the_same_bits():
    mixture, X = grid()
    alone = passes(started(mixture, X, 12, 3, 1000), X, 4, Serial())
    together = passes(started(mixture, X, 12, 3, 1000), X, 4, Threads(3))
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


def test_steps_are_prolonged_until_the_bound_falls():
    mixture, X = grid("diag")
    _, _, model, _ = passes(started(mixture, X, 12), X, 4)
    _, assignment = started(mixture, X, 12)
    assignment.best[:] = mixture.predict(X)
    moments = Serial().map_reduce(EStep(replace(model, cells=None)), assignment.partitions)
    plain = model.mixture.m_step(moments.moments)
    further, after_a_fall = (replace(model, bound=bound).m_step(moments) for bound in (-np.inf, np.inf))
    assert np.array_equal(after_a_fall.mixture.means, plain.means)
    assert not np.array_equal(further.mixture.means, plain.means)
    assert further.bound == after_a_fall.bound == model.lower_bound(moments)
