"""What a fit says while it runs: callbacks of scikit-learn 1.9 and later, and verbose lines."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gaussmix import GaussianMixture
from gaussmix.errors import DegenerateError

pytest.importorskip("sklearn.callback")


class Recorder:
    """Record each hook as (hook, task); stop where told to, or raise."""

    def __init__(self, stop_after: float = float("inf"), error: type[Exception] | None = None) -> None:
        self.events: list[tuple[str, str]] = []
        self.fitted: list[Any] = []
        self._stop_after = stop_after
        self._error = error

    def setup(self, estimator: Any, context: Any) -> None:
        self.events.append(("setup", context.task_name))

    def teardown(self, estimator: Any, context: Any) -> None:
        self.events.append(("teardown", context.task_name))

    def on_fit_task_begin(self, estimator: Any, context: Any) -> None:
        self.events.append(("begin", context.task_name))

    def on_fit_task_end(self, estimator: Any, context: Any, *, fitted_estimator: Any = None) -> bool:
        self.events.append(("end", context.task_name))
        if context.task_name != "iteration":
            return False
        self.fitted.append(fitted_estimator)
        if self._error is not None:
            raise self._error("from a callback")
        return self.count("end", "iteration") % self._stop_after == 0

    def count(self, hook: str, task: str) -> int:
        return self.events.count((hook, task))


def recorded(X: Any, recorder: Recorder, **options: Any) -> GaussianMixture:
    options = {"init_params": "random_from_data"} | options  # a start from which EM takes its time
    model = GaussianMixture(3, random_state=0, **options)
    model.set_callbacks(recorder)
    return model.fit(X)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("n_init", [1, 3])
def test_each_start_and_iteration_is_a_task(X: Any, n_init: int) -> None:
    recorder = Recorder()
    recorded(X, recorder, n_init=n_init, max_iter=4, tol=0)
    for hook in ("begin", "end"):
        assert recorder.count(hook, "fit") == 1
        assert recorder.count(hook, "start") == n_init
        assert recorder.count(hook, "iteration") == 4 * n_init
    assert recorder.events[0] == ("setup", "fit")
    assert recorder.events[-1] == ("teardown", "fit")


def test_iterations_are_counted(X: Any) -> None:
    recorder = Recorder()
    assert recorded(X, recorder).n_iter_ == recorder.count("end", "iteration")


def test_returning_true_ends_the_start(X: Any) -> None:
    recorder = Recorder(stop_after=2)
    with pytest.warns(match="did not converge"):
        model = recorded(X, recorder, n_init=3)
    assert model.n_iter_ == 2
    assert not model.converged_
    assert recorder.count("end", "iteration") == 6


def test_the_fitted_estimator_of_an_iteration_can_score(X: Any) -> None:
    recorder = Recorder()
    model = recorded(X, recorder)
    scores = [fitted.score(X) for fitted in recorder.fitted]
    assert np.diff(scores).min() > -1e-10
    assert scores[-1] == model.score(X)


def test_teardown_follows_an_error_of_a_callback(X: Any) -> None:
    recorder = Recorder(error=KeyError)
    with pytest.raises(KeyError):
        recorded(X, recorder)
    assert recorder.events[-1] == ("teardown", "fit")


def test_teardown_follows_a_collapse() -> None:
    recorder = Recorder()
    rows = np.repeat([[0.0], [1.0]], 3, axis=0)
    with pytest.raises(DegenerateError):
        recorded(rows, recorder, init_params="kmeans", reg_covar=0, on_degenerate="raise")
    assert recorder.events[-1] == ("teardown", "fit")


def test_callbacks_change_nothing(X: Any) -> None:
    silent = GaussianMixture(3, random_state=0, init_params="random_from_data").fit(X)
    np.testing.assert_array_equal(recorded(X, Recorder()).means_, silent.means_)


def test_verbose_is_quiet_by_default(X: Any, capsys: pytest.CaptureFixture[str]) -> None:
    GaussianMixture(3, random_state=0).fit(X)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(("verbose", "detail"), [(1, False), (2, True)])
def test_verbose_lines(X: Any, capsys: pytest.CaptureFixture[str], verbose: int, detail: bool) -> None:
    model = GaussianMixture(
        3, random_state=0, n_init=2, init_params="random_from_data", verbose=verbose, verbose_interval=2
    ).fit(X)
    said = capsys.readouterr().out
    assert said.startswith("Initialization 0\n")
    assert said.count("Initialization converged") == 2
    assert said.count("  Iteration ") >= model.n_iter_ // 2
    assert ("ll change" in said) is detail
