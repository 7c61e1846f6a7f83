from __future__ import annotations

from threading import Thread
from types import SimpleNamespace

import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from gaussmix.executor import blas
from gaussmix.executor.blas import one_blas_thread


def n_threads():
    return {library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"}


def test_one_thread_until_the_last_has_left():
    with threadpool_limits(2, "blas"):
        first, second = one_blas_thread(), one_blas_thread()
        first.__enter__()
        second.__enter__()
        first.__exit__(None, None, None)
        assert n_threads() == {1}
        second.__exit__(None, None, None)
        assert n_threads() == {2}


def elsewhere(function):
    thread = Thread(target=function)
    thread.start()
    thread.join()


def test_the_last_to_leave_may_be_another_thread_than_the_first_to_come():
    with threadpool_limits(2, "blas"):
        first, second = one_blas_thread(), one_blas_thread()
        first.__enter__()
        elsewhere(second.__enter__)
        first.__exit__(None, None, None)
        assert n_threads() == {1}
        elsewhere(lambda: second.__exit__(None, None, None))
        assert n_threads() == {2}


def test_a_limit_of_another_thread_does_not_stand_in_the_way():
    with threadpool_limits(2, "blas"):
        third = one_blas_thread()
        elsewhere(third.__enter__)
        assert n_threads() == {1}
        third.__exit__(None, None, None)
        assert n_threads() == {2}


@pytest.mark.parametrize(("layer", "there"), [("openmp", 2), ("pthreads", 1)])
def test_threads_that_count_for_themselves_are_limited_each(monkeypatch, layer, there):
    library = SimpleNamespace(threading_layer=layer, num_threads=2)
    library.set_num_threads = lambda number: setattr(library, "num_threads", number)
    found = SimpleNamespace(select=lambda user_api: SimpleNamespace(lib_controllers=[library]))
    monkeypatch.setattr(blas, "ThreadpoolController", lambda: found)
    seen = []
    with one_blas_thread():
        other = one_blas_thread()
        library.num_threads = there  # as the other thread has it
        with other:
            seen.append(library.num_threads)
        seen.append(library.num_threads)
    assert seen == [1, there]
    assert library.num_threads == 2
