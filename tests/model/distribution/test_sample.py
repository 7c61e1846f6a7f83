from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from gaussmix.errors import ParameterError

from ...mixtures import REPRESENTATIVES, make_mixture


@pytest.mark.parametrize("n", [1, 2, 7, 1000])
@pytest.mark.parametrize("shuffle", [False, True])
def test_exactly_n_rows_are_drawn(n, shuffle):
    X, labels = make_mixture(K=5).sample(n, 0, shuffle=shuffle)
    assert X.shape == (n, 2)
    assert labels.shape == (n,)


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("name", REPRESENTATIVES)
def test_counts_follow_the_weights(name, shuffle):
    mixture, n = make_mixture(name, K=4), 20_000
    _, labels = mixture.sample(n, 1, shuffle=shuffle)
    assert stats.chisquare(np.bincount(labels, minlength=4), n * mixture.weights).pvalue > 1e-6


@pytest.mark.parametrize("name", REPRESENTATIVES)
def test_moments_are_those_of_the_mixture(name):
    mixture, n = make_mixture(name, D=3), 50_000
    X, _ = mixture.sample(n, 2)
    shift = X - mixture.mean
    products = shift[:, :, None] * shift[:, None, :]
    assert (np.abs(shift.mean(axis=0)) < 5 * shift.std(axis=0) / np.sqrt(n)).all()
    error = np.abs(products.mean(axis=0) - mixture.covariance)
    assert (error < 5 * products.std(axis=0) / np.sqrt(n)).all()


def test_rows_are_grouped_or_shuffled():
    mixture = make_mixture(K=3)
    X, labels = mixture.sample(300, 3)
    mixed, mixed_labels = mixture.sample(300, 3, shuffle=True)
    assert (np.diff(labels) >= 0).all()
    assert (np.diff(mixed_labels) < 0).any()
    order, mixed_order = np.lexsort(X.T), np.lexsort(mixed.T)
    np.testing.assert_array_equal(X[order], mixed[mixed_order])
    np.testing.assert_array_equal(labels[order], mixed_labels[mixed_order])


@pytest.mark.parametrize("name", REPRESENTATIVES)
def test_one_component_can_be_drawn_from(name):
    mixture, n = make_mixture(name, spread=30.0), 5000
    X, labels = mixture.sample(n, 4, component=1)
    assert (labels == 1).all()
    sd = mixture.covariances.standard_deviations()[1]
    assert (np.abs(X.mean(axis=0) - mixture.means[1]) < 5 * sd / np.sqrt(n)).all()


def test_every_kind_of_random_state_is_taken():
    mixture = make_mixture()
    expected = mixture.sample(50, 7)[0]
    for random_state in (np.int64(7), np.random.default_rng(7), np.random.SeedSequence(7)):
        np.testing.assert_array_equal(mixture.sample(50, random_state)[0], expected)


@pytest.mark.parametrize("component", [-1, 3, "first"])
def test_there_is_no_such_component(component):
    with pytest.raises(ParameterError, match=f"component should be a number from 0 to 2, got {component!r}"):
        make_mixture(K=3).sample(5, component=component)


@pytest.mark.parametrize("n", [0, -3, 2.5])
def test_a_sample_has_a_positive_whole_number_of_rows(n):
    with pytest.raises(ParameterError, match=f"positive whole number of rows, got {n}"):
        make_mixture().sample(n)
