"""``BayesianGaussianMixture``: scikit-learn's estimator on this engine."""

from __future__ import annotations

from os import PathLike
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import BaseEstimator, _fit_context
from sklearn.utils.validation import check_is_fitted

from gaussmix.covariance import resolve_family
from gaussmix.estimator.bayesian_attributes import posterior_attributes
from gaussmix.estimator.bayesian_belief import Priors, resolve_priors, resolve_weights
from gaussmix.estimator.bayesian_constraints import BAYESIAN_CONSTRAINTS
from gaussmix.estimator.bayesian_start import VariationalStarter
from gaussmix.estimator.bayesian_training import Inference, Inferred
from gaussmix.estimator.checkpoints import check_checkpoint, journal_of
from gaussmix.estimator.executors import SharedExecutor, engine_of, executing
from gaussmix.estimator.fitted_density import FittedDensity
from gaussmix.estimator.journal import Journal
from gaussmix.estimator.parameters import check_memory, check_warm_start
from gaussmix.estimator.problem import Problem
from gaussmix.estimator.progress import CallbackSupport, Progress, with_callbacks
from gaussmix.estimator.rows import component_source, features_kept_on_error
from gaussmix.estimator.threads import single_threaded_blas
from gaussmix.executor import Executor
from gaussmix.model import evaluate
from gaussmix.model.variational import VariationalMixture
from gaussmix.model.variational.belief import Belief
from gaussmix.source import Source
from gaussmix.types import Effort, FloatArray, IntArray


class BayesianGaussianMixture(CallbackSupport, SharedExecutor, FittedDensity, BaseEstimator):
    """Infer a Gaussian mixture by variational Bayes; a drop-in for ``sklearn.mixture.BayesianGaussianMixture``.

    Components that the rows do not need are left without rows, so that ``n_components`` is an upper bound.

    Parameters
    ----------
    n_components : int, default=1
        K, the number of components, at most.
    covariance_type : {"full", "tied", "diag", "spherical", "EEI", "EII"} or a code of these, default="full"
        As in ``GaussianMixture``: the families that have a conjugate prior.
    tol : float, default=1e-6
        Lower bound per row (nats) that may still be gained at the end: see ``gaussmix.fit.Convergence``.
    reg_covar : float, default=0.0
        Added to the diagonals of the components' covariances before the prior is, in units of each feature's
        variance (spherical: of their mean). The prior keeps covariances positive without it, and only without it
        does the lower bound rise in every iteration.
    max_iter : int, default=1000
        Iterations over all rows, at most, without those of the moves. 0 keeps the start.
    n_init : int, default=1
        Starts; that which ends with the highest lower bound is kept.
    init_params : {"auto", "kmeans", "k-means++", "random", "random_from_data"}, array-like or callable
        Where the iterations start. ``"auto"``, the default, starts by k-means and then merges and divides components
        where that raises the lower bound. Otherwise as in ``GaussianMixture``, without moves.
    weight_concentration_prior_type : {"dirichlet_process", "dirichlet_distribution"}
        Prior of the weights: broken sticks (Blei & Jordan 2006), the default, or a finite Dirichlet.
    weight_concentration_prior : float, optional
        Concentration of that prior; 1 / K by default. A lower one leaves more components without rows.
    mean_precision_prior : float, default=1
        How many rows the prior of the means counts for.
    mean_prior : array-like of shape (D,), optional
        The mean of the rows by default.
    degrees_of_freedom_prior : float, default=D
        How many rows the prior of the covariances counts for; above D - 1 for full and tied, above 0 for the others.
    covariance_prior : float or array-like, optional
        A scatter of ``degrees_of_freedom_prior`` rows, of shape (D, D) for full and tied, (D,) for diag and EEI, a
        number for spherical and EII. By default the covariance of the rows.
    random_state : int, RandomState instance or None, default=None
    warm_start : bool, default=False
        Go on from the last fit.
    verbose : int, default=0
    verbose_interval : int, default=10
    weight_concentration_hyper_prior : (float, float), optional
        Shape and rate of a Gamma prior of the concentration, which is then learnt from the rows.
    order_components : bool, default=True
        Keep the heaviest components first while sticks are broken, which raises the lower bound (Kurihara, Welling
        & Teh 2007). False keeps the order of the start, as scikit-learn does.
    prune : bool, default=False
        Drop components without rows at the end.
    convention : {"exact", "scikit-learn"}, default="exact"
        scikit-learn takes a Wishart's expected log-determinant for diag and spherical too, where the precisions are
        Gamma distributed, and for tied counts the prior once a component and the rows in K parts. "scikit-learn"
        does the same; "full" is the same in both.
    effort : {"low", "default", "high"}, default="default"
        How many moves ``init_params="auto"`` tries; none for "low".
    n_jobs : int, optional
        Threads; None or -1 means one a core. The result does not depend on it.
    executor : {"dask"}, str, distributed.Client, Executor or None, default=None
        Where the passes over the rows run, as in ``GaussianMixture``. The result does not depend on it.
    memory_limit : int or str, optional
        What the rows of files may take in memory, as in ``GaussianMixture``.
    checkpoint : path, optional
        File in which the fit saves where it stands after the moves, for ``fit(..., resume=True)``, as in
        ``GaussianMixture``.
    checkpoint_every : float, default=60
        Seconds between two checkpoints at least; 0 writes one after every iteration.

    Attributes
    ----------
    weights_ : ndarray of shape (K,)
        Expected weights, rescaled to sum to 1.
    means_ : ndarray of shape (K, D)
        Expected means.
    covariances_ : ndarray
        Inverses of the expected precisions, in the shape of ``GaussianMixture``.
    precisions_, precisions_cholesky_ : ndarray
        As in ``GaussianMixture``.
    weight_concentration_ : ndarray of shape (K,), or a pair of them
        Of the Dirichlet posterior, or the two parameters of each stick's Beta posterior.
    weight_concentration_prior_ : float
        What was given; the posterior mean, or the most probable value for a Dirichlet, where it is learnt.
    mean_precision_ : ndarray of shape (K,)
    degrees_of_freedom_ : ndarray of shape (K,), or float for tied, EEI and EII
    mean_prior_, mean_precision_prior_, degrees_of_freedom_prior_, covariance_prior_
        The prior that was used.
    n_components_effective_ : int
        Components that are expected to hold more than half a row.
    converged_ : bool
    n_iter_ : int
    n_passes_ : float
        Passes over all rows that iterations and moves took.
    lower_bound_ : float
        Evidence lower bound per unit of weight at the last E-step, all terms of it, in nats.
    lower_bounds_ : list of float
        The same at the start of each iteration.
    posterior_ : VariationalMixture
        The posterior of the parameters.
    mixture_ : Mixture
        The mixture of the expected parameters.
    n_features_in_ : int
    feature_names_in_ : ndarray of shape (D,)
        Only if the columns have names.

    References
    ----------
    Bishop (2006), Pattern Recognition and Machine Learning, section 10.2.

    Blei & Jordan (2006), Variational inference for Dirichlet process mixtures, Bayesian Analysis 1.

    Hughes & Sudderth (2013), Memoized online variational inference for Dirichlet process mixture models, NeurIPS 26.

    Kurihara, Welling & Teh (2007), Collapsed variational Dirichlet process mixture models, IJCAI 20.

    Examples
    --------
    >>> import numpy as np
    >>> from gaussmix import BayesianGaussianMixture
    >>> X = np.concatenate([np.linspace(-1, 1, 50), np.linspace(9, 11, 50)])[:, None]
    >>> model = BayesianGaussianMixture(n_components=10, random_state=0).fit(X)
    >>> model.n_components_effective_
    2
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = BAYESIAN_CONSTRAINTS

    def __init__(
        self,
        n_components: int = 1,
        *,
        covariance_type: str = "full",
        tol: float = 1e-6,
        reg_covar: float = 0.0,
        max_iter: int = 1000,
        n_init: int = 1,
        init_params: Any = "auto",
        weight_concentration_prior_type: str = "dirichlet_process",
        weight_concentration_prior: float | None = None,
        mean_precision_prior: float | None = None,
        mean_prior: Any = None,
        degrees_of_freedom_prior: float | None = None,
        covariance_prior: Any = None,
        random_state: Any = None,
        warm_start: bool = False,
        verbose: int = 0,
        verbose_interval: int = 10,
        weight_concentration_hyper_prior: Any = None,
        order_components: bool = True,
        prune: bool = False,
        convention: str = "exact",
        effort: Effort = "default",
        n_jobs: int | None = None,
        executor: Any = None,
        memory_limit: int | str | None = None,
        checkpoint: str | PathLike[str] | None = None,
        checkpoint_every: float = 60.0,
    ) -> None:
        self.n_components = n_components
        self.covariance_type = covariance_type
        self.tol = tol
        self.reg_covar = reg_covar
        self.max_iter = max_iter
        self.n_init = n_init
        self.init_params = init_params
        self.weight_concentration_prior_type = weight_concentration_prior_type
        self.weight_concentration_prior = weight_concentration_prior
        self.mean_precision_prior = mean_precision_prior
        self.mean_prior = mean_prior
        self.degrees_of_freedom_prior = degrees_of_freedom_prior
        self.covariance_prior = covariance_prior
        self.random_state = random_state
        self.warm_start = warm_start
        self.verbose = verbose
        self.verbose_interval = verbose_interval
        self.weight_concentration_hyper_prior = weight_concentration_hyper_prior
        self.order_components = order_components
        self.prune = prune
        self.convention = convention
        self.effort = effort
        self.n_jobs = n_jobs
        self.executor = executor
        self.memory_limit = memory_limit
        self.checkpoint = checkpoint
        self.checkpoint_every = checkpoint_every

    @with_callbacks
    @_fit_context(prefer_skip_nested_validation=True)  # type: ignore[untyped-decorator]
    def fit(self, X: Any, y: Any = None, sample_weight: Any = None, *, resume: bool = False) -> Self:
        """Infer the posterior.

        Parameters
        ----------
        X : array-like, dataframe, path or Source, of shape (N, D)
            Rows without missing values.
        y : Ignored
        sample_weight : array-like of shape (N,) or str, optional
            A row of weight w counts as w rows: other than in ``GaussianMixture``, a common factor matters, since the
            prior counts for a number of rows. Of a table, or of files whose columns have names: the column that holds
            the weights, which is then no feature.
        resume : bool, default=False
            Go on from ``checkpoint``, if the file is there, and otherwise begin anew. The bits are those of a fit
            that never stopped.

        Returns
        -------
        BayesianGaussianMixture
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

    @with_callbacks
    @_fit_context(prefer_skip_nested_validation=True)  # type: ignore[untyped-decorator]
    def fit_predict(self, X: Any, y: Any = None, sample_weight: Any = None) -> IntArray:
        """Fit, and return the most probable component of each row, shape (N,). Parameters as in ``fit``."""
        problem = self._fit(X, sample_weight)
        engine = engine_of(X)
        if engine is not None:  # rows that stay where they are keep their labels beside them
            return self.predict(engine.features(self, X, sample_weight))
        labels: IntArray = evaluate.predict(self._density, problem.rows, problem.executor)
        return labels

    def score_samples(self, X: Any, *, predictive: bool = False) -> FloatArray:
        """Return the log-density of each row, shape (N,), in nats.

        Parameters
        ----------
        X : array-like or dataframe of shape (N, D)
        predictive : bool, default=False
            Return the posterior predictive density, a mixture of Student distributions (Bishop 2006, eq. 10.81),
            instead of scikit-learn's log Σ_k exp E[log π_k N(x | μ_k, Λ_k⁻¹)], which lies below it.
        """
        check_is_fitted(self)
        posterior: VariationalMixture = self.posterior_
        model = posterior.predictive() if predictive else posterior
        return self._evaluated(evaluate.log_prob, X, model=model)  # type: ignore[no-any-return]

    @property
    def _density(self) -> Any:
        """The fitted posterior."""
        return self.posterior_

    def _fit(self, X: Any, sample_weight: Any, *, resume: bool = False) -> Problem:
        """Fit and set all attributes, or raise and change nothing."""
        check_checkpoint(self, resume=resume)
        with features_kept_on_error(self), np.errstate(under="ignore"):
            source = component_source(self, X, sample_weight)
            with single_threaded_blas(source.n_features), executing(self.n_jobs, self.executor) as executor:
                problem = self._problem(source, executor)
                priors = self._priors(problem)
                belief = priors.belief(problem, self.convention)
                journal = journal_of(self, problem, resume=resume, belief=belief)
                with journal.kept():
                    inferred = self._best(problem, belief, journal)
        self._set_fitted(inferred, priors)
        self._warn(inferred.result, priors.complaints(problem))
        return problem

    def _problem(self, source: Source, executor: Executor) -> Problem:
        """Check rows against parameters, and measure them."""
        family = resolve_family(self.covariance_type, source.n_features)
        check_memory(self.n_components, source.n_features, family)
        return Problem.of(source, executor, family, self.n_components, self.reg_covar)

    def _priors(self, problem: Problem) -> Priors:
        return resolve_priors(
            problem,
            self.mean_prior,
            self.mean_precision_prior,
            self.degrees_of_freedom_prior,
            self.covariance_prior,
            wishart=self.convention != "exact",
        )

    def _best(self, problem: Problem, belief: Belief, journal: Journal) -> Inferred:
        """Run from each start, or on from the last fit; return the best."""
        weights = resolve_weights(
            self.weight_concentration_prior_type,
            self.weight_concentration_prior,
            self.weight_concentration_hyper_prior,
            self.n_components,
            ordered=self.order_components,
        )
        before = VariationalMixture.before(belief, weights, self.convention)
        warm = self.warm_start and hasattr(self, "posterior_")
        if warm:
            check_warm_start(self.mixture_, self.n_components, problem.source.n_features, problem.family)
        progress = Progress(self, 1 if warm else self.n_init)
        inference = Inference(problem, before, progress, self.tol, self.max_iter, self.effort, journal)
        starter = VariationalStarter(problem, self.init_params, before)
        if warm:
            inferred = inference.go_on(self.posterior_, self._convergence)
        else:
            moves = isinstance(self.init_params, str) and self.init_params == "auto"
            inferred = inference.best_of(starter, self._generator(), self.n_init, moves=moves)
        progress.close()
        return inferred

    def _set_fitted(self, inferred: Inferred, priors: Priors) -> None:
        model = inferred.model.pruned() if self.prune else inferred.model
        for name, value in posterior_attributes(model, priors).items():
            setattr(self, name, value)
        self._set_history(inferred.result)
        self.n_passes_ = inferred.n_passes
