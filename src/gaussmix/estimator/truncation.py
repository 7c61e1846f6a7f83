"""How a run of EM goes with ``truncation``, in which each row belongs to one of a few components; what it needs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from gaussmix.errors import ParameterError
from gaussmix.estimator.journal import Found, Journal, RunRecord
from gaussmix.estimator.problem import Problem
from gaussmix.estimator.starter import Starter
from gaussmix.estimator.training import Observer
from gaussmix.fit import Convergence, FitResult
from gaussmix.fit.truncated import fit_truncated
from gaussmix.fit.truncated_start import start_truncated
from gaussmix.model import Mixture

LEAST_COMPONENTS: Final = 256  # with fewer, an exact pass is fast
_LEAST_CANDIDATES: Final = 4  # with fewer, there is no place for new ones
_SEEDED: Final = {"auto": True, "kmeans": True, "k-means++": True, "random_from_data": False}


@dataclass(frozen=True, eq=False, kw_only=True)
class Truncated:
    """Find starts and run truncated EM from them; the contract is ``training.Method``.

    Attributes
    ----------
    problem : Problem
    init : object
        As ``init_params`` of ``GaussianMixture``.
    n_candidates : int
        Components that are considered for each row.
    tol, max_iter, on_degenerate
        As in ``GaussianMixture``.
    """

    problem: Problem
    init: Any
    n_candidates: int
    tol: float
    max_iter: int
    on_degenerate: str

    def start(self, starter: Starter, rng: np.random.Generator) -> Found:
        """Return where a run starts; nothing is searched."""
        problem = self.problem
        if starter.numbered or not isinstance(self.init, str):
            return starter(problem.source, rng), None
        start = start_truncated(
            problem.source,
            problem.n_components,
            problem.family,
            problem.prior,
            np.sqrt(problem.variance),
            problem.executor,
            rng,
            n_candidates=self.n_candidates,
            spread_out=_SEEDED[self.init],
        )
        return start, None

    def run(
        self, record: RunRecord, journal: Journal, observer: Observer, convergence: Convergence | None
    ) -> FitResult[Mixture]:
        """Return the result of a run, from where its record says that it stands."""
        return fit_truncated(
            record.start,
            self.problem.source,
            self.problem.executor,
            n_candidates=self.n_candidates,
            tol=self.tol,
            max_iter=self.max_iter,
            on_degenerate=self.on_degenerate,
            on_iteration=observer.iteration if observer.listens else None,
            convergence=convergence,
            resumed=record.state,
            on_state=journal.on_state,
        )


def check_truncation(estimator: Any, problem: Problem) -> None:
    """Raise ParameterError unless a truncated fit is possible.

    Parameters
    ----------
    estimator : GaussianMixture
    problem : Problem
    """
    K, n = estimator.n_components, estimator.truncation
    if K < LEAST_COMPONENTS:
        raise ParameterError(
            f"truncation is for at least {LEAST_COMPONENTS} components, with fewer an exact fit is fast: set "
            f"truncation=None for n_components={K}"
        )
    if n >= K:
        raise ParameterError(
            f"truncation={n} of n_components={K} would leave nothing out: set truncation=None for the exact fit"
        )
    if n < _LEAST_CANDIDATES:
        raise ParameterError(f"truncation should be at least {_LEAST_CANDIDATES} components a row, got {n}")
    for reason, given in _obstacles(estimator, problem).items():
        if given:
            raise ParameterError(f"truncation does not go together with {reason}: set truncation=None")


def _obstacles(estimator: Any, problem: Problem) -> dict[str, bool]:
    """Return what a truncated fit cannot do, and whether it is asked for."""
    family, rows = problem.family.name, problem.rows
    policy = estimator.on_degenerate
    return {
        f"covariance_type={family!r}, only with full, tied, diag and spherical": not problem.family.unconstrained,
        "assignment='hard'": estimator.assignment == "hard",
        f"background={estimator.background!r}": estimator.background is not None,
        f"on_degenerate={policy!r}, which renumbers components": policy in ("drop", "restart"),
        "init_params='random', of which all components are alike": isinstance(estimator.init_params, str)
        and estimator.init_params == "random",
        "a prior whose density EM does not maximise": not problem.prior.maximises,
        "missing values": rows.incomplete,
        "partial labels": problem.labels is not None,
        "noise": problem.noise is not None,
        "sparse rows": rows.sparse,
        "executor, as the rows' best components are kept in this process": estimator.executor is not None
        or rows.engine is not None,
    }
