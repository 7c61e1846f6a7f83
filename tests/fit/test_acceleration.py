"""Leaps reach EM's optimum in fewer passes, and the bound never falls."""

from __future__ import annotations

import numpy as np
import pytest

from gaussmix.covariance import FAMILIES
from gaussmix.executor import Serial, Threads
from gaussmix.fit.acceleration import ACCELERATIONS, Leaps
from gaussmix.fit.coordinates import coordinates, metric, mixture_at

from ..mixtures import assert_same_mixture, fit, make_mixture, make_rows, start

TYPES = ("full", "tied", "diag", "spherical")
families = pytest.mark.parametrize("name", FAMILIES)
BLOCK = 1024


def overlapping(name, seed=0):
    """Return rows of components that overlap, and a start among them."""
    rng = np.random.default_rng(seed)
    X, labels = make_mixture(name, K=3, D=2, seed=seed, spread=1.0).sample(2000, rng)
    crossed = np.where(rng.random(2000) < 0.5, rng.integers(3, size=2000), labels)
    return X, start(X, crossed, name, block=BLOCK)


def run(X, begin, acceleration="auto", block=BLOCK, **options):
    options = {"tol": 1e-6, "n_iter": 1000} | options
    return fit(begin, X, block=block, acceleration=acceleration, **options)


@families
def test_coordinates_there_and_back(name):
    mixture = make_mixture(name, K=3, D=4)
    assert_same_mixture(mixture_at(coordinates(mixture), mixture), mixture, rtol=1e-6)


@families
def test_what_lies_between_two_members_of_a_family_is_a_member(name):
    one, other = make_mixture(name, seed=0), make_mixture(name, seed=1)
    between = mixture_at(1.7 * coordinates(one) - 0.7 * coordinates(other), one)
    again = one.family.embed(between.covariances, between.weights)
    assert not between.covariances.singular.any()
    np.testing.assert_allclose(again.to_dense(), between.covariances.to_dense(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", TYPES)
def test_distances_have_no_units(name):
    X, labels = make_rows(n=500, name=name)
    scale = 8.0 if name == "spherical" else np.array([1024.0, 0.25])

    def distance(rows):
        one, other = (fit(start(rows, labels, name), rows, n_iter=n).model for n in (1, 5))
        return np.linalg.norm((coordinates(other) - coordinates(one)) * metric(other))

    assert distance(X * scale + 7.0) == pytest.approx(distance(X), rel=1e-8)


@pytest.mark.parametrize("name", [*TYPES, "VEE", pytest.param("VVE", marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    "block", [BLOCK, 4096]
)  # several blocks; one, in which the kernel iterates by itself
def test_it_needs_fewer_passes_and_ends_as_high(name, block):
    fewer, more = 0, 0
    for seed in range(2):
        X, begin = overlapping(name, seed)
        fast, slow = (run(X, begin, choice, block) for choice in ("auto", None))
        assert fast.converged
        assert fast.history[-1] > slow.history[-1] - 1e-4
        fewer, more = fewer + len(fast.history), more + len(slow.history)
    assert 1.5 * fewer < more


@families
def test_the_bound_never_falls(name):
    X, begin = overlapping(name, seed=3)
    assert np.diff(run(X, begin, tol=0.0, n_iter=100).history).min() > -1e-10


def test_none_is_em_and_so_are_the_first_iterations():
    X, begin = overlapping("full")
    plain, leaping, bare = (
        run(X, begin, None),
        run(X, begin),
        fit(begin, X, tol=1e-6, n_iter=4000, block=BLOCK),
    )
    assert plain.history == bare.history
    assert leaping.history[:20] == plain.history[:20]
    assert leaping.history != plain.history


@pytest.mark.parametrize("name", TYPES)
def test_the_fit_follows_shift_and_scale(name):
    X, labels = make_rows(n=1000, seed=2, name=name)
    labels = np.random.default_rng(0).permutation(labels)  # a poor start, from which EM crawls
    X = np.round(X * 2.0**20) / 2.0**20
    Y = 64.0 * X + 2.0**10
    one, other = (
        run(rows, start(rows, labels, name, block=BLOCK), block=256, tol=0.0, n_iter=40) for rows in (X, Y)
    )
    assert other.model.means / 64 - 16 == pytest.approx(one.model.means, rel=1e-4, abs=1e-4)
    assert np.array(other.history) + 2 * np.log(64) == pytest.approx(np.array(one.history), abs=1e-6)


def test_threads_do_not_change_a_bit():
    X, begin = overlapping("full")
    one, other = (run(X, begin, executor=executor, block=256) for executor in (Serial(), Threads(2)))
    assert one.history == other.history
    assert np.array_equal(one.model.means, other.model.means)


def test_a_leap_that_falls_is_taken_back_and_costs_one_pass():
    X, begin = overlapping("full")

    class Astray(Leaps):
        def leap(self, model):
            further = super().leap(model)
            return further and model.select(np.array([0, 0, 0]))

    ACCELERATIONS["astray"] = Astray
    try:
        result = run(X, begin, "astray")
    finally:
        del ACCELERATIONS["astray"]
    plain = run(X, begin, None)
    kept = [bound for i, bound in enumerate(result.history) if i == 0 or bound != result.history[i - 1]]
    assert len(kept) < len(result.history)
    assert kept == plain.history
    assert np.array_equal(result.model.means, plain.model.means)


def test_the_callback_sees_every_pass_and_a_model_after_an_m_step():
    X, begin = overlapping("full")
    seen = []
    result = run(X, begin, on_iteration=lambda *told: seen.append(told))
    assert [bound for _, bound, _ in seen] == result.history
    assert seen[-1][2] is result.model


def test_nothing_is_extrapolated_across_a_collapse():
    X, begin = overlapping("full")
    leaps = Leaps()
    path = [fit(begin, X, n_iter=n).model for n in (20, 21, 22, 23)]
    for _ in range(20):
        leaps.observe(path[0], path[1], [-3.0], collapsed=False)
    leaps.observe(path[1], path[2], [-3.0], collapsed=True)
    leaps.observe(path[2], path[3], [-3.0], collapsed=False)
    assert leaps.leap(path[3]) is None
