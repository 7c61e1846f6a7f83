from __future__ import annotations

import numpy as np
import pytest
from sklearn.model_selection import KFold

from gaussmix import MixtureRegressor
from gaussmix.errors import ParameterError

QUICK = {"effort": "low", "random_state": 0, "n_jobs": 1}


@pytest.fixture(scope="module")
def tent():
    rng = np.random.default_rng(0)
    X = rng.uniform(-2, 2, (300, 1))
    return X, np.abs(X[:, 0]) + rng.normal(0, 0.1, 300)


@pytest.mark.parametrize("criterion", ["bic", "aicc", "cv"])
def test_a_tent_needs_two_lines(tent, criterion):
    model = MixtureRegressor(range(1, 4), criterion=criterion, **QUICK).fit(*tent)
    assert set(model.criterion_values_) == {1, 2, 3}
    assert model.criterion_values_[1] > model.criterion_values_[2]
    assert model.n_components_ == min(model.criterion_values_, key=model.criterion_values_.get)


def test_cross_validation_is_of_the_targets_given_the_inputs(tent):
    X, y = tent
    folds = KFold(4, shuffle=True, random_state=0)
    model = MixtureRegressor([2], criterion="cv", cv=folds, **QUICK).fit(X, y)
    one = MixtureRegressor(2, **QUICK)
    scores = [one.fit(X[kept], y[kept]).log_score(X[held], y[held]) for kept, held in folds.split(X)]
    assert model.criterion_values_[2] == pytest.approx(-np.mean(scores), rel=1e-3)


def test_weights_are_rows_to_cross_validation(tent):
    X, y = tent
    weight = np.where(np.arange(300) < 150, 1.0, 0.0)
    settings = {"criterion": "cv", "cv": 3, **QUICK}
    weighted = MixtureRegressor([1], **settings).fit(X, y, weight)
    kept = MixtureRegressor([1], **settings).fit(X[:150], y[:150])
    assert weighted.criterion_values_[1] == pytest.approx(kept.criterion_values_[1], rel=0.05)


@pytest.mark.filterwarnings("ignore::gaussmix.errors.DegenerateWarning")
def test_too_few_rows_for_any_size_still_give_a_fit():
    X = np.random.default_rng(0).standard_normal((8, 10))
    model = MixtureRegressor().fit(X, X[:, 0])
    assert model.n_components_ == 1
    np.testing.assert_allclose(model.predict(X), X[:, 0], atol=0.01)


def test_bad_sizes_and_folds_are_named(tent):
    with pytest.raises(ParameterError, match="n_components should be a positive integer or several"):
        MixtureRegressor([1, 0]).fit(*tent)
    with pytest.raises(ParameterError, match="n_components should be a positive integer or several"):
        MixtureRegressor([]).fit(*tent)
    with pytest.raises(ParameterError, match="cv=200 folds need at least 400 rows, but there are 300"):
        MixtureRegressor([1], criterion="cv", cv=200).fit(*tent)
