"""From the ``executor`` parameter to the executor of a fit."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy, deepcopy
from importlib import import_module
from typing import Any, Self

from gaussmix.errors import ParameterError
from gaussmix.estimator.threads import executor_for
from gaussmix.executor import Executor
from gaussmix.source import Source

ENGINES: dict[str, str] = {
    "dask": "gaussmix.estimator.dask",
    "pyspark": "gaussmix.estimator.spark",
}
"""The module that serves the collections of a package whose rows stay where they are, by the name of that package.

It has ``executor(local) -> Executor`` for a source of that ``engine``, and ``evaluated(estimator, function, X)``,
which gives the values of a function of ``model.evaluate`` for each row of a collection, as such a collection; and
``features(estimator, X, sample_weight)``, which leaves out the column of weights that a fit was given.
"""


@contextmanager
def executing(n_jobs: int | None, executor: Any = None) -> Iterator[Executor]:
    """Give an executor, and close it afterwards if it is not the user's own.

    Parameters
    ----------
    n_jobs : int or None
        Threads of this process, counted as in ``n_threads``.
    executor : {"dask"}, str, distributed.Client, Executor or None
        None is for the threads, "dask" for the Dask client that is active; all other text is the address of a Dask
        scheduler.

    Raises
    ------
    ParameterError
        If it is nothing of these, or no Dask client is active.
    ExecutorError
        If there is no scheduler at the address.
    MissingDependencyError
        If Dask is asked for and not installed.
    """
    threads = executor_for(n_jobs)
    if executor is None:
        yield threads
    elif isinstance(executor, Executor):
        try:
            yield executor
        finally:
            executor.release()
    elif _is_dask(executor):
        from gaussmix.executor.dask import DaskExecutor

        dask = DaskExecutor.connected(executor, local=threads)
        try:
            yield dask
        finally:
            dask.close()
    else:
        raise ParameterError(
            f"executor={executor!r}: expected None for threads, 'dask', the address of a Dask scheduler such as "
            "'tcp://127.0.0.1:8786', a distributed.Client, or an Executor"
        )


class SharedExecutor:
    """Give the clones and copies of an estimator its executor itself: connections cannot be copied.

    What is pickled has the address of the Dask scheduler in the client's place, or None where the client has none.
    """

    executor: Any

    def __getstate__(self) -> Any:
        state = super().__getstate__()
        return {**state, "executor": _portable(self.executor)}  # type: ignore[dict-item]

    def __copy__(self) -> Self:
        new = type(self).__new__(type(self))
        vars(new).update(vars(self))
        return new

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        new = memo[id(self)] = type(self).__new__(type(self))
        memo[id(self.executor)] = self.executor
        vars(new).update(deepcopy(vars(self), memo))
        return new

    def __sklearn_clone__(self) -> Self:
        """Return an unfitted copy with the same executor."""
        bare = copy(self)
        bare.executor = None
        new: Self = super(SharedExecutor, bare).__sklearn_clone__()  # type: ignore[misc]
        new.executor = self.executor
        return new


def beside(source: Source, executor: Executor) -> Executor:
    """Return an executor that works where the rows are; ``executor`` itself where these come to it."""
    if source.engine is None:
        return executor
    there: Executor = import_module(ENGINES[source.engine]).executor(executor)
    return there


def engine_of(X: Any) -> Any:
    """Return the module that serves a collection, or None where rows are read into this process."""
    module = ENGINES.get(type(X).__module__.partition(".")[0])
    return None if module is None else import_module(module)


def _portable(executor: Any) -> Any:
    """Return what another process may use in an executor's place: of a client, or what holds one, the address."""
    client = getattr(executor, "client", executor)
    if isinstance(client, str) or not _is_dask(client):
        return executor
    return getattr(getattr(client, "scheduler", None), "address", None)  # a client that is closed has none


def _is_dask(executor: Any) -> bool:
    if isinstance(executor, str):
        return executor == "dask" or "://" in executor
    return type(executor).__module__.startswith("distributed.") and hasattr(executor, "nthreads")
