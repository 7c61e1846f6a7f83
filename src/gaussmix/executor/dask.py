"""Tasks on the workers of a Dask cluster.

Items go to the workers once, in groups of neighbours, and stay there, also for passes over a run of them: a pass
sends the task out, and one sum comes back. A group holds a power of two of items and starts at a multiple of it, so
that its sum is a branch of the tree in which ``pairwise_sum`` adds: the bits are those of one thread, for any number
of workers and groups.

Nothing is lost with a worker. What it held is loaded again elsewhere, from the same items, and each sum is computed
from scratch or not at all.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import contextmanager
from typing import Any, Final
from uuid import uuid4

from gaussmix.errors import ExecutorError, GaussmixError, MissingDependencyError, ParameterError
from gaussmix.executor.base import Executor, Item, Sum
from gaussmix.executor.dask_tasks import Refusal, added, itself, prepared, resident, summed
from gaussmix.executor.kept import Kept, Piece, branches, pieces
from gaussmix.executor.local import Serial

try:
    import dask
    import distributed
    from distributed.protocol import pickle
except ImportError as error:
    raise MissingDependencyError("executor='dask' needs Dask: pip install 'gaussmix[dask]'") from error

_TASKS_PER_THREAD: Final = (
    8  # at most, and more than half of it: so that a pass over an eighth of the items has one for each thread
)
_GROUP: Final = (
    32  # items, at most: what a worker writes to its disk when memory runs short, it writes by groups
)
_FAN: Final = 16  # sums that a worker adds at once: a power of two
_LARGE: Final = (
    100_000  # bytes of a task that workers pass on to one another; smaller ones go out with each group
)
_KEPT: Final = 64  # sequences of items, at most, whose rows the workers keep
_RETRIES: Final = 2  # of a task that raised: storage may fail for a moment, a bad file fails for ever
_CONNECT: Final = 10.0  # seconds
_LOOK: Final = 1.0  # seconds between two looks at whether there are workers, while nothing comes back


class DaskExecutor(Executor):
    """Runs tasks on the workers of a Dask cluster.

    Parameters
    ----------
    client : distributed.Client
        Not an asynchronous one.
    local : Executor, optional
        For what does not go to the workers. Default: the calling thread.
    prepare : callable, optional
        Item -> what the workers keep of it in their memory. Default: ``item.resident()`` where it has that, else the
        item.
    retries : int, default=2
        How often a task that raised is tried again. The death of a worker counts on Dask's own account, see its
        configuration ``distributed.scheduler.allowed-failures``.
    no_progress_timeout : float, default=60
        Seconds without any worker after which the pass is given up.

    Raises
    ------
    ParameterError
        If the client is asynchronous.

    Notes
    -----
    Task and items are pickled. An item that holds rows takes them along, and the scheduler keeps them for workers to
    come: fine for what fits into the memory of this process. Items that only say where rows are cost nothing.
    """

    def __init__(
        self,
        client: Any,
        *,
        local: Executor | None = None,
        prepare: Callable[[Any], Any] | None = None,
        retries: int = _RETRIES,
        no_progress_timeout: float = 60.0,
    ) -> None:
        if client.asynchronous:
            raise ParameterError("the Dask client is asynchronous: pass distributed.Client(address) instead")
        self.client = client
        self.retries = retries
        self.no_progress_timeout = no_progress_timeout
        self._local = Serial() if local is None else local
        self._prepare = resident if prepare is None else prepare
        self._kept: list[Kept] = []
        self._own_client = False

    @classmethod
    def connected(
        cls, where: Any, *, local: Executor | None = None, timeout: float = _CONNECT
    ) -> DaskExecutor:
        """Return an executor on the cluster of a client or address.

        Parameters
        ----------
        where : str or distributed.Client
            "dask" is the client that is active; all other text is the address of a scheduler.
        local : Executor, optional
        timeout : float, default=10
            Seconds to wait for a scheduler at the address.

        Raises
        ------
        ExecutorError
            If there is no scheduler at the address.
        ParameterError
            If there is no active client.
        """
        if where == "dask":
            try:
                where = distributed.default_client()
            except ValueError as error:
                raise ParameterError(
                    "executor='dask' needs an active client: create a distributed.Client first, or pass the "
                    "scheduler's address, such as 'tcp://127.0.0.1:8786'"
                ) from error
        if not isinstance(where, str):
            return cls(where, local=local)
        executor = cls(_client_of(where, timeout), local=local)
        executor._own_client = True
        return executor

    @property
    def local(self) -> Executor:
        return self._local

    def map_reduce(self, task: Callable[[Item], Sum], items: Sequence[Item]) -> Sum:
        if len(items) < 2:  # a single block: the way there and back would only cost time
            return self._local.map_reduce(task, items)
        try:
            kept, where = self._keep(items)
            total: Sum = self._total(task, kept, pieces(where.start, where.stop, kept.size))
            return total
        except BaseException as error:
            self.release()  # of what has failed or was interrupted, nothing may stay
            explained = self._explained(error)
            if explained is error:
                raise
            raise explained from error

    def release(self) -> None:
        self._kept.clear()

    def close(self) -> None:
        """Let the workers forget their rows; a client that was made from an address is closed."""
        self.release()
        if self._own_client:
            self.client.close()

    def __deepcopy__(self, memo: dict[int, Any]) -> DaskExecutor:
        return self  # a connection is shared by the clones of an estimator

    def _keep(self, items: Sequence[Any]) -> tuple[Kept, range]:
        """Return what the workers keep of the items, and their places there; others that have some are released."""
        for kept in self._kept:
            where = kept.where(items)
            if where is not None:
                return kept, where
        listed = list(items)
        self._kept = [kept for kept in self._kept if not kept.overlaps(listed)][1 - _KEPT :]
        size = group_size(len(listed), self._n_threads_soon())
        starts = list(range(0, len(listed), size))
        groups = self._submitted(
            "load",
            prepared,
            [listed[start : start + size] for start in starts],
            starts,
            prepare=self._prepare,
            n_items=len(listed),
            attempts=1 + self.retries,
        )
        places = {
            id(listed[i]): i for i in reversed(range(len(listed)))
        }  # the first of those that are there twice
        self._kept.append(Kept(items, listed, places, size, groups))
        return self._kept[-1], range(len(listed))

    def _total(self, task: Callable[[Any], Any], kept: Kept, taken: list[Piece]) -> Any:
        """Return the sum of the task over the pieces, which the workers add up among themselves."""
        shared = task
        if len(pickle.dumps(task)) > _LARGE:
            shared = self._submitted("task", itself, [task])[0]
        groups = [kept.groups[piece.begin // kept.size] for piece in taken]
        sums = self._submitted(
            "sum",
            summed,
            groups,
            taken,
            size=kept.size,
            task=shared,
            n_items=len(kept.items),
            attempts=1 + self.retries,
        )
        span = kept.size
        while len(sums) > 1:
            span *= _FAN
            runs = branches(taken, span)
            parts = [sums[begin:end] for begin, end in runs]
            sizes = [[piece.size for piece in taken[begin:end]] for begin, end in runs]
            sums = self._submitted("add", added, parts, sizes)
            taken = [Piece(taken[begin].begin, taken[end - 1].end, span) for begin, end in runs]
        return self._result(sums[0])

    def _submitted(
        self, verb: str, function: Callable[..., Any], *arguments: list[Any], **options: Any
    ) -> Any:
        """Return the futures of a function over lists of arguments."""
        token = uuid4().hex
        # Dask advises against large graphs; rows that only this process has do not get there otherwise.
        quiet = dask.config.set({"distributed.admin.large-graph-warning-threshold": "1 PiB"})
        with quiet, _ours_unlogged():
            return self.client.map(
                function,
                *arguments,
                key=[f"gaussmix-{verb}-{token}-{number}" for number in range(len(arguments[0]))],
                pure=False,
                retries=self.retries,
                **options,
            )

    def _n_threads(self) -> int:
        """Return the number of threads of all workers, 0 without workers."""
        if self.client.status != "running":  # asking would wait until it has given up to connect again
            raise self._lost()
        return int(sum(self.client.nthreads().values()))

    def _n_threads_soon(self) -> int:
        """Return the number of threads of all workers, waiting for the first one."""
        if not self._n_threads():
            try:
                self.client.wait_for_workers(1, timeout=self.no_progress_timeout)
            except TimeoutError as error:
                raise self._no_workers() from error
        return max(1, self._n_threads())

    def _result(self, future: Any) -> Any:
        """Return a future's result; wait for it as long as there are workers."""
        look = min(_LOOK, self.no_progress_timeout / 4)
        without = 0.0  # seconds
        while True:
            try:
                result = future.result(timeout=look)
                if isinstance(result, Refusal):
                    raise result.error
                return result
            except TimeoutError:
                without = 0.0 if self._n_threads() else without + look
                if without >= self.no_progress_timeout:
                    raise self._no_workers() from None

    def _no_workers(self) -> ExecutorError:
        return ExecutorError(
            f"the Dask cluster at {self._address()} has had no workers for {self.no_progress_timeout:g} s: start "
            "some, and fit again or resume from the checkpoint"
        )

    def _lost(self) -> ExecutorError:
        return ExecutorError(
            f"the connection to the Dask scheduler at {self._address()} was lost: start the cluster again, and fit "
            "again or resume from the checkpoint"
        )

    def _address(self) -> str:
        return str(self.client.scheduler.address) if self.client.scheduler else "an unknown address"

    def _explained(self, error: BaseException) -> BaseException:
        """Return what is to be raised of what Dask has raised."""
        if isinstance(error, GaussmixError) or not isinstance(error, Exception):
            return error
        if isinstance(error, distributed.KilledWorker):
            return ExecutorError(
                f"{error.allowed_failures + 1} workers died one after the other at the same partitions (task "
                f"{error.task}): give the workers more memory, or look for the reason in their logs"
            )
        if isinstance(error, CancelledError | OSError) or self.client.status != "running":
            return self._lost()
        ours = _ours_behind(error)
        if ours is not None:
            return type(ours)(*ours.args)
        return ExecutorError(
            f"the workers of the Dask cluster at {self._address()} failed ({type(error).__name__}: {error}): they "
            "need the same versions of gaussmix and of Python as this process"
        )


def _ours_behind(error: BaseException) -> GaussmixError | None:
    """Return what our code said before Dask made another error of it, such as that rows cannot be sent."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, GaussmixError):
        cause = cause.__cause__ or cause.__context__
    return cause


@contextmanager
def _ours_unlogged() -> Iterator[None]:
    """Have Dask not log that something cannot be sent where our code says so: the caller gets the error."""

    def not_ours(record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        return error is None or _ours_behind(error) is None

    logger = logging.getLogger("distributed.protocol.pickle")
    logger.addFilter(not_ours)
    try:
        yield
    finally:
        logger.removeFilter(not_ours)


def group_size(n_items: int, n_threads: int) -> int:
    """Return how many items go together: a power of two that gives each thread a few groups."""
    size = 1
    while size < _GROUP and -(-n_items // size) > _TASKS_PER_THREAD * n_threads:
        size *= 2
    return size


def _client_of(address: str, timeout: float) -> Any:
    """Return a client of the scheduler at an address, which does not become the active one."""
    client = distributed.Client.__new__(distributed.Client)
    try:
        client.__init__(address, timeout=timeout, set_as_default=False)
    except (OSError, TimeoutError, ValueError) as error:
        client.close()  # at hand, and not left to a later collection of garbage, which may wait for a dead thread
        raise ExecutorError(
            f"there is no Dask scheduler at {address!r} ({error}): start one with the command dask scheduler, or "
            "pass the address that it prints"
        ) from error
    return client
