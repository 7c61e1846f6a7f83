"""``truncation``: many components, of which few are considered for each row."""

from __future__ import annotations

import numpy as np
import pytest

from gaussmix import GaussianMixture
from gaussmix.errors import DegenerateWarning, ParameterError

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def rows(n=4000):
    rng = np.random.default_rng(0)
    return rng.uniform(-10, 10, (80, 2))[rng.integers(0, 80, n)] + 0.3 * rng.standard_normal((n, 2))


def make(**options):
    settings = {"truncation": 24, "covariance_type": "diag", "random_state": 0, "max_iter": 5, "tol": 0.0}
    return GaussianMixture(256, **{**settings, **options})


def test_the_last_bound_is_the_likelihood_of_the_model_before_the_last_step():
    X = rows()
    model = make().fit(X)
    assert model.n_iter_ == len(model.lower_bounds_) == 5
    assert model.lower_bound_ == model.lower_bounds_[-1]
    assert model.score(X) >= model.lower_bound_ > max(model.lower_bounds_[:-1])


def test_threads_do_not_change_the_fit():
    X = rows()
    one, two = (make(n_jobs=n).fit(X) for n in (1, 2))
    assert np.array_equal(one.means_, two.means_)
    assert one.lower_bounds_ == two.lower_bounds_


@pytest.mark.parametrize(
    "options",
    [{"init_params": "random_from_data"}, {"n_init": 2}, {"covariance_type": "full"}, {"max_iter": 0}],
)
def test_other_parameters_go_together_with_it(options):
    model = make(**options).fit(rows())
    assert model.means_.shape == (256, 2)
    assert np.isfinite(model.score(rows()))


def test_a_warm_start_goes_on():
    X = rows()
    model = make(warm_start=True).fit(X)
    before = model.lower_bound_
    assert model.fit(X).lower_bound_ > before


def test_given_means_are_where_it_starts():
    X = rows()
    model = make(means_init=X[:256], max_iter=2).fit(X)
    assert (
        np.square(model.means_ - X[:256]).sum(axis=1).mean()
        < np.square(X - X.mean(axis=0)).sum(axis=1).mean()
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_components": 255}, "at least 256 components"),
        ({"truncation": 256}, "would leave nothing out"),
        ({"truncation": 3}, "at least 4"),
        ({"covariance_type": "VVE"}, "covariance_type='VVE'"),
        ({"assignment": "hard"}, "assignment='hard'"),
        ({"background": "uniform"}, "background='uniform'"),
        ({"on_degenerate": "drop"}, "on_degenerate='drop'"),
        ({"init_params": "random"}, "init_params='random'"),
    ],
)
def test_what_it_cannot_do_is_refused_in_a_sentence(options, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ParameterError, match=message):
        make().set_params(**options).fit(rows(300))


def test_missing_values_are_refused():
    X = rows(300)
    X[0, 0] = np.nan
    with pytest.raises(ParameterError, match="missing values"):
        make().fit(X)


@pytest.mark.parametrize("n_distinct", [1, 8])
def test_few_distinct_rows_end_with_warnings(n_distinct):
    X = np.repeat(rows(n_distinct), 300, axis=0)
    with pytest.warns(DegenerateWarning):
        model = make().fit(X)
    assert np.isfinite(model.score(X))


def test_each_of_few_distinct_rows_has_components_of_its_own():
    X = np.repeat(rows(20), 300, axis=0)
    one_each = GaussianMixture(20, covariance_type="diag", means_init=rows(20), max_iter=5).fit(X)
    assert make().fit(X).score(X) == pytest.approx(one_each.score(X), abs=1e-6)


@pytest.mark.parametrize("n_positive", [1, 10])
def test_few_rows_of_positive_weight_end_with_warnings(n_positive):
    X, weight = rows(), np.zeros(4000)
    weight[:n_positive] = 1.0
    with pytest.warns(DegenerateWarning):
        model = make().fit(X, sample_weight=weight)
    assert np.isfinite(model.score(X, sample_weight=weight))
