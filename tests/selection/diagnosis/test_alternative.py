from __future__ import annotations

import math

import numpy as np
import pytest

from gaussmix import Mixture
from gaussmix.selection.diagnosis.alternative import merges, split
from gaussmix.selection.diagnosis.normality import covariance, whiten


def white(X):
    return whiten(*covariance(X, None))


@pytest.mark.parametrize("D", [1, 2, 6])
@pytest.mark.parametrize("lighter", [60, 200])
def test_two_groups_are_split(D, lighter):
    X = np.random.default_rng(D).standard_normal((400, D))
    X[:lighter, 0] += 6
    found = split(3, white(X), None, 400)
    assert found.component == 3
    assert found.share == pytest.approx(lighter / 400, abs=0.03)
    assert found.distance == pytest.approx(6, abs=0.8)
    assert found.bic == pytest.approx((D + 1) * math.log(400) - 2 * found.log_likelihood)
    assert found.bic < -50


@pytest.mark.parametrize(("n", "D"), [(20, 1), (20, 2), (300, 2), (100, 6), (1000, 6)])
def test_one_group_is_not_split_on_strong_evidence(n, D):
    for seed in range(5):
        found = split(0, white(np.random.default_rng(seed).standard_normal((n, D))), None, n)
        assert found is None or found.bic > -10


def test_weights_of_a_common_factor_change_nothing():
    rng = np.random.default_rng(0)
    Z, weight = rng.exponential(size=(100, 2)), rng.uniform(1, 2, 100)
    one, other = (split(0, Z, factor * weight, 100) for factor in (1, 1e4))
    assert one.bic == pytest.approx(other.bic)


@pytest.mark.parametrize(
    ("name", "variance"), [("full", np.eye(2)), ("diag", np.ones(2)), ("spherical", 1.0), ("tied", None)]
)
def test_equal_components_merge_at_no_loss(name, variance):
    covariances = np.eye(2) if variance is None else [variance] * 2
    mixture = Mixture.from_parameters([0.3, 0.7], np.zeros((2, 2)), covariances, name)
    X = np.random.default_rng(0).standard_normal((80, 2))
    (found,) = merges(mixture, X, None, 80)
    one = Mixture.from_parameters(
        [1.0], np.zeros((1, 2)), covariances[:1] if variance is not None else np.eye(2), name
    )
    assert found.components == (0, 1)
    assert found.log_likelihood == pytest.approx(0, abs=1e-9)
    assert found.bic == pytest.approx(-(mixture.n_parameters - one.n_parameters) * math.log(80))


def test_the_loss_is_that_of_the_mixture_with_the_pair_replaced():
    mixture = Mixture.from_parameters([0.2, 0.3, 0.5], [[0.0], [1.0], [4.0]], [[1.0], [0.5], [2.0]], "diag")
    X, _ = mixture.sample(200, 0)
    mean = (0.2 * 0 + 0.3 * 1) / 0.5
    variance = (0.2 * (1 + mean**2) + 0.3 * (0.5 + (1 - mean) ** 2)) / 0.5
    merged = Mixture.from_parameters([0.5, 0.5], [[mean], [4.0]], [[variance], [2.0]], "diag")
    loss = mixture.log_prob(X).sum() - merged.log_prob(X).sum()
    found = next(merge for merge in merges(mixture, X, None, 200) if merge.components == (0, 1))
    assert found.log_likelihood == pytest.approx(loss)


def test_far_components_are_not_looked_at():
    mixture = Mixture.from_parameters([0.5, 0.5], [[0.0], [100.0]], [[1.0], [1.0]], "diag")
    assert merges(mixture, mixture.sample(50, 0)[0], None, 50) == ()
