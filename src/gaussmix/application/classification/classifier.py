"""``MixtureClassifier``: discriminant analysis by Gaussian mixtures."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from numbers import Integral, Real
from typing import Any, ClassVar, Literal, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, _fit_context
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from gaussmix.application.classification.candidate import Settings
from gaussmix.application.classification.choice import HELD_OUT, LIKELIHOOD, Chosen, choose
from gaussmix.application.classification.grid import grid_of
from gaussmix.application.classification.labelled import Labelled
from gaussmix.covariance import COVARIANCE_TYPES, CovarianceFamily
from gaussmix.errors import DegenerateWarning
from gaussmix.estimator.constraints import CONSTRAINTS, Count, Names
from gaussmix.estimator.rows import features_kept_on_error, prediction_source, training_source
from gaussmix.estimator.threads import executor_for, single_threaded_blas
from gaussmix.selection import CRITERIA
from gaussmix.types import Effort, Float64Array


class MixtureClassifier(ClassifierMixin, BaseEstimator):
    """Classify by one Gaussian mixture a class: p(class | x) ∝ prior · p(x | class).

    With one component a class and a covariance family that all classes share it is EDDA (Bensmail & Celeux 1996), of
    which quadratic (``"full"``, the default), linear (``"tied"``) and naive Bayes (``"diag"``) discriminant analysis
    are special cases. With more components it is mixture discriminant analysis: each class a mixture by itself, as
    mclust's MclustDA, or with covariances that all classes share (Hastie & Tibshirani 1996).

    Parameters
    ----------
    n_components : int, iterable of int, "auto" or dict, default=1
        Components of each class; of several numbers the best is chosen. ``"auto"`` means 1 to 5. A dict has one
        number for each class.
    covariance_type : str, CovarianceFamily, or iterable of these, default="full"
        As in ``GaussianMixture``; of several the best is chosen. ``"all"`` means the 14 families of Celeux & Govaert
        (1995), EII to VVV.
    shared : bool or "auto", default="auto"
        Whether what a family says is equal is so for the components of all classes (True), or within each class only
        (False). With ``"full"``, ``"diag"`` and ``"spherical"`` nothing is. ``"auto"``: True where each class has one
        component; of several numbers with 1 among them both are compared.
    priors : array-like of shape (G,), optional
        Probabilities of the classes, in the order of ``classes_``; their shares of the rows by default.
    criterion : {"bic", "aic", "aicc", "log_loss", "error"}, default="bic"
        What the best candidate has the lowest value of. The first three look at the likelihood of the rows with
        their classes: where nothing is shared, each class has its own best mixture. The other two look at predictions
        for rows that were held out, and then all classes have the same family and number of components.
    cv : int, cross-validation splitter or iterable of splits, default=5
        Folds, for ``"log_loss"`` and ``"error"``; a number means random ones with equal shares of each class.
    unlabelled : object, default=None
        The value in ``y`` that stands for "class not known" in ``fit``: often −1, as in scikit-learn's
        semi-supervised estimators; NaN is possible. Such rows take part in the fit with each class in proportion to
        its probability. By default every value of ``y`` is a class, −1 too.
    tol : float, default=1e-6
    reg_covar : float, default=1e-6
        Added to the diagonals of the covariances, in units of each feature's variance: among all rows where the
        classes are fitted together, within the class otherwise.
    max_iter : int, default=1000
    effort : {"low", "default", "high"}, default="default"
        As in ``GaussianMixture``, as are ``tol`` and ``max_iter``.
    random_state : int, RandomState instance or None, default=None
        For searches of the best mixture of a class, and random folds.
    n_jobs : int, optional
        Threads; None or -1 means one a core.

    Attributes
    ----------
    classes_ : ndarray of shape (G,)
    priors_ : ndarray of shape (G,)
        Probabilities of the classes.
    mixtures_ : list of Mixture
        p(x | class), for each class.
    log_likelihood_ : float
        What the fit maximised: Σ log p(x, class), in nats; log p(x) of rows without a class.
    marginal_log_likelihood_ : float
        Σ log p(x) of the same rows. It is what mclust's MclustDA calls log-likelihood.
    n_parameters_ : int
        Free parameters, the probabilities of the classes among them unless they were given.
    bic_ : float
        −2 · ``log_likelihood_`` + ``n_parameters_`` · log N; lower is better.
    converged_ : bool
    n_iter_ : int
        Iterations of EM, of the class that took most.
    results_ : list of dict
        The candidates that were compared, with their criteria; empty if there was nothing to choose.
    n_features_in_ : int
    feature_names_in_ : ndarray of shape (D,)
        Only if the columns have names.

    Notes
    -----
    Where rows have no class (``unlabelled``) and nothing is shared, families and numbers of components are chosen on
    the rows with a class; EM then goes on with all rows.

    Classes that are fitted together are copied into memory once, others one after another.

    References
    ----------
    Bensmail & Celeux (1996), Regularized Gaussian discriminant analysis through eigenvalue decomposition, Journal of
    the American Statistical Association 91.

    Hastie & Tibshirani (1996), Discriminant analysis by Gaussian mixtures, JRSS B 58.

    Fraley & Raftery (2002), Model-based clustering, discriminant analysis, and density estimation, Journal of the
    American Statistical Association 97.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from gaussmix import MixtureClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> classifier = MixtureClassifier(covariance_type="VEV").fit(X, y)
    >>> classifier.n_parameters_, round(classifier.score(X, y), 2)
    (38, 0.98)
    >>> y[::2] = -1
    >>> classifier = MixtureClassifier(covariance_type="VEV", unlabelled=-1).fit(X, y)
    >>> classifier.predict(X[[0, 50, 100]])
    array([0, 1, 2])
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "n_components": [
            Count(Integral, 1, None, closed="left"),
            StrOptions({"auto"}),
            "array-like",
            range,
            dict,
        ],
        "covariance_type": [Names(["all", *COVARIANCE_TYPES]), CovarianceFamily, "array-like"],
        "shared": ["boolean", StrOptions({"auto"})],
        "priors": ["array-like", None],
        "criterion": [Names([*LIKELIHOOD, *HELD_OUT])],
        "cv": [Count(Integral, 2, None, closed="left"), "cv_object"],
        "unlabelled": "no_validation",
        "tol": [Interval(Real, 0.0, None, closed="left")],
        "reg_covar": CONSTRAINTS["reg_covar"],
        "max_iter": [Count(Integral, 1, None, closed="left")],
        "effort": CONSTRAINTS["effort"],
        "random_state": CONSTRAINTS["random_state"],
        "n_jobs": CONSTRAINTS["n_jobs"],
    }

    def __init__(
        self,
        n_components: int | Iterable[int] | Literal["auto"] | Mapping[Any, int] = 1,
        *,
        covariance_type: str | CovarianceFamily | Iterable[str | CovarianceFamily] = "full",
        shared: bool | Literal["auto"] = "auto",
        priors: Any = None,
        criterion: str = "bic",
        cv: Any = 5,
        unlabelled: Any = None,
        tol: float = 1e-6,
        reg_covar: float = 1e-6,
        max_iter: int = 1000,
        effort: Effort = "default",
        random_state: Any = None,
        n_jobs: int | None = None,
    ) -> None:
        self.n_components = n_components
        self.covariance_type = covariance_type
        self.shared = shared
        self.priors = priors
        self.criterion = criterion
        self.cv = cv
        self.unlabelled = unlabelled
        self.tol = tol
        self.reg_covar = reg_covar
        self.max_iter = max_iter
        self.effort = effort
        self.random_state = random_state
        self.n_jobs = n_jobs

    @_fit_context(prefer_skip_nested_validation=True)  # type: ignore[untyped-decorator]
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Fit the classes.

        Parameters
        ----------
        X : array-like, dataframe, path or Source, of shape (N, D)
            NaN is a value missing at random, here and in all predictions: those go by the observed values.
        y : array-like of shape (N,)
            The class of each row: numbers or strings; ``unlabelled`` where it is not known.
        sample_weight : array-like of shape (N,), optional
            A row of weight w counts as w rows.

        Returns
        -------
        MixtureClassifier
            Itself.

        Raises
        ------
        DataError, DataTypeError, ValueError
            If rows, classes or parameters cannot be used; nothing is changed then.
        """
        with features_kept_on_error(self), np.errstate(under="ignore"):
            source = training_source(self, X, sample_weight, missing=True)
            rows = Labelled.of(source, y, self.unlabelled)
            settings = self._settings(rows)
            grid = grid_of(rows, self.n_components, self.covariance_type, self.shared)
            with single_threaded_blas(source.n_features):
                chosen = choose(rows, grid, settings, self.criterion, self.cv)
        self._set_fitted(rows, chosen)
        return self

    def predict(self, X: Any) -> Any:
        """Return the most probable class of each row, shape (N,)."""
        places = self._evaluated("predict", X)
        return self.classes_[places]

    def predict_proba(self, X: Any) -> Float64Array:
        """Return the probability of each class given the row, shape (N, G)."""
        return self._evaluated("posterior", X)  # type: ignore[no-any-return]

    def predict_log_proba(self, X: Any) -> Float64Array:
        """Return the logarithms of ``predict_proba``, shape (N, G), also where that is zero to rounding."""
        return self._evaluated("log_posterior", X)  # type: ignore[no-any-return]

    def predict_log_joint(self, X: Any) -> Float64Array:
        """Return log p(x, class), shape (N, G), in nats."""
        return self._evaluated("log_joint", X)  # type: ignore[no-any-return]

    def score_samples(self, X: Any) -> Float64Array:
        """Return the log-density log p(x) of each row, shape (N,), in nats: low where a row is of no known class."""
        return self._evaluated("log_prob", X)  # type: ignore[no-any-return]

    def sample(self, n_samples: int = 1) -> tuple[Float64Array, Any]:
        """Draw rows and their classes.

        Returns
        -------
        X : ndarray of shape (n_samples, D)
        y : ndarray of shape (n_samples,)
            Class by class.
        """
        check_is_fitted(self)
        if n_samples < 1:
            raise ValueError(f"n_samples should be at least 1, got {n_samples}")
        rng = np.random.default_rng(self._entropy())
        counts = rng.multinomial(n_samples, self.priors_)
        drawn = [
            mixture.sample(int(n), rng)[0] for mixture, n in zip(self.mixtures_, counts, strict=True) if n
        ]
        return np.concatenate(drawn), np.repeat(self.classes_, counts)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "mixtures_")

    def _settings(self, rows: Labelled) -> Settings:
        return Settings(
            priors=rows.check_priors(self.priors),
            tol=self.tol,
            reg_covar=self.reg_covar,
            max_iter=self.max_iter,
            effort=self.effort,
            seed=self._entropy(),
            n_jobs=self.n_jobs,
        )

    def _set_fitted(self, rows: Labelled, chosen: Chosen) -> None:
        fit = chosen.fit
        self.classes_ = rows.classes
        self._densities = fit.densities
        self.priors_ = fit.densities.priors
        self.mixtures_ = list(fit.densities.mixtures)
        self.log_likelihood_ = fit.log_likelihood
        self.marginal_log_likelihood_ = fit.marginal_log_likelihood
        self.n_parameters_ = fit.n_parameters
        self.bic_ = CRITERIA["bic"](fit.evidence)
        self.converged_, self.n_iter_ = fit.converged, fit.n_iter
        self.results_ = chosen.results
        for code in fit.singular:
            warnings.warn(
                f"class {rows.name(code)} has a covariance that is singular but for reg_covar: fewer components, a "
                "simpler covariance_type or a larger reg_covar may classify better",
                DegenerateWarning,
                stacklevel=4,
            )
        if not fit.converged:
            warnings.warn("EM did not converge: increase max_iter or tol", ConvergenceWarning, stacklevel=4)

    def _evaluated(self, method: str, X: Any) -> Any:
        check_is_fitted(self)
        source = prediction_source(self, X, missing=True)
        with single_threaded_blas(source.n_features), np.errstate(under="ignore"):
            return self._densities.over(source, executor_for(self.n_jobs), getattr(self._densities, method))

    def _entropy(self) -> Any:
        if isinstance(self.random_state, Integral):
            return int(self.random_state)
        return check_random_state(self.random_state).randint(2**31, size=4).tolist()
