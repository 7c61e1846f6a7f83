from __future__ import annotations

import numpy as np
import pytest

from gaussmix import GaussianMixture
from gaussmix.errors import ParameterError

from ..incompleteness import with_holes
from ..mixtures import REPRESENTATIVES, make_rows

representatives = pytest.mark.parametrize("name", REPRESENTATIVES)


def partly(labels, part, seed=0):
    """Return labels of which only a part is known."""
    return np.where(np.random.default_rng(seed).random(len(labels)) < part, labels, -1)


def same(one, other, rtol=1e-6):
    for name in ("weights_", "means_", "covariances_"):
        np.testing.assert_allclose(getattr(one, name), getattr(other, name), rtol=rtol, atol=rtol)


@representatives
@pytest.mark.parametrize("holes", [False, True])
def test_components_are_numbered_by_the_labels(name, holes):
    X, labels = make_rows(name=name, n=200)
    y = partly((labels + 1) % 3, 0.1)
    X = with_holes(X) if holes else X
    model = GaussianMixture(3, covariance_type=name, random_state=0).fit(X, y)
    means = np.array([np.nanmean(X[labels == (k - 1) % 3], axis=0) for k in range(3)])
    nearest = np.abs(model.means_[:, None] - means).sum(axis=2).argmin(axis=1)
    assert nearest.tolist() == [0, 1, 2]


@representatives
def test_with_all_labels_but_one_the_fit_is_that_of_the_groups(name):
    X, labels = make_rows(name=name)
    y = labels.copy()
    y[0] = -1
    model = GaussianMixture(3, covariance_type=name, random_state=0, reg_covar=0).fit(X, y)
    for k in range(3):
        own = X[1:][labels[1:] == k]
        leeway = np.abs(X[0] - own.mean(axis=0)) / len(own) + 1e-9
        np.testing.assert_array_less(np.abs(model.means_[k] - own.mean(axis=0)), leeway)
    np.testing.assert_allclose(model.weights_, np.bincount(labels) / len(X), atol=1 / len(X))


def test_the_bound_is_that_of_labelled_and_unlabelled_rows():
    X, labels = make_rows()
    y = partly(labels, 0.4)
    model = GaussianMixture(3, random_state=0, tol=1e-10).fit(X, y)
    joint = model.mixture_.log_joint(X)
    rows = np.where(y < 0, model.score_samples(X), joint[np.arange(len(X)), y])
    assert model.lower_bound_ == pytest.approx(rows.mean(), abs=1e-8)


@representatives
def test_the_bound_never_falls(name):
    X, labels = make_rows(name=name)
    for rows in (X, with_holes(X)):
        model = GaussianMixture(3, covariance_type=name, random_state=0, reg_covar=0, acceleration=None)
        assert np.diff(model.fit(rows, partly(labels, 0.3)).lower_bounds_).min() >= -1e-10


@pytest.mark.parametrize(
    "y",
    [
        lambda labels: None,
        lambda labels: labels,
        lambda labels: np.full(len(labels), -1),
        lambda labels: np.where(labels == 0, -1.0, labels + 0.5),
        lambda labels: labels.astype(str),
        lambda labels: np.arange(len(labels)),
    ],
    ids=["none", "all known", "all unknown", "floats", "text", "other numbers"],
)
def test_otherwise_y_is_ignored(y):
    X, labels = make_rows()
    plain = GaussianMixture(3, random_state=0).fit(X)
    same(GaussianMixture(3, random_state=0).fit(X, y(labels)), plain, rtol=0)


def test_labels_show_classes_that_rows_alone_do_not():
    """Two long classes side by side, each in two pieces that lie far apart."""
    rng = np.random.default_rng(0)
    labels, side = rng.integers(0, 2, 400), rng.integers(0, 2, 400)
    X = rng.normal(size=(400, 2)) * [0.4, 2.0] + np.column_stack([1.2 * labels, 12 * side])
    fits = [GaussianMixture(2, random_state=0).fit(X, y) for y in (None, partly(labels, 0.2))]
    right = [(fit.predict(X) == labels).mean() for fit in fits]
    assert right[0] < 0.6
    assert right[1] > 0.9


def test_the_start_from_labels_is_one_of_those_compared():
    X, labels = make_rows()
    y = partly(labels, 0.1)
    model = GaussianMixture(3, random_state=0, init_params="random_from_data").fit(X, y)
    full = np.where(y < 0, np.abs(X[:, None] - X[y >= 0]).sum(axis=2).argmin(axis=1), 0)
    full = np.where(y < 0, y[y >= 0][full], y)
    from_labels = GaussianMixture(3, init_params=full).fit(X, y)
    assert model.lower_bound_ >= from_labels.lower_bound_ - 1e-6


def test_given_parameters_say_which_component_is_which():
    X, labels = make_rows()
    weights = np.bincount(labels) / len(labels)
    model = GaussianMixture(3, random_state=0, weights_init=weights, frozen="weights")
    np.testing.assert_array_equal(model.fit(X, partly(labels, 0.2)).weights_, weights)
    means = np.array([X[labels == k].mean(axis=0) for k in range(3)])
    nearest = np.abs(model.means_[:, None] - means).sum(axis=2).argmin(axis=1)
    assert nearest.tolist() == [0, 1, 2]


def test_a_component_without_labelled_rows_is_found_all_the_same():
    X, labels = make_rows(n=400, seed=2)
    y = np.where(labels == 1, -1, partly(labels, 0.5))
    model = GaussianMixture(3, random_state=0).fit(X, y)
    assert (model.predict(X) == labels).mean() > 0.9


def test_threads_do_not_change_the_bits():
    X, labels = make_rows(n=3000)
    X, y = with_holes(X), partly(labels, 0.3)
    one, two = (GaussianMixture(3, random_state=0, n_jobs=n).fit(X, y) for n in (1, 2))
    same(one, two, rtol=0)


def test_weights_count_rows():
    X, labels = make_rows(n=150)
    y, weight = partly(labels, 0.3), 1.0 + np.arange(150) % 2
    one = GaussianMixture(3, random_state=0).fit(X, y, weight)
    rows = np.repeat(np.arange(150), weight.astype(int))
    same(one, GaussianMixture(3, random_state=0).fit(X[rows], y[rows]), rtol=1e-3)


@pytest.mark.parametrize("wrong", [3, -2])
def test_labels_that_are_no_component_are_named(wrong):
    X, labels = make_rows()
    y = partly(labels, 0.5)
    y[17] = wrong
    with pytest.raises(
        ParameterError, match=f"y of row 17 is {wrong}: with 3 components a label is one of 0 to 2"
    ):
        GaussianMixture(3).fit(X, y)


def test_labelled_components_cannot_be_dropped():
    X, labels = make_rows()
    with pytest.raises(ParameterError, match="on_degenerate='drop' would drop a label"):
        GaussianMixture(3, on_degenerate="drop").fit(X, partly(labels, 0.5))


def test_targets_that_are_no_partial_labels_are_ignored():
    X = np.random.default_rng(0).normal(size=(40, 2))
    plain = GaussianMixture(2, random_state=0).fit(X)
    two_classes = np.repeat([-1, 1], 20)
    for y in (two_classes, np.full(40, -1), np.zeros(40, int), np.full(40, np.nan), [["a"]] * 40):
        np.testing.assert_array_equal(GaussianMixture(2, random_state=0).fit(X, y).means_, plain.means_)
    assert GaussianMixture(1).fit(X, two_classes).converged_


def test_whole_floats_are_labels_and_each_row_needs_one():
    X = np.r_[np.zeros((10, 2)), np.ones((10, 2))] + np.random.default_rng(0).normal(size=(20, 2)) * 0.1
    y = np.repeat([1, 0], 10)
    y[::3] = -1
    found = GaussianMixture(2, random_state=0).fit(X, y.astype(float))
    np.testing.assert_array_equal(found.predict(X), np.repeat([1, 0], 10))
    with pytest.raises(ParameterError, match="10 labels for 20 rows"):
        GaussianMixture(2).fit(X, y[5:15])
