"""Rows without a class take part in the fit."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_iris

from gaussmix import GaussianMixture, MixtureClassifier
from gaussmix.errors import DataError

X, y = load_iris(return_X_y=True)
PARTLY = np.where(np.arange(150) % 5 == 0, y, -1)


@pytest.mark.parametrize(
    "parameters",
    [
        {"covariance_type": "VEV"},
        {"covariance_type": "tied", "priors": [0.2, 0.4, 0.4]},
        {"n_components": 2, "covariance_type": "EEI"},
        {"n_components": 2, "covariance_type": "tied", "shared": True},
    ],
)
def test_the_fit_is_a_maximum_of_the_likelihood_of_all_rows(parameters):
    model = MixtureClassifier(**parameters, unlabelled=-1, random_state=0).fit(X, PARTLY)
    known = PARTLY >= 0
    joint = model.predict_log_joint(X)[known, PARTLY[known]].sum()
    expected = joint + model.score_samples(X[~known]).sum()
    assert model.log_likelihood_ == pytest.approx(expected, rel=1e-12)
    alone = MixtureClassifier(**parameters, random_state=0).fit(X[known], PARTLY[known])
    before = alone.predict_log_joint(X)[known, PARTLY[known]].sum() + alone.score_samples(X[~known]).sum()
    assert model.log_likelihood_ > before
    assert model.converged_


def test_rows_without_a_class_help():
    known = PARTLY >= 0
    alone = MixtureClassifier().fit(X[known], PARTLY[known]).score(X, y)
    assert MixtureClassifier(unlabelled=-1).fit(X, PARTLY).score(X, y) > alone


def test_one_step_more_of_em_changes_nothing():
    model = MixtureClassifier(covariance_type="full", unlabelled=-1, reg_covar=0.0, tol=1e-10).fit(X, PARTLY)
    shares = np.where(PARTLY[:, None] < 0, model.predict_proba(X), np.eye(3)[PARTLY])
    np.testing.assert_allclose(model.priors_, shares.mean(0), rtol=1e-4)
    for g, mixture in enumerate(model.mixtures_):
        np.testing.assert_allclose(mixture.means[0], shares[:, g] @ X / shares[:, g].sum(), rtol=1e-4)


def test_given_priors_stay():
    model = MixtureClassifier(priors=[0.2, 0.4, 0.4], unlabelled=-1).fit(X, PARTLY)
    np.testing.assert_allclose(model.priors_, [0.2, 0.4, 0.4], rtol=1e-12)


@pytest.mark.parametrize(
    ("labels", "unlabelled"),
    [
        (np.where(PARTLY < 0, "?", np.array(["a", "b", "c"])[PARTLY]), "?"),
        (np.where(PARTLY < 0, np.nan, PARTLY.astype(float)), np.nan),
    ],
)
def test_any_value_may_mean_unknown(labels, unlabelled):
    expected = MixtureClassifier(unlabelled=-1).fit(X, PARTLY)
    model = MixtureClassifier(unlabelled=unlabelled).fit(X, labels)
    assert len(model.classes_) == 3
    np.testing.assert_array_equal(model.predict_proba(X), expected.predict_proba(X))


def test_minus_one_is_a_class_by_default():
    model = MixtureClassifier().fit(X[y < 2], np.where(y[y < 2], 1, -1))
    assert model.classes_.tolist() == [-1, 1]


def test_nearly_all_unknown_is_a_mixture():
    few = np.where(np.arange(150) % 10 == 0, y, -1)
    model = MixtureClassifier(covariance_type="tied", unlabelled=-1).fit(X, few)
    mixture = GaussianMixture(3, covariance_type="tied", random_state=0).fit(X)
    assert 150 * mixture.score(X) >= model.marginal_log_likelihood_ > 150 * mixture.score(X) - 3


def test_no_class_at_all():
    with pytest.raises(DataError, match=r"all rows are unlabelled \(-1\)"):
        MixtureClassifier(unlabelled=-1).fit(X, np.full(150, -1))
