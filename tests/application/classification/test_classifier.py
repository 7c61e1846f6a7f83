"""Classes that are fitted by one component or several, together or each by itself."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from scipy.special import logsumexp
from sklearn.datasets import load_iris
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis, QuadraticDiscriminantAnalysis
from sklearn.naive_bayes import GaussianNB

from gaussmix import GaussianMixture, MixtureClassifier
from gaussmix.errors import DataError, DegenerateWarning, ParameterError

X, y = load_iris(return_X_y=True)


def probabilities(**parameters):
    return MixtureClassifier(reg_covar=0.0, **parameters).fit(X, y).predict_proba(X)


@pytest.mark.parametrize(
    ("covariance_type", "theirs"),
    [
        ("full", QuadraticDiscriminantAnalysis()),
        ("tied", LinearDiscriminantAnalysis(solver="lsqr")),
        ("diag", GaussianNB(var_smoothing=0.0)),
    ],
)
def test_one_component_is_discriminant_analysis(covariance_type, theirs):
    priors = None if covariance_type == "tied" else [0.5, 0.3, 0.2]  # theirs change the pooled covariance
    theirs.set_params(priors=priors)
    expected = theirs.fit(X, y).predict_proba(X)
    if covariance_type == "full":  # scikit-learn divides by n − 1
        assert (probabilities(priors=priors).argmax(1) == expected.argmax(1)).mean() > 0.98
    else:
        ours = probabilities(covariance_type=covariance_type, priors=priors)
        np.testing.assert_allclose(ours, expected, atol=1e-8)


@pytest.mark.parametrize(("code", "n_parameters"), [("EII", 15), ("EEE", 24), ("VVI", 26), ("VEV", 38)])
def test_likelihood_and_parameters_are_those_of_the_joint_density(code, n_parameters):
    model = MixtureClassifier(covariance_type=code).fit(X, y)
    joint = model.predict_log_joint(X)
    assert model.n_parameters_ == n_parameters
    assert model.log_likelihood_ == pytest.approx(joint[np.arange(150), y].sum(), rel=1e-12)
    assert model.marginal_log_likelihood_ == pytest.approx(model.score_samples(X).sum(), rel=1e-12)
    np.testing.assert_allclose(model.score_samples(X), logsumexp(joint, axis=1), rtol=1e-12)
    assert model.bic_ == pytest.approx(-2 * model.log_likelihood_ + n_parameters * np.log(150))


def test_separate_classes_are_mixtures_of_their_own():
    model = MixtureClassifier(2, covariance_type="EEE", random_state=0).fit(X, y)
    for label, mixture in enumerate(model.mixtures_):
        alone = GaussianMixture(2, covariance_type="EEE", random_state=0).fit(X[y == label])
        assert mixture.log_prob(X[y == label]).sum() == pytest.approx(
            50 * alone.score(X[y == label]), abs=0.05
        )
    assert model.n_parameters_ == 3 * (2 * 4 + 10 + 1) + 2


def test_shared_covariances_of_several_components_are_equal_in_all_classes():
    model = MixtureClassifier(2, covariance_type="tied", shared=True, random_state=0).fit(X, y)
    first = model.mixtures_[0].covariances.to_dense()[0]
    for mixture in model.mixtures_:
        np.testing.assert_array_equal(mixture.covariances.to_dense(), [first, first])
    assert model.n_parameters_ == 6 * 4 + 10 + 5
    assert model.log_likelihood_ > MixtureClassifier(covariance_type="tied").fit(X, y).log_likelihood_


def test_a_dict_gives_each_class_its_number_of_components():
    names = np.array(["a", "b", "c"])[y]
    model = MixtureClassifier({"a": 1, "b": 2, "c": 1}, covariance_type="diag", random_state=0).fit(X, names)
    assert [mixture.n_components for mixture in model.mixtures_] == [1, 2, 1]
    assert set(model.predict(X)) == {"a", "b", "c"}


def test_given_priors_are_kept_and_not_counted():
    free, given = MixtureClassifier().fit(X, y), MixtureClassifier(priors=[0.2, 0.3, 0.5]).fit(X, y)
    np.testing.assert_allclose(given.priors_, [0.2, 0.3, 0.5])
    assert given.n_parameters_ == free.n_parameters_ - 2
    np.testing.assert_allclose(given.mixtures_[1].means, free.mixtures_[1].means, rtol=1e-12)


def test_weights_count_rows():
    times = np.arange(150) % 3
    weighted = MixtureClassifier(covariance_type="VEV").fit(X, y, sample_weight=times)
    repeated = MixtureClassifier(covariance_type="VEV").fit(np.repeat(X, times, 0), np.repeat(y, times))
    np.testing.assert_allclose(weighted.predict_log_joint(X), repeated.predict_log_joint(X), rtol=1e-9)
    assert weighted.bic_ == pytest.approx(repeated.bic_)


def test_rescaled_features_give_the_same_probabilities():
    scale = np.array([1e-3, 1.0, 1e4, 7.0])
    one, other = (MixtureClassifier(covariance_type="EEE").fit(rows, y) for rows in (X, X * scale))
    np.testing.assert_allclose(one.predict_proba(X), other.predict_proba(X * scale), atol=1e-9)


def test_far_away_rows_have_finite_log_probabilities():
    model = MixtureClassifier().fit(X, y)
    far = model.predict_log_proba(X[:1] + 1e4)
    assert np.isfinite(far).all()
    assert logsumexp(far) == pytest.approx(0.0, abs=1e-9)


def test_missing_values_are_left_out():
    rows = X.copy()
    rows[::3, 1] = np.nan
    model = MixtureClassifier(covariance_type="VVI", reg_covar=0.0).fit(rows, y)
    kept = rows[(y == 0) & ~np.isnan(rows[:, 1]), 1]  # features that are independent, given the class
    assert model.mixtures_[0].means[0, 1] == pytest.approx(kept.mean(), rel=1e-4)
    assert model.score(rows, y) > 0.93


def test_samples_come_from_the_classes():
    model = MixtureClassifier(priors=[0.1, 0.2, 0.7], random_state=0).fit(X, y)
    rows, labels = model.sample(2000)
    assert rows.shape == (2000, 4)
    np.testing.assert_allclose(np.bincount(labels) / 2000, model.priors_, atol=0.05)
    np.testing.assert_allclose(rows[labels == 2].mean(0), X[y == 2].mean(0), atol=0.15)


def test_pickled_classifier_predicts_the_same():
    model = MixtureClassifier(covariance_type="tied").fit(X, y)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).predict_proba(X), model.predict_proba(X))


@pytest.mark.filterwarnings("ignore:class 1 has 2:gaussmix.errors.DegenerateWarning")
def test_a_class_of_two_rows_is_said_to_be_singular():
    with pytest.warns(DegenerateWarning, match="class 1 has a covariance that is singular but for reg_covar"):
        MixtureClassifier().fit(X[:52], y[:52])


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"priors": [0.5, 0.5]}, "one value for each of 3 classes"),
        ({"priors": [0.5, 0.5, 0.5]}, "sum to 1"),
        ({"n_components": {0: 1, 1: 2}}, r"one number for each class in y, \[0, 1, 2\]"),
        ({"n_components": {0: 1, 1: 2, 2: [1, 2]}}, "single number"),
        ({"n_components": [1, 0]}, "positive integer"),
        ({"covariance_type": ["VVV", "XYZ"]}, "XYZ"),
        (
            {"covariance_type": ["EEE", "VVV"], "criterion": "error", "cv": 51},
            "rows of each class, but class 0",
        ),
    ],
)
def test_wrong_parameters_are_named(parameters, message):
    with pytest.raises(ParameterError, match=message):
        MixtureClassifier(**parameters).fit(X, y)


@pytest.mark.parametrize(
    ("labels", "weight", "message"),
    [
        (None, None, "requires y to be passed"),
        (y[:-1], None, "X has 150 rows, y 149"),
        (y, (y > 0).astype(float), "all rows of class 0 have weight 0"),
    ],
)
def test_wrong_labels_are_refused_and_nothing_is_changed(labels, weight, message):
    model = MixtureClassifier()
    with pytest.raises(DataError, match=message):
        model.fit(X, labels, weight)
    assert not hasattr(model, "n_features_in_")


def test_more_components_than_rows_of_a_class():
    with pytest.raises(DataError, match=r"class 1 has 5 row\(s\), too few for 6 components"):
        MixtureClassifier(6).fit(X[:55], y[:55])
