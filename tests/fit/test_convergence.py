from __future__ import annotations

import pytest

from gaussmix.fit import Convergence


def stops_at(convergence, bounds, steps):
    """Return the iteration after which it says stop, or None."""
    for i, (bound, step) in enumerate(zip(bounds, steps, strict=True)):
        if convergence.update(bound, step):
            return i
    return None


def geometric(ratio, n=400, step=1.0, gain=1.0):
    """Return bounds and steps that approach a limit, the bound twice as fast."""
    bounds = [-gain * ratio ** (2 * i) for i in range(n)]
    return bounds, [step * ratio**i for i in range(n)]


@pytest.mark.parametrize("ratio", [0.1, 0.5, 0.9, 0.97])
def test_a_geometric_series_stops_when_little_is_left(ratio):
    bounds, steps = geometric(ratio)
    i = stops_at(Convergence(1e-6), bounds, steps)
    movement_left = steps[i] * ratio / (1 - ratio)
    assert movement_left < 1e-2
    assert -bounds[i] < 1e-6


@pytest.mark.parametrize("ratio", [0.5, 0.9, 0.97])
def test_it_stops_three_iterations_after_both_rests_are_small(ratio):
    bounds, steps = geometric(ratio)
    small = [s * ratio / (1 - ratio) < 1e-2 and -b < 1e-6 for s, b in zip(steps, bounds, strict=True)]
    assert stops_at(Convergence(1e-6), bounds, steps) == small.index(True) + 2


def test_a_plateau_is_crossed():
    n = 2000
    bounds = [1e-9 * i for i in range(n)]  # gains far below tol, all alike
    assert stops_at(Convergence(1e-6), bounds, [1e-3] * n) is None


def test_a_slowly_growing_movement_does_not_stop():
    n = 200
    bounds = [1e-9 * 1.02**i for i in range(n)]
    assert stops_at(Convergence(1e-6), bounds, [1e-4 * 1.01**i for i in range(n)]) is None


def test_a_gain_still_to_come_does_not_stop():
    n = 50
    bounds = [1e-3 * i for i in range(n)]
    assert stops_at(Convergence(1e-6), bounds, [1e-4 * 0.5**i + 1e-8 for i in range(n)]) is None


def test_one_step_that_is_not_small_begins_the_count_again():
    bounds, steps = geometric(0.5, n=40)
    usual = stops_at(Convergence(1e-6), bounds, steps)
    steps[usual - 1] = 1.0
    assert stops_at(Convergence(1e-6), bounds, steps) > usual


@pytest.mark.parametrize("steps", [[0.0] * 100, [1e-12] * 100, [0.1**i for i in range(100)]])
def test_tolerance_zero_never_stops(steps):
    assert stops_at(Convergence(0.0), [1.0] * 100, steps) is None


def test_a_fixed_point_stops_at_once():
    assert stops_at(Convergence(1e-6), [-1.0, -0.5], [0.3, 0.0]) == 1


def test_a_bound_lost_in_rounding_stops():
    bounds = [-1.0 - 1e-16 * (-1) ** i for i in range(10)]
    assert stops_at(Convergence(1e-6), bounds, [0.5**i * 1e-4 for i in range(10)]) is not None


def test_components_that_were_dropped_do_not_stop():
    assert stops_at(Convergence(1e-6), [-1.0] * 3, [float("inf")] * 3) is None


def test_a_looser_tolerance_stops_earlier():
    bounds, steps = geometric(0.9)
    stops = [stops_at(Convergence(tol), bounds, steps) for tol in (1e-2, 1e-4, 1e-6, 1e-8)]
    assert stops == sorted(set(stops))


def test_after_a_leap_little_must_be_left_for_longer():
    bounds, steps = geometric(0.5, n=60)
    usual, leapt = Convergence(1e-6), Convergence(1e-6)
    leapt.leap()
    assert stops_at(leapt, bounds, steps) == stops_at(usual, bounds, steps) + 7


def test_a_leap_starts_a_new_series():
    watch = Convergence(1e-6)
    stops_at(watch, *geometric(0.5, n=5))
    watch.leap()
    assert not watch.update(-1e-12, 1e-8)
    assert not watch.near
    assert not watch.update(-1e-12, 5e-9)
    assert watch.near


def test_the_ratio_before_a_leap_is_remembered():
    bounds, steps = geometric(0.99, n=5)
    watch = Convergence(1e-6)
    stops_at(watch, bounds, steps)
    watch.leap()
    for bound, step in zip(*geometric(0.5, n=12, step=1e-3, gain=1e-9), strict=True):
        watch.update(bound, step)
        assert not (watch.near and step * 0.99 / (1 - 0.99) >= 1e-2)


def test_a_resumed_watch_remembers_leaps():
    bounds, steps = geometric(0.5, n=60)
    watch = Convergence(1e-6)
    watch.leap()
    halves = watch.resumed(1e-6)
    assert stops_at(halves, bounds, steps) == stops_at(watch, bounds, steps)
