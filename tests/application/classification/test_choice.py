"""The choice among families and numbers of components."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.metrics import log_loss
from sklearn.model_selection import StratifiedKFold, cross_val_predict

from gaussmix import MixtureClassifier
from gaussmix.errors import DataError

X, y = load_iris(return_X_y=True)


@pytest.mark.parametrize("criterion", ["bic", "aic"])
def test_the_chosen_family_has_the_lowest_value(criterion):
    model = MixtureClassifier(covariance_type="all", criterion=criterion).fit(X, y)
    assert len(model.results_) == 14
    best = min(model.results_, key=lambda one: one[criterion])
    alone = MixtureClassifier(covariance_type=best["covariance_type"]).fit(X, y)
    np.testing.assert_array_equal(model.predict_proba(X), alone.predict_proba(X))
    assert criterion != "bic" or best["bic"] == pytest.approx(model.bic_)


def test_held_out_losses_are_those_of_cross_validation():
    cv = StratifiedKFold(4, shuffle=True, random_state=1)
    families = ["VVI", "EEE", "VVV"]
    model = MixtureClassifier(covariance_type=families, criterion="log_loss", cv=cv).fit(X, y)
    for one in model.results_:
        alone = MixtureClassifier(covariance_type=one["covariance_type"])
        held = cross_val_predict(alone, X, y, cv=cv, method="predict_proba")
        assert one["log_loss"] == pytest.approx(log_loss(y, held), rel=1e-6)
        assert one["error"] == pytest.approx((held.argmax(axis=1) != y).mean())
    best = min(model.results_, key=lambda one: one["log_loss"])["covariance_type"]
    assert model.mixtures_[0].covariance_type == {"EEE": "tied", "VVV": "full", "VVI": "diag"}[best]


def test_separate_classes_choose_by_themselves():
    rng = np.random.default_rng(0)
    two = rng.normal(size=(200, 2)) + np.where(rng.random((200, 1)) < 0.5, -5.0, 5.0)
    one = rng.normal([0.0, 8.0], 1.0, (200, 2))
    model = MixtureClassifier([1, 2, 3], covariance_type=["EII", "VVV"], random_state=0)
    model.fit(np.concatenate([two, one]), np.repeat(["two", "one"], 200))
    assert model.classes_.tolist() == ["one", "two"]
    assert [mixture.n_components for mixture in model.mixtures_] == [1, 2]
    compared = [entry["class"] for entry in model.results_]
    assert compared == [None] * 2 + ["one"] * 6 + ["two"] * 6


def test_a_family_that_the_rows_cannot_support_is_not_chosen():
    rows = np.concatenate([X[:4], X[50:]])  # four rows in four dimensions
    labels = np.concatenate([y[:4], y[50:]])
    model = MixtureClassifier(covariance_type="all").fit(rows, labels)
    singular = {one["covariance_type"] for one in model.results_ if one["singular"]}
    assert {"VVV", "EVV"} <= singular
    assert model.mixtures_[0].covariance_type not in ("full", "EVV")


def test_rows_without_a_class_are_never_held_out():
    partly = np.where(np.arange(150) % 3 == 0, y, -1)
    model = MixtureClassifier(covariance_type=["EEE", "VVV"], criterion="error", cv=3, unlabelled=-1)
    model.fit(X, partly)
    assert all(round(one["error"] * 50) == pytest.approx(one["error"] * 50) for one in model.results_)


def test_no_candidate_can_be_fitted():
    with pytest.raises(DataError, match="none of the candidates could be fitted: 8 × tied"):
        MixtureClassifier([8, 9], covariance_type="tied", shared=True).fit(X[45:55], y[45:55])
