from __future__ import annotations

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning, NotFittedError

from gaussmix import GaussianMixture
from gaussmix.errors import DataError, ParameterError

from ..mixtures import REPRESENTATIVES, make_rows

X, _ = make_rows(300, K=2)


def fitted(rows=X, weight=None, y=None, **options):
    options = {"n_components": 2, "random_state": 0, "tol": 1e-9, **options}
    return GaussianMixture(**options).fit(rows, y, sample_weight=weight)


@pytest.mark.parametrize("method", ["information", "bootstrap"])
@pytest.mark.parametrize("name", REPRESENTATIVES)
def test_errors_have_the_shapes_of_the_attributes(name, method):
    model = fitted(covariance_type=name)
    found = model.uncertainty(X, method, n_resamples=5)
    assert found.weights_error.shape == model.weights_.shape
    assert found.means_error.shape == model.means_.shape
    assert found.covariances_error.shape == model.covariances_.shape
    assert (found.standard_errors > 0).all()


@pytest.mark.parametrize("kind", ["observed", "outer", "sandwich"])
def test_errors_do_not_depend_on_units(kind):
    units = np.array([1e-60, 1e70])
    one = fitted().uncertainty(X, kind=kind)
    other = fitted(X * units).uncertainty(X * units, kind=kind)
    np.testing.assert_allclose(other.means_error, one.means_error * units, rtol=1e-6)
    np.testing.assert_allclose(other.weights_error, one.weights_error, rtol=1e-6)


def test_the_same_random_state_draws_the_same_refits():
    model = fitted()
    one, two = (model.uncertainty(X, "bootstrap", n_resamples=4) for _ in range(2))
    assert np.array_equal(one.draws, two.draws)
    other = fitted(random_state=1, n_jobs=1).uncertainty(X, "bootstrap", n_resamples=4)
    assert not np.array_equal(one.draws, other.draws)


def test_threads_do_not_change_anything():
    for method in ("information", "bootstrap"):
        one, two = (
            fitted(n_jobs=n_jobs).uncertainty(X, method, n_resamples=4).deviations for n_jobs in (1, 2)
        )
        assert np.array_equal(one, two)


def test_single_precision_rows_give_the_errors_of_double():
    one, other = fitted(), fitted(X.astype(np.float32))
    np.testing.assert_allclose(
        other.uncertainty(X.astype(np.float32)).standard_errors, one.uncertainty(X).standard_errors, rtol=1e-3
    )


@pytest.mark.parametrize("method", ["information", "bootstrap"])
def test_missing_values_make_errors_larger(method):
    holes = X.copy()
    holes[np.random.default_rng(0).random(len(X)) < 0.5, 0] = np.nan
    found, whole = (
        fitted(rows, n_components=1, tol=1e-10).uncertainty(rows, method, n_resamples=60).means_error[0]
        for rows in (holes, X)
    )
    assert found[0] > 1.15 * whole[0]
    assert found[1] == pytest.approx(whole[1], rel=0.3)


def test_known_components_make_errors_smaller():
    rows, labels = make_rows(300, K=2, seed=7)
    rows = rows * [1.0, 0.2]
    y = np.where(np.arange(300) % 2, labels, -1)
    with_labels = fitted(rows, y=y, tol=1e-10).uncertainty(rows, y=y)
    without = fitted(rows, tol=1e-10).uncertainty(rows)
    assert with_labels.weights_error[0] < without.weights_error[0]


def test_fixed_parameters_have_no_error():
    model = fitted(means_init=[[0, 0], [3, 3]], frozen={"means": [1]})
    for method in ("information", "bootstrap"):
        found = model.uncertainty(X, method, n_resamples=4)
        np.testing.assert_allclose(found.means_error[1], 0.0, atol=1e-15)
        assert (found.means_error[0] > 0).all()


def test_feature_names_stand_in_the_table():
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame(X, columns=["length", "width"])
    assert "length, width" in str(fitted(table).uncertainty(table))


def test_a_hard_fit_has_a_bootstrap_only():
    model = fitted(assignment="hard")
    with pytest.raises(ParameterError, match="assignment='hard'"):
        model.uncertainty(X)
    assert (model.uncertainty(X, "bootstrap", n_resamples=5).means_error > 0).all()


def test_a_fit_that_stopped_early_is_noticed():
    with pytest.warns(ConvergenceWarning):
        model = fitted(covariance_type="full", max_iter=1, init_params="random")
    with pytest.warns(ConvergenceWarning, match="not at a max"):
        model.uncertainty(X, kind="outer")


def test_what_cannot_be_used_is_refused():
    with pytest.raises(NotFittedError):
        GaussianMixture().uncertainty(X)
    model = fitted()
    with pytest.raises(ParameterError, match="method should be"):
        model.uncertainty(X, "jackknife")
    with pytest.raises(ValueError, match="3 features"):
        model.uncertainty(np.ones((4, 3)))
    with pytest.raises(DataError):
        model.uncertainty(X, sample_weight=np.ones(3))
