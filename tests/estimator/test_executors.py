from __future__ import annotations

import pytest
from sklearn.base import clone

from gaussmix import GaussianMixture
from gaussmix.errors import ExecutorError, ParameterError
from gaussmix.estimator.executors import executing
from gaussmix.executor import Serial, Threads


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


def test_a_clone_has_the_same_executor():
    mine = Serial()
    model = GaussianMixture(2, executor=mine).fit([[1.0], [2.0], [3.0], [5.0]])
    again = clone(model)
    assert again.executor is mine is model.executor
    assert not hasattr(again, "mixture_")
    assert clone(GaussianMixture(2)).get_params() == GaussianMixture(2).get_params()
