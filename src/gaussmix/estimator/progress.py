"""What a fit says while it runs: scikit-learn's ``verbose`` lines and, from 1.9 on, its callbacks."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial, wraps
from importlib.util import find_spec
from time import perf_counter
from typing import Any, Self, TypeVar, cast

from gaussmix.estimator.gaussian_attributes import fitted_attributes
from gaussmix.fit import FitResult
from gaussmix.model import Mixture, StudentMixture

Method = TypeVar("Method", bound=Callable[..., Any])


class _NoCallbacks:
    """Stand in for scikit-learn's mixin, where there is none."""


class _Callbacks:
    """Stand in for scikit-learn's mixin until there are callbacks: importing that takes longer than all of ours."""

    def set_callbacks(self, *callbacks: Any) -> Self:
        """Set callbacks for the estimator.

        Parameters
        ----------
        *callbacks : callback instances
            Of scikit-learn's protocol ``FitCallback``; none removes those that are there.

        Returns
        -------
        estimator
            Itself.
        """
        return _mixin().set_callbacks(self, *callbacks)  # type: ignore[no-any-return]

    def _init_callback_context(self, *args: Any, **kwargs: Any) -> Any:
        return _mixin()._init_callback_context(self, *args, **kwargs)


def _mixin() -> Any:
    from sklearn.callback import CallbackSupportMixin

    return CallbackSupportMixin


# From scikit-learn 1.9 on.
CallbackSupport: Any = _Callbacks if find_spec("sklearn.callback") else _NoCallbacks


def with_callbacks(method: Method) -> Method:
    """Return the method with callbacks torn down at its end, where there are some."""

    @wraps(method)
    def managed(estimator: Any, *args: Any, **kwargs: Any) -> Any:
        if not hasattr(estimator, "_skl_callbacks"):
            return method(estimator, *args, **kwargs)
        from sklearn import callback

        return callback.with_callbacks(method)(estimator, *args, **kwargs)

    return cast("Method", managed)


class Progress:
    """Report one call of ``fit``.

    Parameters
    ----------
    estimator : GaussianMixture
    n_starts : int
    """

    def __init__(self, estimator: Any, n_starts: int) -> None:
        self._estimator = estimator
        self._verbose: int = int(estimator.verbose)
        self._interval: int = estimator.verbose_interval
        self._context = _root_context(estimator, n_starts)
        self._start_context: Any = None
        self.listens = self._verbose > 0 or self._context is not None
        self._bound = float("-inf")
        self._began = self._last = perf_counter()

    def start(self, trial: int) -> None:
        """Report that a start begins."""
        self._bound = float("-inf")
        self._began = self._last = perf_counter()
        if self._verbose:
            _say(f"Initialization {trial}")
        if self._context is not None:
            self._start_context = self._context.subcontext(
                task_name="start", max_subtasks=self._estimator.max_iter
            )
            self._start_context.call_on_fit_task_begin(estimator=self._estimator)

    def iteration(self, iteration: int, bound: float, model: Mixture | StudentMixture) -> bool:
        """Report an iteration; return whether a callback asks to stop."""
        change, self._bound = bound - self._bound, bound
        if self._verbose and iteration % self._interval == 0:
            now = perf_counter()
            lapse, self._last = now - self._last, now
            detail = f"\t time lapse {lapse:.5f}s\t ll change {change:.5f}" if self._verbose > 1 else ""
            _say(f"  Iteration {iteration}{detail}")
        if self._start_context is None:
            return False
        context = self._start_context.subcontext(task_name="iteration")
        context.call_on_fit_task_begin(estimator=self._estimator)
        fitted = partial(fitted_attributes, model)
        return bool(context.call_on_fit_task_end(estimator=self._estimator, reconstruction_attributes=fitted))

    def end(self, result: FitResult[Any]) -> None:
        """Report that a start has ended."""
        if self._verbose:
            outcome = "converged" if result.converged else "did not converge"
            lapse = perf_counter() - self._began
            bound = result.history[-1] if result.history else float("nan")
            detail = f" time lapse {lapse:.5f}s\t lower bound {bound:.5f}." if self._verbose > 1 else ""
            _say(f"Initialization {outcome}.{detail}")
        if self._start_context is not None:
            self._start_context.call_on_fit_task_end(estimator=self._estimator)

    def close(self) -> None:
        """Report that the fit has ended."""
        if self._context is not None:
            self._context.call_on_fit_task_end(estimator=self._estimator)


def _say(line: str) -> None:
    """Print a line on standard output, as scikit-learn's ``verbose`` does."""
    print(line)  # noqa: T201 - the user asked for it


def _root_context(estimator: Any, n_starts: int) -> Any:
    """Return scikit-learn's callback context, or None where no callbacks are set."""
    if not getattr(estimator, "_skl_callbacks", None):
        return None
    context = estimator._init_callback_context(max_subtasks=n_starts)
    context.call_on_fit_task_begin(estimator=estimator)
    return context
