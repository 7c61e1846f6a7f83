"""``StudentTMixture``: robust where a Gaussian mixture is not, and as careful with its input."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gaussmix import GaussianMixture, StudentTMixture
from gaussmix.errors import DegenerateWarning
from gaussmix.model import StudentMixture
from tests.estimator.conftest import three_blobs


def nearest_shift(means: Any, centres: Any) -> float:
    """Return the largest distance of a centre from the nearest mean."""
    return float(np.linalg.norm(centres[:, None] - means[None], axis=2).min(axis=1).max())


def contaminated(scale: float, seed: int = 0) -> tuple[Any, Any]:
    """Return rows of two groups, and the same with a tenth of outliers."""
    rng = np.random.default_rng(seed)
    clean = np.concatenate([rng.normal(size=(450, 2)), np.array([9.0, 0.0]) + rng.normal(size=(450, 2))])
    return clean, np.concatenate([clean, scale * rng.uniform(-1, 1, (100, 2)) + [0.0, 2 * scale]])


@pytest.mark.filterwarnings("ignore::gaussmix.errors.DegenerateWarning")
@pytest.mark.parametrize("scale", [50.0, 1e4])
def test_gross_outliers_move_the_means_less_than_a_tenth_of_what_they_move_a_gaussians(scale: float) -> None:
    clean, dirty = contaminated(scale)
    centres = GaussianMixture(2, random_state=0).fit(clean).means_
    gaussian = nearest_shift(GaussianMixture(2, random_state=0).fit(dirty).means_, centres)
    student = StudentTMixture(2, random_state=0).fit(dirty)
    assert nearest_shift(student.means_, centres) < 0.1 * gaussian


def test_one_component_is_a_robust_location_and_scatter() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(1000, 3)) * [1.0, 10.0, 0.1] + 5
    X[:100] += 1e3
    model = StudentTMixture(degrees_of_freedom=3.0).fit(X)
    np.testing.assert_allclose((model.means_[0] - 5) / [1.0, 10.0, 0.1], 0, atol=0.2)
    assert model.outlyingness(X)[:100].min() > model.outlyingness(X)[100:].max()


@pytest.mark.slow
def test_parameters_are_recovered_within_three_standard_errors() -> None:
    truth = StudentMixture.from_parameters(
        [0.6, 0.4],
        [[0.0, 0.0], [8.0, 4.0]],
        [[[1.0, 0.3], [0.3, 1.0]], [[2.0, 0.0], [0.0, 0.5]]],
        [3.0, 10.0],
    )
    fits = []
    for seed in range(12):
        X, _ = truth.sample(20_000, seed)
        fitted = StudentTMixture(2, random_state=0, init_params="kmeans").fit(X).mixture_
        fits.append(fitted.select(np.argsort(fitted.means[:, 0])))
    for get in (
        lambda m: m.degrees_of_freedom,
        lambda m: m.means,
        lambda m: m.weights,
        lambda m: m.covariances.to_dense(),
    ):
        values = np.array([get(fit) for fit in fits])
        error = values.std(axis=0, ddof=1) + 1e-12
        assert (np.abs(values[0] - get(truth)) < 3 * error).all()
        assert (np.abs(values.mean(axis=0) - get(truth)) < 4 * error / np.sqrt(len(fits))).all()


def test_a_mixture_of_t_distributions_is_found_again() -> None:
    truth = StudentMixture.from_parameters([0.5, 0.5], [[0.0], [9.0]], np.ones((2, 1, 1)), 3.0)
    X, labels = truth.sample(4000, 0)
    model = StudentTMixture(2, degrees_of_freedom="shared", random_state=0, effort="low").fit(X)
    assert model.score(X) >= truth.log_prob(X).mean()
    assert 2.3 < model.degrees_of_freedom_[0] == model.degrees_of_freedom_[1] < 4.0
    agree = (model.predict(X) == labels).mean()
    assert max(agree, 1 - agree) > 0.97


@pytest.mark.parametrize("scale", [1e-100, 1e100])
def test_rescaled_rows_give_the_rescaled_fit(scale: float) -> None:
    X = three_blobs(300)
    one = StudentTMixture(3, random_state=0, effort="low").fit(X)
    other = StudentTMixture(3, random_state=0, effort="low").fit(scale * X)
    np.testing.assert_allclose(other.means_ / scale, one.means_, rtol=1e-6)
    np.testing.assert_allclose(other.degrees_of_freedom_, one.degrees_of_freedom_, rtol=1e-4)


def test_the_result_does_not_depend_on_the_number_of_threads() -> None:
    X = three_blobs(5000)
    one, two = (StudentTMixture(3, random_state=0, effort="low", n_jobs=n).fit(X) for n in (1, 2))
    np.testing.assert_array_equal(one.means_, two.means_)
    np.testing.assert_array_equal(one.degrees_of_freedom_, two.degrees_of_freedom_)


def test_criteria_count_the_degrees_of_freedom() -> None:
    X = three_blobs(300)
    fits = [StudentTMixture(degrees_of_freedom=rule).fit(X) for rule in ("component", 5.0)]
    free, fixed = (fit.aic(X) + 2 * 300 * fit.score(X) for fit in fits)
    assert free - fixed == pytest.approx(2.0)
    assert fits[0].bic(X) == pytest.approx(-600 * fits[0].score(X) + 10 * np.log(300))


def test_draws_and_probabilities() -> None:
    X = three_blobs(300)
    model = StudentTMixture(3, random_state=0, effort="low").fit(X)
    rows, labels = model.sample(50)
    assert rows.shape == (50, 3)
    assert (np.diff(labels) >= 0).all()
    np.testing.assert_allclose(model.predict_proba(X).sum(axis=1), 1)
    np.testing.assert_array_equal(model.predict_proba(X).argmax(axis=1), model.predict(X))
    assert model.score_samples(X).mean() == pytest.approx(model.score(X))


def test_labels_start_where_they_say() -> None:
    X = three_blobs(300)
    model = StudentTMixture(3, init_params=np.arange(300) % 3).fit(X)
    assert (model.predict(X) == np.arange(300) % 3).mean() > 0.9


@pytest.mark.parametrize("degrees", [0.0, -2.0, np.inf, np.nan, True])
def test_degrees_of_freedom_out_of_range_are_refused(degrees: Any) -> None:
    with pytest.raises(
        ValueError, match="degrees_of_freedom should be 'component', 'shared' or a positive finite"
    ):
        StudentTMixture(degrees_of_freedom=degrees).fit(three_blobs(30))


def test_rows_with_missing_values_are_refused_by_name() -> None:
    X = three_blobs(30)
    X[4, 1] = np.nan
    with pytest.raises(ValueError, match="row 4"):
        StudentTMixture().fit(X)


def test_tails_without_limit_are_warned_of() -> None:
    rng = np.random.default_rng(0)
    X = rng.choice([-1.0, 1.0], (300, 1)) * 10 ** rng.uniform(-50, 50, (300, 1))
    with pytest.warns(DegenerateWarning, match="stopped at 0.2"):
        model = StudentTMixture().fit(X)
    assert model.mixture_.degrees_at_bound.all()
