from __future__ import annotations

import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from gaussmix import GaussianMixture
from gaussmix.errors import DataError, DataTypeError, ParameterError
from gaussmix.prior import Dirichlet, NormalWishart

from ..mixtures import REPRESENTATIVES, make_mixture, make_rows

# A few hundred rows may be too few for a component.
pytestmark = pytest.mark.filterwarnings("ignore::gaussmix.errors.DegenerateWarning")


def model(K=3, **options):
    return GaussianMixture(K, **{"random_state": 0, "effort": "low"} | options)


def learnt(estimator, X, size, weight=None):
    for start in range(0, len(X), size):
        part = slice(start, start + size)
        estimator.partial_fit(X[part], sample_weight=None if weight is None else weight[part])
    return estimator


def rows(n=3000, K=3, D=2, seed=0, name="full", spread=3.0):
    X, _ = make_mixture(name, K, D, seed, spread).sample(n, np.random.default_rng(seed))
    return np.random.default_rng(seed).permutation(X)


@pytest.fixture
def few_kept(monkeypatch):
    monkeypatch.setattr("gaussmix.estimator.batch._KEPT", 500)
    monkeypatch.setattr("gaussmix.estimator.batch._KEPT_PER_PARAMETER", 0)


@pytest.mark.parametrize("name", [*REPRESENTATIVES, "VEI", "VVE"])
def test_one_epoch_ends_near_the_fit(name, few_kept):
    X = rows(20_000, name=name)
    stream = learnt(model(covariance_type=name), X, 200)
    assert stream.score(X) > model(covariance_type=name).fit(X).score(X) - 5e-3
    assert (stream.n_samples_seen_, stream.converged_) == (20_000, False)
    assert stream._seen.rows is None


@pytest.mark.slow
@pytest.mark.parametrize(("D", "K"), [(4, 5), (8, 8)])
@pytest.mark.parametrize("spread", [0.8, 1.5, 3.0])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_two_hundred_batches_end_within_a_hundredth_of_the_fit(D, K, spread, seed):
    X = rows(100_000, K, D, seed, spread=spread)
    stream = learnt(GaussianMixture(K, random_state=0), X, 500)
    assert stream.score(X) > GaussianMixture(K, random_state=0).fit(X).score(X) - 0.01


def test_rows_that_are_kept_are_fitted_as_fit_does():
    X = rows(300)
    stream = model().partial_fit(X)
    whole = model().fit(X)
    np.testing.assert_array_equal(stream.means_, whole.means_)
    assert stream.converged_
    assert stream.n_iter_ == whole.n_iter_
    assert set(vars(whole)) <= set(vars(stream)) | {"_rows_of_fit"}


def test_before_enough_rows_nothing_is_fitted():
    X = rows(100)
    stream = model().partial_fit(X[:1])
    learnt(stream, X[1:29], 10)
    need = "not fitted yet: partial_fit has seen 29 rows, and 3 components of 2 features need 30"
    for method in (stream.predict, stream.score, stream.impute, stream.diagnose, stream.bic):
        with pytest.raises(NotFittedError, match=need):
            method(X)
    with pytest.raises(NotFittedError, match="Call 'fit' with"):
        clone(stream).predict(X)
    assert stream.n_samples_seen_ == 29
    np.testing.assert_array_equal(stream.partial_fit(X[29:30]).means_, model().fit(X[:30]).means_)


def test_the_kept_rows_are_fitted_anew_when_there_are_four_times_as_many():
    X = rows(400)
    stream = learnt(model(), X[:300], 100)
    assert stream.n_iter_ > 2
    np.testing.assert_array_equal(stream.partial_fit(X[300:]).means_, model().fit(X).means_)


def test_it_goes_on_from_a_fit_as_if_that_were_rows():
    X = rows(4000)
    fitted = model().fit(X[:3000])
    before = fitted.means_
    fitted.partial_fit(X[3000:])
    assert fitted.n_samples_seen_ == 4000
    assert 0 < np.abs(fitted.means_ - before).max() < 0.1
    whole = model().fit(X)
    assert fitted.score(X) > whole.score(X) - 1e-3


def test_a_fit_in_between_begins_anew(few_kept):
    X = rows(2000)
    stream = learnt(model(), X, 200).fit(X[:500])
    other = model().fit(X[:500])
    np.testing.assert_array_equal(stream.partial_fit(X[:100]).means_, other.partial_fit(X[:100]).means_)


def test_means_follow_a_drift_with_a_half_life():
    rng = np.random.default_rng(0)
    streams = [model(2, half_life=half_life) for half_life in (400.0, None)]
    for step in range(100):
        X = rng.normal(size=(100, 1)) + np.where(rng.random((100, 1)) < 0.5, -8, 8) + 0.1 * step
        for stream in streams:
            stream.partial_fit(X)
    ends = [stream.means_.mean() for stream in streams]
    assert 9.0 < ends[0] < 9.9
    assert ends[1] < 7.5


def test_the_bound_is_of_rows_before_they_were_learnt(few_kept):
    X, half_life = rows(), 500.0
    stream = learnt(model(half_life=half_life), X[:2000], 200)
    before, weight, bound = stream.mixture_, stream._seen.stream.weight, stream.lower_bound_
    batch = X[2000:2100]
    kept = 0.5 ** (100 / half_life) * weight
    mean = (kept * bound + before.log_prob(batch).sum()) / (kept + 100)
    assert stream.partial_fit(batch).lower_bound_ == pytest.approx(mean, rel=1e-12)


def test_a_long_batch_is_taken_in_several_steps(few_kept):
    X = rows(20_000)
    stream = model().partial_fit(X)
    assert stream.n_iter_ > 20
    assert stream.score(X) > model().fit(X).score(X) - 5e-3


@pytest.mark.parametrize("n_jobs", [1, 2, 3])
def test_the_same_bits_for_every_number_of_threads(n_jobs, few_kept):
    X = rows(6000)
    one, other = (learnt(model(n_jobs=jobs), X, 1500) for jobs in (1, n_jobs))
    np.testing.assert_array_equal(one.means_, other.means_)
    np.testing.assert_array_equal(one.covariances_, other.covariances_)


def test_weights_of_two_are_rows_seen_twice(few_kept):
    X = rows(4000)
    weighted = learnt(model(), X, 100, np.full(4000, 2.0))
    np.testing.assert_allclose(weighted.means_, learnt(model(), X, 100).means_, atol=1e-6)


def test_rows_of_no_weight_are_not_there(few_kept):
    X = rows(3000)
    weight = np.tile([1.0, 1.0, 0.0], 1000)
    spoilt = np.where(weight[:, None] > 0, X, 1e3)
    stream = learnt(model(), spoilt, 150, weight)
    assert np.abs(stream.means_).max() < 20


def test_rescaled_features_give_the_rescaled_fit(few_kept):
    X = rows(4000)
    scale = np.array([1e-100, 1e100])
    one, other = learnt(model(), X, 200), learnt(model(), X * scale, 200)
    np.testing.assert_allclose(other.means_ / scale, one.means_, rtol=1e-6)


def test_reg_covar_counts_in_variances_seen_so_far(few_kept):
    X = rows(4000)
    stream = learnt(model(reg_covar=0.1), X, 200)
    np.testing.assert_allclose(stream.mixture_.prior.added_variance, 0.1 * X.var(axis=0), rtol=0.1)


def test_float32_rows_are_kept_and_learnt_as_such(few_kept):
    X = rows(3000)
    one, other = learnt(model(), X.astype(np.float32), 400), learnt(model(), X, 400)
    np.testing.assert_allclose(one.means_, other.means_, atol=1e-3)


@pytest.mark.parametrize("prior", [NormalWishart(), Dirichlet(2.0)])
def test_a_prior_is_believed(prior, few_kept):
    X = rows(3000)
    stream = learnt(model(prior=prior), X, 200)
    assert stream.score(X) > model(prior=prior).fit(X).score(X) - 0.01


@pytest.mark.parametrize("policy", ["floor", "drop", "restart"])
def test_components_that_collapse_are_treated(policy, few_kept):
    X = np.concatenate([rows(3000), np.full((1000, 2), 50.0)])
    stream = learnt(model(4, on_degenerate=policy, reg_covar=0.0), X, 250)
    assert np.isfinite(stream.score(X[:3000]))
    assert len(stream.weights_) == 4 or policy == "drop"


def unchanged(stream, act, error, match):
    before = dict(vars(stream))
    with pytest.raises(error, match=match):
        act(stream)
    assert vars(stream).keys() == before.keys()
    assert all(vars(stream)[name] is value for name, value in before.items())


@pytest.mark.parametrize("kept", [500, 20_000])
def test_a_batch_that_cannot_be_used_changes_nothing(kept, monkeypatch):
    monkeypatch.setattr("gaussmix.estimator.batch._KEPT", kept)
    monkeypatch.setattr("gaussmix.estimator.batch._KEPT_PER_PARAMETER", 0)
    X = rows(1000)
    stream = learnt(model(), X, 300)
    hole = X.copy()
    hole[7, 1] = np.nan
    unchanged(stream, lambda s: s.partial_fit(X[:, :1]), ValueError, "X has 1 features, but GaussianMixture")
    unchanged(stream, lambda s: s.partial_fit(hole), ValueError, "row 7")
    unchanged(stream, lambda s: s.partial_fit(X, sample_weight=[1.0]), ValueError, "sample_weight|weights")
    unchanged(stream, lambda s: s.partial_fit(np.empty((0, 2))), ValueError, "0 sample|0 rows")
    unchanged(stream, lambda s: s.partial_fit("no"), (DataError, DataTypeError, OSError), "no")


def test_rows_beyond_all_range_change_nothing(few_kept):
    stream = learnt(model(), rows(2000), 200)
    unchanged(stream, lambda s: s.partial_fit(np.full((5, 2), 1e200)), DataError, "drop or rescale")


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"background": "uniform"}, "without background"),
        ({"frozen": "means", "means_init": np.zeros((3, 2))}, "without frozen"),
        ({"init_params": np.zeros(100, int)}, "init_params"),
    ],
)
def test_what_a_stream_does_not_take_is_refused(options, match):
    with pytest.raises(ParameterError, match=match):
        model(**options).partial_fit(rows(100))


def test_other_components_than_before_are_refused():
    X = rows(100)
    stream = model().partial_fit(X)
    with pytest.raises(ParameterError, match="use a clone"):
        stream.set_params(n_components=2).partial_fit(X)
    with pytest.raises(ParameterError, match="use a clone"):
        stream.set_params(n_components=3, covariance_type="diag").partial_fit(X)


def test_factors_of_many_features_are_refused():
    X, _ = make_rows(50)
    with pytest.raises(ParameterError, match="no partial_fit"):
        model(2, covariance_type="mfa").partial_fit(np.tile(X, (1, 70)))


def test_a_stream_is_pickled_and_goes_on(few_kept):
    X = rows(3000)
    stream = learnt(model(), X[:2000], 250)
    again = pickle.loads(pickle.dumps(stream))
    np.testing.assert_array_equal(learnt(again, X[2000:], 250).means_, learnt(stream, X[2000:], 250).means_)
    assert not hasattr(clone(stream), "_seen")


def test_the_methods_of_a_fit_are_there(few_kept):
    X = rows(2000)
    stream = learnt(model(), X, 400)
    assert stream.predict(X).shape == (2000,)
    assert np.isfinite(stream.bic(X))
    assert stream.lower_bound_ == pytest.approx(stream.score(X), abs=0.05)
    assert str(stream.diagnosis_)


def test_rows_that_are_kept_one_by_one_are_copied_few_times():
    X = rows(200)
    stream = learnt(model(), X, 1)
    assert stream._seen.n_kept == 200
    assert len(stream._seen.rows) <= 8
    whole = np.concatenate([part.take(np.arange(part.n_rows)) for part in stream._seen.rows])
    np.testing.assert_array_equal(whole, X)


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
@pytest.mark.parametrize("K", [2, 6])
def test_another_number_of_components_is_refused(method, K):
    X = rows(300)
    stream = getattr(model(on_degenerate="drop"), method)(X).set_params(n_components=K)
    with pytest.raises(ParameterError, match="components"):
        stream.partial_fit(X)
    assert stream.set_params(n_components=3).partial_fit(X).n_samples_seen_ == 600


def test_components_that_were_dropped_are_no_obstacle():
    X = rows(300)
    stream = model(on_degenerate="drop").fit(X)
    stream.mixture_ = stream.mixture_.select([0, 1])
    assert len(stream.partial_fit(X).weights_) == 2


def test_a_checkpoint_is_refused(tmp_path):
    with pytest.raises(ParameterError, match="goes without checkpoint: set checkpoint=None"):
        model(checkpoint=str(tmp_path / "stream")).partial_fit(rows(300))


def test_a_half_life_of_fewer_rows_than_components_need_is_refused():
    with pytest.raises(
        ParameterError, match="half_life=1 leaves fewer rows than 3 components need: set it to 30"
    ):
        learnt(model(half_life=1), rows(), 500)
