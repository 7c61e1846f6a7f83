from __future__ import annotations

from threadpoolctl import threadpool_info, threadpool_limits

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
