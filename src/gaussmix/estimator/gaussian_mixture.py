"""``GaussianMixture``: scikit-learn's estimator on this engine."""

from __future__ import annotations

from os import PathLike
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from sklearn.base import BaseEstimator, _fit_context

from gaussmix.covariance import CovarianceFamily
from gaussmix.estimator.checkpoints import check_checkpoint, journal_of
from gaussmix.estimator.constraints import CONSTRAINTS
from gaussmix.estimator.diagnosed import Diagnosed, described
from gaussmix.estimator.executors import SharedExecutor, engine_of, executing
from gaussmix.estimator.fitted_density import Criteria, require_fitted
from gaussmix.estimator.gaussian_attributes import set_fitted
from gaussmix.estimator.gaussian_problem import family_of, problem_of
from gaussmix.estimator.gaussian_training import best_before_background, best_fit, previous_fit
from gaussmix.estimator.labels import partial_labels
from gaussmix.estimator.problem import Problem
from gaussmix.estimator.progress import CallbackSupport, with_callbacks
from gaussmix.estimator.rows import component_source, features_kept_on_error, prediction_source
from gaussmix.estimator.streaming import Streaming
from gaussmix.estimator.threads import single_threaded_blas
from gaussmix.estimator.training import Trained
from gaussmix.estimator.uncertain import Uncertain
from gaussmix.model import Mixture, evaluate
from gaussmix.types import Assignment, Effort, FloatArray, IntArray, OnDegenerate

if TYPE_CHECKING:
    from gaussmix.model.background import BackgroundMixture


class GaussianMixture(
    CallbackSupport, SharedExecutor, Streaming, Diagnosed, Uncertain, Criteria, BaseEstimator
):
    """Fit a Gaussian mixture by EM; a drop-in for ``sklearn.mixture.GaussianMixture``.

    Parameters
    ----------
    n_components : int, default=1
        K, the number of components.
    covariance_type : {"full", "tied", "diag", "spherical"}, code or CovarianceFamily, default="full"
        Which covariance matrices are allowed. The codes are mclust's for volume, shape and orientation: equal (E),
        each component's own (V), or none (I: a ball, the features' axes) (Celeux & Govaert 1995): EII VII EEI VEI
        EVI VVI EEE VEE EVE VVE EEV VEV EVV VVV; for one feature also E and V. "full", "tied", "diag" and
        "spherical" are VVV, EEE, VVI and VII. For many features there are mixtures of factor analysers: "mfa" and
        "ppca" (noise of the same variance in all features), and the codes of McNicholas & Murphy (2008, 2010) for
        loadings and noise that components share (C) or not (U): UCU UCC UCUU UUCU CUU CUC CCU CCC CCUU CUCU.
    n_factors : int, default=1
        Factors of each component, fewer than features, where the covariance type has factors; else ignored.
    tol : float, default=1e-6
        Log-likelihood per row (nats) that may still be gained when EM stops. The parameters must have stopped
        moving too, so that plateaus are crossed: see ``gaussmix.fit.Convergence``.
    reg_covar : float, default=1e-6
        Added to the diagonals of the covariances, in units of each feature's variance (spherical: of their
        mean), so that rescaled data give the rescaled fit.
    max_iter : int, default=1000
        Iterations over all rows, at most, without those of the search for a start. 0 keeps the start, for
        ``"auto"`` one by k-means.
    n_init : int, default=1
        Starts, or searches for one; that which ends with the highest likelihood is kept, if possible one in which
        no component collapsed.
    init_params : {"auto", "kmeans", "k-means++", "random", "random_from_data"}, array-like or callable
        Where EM starts. ``"auto"``, the default, searches for the best optimum: many different starts, of which
        the best go on, and moves that merge two components and split a third. An array holds labels (N,) or
        responsibilities (N, K); a callable ``(X, n_components, rng)`` returns them for the rows it gets, which are a
        sample where N is large.
    effort : {"low", "default", "high"}, default="default"
        How long ``init_params="auto"`` searches, counted in work and not in time, so that the fit does not depend
        on the machine.
    acceleration : {"auto", None}, default="auto"
        Step further than EM does where that raises the likelihood, so that fewer passes over the rows are needed;
        None is plain EM.
    assignment : {"soft", "hard"}, default="soft"
        ``"hard"`` gives each row wholly to its most probable component (classification EM, Celeux & Govaert
        1992); the bound is then the classification likelihood. With ``covariance_type="EII"`` and equal weights
        it is Lloyd's k-means.
    equal_weights : bool, default=False
        Keep all mixing weights at 1 / K.
    weights_init : array-like of shape (K,), optional
    means_init : array-like of shape (K, D), optional
        Without the other two, each row starts with the nearest of these means.
    precisions_init : array-like, optional
        Inverse covariances, in the shape of ``precisions_``.
    frozen : str, sequence of str or dict, optional
        What the fit does not move from the given ``weights_init``, ``means_init`` or ``precisions_init``: "weights",
        "means" or "covariances", or a dict that names the components, such as ``{"means": [0, 2]}``.
    prior : NormalWishart, Dirichlet, Shrinkage, Relevance, or a list of them, optional
        What is believed before the data, see ``gaussmix.prior``: the fit is then the most probable one. Beliefs about
        different parameters go together, such as ``[NormalWishart(), Dirichlet(2)]``. They count rows, so that
        ``sample_weight`` of another size changes the fit.
    background : {"uniform", "hull"}, callable or None, default=None
        A density for rows that belong to no component: uniform in the smaller of two boxes about the rows or in their
        convex hull (Banfield & Raftery 1993), or a callable ``X -> log-density of shape (n,)``. Its rows are labelled
        -1, and ``predict_proba`` has a last column for it. The uniform density is that of the volume everywhere.
    random_state : int, RandomState instance or None, default=None
    warm_start : bool, default=False
        Go on from the last fit.
    verbose : int, default=0
    verbose_interval : int, default=10
    n_jobs : int, optional
        Threads; None or -1 means one a core. The result does not depend on it.
    on_degenerate : {"floor", "drop", "restart", "raise"}, default="floor"
        What happens to a component that is left without rows or with a singular covariance: its covariance
        is raised, it is removed, it becomes half of the heaviest other one, or DegenerateError is raised.
    executor : {"dask"}, str, distributed.Client, Executor or None, default=None
        Where the passes over the rows run: in threads of this process, or on the workers of a Dask cluster, which
        keep the rows: ``"dask"`` is the client that is active, other text a scheduler's address. The result does not
        depend on it.
    memory_limit : int or str, optional
        Bytes, or text such as "2GiB", that the rows of files may take in memory; larger files are read block by block
        in each pass. Default: a quarter of what this process may use.
    checkpoint : path, optional
        File in which the fit saves where it stands; ``fit(..., resume=True)`` goes on from there after a crash, and
        ends with the same bits as a fit that never stopped.
    checkpoint_every : float, default=60
        Seconds between two checkpoints at least; 0 writes one after every iteration.
    truncation : int, optional
        Components that are considered for each row, those that share rows with its best one, for at least 256
        components of type full, tied, diag or spherical: truncated variational EM (Forster & Lücke 2018). A pass
        takes time in proportion to ``truncation`` instead of K, and 8 bytes a row. All ``lower_bounds_`` but the
        last are bounds below the likelihood; the last pass is exact, so that ``lower_bound_`` is the likelihood.
        "auto", "kmeans" and "k-means++" then start from a two-step k-means++, without a search.
    half_life : float, optional
        Rows (units of weight) after which what ``partial_fit`` has seen counts half, for streams that drift.

    Attributes
    ----------
    weights_ : ndarray of shape (K,)
    means_ : ndarray of shape (K, D)
    covariances_ : ndarray
        Of shape (K, D, D) for full, (D, D) for tied and EEE, (K, D) for diag, EEI, VEI, EVI and VVI, (K,) for
        spherical, EII, VII, E and V, and (K, D, D) for all others.
    precisions_ : ndarray
        Inverse covariances, of the same shape.
    precisions_cholesky_ : ndarray
        Upper triangular U with precision = U Uᵀ; square roots where the precisions are numbers.
    loadings_ : ndarray of shape (K, D, n_factors)
        B_k of covariance types that have factors, Σ_k = B_k B_kᵀ + diag(noise_variance_k). Of more than 128 features
        these and ``noise_variance_`` take the place of covariances, precisions and their factors;
        ``mixture_.covariances.to_dense()`` makes the matrices.
    noise_variance_ : ndarray of shape (K, D)
    converged_ : bool
    n_iter_ : int
        Iterations over all rows of the best start.
    n_passes_ : float
        Passes over all rows that the fit and the search for its start were worth.
    lower_bound_ : float
        Mean log-likelihood per unit of weight at the last E-step, in nats; with a ``prior``, the logarithm of its
        density, up to a constant, is part of it.
    lower_bounds_ : list of float
        The same at the start of each iteration.
    mixture_ : Mixture
        The fitted distribution; with a background, that of the other rows, as ``weights_``, ``sample`` and all else
        that tells of components.
    background_ : BackgroundMixture or None
        The mixture before the background, with ``share``, the background's weight.
    degenerate_ : list of dict
        What was done to which component, and when.
    optima_ : Optima or None
        What the search for the best optimum has seen: how many starts and optima, and how often the best.
    diagnosis_ : Diagnosis
        What is doubtful about the fit: print it for sentences, ``as_dict()`` for data; ``diagnose(X)`` looks closer.
    n_samples_seen_ : int
        Rows of the fit, and of ``partial_fit`` since.
    n_features_in_ : int
    feature_names_in_ : ndarray of shape (D,)
        Only if the columns have names.

    References
    ----------
    Dempster, Laird & Rubin (1977), Maximum likelihood from incomplete data via the EM algorithm, JRSS B 39.

    Celeux & Govaert (1992), A classification EM algorithm for clustering and two stochastic versions, Computational
    Statistics & Data Analysis 14.

    Celeux & Govaert (1995), Gaussian parsimonious clustering models, Pattern Recognition 28.

    Forster & Lücke (2018), Can clustering scale sublinearly with its clusters? A variational EM acceleration of GMMs
    and k-means, AISTATS.

    Examples
    --------
    >>> import numpy as np
    >>> from gaussmix import GaussianMixture
    >>> X = np.array([[1, 2], [1, 4], [1, 0], [10, 2], [10, 4], [10, 0]])
    >>> model = GaussianMixture(n_components=2, random_state=0).fit(X)
    >>> np.sort(model.means_[:, 0])
    array([ 1., 10.])
    >>> model.predict([[0, 0], [12, 3]]) == model.predict([[1, 2], [10, 2]])
    array([ True,  True])
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = CONSTRAINTS
    _takes_missing = True
    _takes_sparse = True

    def __init__(
        self,
        n_components: int = 1,
        *,
        covariance_type: str | CovarianceFamily = "full",
        n_factors: int = 1,
        tol: float = 1e-6,
        reg_covar: float = 1e-6,
        max_iter: int = 1000,
        n_init: int = 1,
        init_params: Any = "auto",
        effort: Effort = "default",
        acceleration: str | None = "auto",
        assignment: Assignment = "soft",
        equal_weights: bool = False,
        weights_init: Any = None,
        means_init: Any = None,
        precisions_init: Any = None,
        frozen: Any = None,
        prior: Any = None,
        background: Any = None,
        random_state: Any = None,
        warm_start: bool = False,
        verbose: int = 0,
        verbose_interval: int = 10,
        n_jobs: int | None = None,
        on_degenerate: OnDegenerate = "floor",
        executor: Any = None,
        memory_limit: int | str | None = None,
        checkpoint: str | PathLike[str] | None = None,
        checkpoint_every: float = 60.0,
        truncation: int | None = None,
        half_life: float | None = None,
    ) -> None:
        self.n_components = n_components
        self.covariance_type = covariance_type
        self.n_factors = n_factors
        self.tol = tol
        self.reg_covar = reg_covar
        self.max_iter = max_iter
        self.n_init = n_init
        self.init_params = init_params
        self.effort = effort
        self.acceleration = acceleration
        self.assignment = assignment
        self.equal_weights = equal_weights
        self.weights_init = weights_init
        self.means_init = means_init
        self.precisions_init = precisions_init
        self.frozen = frozen
        self.prior = prior
        self.background = background
        self.random_state = random_state
        self.warm_start = warm_start
        self.verbose = verbose
        self.verbose_interval = verbose_interval
        self.n_jobs = n_jobs
        self.on_degenerate = on_degenerate
        self.executor = executor
        self.memory_limit = memory_limit
        self.checkpoint = checkpoint
        self.checkpoint_every = checkpoint_every
        self.truncation = truncation
        self.half_life = half_life

    @with_callbacks
    @_fit_context(prefer_skip_nested_validation=True)  # type: ignore[untyped-decorator]
    def fit(
        self,
        X: Any,
        y: Any = None,
        sample_weight: Any = None,
        *,
        noise: Any = None,
        resume: bool = False,
    ) -> Self:
        """Fit the mixture.

        Parameters
        ----------
        X : array-like, dataframe, path or Source, of shape (N, D)
            Rows. A path ends in .npy, .csv, .tsv, .parquet, .arrow or .feather. NaN is a value missing at random: the
            likelihood is that of the observed values (Little & Rubin 2002). Sparse arrays and matrices of SciPy stay
            sparse, for covariance types of variances or factors.
        y : array-like of shape (N,), optional
            Ignored, unless it holds whole numbers some of which are -1: then the others are the components 0 to K - 1
            of their rows, and those of -1 are estimated. A target of two classes, -1 and 1, is ignored too, and so is
            any with one component.
        sample_weight : array-like of shape (N,) or str, optional
            A row of weight w counts as w rows; weights of a common factor give the same fit. Of a table, or of files
            whose columns have names: the column that holds the weights, which is then no feature.
        noise : array-like of shape (N, D) or (N, D, D), optional
            Variances, or covariances, of the noise with which each row was measured: the mixture is that of the rows
            without noise (extreme deconvolution, Bovy, Hogg & Roweis 2011), which ``predict``, ``score`` and ``bic``
            take their rows to be. ``mixture_.log_prob`` and its kin take ``noise`` as well, for rows measured with
            it, and ``mixture_.denoise`` removes it.
        resume : bool, default=False
            Go on from ``checkpoint``, if the file is there, and otherwise begin anew. The bits are those of a fit
            that never stopped.

        Returns
        -------
        GaussianMixture
            Itself.

        Raises
        ------
        DataError, DataTypeError, ValueError
            If rows, weights or parameters cannot be used; nothing is changed then.
        DegenerateError
            If a component collapses and ``on_degenerate="raise"``.
        CheckpointError
            If the checkpoint belongs to other rows, parameters or versions; the message lists what differs.
        OSError
            If a checkpoint cannot be written or read.
        """
        self._fit(X, sample_weight, y, noise, resume=resume)
        return self

    @with_callbacks
    @_fit_context(prefer_skip_nested_validation=True)  # type: ignore[untyped-decorator]
    def fit_predict(self, X: Any, y: Any = None, sample_weight: Any = None) -> IntArray:
        """Fit, and return the most probable component of each row, shape (N,). Parameters as in ``fit``."""
        problem = self._fit(X, sample_weight, y)
        engine = engine_of(X)
        if engine is not None:  # rows that stay where they are keep their labels beside them
            return self.predict(engine.features(self, X, sample_weight))
        labels: IntArray = evaluate.predict(self._density, problem.rows, problem.executor)
        return labels

    def impute(self, X: Any, *, draw: bool = False, random_state: Any = None) -> FloatArray:
        """Return the rows with missing values filled in; see ``Mixture.impute``.

        Parameters
        ----------
        X : array-like or dataframe of shape (n, D)
            NaN is a missing value.
        draw : bool, default=False
            Draw the values from their conditional distributions, instead of the conditional means.
        random_state : numpy.random.Generator or seed, optional
            Of the draws.

        Returns
        -------
        ndarray of shape (n, D)
        """
        require_fitted(self)
        source = prediction_source(self, X, missing=True)
        rows = source.take(np.arange(source.n_rows))
        mixture: Mixture = self.mixture_
        with single_threaded_blas(source.n_features):
            return mixture.impute(rows, draw=draw, random_state=random_state)

    def _fit(self, X: Any, sample_weight: Any, y: Any, noise: Any = None, *, resume: bool = False) -> Problem:
        """Fit and set all attributes, or raise and change nothing."""
        check_checkpoint(self, resume=resume)
        with features_kept_on_error(self), np.errstate(under="ignore"):
            source = component_source(self, X, sample_weight, missing=True, sparse=True)
            family = family_of(self, source)
            with (
                single_threaded_blas(source.n_features, [family]),
                executing(self.n_jobs, self.executor) as executor,
            ):
                labels = partial_labels(y, source.n_rows, self.n_components)
                problem = problem_of(self, source, executor, family, labels=labels, noise=noise)
                trained, density, complaints = self._trained(problem, resume=resume)
                self._note(trained, described(problem.rows_without_noise(trained.result.model), density))
        set_fitted(self, trained)
        self.background_, self._noisy = density, noise is not None
        self._note_rows(source)
        self._warn(trained.result, complaints)
        return problem

    def _trained(
        self, problem: Problem, *, resume: bool
    ) -> tuple[Trained, BackgroundMixture | None, list[str]]:
        """Return the best run, the mixture before the background where there is one, and what to warn of."""
        background = None
        if self.background is not None:
            from gaussmix.estimator.background import background_of  # here: other fits need not wait for it

            background = background_of(self, problem)
        journal = journal_of(self, problem, resume=resume, background=background)
        with journal.kept():
            trained, complaints = best_fit(self, problem, previous=previous_fit(self), journal=journal)
            if background is None:
                return trained, None, complaints
            density, trained = best_before_background(self, problem, trained, background, journal)
            return trained, density, complaints

    @property
    def _density(self) -> Any:
        """The fitted density: the mixture, or what it is a part of."""
        return self.mixture_ if self.background_ is None else self.background_
