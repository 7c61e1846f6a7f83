"""The detector: thresholds, p-values, what is held out, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import betabinom, chi2
from sklearn.base import clone

from gaussmix import GaussianMixture, MixtureOutlierDetector
from gaussmix.errors import DataError, ParameterError


def rows(n=200, D=2, seed=0):
    return np.random.default_rng(seed).normal(size=(n, D))


def test_score_is_the_log_density_and_the_decision_its_distance_from_the_threshold():
    X = rows()
    detector = MixtureOutlierDetector(1, random_state=0).fit(X)
    np.testing.assert_array_equal(detector.score_samples(X), detector.mixture_.log_prob(X))
    np.testing.assert_array_equal(detector.decision_function(X), detector.score_samples(X) - detector.offset_)
    np.testing.assert_array_equal(detector.predict(X) == 1, detector.decision_function(X) >= 0)


def test_one_component_is_the_estimators_own_fit():
    X = rows()
    detector = MixtureOutlierDetector(1, covariance_type="full", reg_covar=1e-6).fit(X)
    np.testing.assert_allclose(detector.mixture_.means, GaussianMixture(1).fit(X).means_, rtol=1e-12)
    assert (detector.n_components_, detector.covariance_type_) == (1, "full")


@pytest.mark.parametrize("contamination", [0.05, 0.1, 0.5])
def test_contamination_is_the_share_of_training_rows_that_are_outliers(contamination):
    X = rows()
    detector = MixtureOutlierDetector(2, contamination=contamination, random_state=0)
    assert (detector.fit_predict(X) == -1).sum() == contamination * len(X)


def test_automatic_threshold_leaves_a_hundredth_of_the_model_below():
    detector = MixtureOutlierDetector(1).fit(rows())
    peak = detector.score_samples(detector.mixture_.means)[0]
    assert chi2.sf(2 * (peak - detector.offset_), 2) == pytest.approx(0.01, rel=1e-9)
    several = MixtureOutlierDetector(3, random_state=0).fit(rows())
    drawn, _ = several.mixture_.sample(20_000, np.random.default_rng(1))
    assert abs((several.predict(drawn) == -1).mean() - 0.01) < 5 * np.sqrt(0.01 * 0.99 / 20_000)


def test_outliers_that_lie_together_are_trimmed():
    X = np.concatenate([rows(180), rows(20, seed=1) / 10 + 6])
    plain, told = (
        MixtureOutlierDetector(contamination=share, random_state=0).fit(X) for share in ("auto", 0.1)
    )
    assert (told.predict(X) == np.repeat([1, -1], [180, 20])).all()
    assert (plain.predict(X[180:]) == 1).any()  # without being told, it takes them for a group of their own


def test_false_alarm_rate_is_the_level_of_the_p_value():
    detector = MixtureOutlierDetector(1, false_alarm_rate=0.1, random_state=0).fit(rows())
    new = rows(500, seed=1)
    assert detector.n_calibration_ == 50
    np.testing.assert_array_equal(detector.predict(new) == -1, detector.p_values(new) <= 0.1)


def test_held_out_rows_are_ranked_and_not_fitted():
    X = rows()
    detector = MixtureOutlierDetector(2, calibration=0.25, random_state=0).fit(X)
    order = np.random.default_rng(0)
    order.integers(2**31)  # the seed of the fit is drawn first
    held_out = np.sort(order.permutation(200)[:50])
    ranks = np.sort(detector.p_values(X[held_out])) * 51
    np.testing.assert_allclose(ranks, np.arange(2, 52))  # each row counts itself, and one more
    changed = X.copy()
    changed[held_out] = 3 + 7 * changed[held_out]
    again = clone(detector).fit(changed)
    np.testing.assert_array_equal(again.mixture_.means, detector.mixture_.means)


def test_false_alarms_are_as_rare_as_stated():
    """Over 40 sets of 60 rows that no Gaussian describes, 20 of them for calibration: rows of a cubed normal."""
    alarms = 0
    for seed in range(40):
        X = rows(100, 2, seed) ** 3
        detector = MixtureOutlierDetector(1, calibration=1 / 3, random_state=seed).fit(X[:60])
        alarms += (detector.p_values(X[60:]) <= 2 / 21).sum()
    one = betabinom(40, 2, 19)
    assert abs(alarms - 40 * one.mean()) < 4 * one.std() * np.sqrt(40)


def test_folds_serve_all_rows():
    X = rows()
    detector = MixtureOutlierDetector(1, calibration=4, random_state=0).fit(X)
    assert detector.n_calibration_ == 200
    whole = MixtureOutlierDetector(1, random_state=0).fit(X)
    np.testing.assert_array_equal(detector.mixture_.means, whole.mixture_.means)
    assert abs((detector.p_values(rows(1000, seed=1)) <= 0.1).mean() - 0.1) < 0.05


def test_calibrate_takes_other_rows():
    detector = MixtureOutlierDetector(1, false_alarm_rate=0.1, random_state=0).fit(rows())
    other = rows(99, seed=1)
    scores = np.sort(detector.calibrate(other).score_samples(other))
    assert (detector.n_calibration_, detector.offset_) == (99, scores[9])


def test_model_p_values_of_one_component_are_exact_and_others_are_near():
    X = rows()
    detector = MixtureOutlierDetector(1).fit(X)
    mixture = detector.mixture_
    standard = (X - mixture.means[0]) @ np.linalg.cholesky(np.linalg.inv(mixture.covariances.to_dense()[0]))
    exact = chi2.sf(np.square(standard).sum(axis=1), 2)
    np.testing.assert_allclose(detector.p_values(X, "model"), exact, rtol=1e-9)
    twice = MixtureOutlierDetector(2, random_state=0).fit(X)
    drawn, _ = twice.mixture_.sample(5000, np.random.default_rng(1))
    below = (twice.p_values(drawn, "model", n_draws=20_000) <= 0.3).mean()
    assert abs(below - 0.3) < 5 * np.sqrt(0.3 * 0.7 * (1 / 5000 + 1 / 20_000))


def test_rows_of_no_weight_are_not_used():
    X = rows()
    weight = np.r_[np.ones(150), np.zeros(50)]
    one = MixtureOutlierDetector(1, contamination=0.1, calibration=0.5, random_state=0)
    detector = one.fit(np.r_[X[:150], X[150:] + 50], sample_weight=weight)
    assert detector.n_calibration_ == 75
    assert (detector.predict(X[:150]) == -1).sum() == 15


def test_rescaled_features_give_the_same_outliers():
    X = rows() @ [[1.0, 0.5], [0.0, 1.0]]
    one, other = (
        MixtureOutlierDetector(contamination=0.1, random_state=0).fit_predict(X * scale)
        for scale in (1.0, np.array([1e-6, 1e5]))
    )
    np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    ("parameters", "sentence"),
    [
        ({"contamination": 0.6}, "contamination"),
        ({"contamination": 0.0}, "contamination"),
        ({"contamination": 0.1, "false_alarm_rate": 0.1}, "exclude each other"),
        ({"false_alarm_rate": 0.001}, "at least 999 calibration rows, but there are 50"),
        ({"calibration": 0.001}, "cannot divide 200 rows"),
        ({"calibration": 1}, "calibration"),
        ({"calibration": 0.999}, "cannot divide 200 rows"),
    ],
)
def test_parameters_that_are_refused(parameters, sentence):
    detector = MixtureOutlierDetector(1, **parameters)
    with pytest.raises(ValueError, match=sentence):
        detector.fit(rows())
    assert not hasattr(detector, "mixture_")
    assert not hasattr(detector, "n_features_in_")


def test_p_values_that_are_refused():
    detector = MixtureOutlierDetector(1, random_state=0).fit(rows())
    with pytest.raises(ParameterError, match="held out of the fit"):
        detector.p_values(rows())
    with pytest.raises(ParameterError, match="'conformal' or 'model'"):
        detector.p_values(rows(), "exact")
    with pytest.raises(ParameterError, match="n_draws"):
        detector.p_values(rows(), "model", n_draws=0)
    detector.calibrate(rows(50, seed=1))
    with pytest.raises(ParameterError, match="at least 99 calibration rows, but there are 50"):
        detector.p_values(rows(), level=0.01)


def test_missing_values_are_named():
    X = rows()
    X[3, 1] = np.nan
    with pytest.raises(DataError, match="row 3"):
        MixtureOutlierDetector().fit(X)


def test_files_and_names(tmp_path):
    X = rows()
    path = tmp_path / "people.csv"
    path.write_text("height,weight\n" + "".join(f"{a!r},{b!r}\n" for a, b in X.tolist()))
    detector = MixtureOutlierDetector(1, false_alarm_rate=0.1, random_state=0).fit(path)
    assert list(detector.feature_names_in_) == ["height", "weight"]
    np.testing.assert_array_equal(detector.predict(path), clone(detector).fit(X).predict(X))
