"""``GaussianMixtureSearch``: how many components, and which covariances."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import replace
from numbers import Integral
from os import PathLike
from typing import Any, ClassVar, Final, Literal, Self

from sklearn.base import BaseEstimator, DensityMixin, _fit_context
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from gaussmix.covariance import CovarianceFamily
from gaussmix.estimator.cell_search import CellSearch, cells_of, criteria_of, limits_of
from gaussmix.estimator.cells import seed_of
from gaussmix.estimator.checkpoints import check_checkpoint
from gaussmix.estimator.executors import SharedExecutor, executing
from gaussmix.estimator.families import families_of, named, searched_families
from gaussmix.estimator.gaussian_attributes import set_fitted
from gaussmix.estimator.gaussian_mixture import GaussianMixture
from gaussmix.estimator.rows import features_kept_on_error, prediction_source, training_source
from gaussmix.estimator.search_complaints import require_one, warn_of
from gaussmix.estimator.search_constraints import SEARCH_CONSTRAINTS
from gaussmix.estimator.search_journal import search_journal_of
from gaussmix.estimator.search_table import columns, data_frame
from gaussmix.estimator.threads import n_threads, single_threaded_blas
from gaussmix.estimator.training import Trained
from gaussmix.executor import Executor
from gaussmix.selection import Cell, LikelihoodRatioTest, Outcome
from gaussmix.selection.outcome import INTERRUPTED, OUT_OF_TIME
from gaussmix.source import Source
from gaussmix.types import Effort, Float64Array, FloatArray, IntArray, OnDegenerate

_COMPONENTS: Final = tuple(range(1, 10))
_OF_CELLS: Final = (  # parameters that every cell's GaussianMixture gets
    "tol", "reg_covar", "max_iter", "n_init", "init_params", "effort", "acceleration", "on_degenerate",
)  # fmt: skip


class GaussianMixtureSearch(SharedExecutor, DensityMixin, BaseEstimator):
    """Fit mixtures over a grid of components × covariance families, and keep the best by a criterion.

    Every cell of the grid is one row of the table ``results_``, whatever became of it. Afterwards the search is the
    best mixture: ``predict``, ``score`` and so on are those of ``best_estimator_``.

    Parameters
    ----------
    n_components : int or iterable of int, default=(1, 2, ..., 9)
        K.
    covariance_type : str, CovarianceFamily, or iterable of these, default="all"
        As in ``GaussianMixture``. ``"all"`` means the 14 families of Celeux & Govaert (1995), EII to VVV, and of a
        single feature the two that differ, E and V. Factor analysers such as "mfa" are asked for by name.
    n_factors : int or iterable of int, default=1
        Factors of each component, of the covariance types that have them: each number is a family of its own. Cells
        of as many factors as features, or more, are reported as unsupported.
    criterion : str or iterable of str, default="bic"
        What the best cell has the lowest value of: ``"bic"``, ``"aic"``, ``"aicc"``, ``"icl"``, ``"nec"``, ``"cv"``
        (minus the cross-validated log-likelihood of a row) or ``"stability"`` (1 − the adjusted Rand index of
        refits). The table has all but the last two in any case; of several names the first decides, and the table
        has all.
    cv : int, cross-validation splitter or iterable of splits, default=5
        Folds, for ``criterion="cv"``; a number means random ones, the same for all cells. With a checkpoint, a
        splitter that shuffles needs a ``random_state``.
    n_resamples : int, default=10
        Refits of each cell, for ``criterion="stability"``.
    equal_weights : bool or "both", default=False
        Keep all mixing weights at 1 / K; ``"both"`` compares, which doubles the grid.
    time_budget : float, optional
        Seconds. After them no further cell is begun; those under way end, and the first one is always fitted. A
        warning says how many cells were left out.
    abandon : bool, default=True
        Leave out larger K of a family whose criterion has risen three times in a row and stands 10 log n above its
        lowest value.
    tol, reg_covar, max_iter, n_init, init_params, effort, acceleration, on_degenerate
        As in ``GaussianMixture``, for every cell.
    random_state : int, RandomState instance or None, default=None
        Each cell has a seed of its own that follows from it and does not depend on the rest of the grid.
    verbose : int, default=0
        1 shows a progress bar on a terminal, 2 prints a line a cell.
    n_jobs : int, optional
        Threads, over the cells; None or -1 means one a core. Without a time budget the result does not depend on it.
    executor : {"dask"}, str, distributed.Client, Executor or None, default=None
        Where the passes over the rows run, as in ``GaussianMixture``. The cells are then fitted one after the other.
    memory_limit : int or str, optional
        What the rows of files may take in memory, as in ``GaussianMixture``.
    checkpoint : path, optional
        File in which the search saves the cells that are done; ``fit(..., resume=True)`` fits only the others, after
        a crash, an interrupt or the end of the time budget, and gives the table of a search that never stopped.
    checkpoint_every : float, default=60
        Seconds between two checkpoints at least; 0 writes one after every cell.

    Attributes
    ----------
    results_ : dict of ndarray
        One entry a cell, few components first: ``n_components``, ``covariance_type``, ``equal_weights``, the
        criteria (lower is better), ``cv_standard_error``, ``log_likelihood``, ``n_parameters``, ``converged``,
        ``n_iter``, ``spurious``, ``seconds``, ``status`` (``"ok"``, ``"failed"``, ``"unsupported"``,
        ``"abandoned"``, ``"skipped: time budget"``, ``"skipped: interrupted"``), ``message`` and ``rank``.
    best_estimator_ : GaussianMixture
    best_index_ : int
        Its place in ``results_``.
    best_n_components_ : int
    best_covariance_type_ : str or CovarianceFamily
        Its name, or the family itself where it was given and has no name.
    best_n_factors_ : int or None
        None of covariances without factors.
    best_equal_weights_ : bool
    best_score_ : float
        Its value of the criterion.
    n_skipped_ : int
        Cells that were not fitted because the time budget was over or the search was interrupted.
    n_features_in_ : int
    feature_names_in_ : ndarray of shape (D,)
        Only if the columns have names.

    Notes
    -----
    A richer family, or more components, never have a lower likelihood than a poorer cell that they contain: where
    they would, EM goes on from the poorer cell's solution. Spurious fits (one component almost flat, on few rows)
    rank behind all others. ``sample_weight`` counts rows: a weight of 2 is two rows to every criterion.

    References
    ----------
    Celeux & Govaert (1995), Gaussian parsimonious clustering models, Pattern Recognition 28.

    Fraley & Raftery (2002), Model-based clustering, discriminant analysis, and density estimation, Journal of the
    American Statistical Association 97.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from gaussmix import GaussianMixtureSearch
    >>> search = GaussianMixtureSearch(range(1, 5), covariance_type=["EII", "VVI", "VVV"], random_state=0)
    >>> search = search.fit(load_iris().data)
    >>> search.best_n_components_, search.best_covariance_type_, round(search.best_score_, 1)
    (2, 'VVV', 574.0)
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = SEARCH_CONSTRAINTS

    def __init__(
        self,
        n_components: int | Iterable[int] = _COMPONENTS,
        *,
        covariance_type: str | CovarianceFamily | Iterable[str | CovarianceFamily] = "all",
        n_factors: int | Iterable[int] = 1,
        criterion: str | Iterable[str] = "bic",
        cv: Any = 5,
        n_resamples: int = 10,
        equal_weights: bool | Literal["both"] = False,
        time_budget: float | None = None,
        abandon: bool = True,
        tol: float = 1e-6,
        reg_covar: float = 1e-6,
        max_iter: int = 1000,
        n_init: int = 1,
        init_params: Any = "auto",
        effort: Effort = "default",
        acceleration: str | None = "auto",
        on_degenerate: OnDegenerate = "floor",
        random_state: Any = None,
        verbose: int = 0,
        n_jobs: int | None = None,
        executor: Any = None,
        memory_limit: int | str | None = None,
        checkpoint: str | PathLike[str] | None = None,
        checkpoint_every: float = 60.0,
    ) -> None:
        self.n_components = n_components
        self.covariance_type = covariance_type
        self.n_factors = n_factors
        self.criterion = criterion
        self.cv = cv
        self.n_resamples = n_resamples
        self.equal_weights = equal_weights
        self.time_budget = time_budget
        self.abandon = abandon
        self.tol = tol
        self.reg_covar = reg_covar
        self.max_iter = max_iter
        self.n_init = n_init
        self.init_params = init_params
        self.effort = effort
        self.acceleration = acceleration
        self.on_degenerate = on_degenerate
        self.random_state = random_state
        self.verbose = verbose
        self.n_jobs = n_jobs
        self.executor = executor
        self.memory_limit = memory_limit
        self.checkpoint = checkpoint
        self.checkpoint_every = checkpoint_every

    @_fit_context(prefer_skip_nested_validation=True)  # type: ignore[untyped-decorator]
    def fit(self, X: Any, y: Any = None, sample_weight: Any = None, *, resume: bool = False) -> Self:
        """Fit every cell of the grid.

        Parameters
        ----------
        X : array-like, dataframe, path or Source, of shape (N, D)
            Rows, as for ``GaussianMixture``. NaN is a value missing at random.
        y : ignored
        sample_weight : array-like of shape (N,) or str, optional
            A row of weight w counts as w rows. Of a table, or of files whose columns have names: the column that
            holds the weights, which is then no feature.
        resume : bool, default=False
            Go on from ``checkpoint``, if the file is there, and otherwise begin anew. The time budget begins anew.

        Returns
        -------
        GaussianMixtureSearch
            Itself. After an interrupt (Ctrl-C, or workers that were lost), with what was fitted until then.

        Raises
        ------
        DataError, DataTypeError, ValueError
            If rows, weights or parameters cannot be used, or no cell could be fitted; the message says why.
        ExecutorError
            If the workers were lost before a cell was fitted.
        CheckpointError
            If the checkpoint belongs to other rows, parameters or versions; the message lists what differs.
        OSError
            If a checkpoint cannot be written or read.
        """
        self._fit(X, sample_weight, resume=resume)
        return self

    @_fit_context(prefer_skip_nested_validation=True)  # type: ignore[untyped-decorator]
    def fit_predict(self, X: Any, y: Any = None, sample_weight: Any = None) -> IntArray:
        """Fit, and return the best mixture's most probable component of each row, shape (N,).

        Parameters as in ``fit``.
        """
        source = self._fit(X, sample_weight)
        labels: IntArray = self.best_estimator_.predict(source)
        return labels

    def results_frame(self) -> Any:
        """Return ``results_`` as a pandas DataFrame, best cells first.

        Raises
        ------
        MissingDependencyError
            If pandas is not installed.
        """
        check_is_fitted(self)
        return data_frame(self.results_)

    def predict(self, X: Any) -> IntArray:
        """Return the most probable component of each row, shape (N,)."""
        source = self._checked(X)
        return self.best_estimator_.predict(source)

    def predict_proba(self, X: Any) -> FloatArray:
        """Return the probability of each component given the row, shape (N, K)."""
        source = self._checked(X)
        return self.best_estimator_.predict_proba(source)

    def score_samples(self, X: Any) -> FloatArray:
        """Return the log-density of each row, shape (N,), in nats."""
        source = self._checked(X)
        return self.best_estimator_.score_samples(source)

    def score(self, X: Any, y: Any = None, sample_weight: Any = None) -> float:
        """Return the mean log-density per row (or unit of weight), in nats; ``sample_weight`` as in ``fit``."""
        source = self._checked(X, sample_weight)
        return self.best_estimator_.score(source)

    def bic(self, X: Any) -> float:
        """Return the best mixture's Bayesian information criterion on ``X``; lower is better."""
        source = self._checked(X)
        return self.best_estimator_.bic(source)

    def aic(self, X: Any) -> float:
        """Return the best mixture's Akaike information criterion on ``X``; lower is better."""
        source = self._checked(X)
        return self.best_estimator_.aic(source)

    def sample(self, n_samples: int = 1) -> tuple[Float64Array, IntArray]:
        """Draw rows from the best mixture: X of shape (n_samples, D), and the component of each row."""
        check_is_fitted(self)
        return self.best_estimator_.sample(n_samples)

    def bootstrap_test(
        self,
        X: Any,
        n_components: Iterable[int] | None = None,
        *,
        covariance_type: str | CovarianceFamily | None = None,
        n_bootstrap: int = 99,
        level: float = 0.05,
        sample_weight: Any = None,
    ) -> list[LikelihoodRatioTest]:
        """Test K components against K + 1 by the parametric bootstrap (McLachlan 1987), for growing K.

        The first K that is not rejected is the number of components that the rows ask for.

        Parameters
        ----------
        X : array-like, dataframe, path or Source, of shape (N, D)
            Without missing values.
        n_components : iterable of int, optional
            K, in ascending order; 1, 2, ... without end by default.
        covariance_type : str or CovarianceFamily, optional
            That of the best estimator by default.
        n_bootstrap : int
            Data sets drawn from K components, on each of which both models are fitted.
        level : float
            The tests end with the first whose p-value is above it.
        sample_weight : array-like of shape (N,) or str, optional
            As in ``fit``.

        Returns
        -------
        list of LikelihoodRatioTest
            With ``n_components``, ``statistic``, ``p_value`` and the ``simulated`` statistics.
        """
        check_is_fitted(self)
        source = self._checked(X, sample_weight, missing=False)  # what is simulated misses nothing
        family = self.best_covariance_type_ if covariance_type is None else covariance_type
        families = families_of([family], source.n_features, self.best_n_factors_ or 1)
        wanted = itertools.count(1) if n_components is None else n_components
        with (
            single_threaded_blas(source.n_features),
            executing(self.n_jobs, self.executor) as executor,
        ):
            return self._cell_search(source, executor).bootstrap(
                families, self.best_equal_weights_, wanted, n_bootstrap, level
            )

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "best_estimator_")

    def _fit(self, X: Any, sample_weight: Any, *, resume: bool = False) -> Source:
        """Search and set all attributes, or raise and change nothing."""
        check_checkpoint(self, resume=resume)
        criteria = criteria_of(self.criterion)
        self._seed = self._entropy()
        with features_kept_on_error(self):
            source = training_source(self, X, sample_weight, missing=True)
            families = searched_families(self.covariance_type, source.n_features, self.n_factors)
            cells = cells_of(self.n_components, families.all, self.equal_weights)
            possible = [cell for cell in cells if cell.name in families.possible]
            with (
                single_threaded_blas(source.n_features, families.possible.values()),
                executing(self.n_jobs, self.executor) as executor,
            ):
                outcomes = self._searched(self._cell_search(source, executor), possible, criteria, resume)
            outcomes = families.completed(cells, outcomes)
            require_one(outcomes)
        self._set_fitted(outcomes, criteria[0], source)
        warn_of(outcomes, self.best_index_)
        return source

    def _searched(
        self, search: CellSearch, cells: list[Cell], criteria: list[str], resume: bool
    ) -> list[Outcome]:
        """Return the outcome of every cell, from the checkpoint where it is there."""
        rows = search.rows(cells)
        journal = search_journal_of(self, self._seed, cells, criteria, rows.problems, resume=resume)
        self._seed = journal.seed
        with journal.kept():
            return replace(search, seed=journal.seed)(
                cells,
                rows,
                criteria,
                limits_of(criteria[0], self.time_budget, abandon=self.abandon),
                journal,
                cv=self.cv,
                n_resamples=self.n_resamples,
                verbose=self.verbose,
            )

    def _cell_search(self, source: Source, executor: Executor) -> CellSearch:
        settings = {name: getattr(self, name) for name in _OF_CELLS}
        elsewhere = self.executor is not None or source.engine is not None
        return CellSearch(source, settings, self._seed, n_threads(self.n_jobs), executor, elsewhere)

    def _set_fitted(self, outcomes: list[Outcome], criterion: str, source: Source) -> None:
        self.results_ = columns(outcomes, criterion)
        self.best_index_ = int(self.results_["rank"].argmin())
        best = outcomes[self.best_index_]
        self.best_n_components_ = best.cell.n_components
        self.best_covariance_type_, self.best_n_factors_ = named(best.cell)
        self.best_equal_weights_ = best.cell.equal_weights
        self.best_score_ = float(self.results_[criterion][self.best_index_])
        self.n_skipped_ = sum(outcome.status in (OUT_OF_TIME, INTERRUPTED) for outcome in outcomes)
        self.best_estimator_ = self._estimator(best, source)

    def _estimator(self, outcome: Outcome, source: Source) -> GaussianMixture:
        """Return the estimator of a cell as its own ``fit`` would have left it."""
        assert outcome.fitted is not None
        settings = {name: getattr(self, name) for name in _OF_CELLS}
        estimator = GaussianMixture(
            outcome.cell.n_components,
            covariance_type=self.best_covariance_type_,
            n_factors=self.best_n_factors_ or 1,
            equal_weights=outcome.cell.equal_weights,
            random_state=seed_of(outcome.cell, self._seed),
            n_jobs=self.n_jobs,
            executor=self.executor,
            memory_limit=self.memory_limit,
            **settings,
        )
        trained = Trained(outcome.fitted.result, outcome.fitted.optima)
        set_fitted(estimator, trained)
        with single_threaded_blas(source.n_features):
            estimator._note(trained, source)
        for name in ("n_features_in_", "feature_names_in_"):
            if hasattr(self, name):
                setattr(estimator, name, getattr(self, name))
        return estimator

    def _checked(self, X: Any, sample_weight: Any = None, *, missing: bool = True) -> Source:
        check_is_fitted(self)
        return prediction_source(self, X, sample_weight, missing=missing)

    def _entropy(self) -> Any:
        if isinstance(self.random_state, Integral):
            return int(self.random_state)
        return check_random_state(self.random_state).randint(2**31, size=4).tolist()
