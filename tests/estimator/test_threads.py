from __future__ import annotations

from threading import Event, Thread

from threadpoolctl import threadpool_info, threadpool_limits

from gaussmix.covariance.factor import LAPACK_FROM
from gaussmix.estimator.threads import single_threaded_blas


def n_threads():
    return {library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"}


def test_fits_side_by_side_hold_blas_together():
    inside, leave, seen = Event(), Event(), []

    def other():
        with single_threaded_blas(LAPACK_FROM):
            inside.set()
            leave.wait(20)
            seen.append(n_threads())

    with threadpool_limits(2, "blas"):
        thread = Thread(target=other)
        with single_threaded_blas(LAPACK_FROM):
            thread.start()
            inside.wait(20)
        leave.set()
        thread.join()
        assert (seen, n_threads()) == ([{1}], {2})
