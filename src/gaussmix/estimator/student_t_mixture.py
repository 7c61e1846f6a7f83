"""``StudentTMixture``: mixtures of t distributions, which outliers do not pull away."""

from __future__ import annotations

import math
from numbers import Real
from os import PathLike
from typing import Any, ClassVar, Final, Self

import numpy as np
from sklearn.base import BaseEstimator, _fit_context

from gaussmix.covariance import CovarianceFamily, resolve_family
from gaussmix.errors import ParameterError
from gaussmix.estimator.checkpoints import check_checkpoint, journal_of
from gaussmix.estimator.constraints import CONSTRAINTS, Names
from gaussmix.estimator.executors import SharedExecutor, engine_of, executing
from gaussmix.estimator.fitted_density import Criteria
from gaussmix.estimator.journal import Journal, RunRecord
from gaussmix.estimator.parameters import check_means, check_memory
from gaussmix.estimator.problem import Problem
from gaussmix.estimator.progress import Progress
from gaussmix.estimator.rows import component_source, features_kept_on_error
from gaussmix.estimator.starter import Starter
from gaussmix.estimator.student_starts import StudentStarts, robust
from gaussmix.estimator.threads import single_threaded_blas
from gaussmix.fit import FitResult, fit_em, rank
from gaussmix.model import StudentMixture, evaluate
from gaussmix.model.student_density import SCATTERS
from gaussmix.model.student_freedom import LEAST
from gaussmix.source import Source
from gaussmix.types import Effort, FloatArray, IntArray

# Parameters that take what those of GaussianMixture take.
_SHARED: Final = (
    *("n_components", "covariance_type", "tol", "reg_covar", "max_iter", "n_init", "init_params", "effort"),
    *("means_init", "random_state", "verbose", "verbose_interval", "n_jobs", "executor", "memory_limit"),
    *("checkpoint", "checkpoint_every"),
)


class StudentTMixture(SharedExecutor, Criteria, BaseEstimator):
    """Fit a mixture of t distributions by EM.

    A row far from all components counts for little in means and scatter matrices, so that outliers do not pull them
    away; how little, the estimated degrees of freedom tell. With one component it is a robust estimate of location
    and scatter.

    Parameters
    ----------
    n_components : int, default=1
        K, the number of components.
    covariance_type : str or CovarianceFamily, default="full"
        Which scatter matrices are allowed, as in ``GaussianMixture``.
    degrees_of_freedom : {"component", "shared"} or float, default="component"
        ν: estimated for each component, estimated once for all, or fixed at this number. Estimates lie between 0.2
        and 1000, where the tails are as good as a Gaussian's.
    tol : float, default=1e-6
        As in ``GaussianMixture``.
    reg_covar : float, default=1e-6
        Added to the diagonals of the scatter matrices, in units of each feature's variance, as its quartiles tell it.
    max_iter : int, default=1000
        Iterations over all rows, at most, without those of the search for a start.
    n_init : int, default=1
        Starts, or searches for one; that which ends with the highest likelihood is kept.
    init_params : {"auto", "kmeans", "k-means++", "random", "random_from_data"}, array-like or callable
        Where EM starts. ``"auto"``, the default, tries k-means and several runs of trimmed k-means and, where few of
        these agree, the best Gaussian mixture too. The others as in ``GaussianMixture``.
    effort : {"low", "default", "high"}, default="default"
        How long ``init_params="auto"`` searches.
    means_init : array-like of shape (K, D), optional
        Each row starts with the nearest of these.
    random_state : int, RandomState instance or None, default=None
    verbose : int, default=0
    verbose_interval : int, default=10
    n_jobs : int, optional
        Threads; None or -1 means one a core. The result does not depend on it.
    executor : {"dask"}, str, distributed.Client, Executor or None, default=None
        Where the passes over the rows run, as in ``GaussianMixture``. The result does not depend on it.
    memory_limit : int or str, optional
        What the rows of files may take in memory, as in ``GaussianMixture``.
    checkpoint : path, optional
        File in which the fit saves where it stands, for ``fit(..., resume=True)``, as in ``GaussianMixture``.
    checkpoint_every : float, default=60
        Seconds between two checkpoints at least; 0 writes one after every iteration.

    Attributes
    ----------
    weights_ : ndarray of shape (K,)
    means_ : ndarray of shape (K, D)
    covariances_ : ndarray
        Scatter matrices Σ_k, in the shapes of ``GaussianMixture``. Where ν_k > 2, ν_k / (ν_k − 2) times the matrix is
        the component's covariance.
    degrees_of_freedom_ : ndarray of shape (K,)
    converged_ : bool
    n_iter_ : int
        Iterations over all rows of the best start.
    lower_bound_ : float
        Mean log-likelihood per unit of weight at the last E-step, in nats.
    lower_bounds_ : list of float
        The same at the start of each iteration.
    mixture_ : StudentMixture
        The fitted distribution. ``mixture_.degrees_at_bound`` tells which ν stopped at a bound.
    degenerate_ : list of dict
        What was done to which component, and when.
    n_features_in_ : int
    feature_names_in_ : ndarray of shape (D,)
        Only if the columns have names.

    References
    ----------
    Peel & McLachlan (2000), Robust mixture modelling using the t distribution, Statistics and Computing 10.

    Liu, Rubin & Wu (1998), Parameter expansion to accelerate EM: the PX-EM algorithm, Biometrika 85.

    Examples
    --------
    >>> import numpy as np
    >>> from gaussmix import StudentTMixture
    >>> X = np.random.default_rng(0).normal(size=(500, 2))
    >>> X[:25] += 100  # a twentieth of the rows lies far out
    >>> model = StudentTMixture(random_state=0).fit(X)
    >>> bool(np.abs(model.means_).max() < 0.2)
    True
    >>> bool(model.outlyingness(X)[:25].min() > model.outlyingness(X)[25:].max())
    True
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **{name: CONSTRAINTS[name] for name in _SHARED},
        "degrees_of_freedom": [Names(["component", "shared"]), Real],
    }

    def __init__(
        self,
        n_components: int = 1,
        *,
        covariance_type: str | CovarianceFamily = "full",
        degrees_of_freedom: str | float = "component",
        tol: float = 1e-6,
        reg_covar: float = 1e-6,
        max_iter: int = 1000,
        n_init: int = 1,
        init_params: Any = "auto",
        effort: Effort = "default",
        means_init: Any = None,
        random_state: Any = None,
        verbose: int = 0,
        verbose_interval: int = 10,
        n_jobs: int | None = None,
        executor: Any = None,
        memory_limit: int | str | None = None,
        checkpoint: str | PathLike[str] | None = None,
        checkpoint_every: float = 60.0,
    ) -> None:
        self.n_components = n_components
        self.covariance_type = covariance_type
        self.degrees_of_freedom = degrees_of_freedom
        self.tol = tol
        self.reg_covar = reg_covar
        self.max_iter = max_iter
        self.n_init = n_init
        self.init_params = init_params
        self.effort = effort
        self.means_init = means_init
        self.random_state = random_state
        self.verbose = verbose
        self.verbose_interval = verbose_interval
        self.n_jobs = n_jobs
        self.executor = executor
        self.memory_limit = memory_limit
        self.checkpoint = checkpoint
        self.checkpoint_every = checkpoint_every

    @_fit_context(prefer_skip_nested_validation=True)  # type: ignore[untyped-decorator]
    def fit(self, X: Any, y: Any = None, sample_weight: Any = None, *, resume: bool = False) -> Self:
        """Fit the mixture.

        Parameters
        ----------
        X : array-like, dataframe, path or Source, of shape (N, D)
            Rows, as in ``GaussianMixture``, without missing values.
        y : Ignored
        sample_weight : array-like of shape (N,) or str, optional
            A row of weight w counts as w rows. Of a table, or of files whose columns have names: the column that
            holds the weights, which is then no feature.
        resume : bool, default=False
            Go on from ``checkpoint``, if the file is there, and otherwise begin anew. The bits are those of a fit
            that never stopped.

        Returns
        -------
        StudentTMixture
            Itself.

        Raises
        ------
        DataError, DataTypeError, ValueError
            If rows, weights or parameters cannot be used; nothing is changed then.
        CheckpointError
            If the checkpoint belongs to other rows, parameters or versions; the message lists what differs.
        OSError
            If a checkpoint cannot be written or read.
        """
        self._fit(X, sample_weight, resume=resume)
        return self

    @_fit_context(prefer_skip_nested_validation=True)  # type: ignore[untyped-decorator]
    def fit_predict(self, X: Any, y: Any = None, sample_weight: Any = None) -> IntArray:
        """Fit, and return the most probable component of each row, shape (N,). Parameters as in ``fit``."""
        problem = self._fit(X, sample_weight)
        engine = engine_of(X)
        if engine is not None:  # rows that stay where they are keep their labels beside them
            return self.predict(engine.features(self, X, sample_weight))
        labels: IntArray = evaluate.predict(self.mixture_, problem.rows, problem.executor)
        return labels

    def outlyingness(self, X: Any) -> FloatArray:
        """Return how far each row lies out, shape (N,): about 1 for a typical row, and large for outliers.

        A row counts in means and scatter matrices with the inverse of this; see ``StudentMixture.outlyingness``.
        """
        return self._evaluated(evaluate.outlyingness, X)  # type: ignore[no-any-return]

    def _fit(self, X: Any, sample_weight: Any, *, resume: bool = False) -> Problem:
        """Fit and set all attributes, or raise and change nothing."""
        check_checkpoint(self, resume=resume)
        with features_kept_on_error(self), np.errstate(under="ignore"):
            degrees = self._fixed_degrees()
            source = component_source(self, X, sample_weight)
            family = self._family(source)
            with single_threaded_blas(source.n_features), executing(self.n_jobs, self.executor) as executor:
                problem = Problem.of(source, executor, family, self.n_components, self.reg_covar)
                problem = robust(problem, self.reg_covar)
                journal = journal_of(self, problem, resume=resume)
                with journal.kept():
                    result, complaints = self._best(problem, degrees, journal)
        self._set_fitted(result)
        self._warn(result, problem.complaints(result) + complaints + self._tail_complaints())
        return problem

    def _fixed_degrees(self) -> float | None:
        """Return the degrees of freedom where they are fixed."""
        degrees = self.degrees_of_freedom
        if isinstance(degrees, str):
            return None
        if isinstance(degrees, bool) or not (math.isfinite(degrees) and degrees > 0):
            raise ParameterError(
                f"degrees_of_freedom should be 'component', 'shared' or a positive finite number, got {degrees!r}"
                + ("; infinity is a Gaussian: use GaussianMixture" if degrees == math.inf else "")
            )
        return float(degrees)

    def _family(self, source: Source) -> CovarianceFamily:
        """Check rows against parameters."""
        family = resolve_family(self.covariance_type, source.n_features)
        if family.scatter.name not in SCATTERS:
            raise ParameterError(f"covariance_type={family.name!r} is not available for t distributions")
        check_memory(self.n_components, source.n_features, family)
        return family

    def _best(
        self, problem: Problem, degrees: float | None, journal: Journal
    ) -> tuple[FitResult[StudentMixture], list[str]]:
        """Run EM from each start; return the best run, and what is to be warned of."""
        K, D = self.n_components, problem.source.n_features
        means = None if self.means_init is None else check_means(self.means_init, K, D)
        starter = Starter(problem, self.init_params, None, means, None)
        rule = self.degrees_of_freedom if isinstance(self.degrees_of_freedom, str) else "fixed"
        starts = StudentStarts(problem, starter, rule, degrees, self.effort)
        n_starts = self.n_init if starter.random else 1
        progress, rng = Progress(self, n_starts), self._generator()
        runs = []
        for trial in range(n_starts):
            progress.start(trial)
            record = journal.begin(lambda rng: (starts(rng), None), rng)
            if record.result is None:
                result = self._run(problem, record, progress, journal)
                journal.end(result)
                record.result = result
            progress.end(record.result)
            runs.append(record.result)
        progress.close()
        return max(runs, key=rank), starter.complaints()

    def _run(
        self, problem: Problem, record: RunRecord, progress: Progress, journal: Journal
    ) -> FitResult[StudentMixture]:
        if not record.ready:
            journal.open(record, record.start, None)
        start: StudentMixture = record.start
        return fit_em(
            start,
            problem.partitions,
            problem.executor,
            tol=self.tol,
            max_iter=self.max_iter,
            acceleration="auto",
            on_iteration=progress.iteration if progress.listens else None,
            resumed=record.state,
            on_state=journal.on_state,
        )

    @property
    def _density(self) -> StudentMixture:
        mixture: StudentMixture = self.mixture_
        return mixture

    def _set_fitted(self, result: FitResult[StudentMixture]) -> None:
        mixture = result.model
        self.mixture_: StudentMixture = mixture
        self.weights_, self.means_ = mixture.weights, mixture.means
        self.covariances_ = mixture.covariances.parameters()
        self.degrees_of_freedom_ = mixture.degrees_of_freedom
        self.degenerate_ = [collapse.as_dict() for collapse in result.collapses]
        self._set_history(result)

    def _tail_complaints(self) -> list[str]:
        """Return sentences on degrees of freedom at their lower bound."""
        heavy = np.flatnonzero((self.degrees_of_freedom_ <= LEAST) & self.mixture_.degrees_at_bound).tolist()
        return [
            f"the degrees of freedom of component {k} stopped at {LEAST}, the least that are fitted: equal rows, or "
            "rows very far out, may rule it; drop them, or fix degrees_of_freedom"
            for k in heavy
        ]
