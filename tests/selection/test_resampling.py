from __future__ import annotations

import numpy as np
import pytest

from gaussmix.executor import Serial
from gaussmix.selection import BootstrapTest, agreement, folds, held_out, resamples
from gaussmix.source import ArraySource

from ..mixtures import make_mixture, make_rows

X, LABELS = make_rows(60)


@pytest.mark.parametrize("weight", [None, np.arange(60.0) % 4])
def test_each_row_is_held_out_once(weight):
    source = ArraySource(X, weight)
    pairs = folds(source, 4, np.random.default_rng(0))
    whole = np.ones(60) if weight is None else weight
    np.testing.assert_array_equal(sum(held.sample_weight for _, held in pairs), whole)
    for kept, held in pairs:
        np.testing.assert_array_equal(kept.sample_weight + held.sample_weight, whole)
        assert not (kept.sample_weight * held.sample_weight).any()


def test_held_out_likelihood_of_a_fixed_mixture_is_its_score():
    mixture = make_mixture()
    held = [held for _, held in folds(ArraySource(X), 5, np.random.default_rng(0))]
    mean, error = held_out([lambda: mixture] * 5, held, Serial())
    means = [mixture.log_prob(X)[source.sample_weight > 0].mean() for source in held]
    assert mean == pytest.approx(mixture.log_prob(X).mean())
    assert error == pytest.approx(np.std(means, ddof=1) / np.sqrt(5))


def test_resamples_draw_rows_of_positive_weight():
    weight = np.arange(60.0) % 3
    for source in resamples(ArraySource(X, weight), 3, np.random.default_rng(0)):
        draws = source.sample_weight[weight > 0] / weight[weight > 0]
        assert draws.sum() == (weight > 0).sum()
        assert not source.sample_weight[weight == 0].any()


def test_agreement_with_itself_is_one():
    mixture, other = make_mixture(), make_mixture(seed=1)
    source = ArraySource(X)
    assert agreement(mixture, [lambda: mixture] * 3, source, Serial()) == 1.0
    assert agreement(mixture, [lambda: other], source, Serial()) < 1.0


class Statistic:
    """Fixed for the rows X and K components, uniform in 0 .. 1 for simulated rows."""

    def __init__(self, observed):
        self.observed = observed

    def __call__(self, source, n_components, seed):
        own = source.X is X
        value = self.observed[n_components - 1] if own else np.random.default_rng(seed).random()
        return value, make_mixture(K=n_components)


@pytest.mark.parametrize("n_threads", [1, 3])
def test_p_values(n_threads):
    test = BootstrapTest(Statistic([2.0, 0.5, -1.0]), 19, 0.7, n_threads)
    first, second, third = test(ArraySource(X), (1, 2, 3, 4), np.random.SeedSequence(0))
    assert (first.n_components, first.statistic, first.p_value) == (1, 2.0, 1 / 20)
    assert second.p_value == (1 + (second.simulated >= 0.5).sum()) / 20
    assert third.p_value == 1.0  # above the level: the end
    assert len(set(first.simulated)) == 19
