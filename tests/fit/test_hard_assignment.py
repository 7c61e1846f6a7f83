"""Classification EM: each row belongs wholly to its most probable component (Celeux & Govaert 1992)."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.cluster import KMeans

from gaussmix.covariance import FAMILIES
from gaussmix.model import Mixture
from gaussmix.prior import Flat

from ..mixtures import fit, make_rows, start

families = pytest.mark.parametrize("name", FAMILIES)


def poor_start(name, seed=0):
    X, labels = make_rows(n=500, K=3, seed=seed, name=name)
    moved = np.random.default_rng(seed).random(500) < 0.3
    return X, start(X, np.where(moved, (labels + 1) % 3, labels), name)


@families
def test_the_bound_is_the_classification_likelihood(name):
    X, begin = poor_start(name)
    result = fit(begin, X, n_iter=1, assignment="hard")
    assert result.history[0] == pytest.approx(begin.log_joint(X).max(axis=1).mean(), rel=1e-12)


@families
@pytest.mark.parametrize("block", [128, 1000])
def test_it_rises_and_ends_when_no_row_changes(name, block):
    X, begin = poor_start(name)
    result = fit(begin, X, tol=1e-6, n_iter=500, assignment="hard", block=block)
    assert result.converged
    assert np.diff(result.history).min() > -1e-10
    again = fit(result.model, X, n_iter=1, assignment="hard", block=block).model
    np.testing.assert_array_equal(again.predict(X), result.model.predict(X))


@families
def test_the_m_step_sees_the_labelled_groups(name):
    X, begin = poor_start(name)
    labels = begin.predict(X)
    moved = fit(begin, X, n_iter=1, assignment="hard").model
    np.testing.assert_allclose(moved.weights, np.bincount(labels, minlength=3) / 500, rtol=1e-12)
    for k in range(3):
        np.testing.assert_allclose(moved.means[k], X[labels == k].mean(axis=0), rtol=1e-10, atol=1e-10)


def test_a_component_without_rows_is_left_to_the_policy():
    X, begin = poor_start("full")
    means = begin.means.copy()
    means[2] += 1e6
    lonely = Mixture.from_parameters(begin.weights, means, begin.covariances.parameters())
    result = fit(lonely, X, n_iter=50, tol=1e-6, assignment="hard", on_degenerate="drop")
    assert [collapse.component for collapse in result.collapses] == [2]
    assert result.model.n_components == 2


@pytest.mark.parametrize("seed", range(5))
def test_equal_balls_and_equal_weights_are_lloyds_k_means(seed):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((600, 3)) + 2.0 * rng.standard_normal((5, 3))[rng.integers(5, size=600)]
    centres = X[rng.choice(600, 5, replace=False)]
    lloyd = KMeans(5, init=centres, n_init=1, algorithm="lloyd", tol=0.0).fit(X)
    prior = Flat(None, np.full(3, 1e-8), equal_weights=True)
    begin = Mixture.from_parameters(np.full(5, 0.2), centres, np.ones(5), "EII", prior)
    result = fit(begin, X, tol=1e-6, n_iter=500, assignment="hard")
    np.testing.assert_array_equal(result.model.predict(X), lloyd.labels_)
    np.testing.assert_allclose(result.model.means, lloyd.cluster_centers_, rtol=1e-10, atol=1e-10)
