from __future__ import annotations

import pickle
from copy import copy, deepcopy
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone

from gaussmix import BayesianGaussianMixture, GaussianMixture, GaussianMixtureSearch, StudentTMixture
from gaussmix.errors import ExecutorError, ParameterError
from gaussmix.estimator.executors import executing
from gaussmix.executor import Serial, Threads
from gaussmix.source.blocks import block_rows

N, D, K = 40_000, 12, 12
# A few iterations are enough to tell bits apart.
QUICK: dict[str, Any] = {"init_params": "kmeans", "max_iter": 3, "random_state": 0}
ESTIMATORS: dict[str, Any] = {
    "gaussian": lambda **more: GaussianMixture(K, **QUICK, **more),
    "student": lambda **more: StudentTMixture(K, **QUICK, **more),
    "bayesian": lambda **more: BayesianGaussianMixture(K, **QUICK, **more),
    "search": lambda **more: GaussianMixtureSearch(
        [K - 1, K], covariance_type=["EEE", "VVI"], criterion=["bic", "cv"], cv=2, **QUICK, **more
    ),
}
not_converged = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


class Noted(Serial):
    """Notes that it was released."""

    released = False

    def release(self):
        self.released = True


@pytest.mark.parametrize(("n_jobs", "kind"), [(1, Serial), (3, Threads)])
def test_none_is_for_threads(n_jobs, kind):
    with executing(n_jobs) as executor:
        assert isinstance(executor, kind)


def test_an_executor_of_the_user_is_used_and_released():
    mine = Noted()
    with executing(None, mine) as executor:
        assert executor is mine
        assert not mine.released
    assert mine.released


def test_a_fit_uses_it():
    mine = Noted()
    GaussianMixture(1, executor=mine).fit([[1.0], [2.0], [3.0]])
    assert mine.released


@pytest.mark.parametrize("executor", ["threads", "127.0.0.1:8786", 3, Serial])
def test_anything_else_is_refused_by_a_sentence(executor):
    with pytest.raises(ParameterError, match="expected None for threads, 'dask', the address of a Dask"):
        GaussianMixture(1, executor=executor).fit([[1.0], [2.0], [3.0]])


def test_dask_needs_a_client():
    pytest.importorskip("distributed")
    with pytest.raises(ParameterError, match="needs an active client"):
        GaussianMixture(1, executor="dask").fit([[1.0], [2.0], [3.0]])


def test_an_address_without_a_protocol_that_is_known_is_named():
    pytest.importorskip("distributed")
    with pytest.raises(ExecutorError, match="no Dask scheduler at 'nothing://127"):
        GaussianMixture(1, executor="nothing://127.0.0.1").fit([[1.0], [2.0], [3.0]])


@pytest.mark.parametrize("kind", ESTIMATORS)
def test_a_clone_has_the_same_executor(kind):
    mine, make = Serial(), ESTIMATORS[kind]
    model = make(executor=mine)
    model.fitted_ = True
    again = clone(model)
    assert again.executor is mine is model.executor
    assert not hasattr(again, "fitted_")
    assert clone(make()).get_params() == make().get_params()


@pytest.fixture(scope="module")
def client():
    pytest.importorskip("distributed")
    from tests.clusters import cluster

    with cluster(2, processes=False) as found:
        yield found


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(0)
    assert block_rows(N, D, K) < N / 2  # a pass of one block would stay in this process
    return rng.normal(size=(N, D)) + 4.0 * rng.integers(K, size=(N, 1))


@pytest.fixture(scope="module")
def expected(rows):
    """Return a function of the kind of estimator: what a fit in threads gives, fitted once."""
    fits: dict[str, Any] = {}
    return lambda kind: fits.get(kind) or fits.setdefault(kind, results(ESTIMATORS[kind]().fit(rows), rows))


def results(model, X):
    best = getattr(model, "best_estimator_", model)
    table = {name: value.tolist() for name, value in getattr(model, "results_", {}).items()}
    table.pop("seconds", None)
    names = ("weights_", "means_", "covariances_", "lower_bounds_", "n_iter_")
    return repr([np.asarray(getattr(best, name)).tolist() for name in names]), repr(table), model.score(X)


@not_converged
@pytest.mark.parametrize("kind", ESTIMATORS)
def test_workers_give_the_same_bits(kind, rows, expected, client):
    model = ESTIMATORS[kind](executor=client).fit(rows)
    assert results(model, rows) == expected(kind)
    assert model.predict(rows[:9]).shape == (9,)


def _executor_of(client):
    from gaussmix.executor.dask import DaskExecutor

    return DaskExecutor(client)


@pytest.mark.parametrize("hold", [lambda client: client, _executor_of])
@pytest.mark.parametrize("kind", ESTIMATORS)
def test_what_is_pickled_has_the_address_and_copies_share_the_client(kind, client, hold):
    model = ESTIMATORS[kind](executor=hold(client))
    model.n_features_in_ = 3
    loaded = pickle.loads(pickle.dumps(model))
    assert loaded.executor == client.scheduler.address
    for other in (copy(model), deepcopy(model)):
        assert other.executor is model.executor
        assert other.n_features_in_ == loaded.n_features_in_ == 3


def test_what_a_search_has_found_is_copied_and_pickled(client):
    search = GaussianMixtureSearch([1, 2], covariance_type="EII", random_state=0, executor=client)
    search.fit(np.random.default_rng(0).normal(size=(99, 2)))
    again, loaded = deepcopy(search), pickle.loads(pickle.dumps(search))
    assert again.best_estimator_ is not search.best_estimator_
    assert again.best_estimator_.executor is client
    assert loaded.score([[0.0, 0.0]]) == search.score([[0.0, 0.0]])


@not_converged
@pytest.mark.parametrize("kind", ESTIMATORS)
def test_files_beyond_the_limit_give_the_same_bits(kind, rows, expected, tmp_path):
    np.save(tmp_path / "rows.npy", rows)
    model = ESTIMATORS[kind](memory_limit="100 kB").fit(tmp_path / "rows.npy")
    assert results(model, tmp_path / "rows.npy") == expected(kind)


@pytest.mark.parametrize("kind", ESTIMATORS)
def test_a_limit_that_is_none_is_refused(kind):
    with pytest.raises(ParameterError, match="memory_limit='much': give bytes, or text such as"):
        ESTIMATORS[kind](memory_limit="much").fit(np.eye(9))
