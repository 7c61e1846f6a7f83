from __future__ import annotations

import math

import numpy as np
import pytest

from gaussmix.covariance import FAMILIES
from gaussmix.fit.stepwise import Stream, marginal, moments_of
from gaussmix.model import Mixture

from ..mixtures import REPRESENTATIVES, assert_same_mixture, flat, make_mixture, make_rows, start


def begun(X, labels, name="full", half_life=None, prior=None):
    model = start(X, labels, name, prior=prior)
    return Stream.after(model, model.e_step(X), len(X), half_life)


def learnt(stream, X, size):
    for rows in np.split(X, range(size, len(X), size)):
        stream = stream.step(stream.model.e_step(rows), len(rows))
    return stream


@pytest.mark.parametrize("name", FAMILIES)
def test_the_moments_of_a_model_lead_back_to_it(name):
    X, labels = make_rows(name=name)
    model = start(X, labels, name, prior=flat(2, added=1e-3))
    moments = moments_of(model, 300.0, -1.5)
    assert (moments.weight, moments.log_likelihood) == (300.0, -450.0)
    assert_same_mixture(model.m_step(moments), model, rtol=1e-6)


@pytest.mark.parametrize("name", REPRESENTATIVES)
def test_the_features_variances_follow_from_the_moments(name):
    X, labels = make_rows(name=name)
    mean, variance = marginal(start(X, labels, name).e_step(X))
    expected = X.var(axis=0)
    np.testing.assert_allclose(mean, X.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(
        variance, np.full(2, expected.mean()) if name == "spherical" else expected, rtol=1e-12
    )


@pytest.mark.parametrize("name", REPRESENTATIVES)
def test_a_stream_ends_near_the_fit_of_all_rows(name):
    X, labels = make_rows(n=30_000, name=name)
    stream = learnt(begun(X[:1000], labels[:1000], name), X[1000:], 250)
    whole = start(X, labels, name)
    for _ in range(50):
        whole = whole.m_step(whole.e_step(X))
    assert stream.mixture.log_prob(X).mean() > whole.log_prob(X).mean() - 1e-3
    assert stream.n_rows == stream.weight == 30_000


def test_averaging_takes_noise_away():
    X, labels = make_rows(n=30_000)
    stream = learnt(begun(X[:1000], labels[:1000]), X[1000:], 250)
    assert stream.mixture.log_prob(X).mean() > stream.model.log_prob(X).mean()


def test_batches_of_any_size_end_alike():
    X, labels = make_rows(n=12_000)
    ends = [learnt(begun(X[:1000], labels[:1000]), X[1000:], size).mixture for size in (20, 100)]
    assert_same_mixture(*ends, rtol=0.02)


def test_a_half_life_is_an_exponential_weight():
    X, _ = make_rows(n=600, K=1)
    one = Mixture.from_parameters([1.0], np.zeros((1, 2)), np.eye(2)[None], prior=flat(2))
    stream = Stream.after(one, one.e_step(X[:100]), 100, 50.0)
    stream = learnt(stream, X[100:], 50)
    weight = np.repeat(0.5 ** np.arange(10.0)[::-1], 50)
    first = 0.5**10 * 50 / math.log(2)
    mean = (first * X[:100].mean(axis=0) + weight @ X[100:]) / (first + weight.sum())
    np.testing.assert_allclose(stream.mixture.means[0], mean, rtol=1e-10)
    assert stream.weight == pytest.approx(first + weight.sum())


def test_means_follow_a_drift():
    rng = np.random.default_rng(0)
    centres = np.array([-5.0, 5.0])
    X = centres[np.arange(1000) % 2][:, None] + rng.normal(size=(1000, 1))
    stream = begun(X, np.arange(1000) % 2, half_life=500.0)
    for shift in np.linspace(0, 20, 200):
        stream = learnt(stream, X[rng.permutation(1000)[:100]] + shift, 100)
    lag = 20 / 200 / 100 * 500 / math.log(2)  # rows that count are so old on average
    np.testing.assert_allclose(np.sort(stream.mixture.means[:, 0]), centres + 20 - lag, atol=0.3)


def test_weights_of_a_common_factor_change_nothing():
    X, labels = make_rows(n=2000)
    ends = []
    for factor in (1.0, 1e6):
        model = start(X[:1000], labels[:1000], "full")
        stream = Stream.after(model, model.e_step(X[:1000]) * factor, 1000, None)
        for rows in np.split(X[1000:], 10):
            stream = stream.step(stream.model.e_step(rows) * factor, len(rows))
        ends.append(stream.mixture)
    assert_same_mixture(*ends, rtol=1e-9)


def test_far_from_the_origin_no_digits_are_lost():
    X, labels = make_rows(n=4000)
    near, far = (
        learnt(begun(rows[:1000], labels[:1000]), rows[1000:], 100).mixture for rows in (X, X + 2.0**26)
    )
    np.testing.assert_allclose(far.means - 2.0**26, near.means, atol=1e-6)
    np.testing.assert_allclose(far.covariances.parameters(), near.covariances.parameters(), rtol=1e-6)


def test_steps_are_no_longer_than_the_memory():
    X, labels = make_rows(n=1000)
    stream = begun(X, labels)
    assert 1 <= stream.most_rows < stream.memory < 1000
    assert begun(X, labels, half_life=100.0).memory == pytest.approx(100 / math.log(2))


def test_a_model_in_the_place_of_a_collapsed_one_brings_its_moments():
    X, labels = make_rows()
    stream = begun(X, labels)
    fewer = stream.model.select(np.array([0, 2]))
    restarted = stream.restarted(fewer)
    assert_same_mixture(restarted.mixture, fewer, rtol=1e-9)
    assert learnt(restarted, X, 50).model.n_components == 2


def test_it_is_the_same_model_for_a_mixture_at_its_optimum():
    mixture = make_mixture()
    stream = Stream.after(mixture, moments_of(mixture, 10.0, 0.0), 10, None)
    assert stream.mixture is mixture
