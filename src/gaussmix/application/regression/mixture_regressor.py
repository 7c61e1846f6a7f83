"""``MixtureRegressor``: the whole distribution of targets given inputs."""

from __future__ import annotations

from collections.abc import Iterable
from numbers import Integral
from typing import Any, ClassVar, Final, Self

import numpy as np
from sklearn.base import BaseEstimator, MultiOutputMixin, RegressorMixin, _fit_context

from gaussmix.application.regression.prediction import Prediction, seed_of
from gaussmix.application.regression.rows import joint_source, names_of_targets, target_rows
from gaussmix.application.regression.size import SIZES, by_cross_validation, by_information
from gaussmix.covariance import CovarianceFamily
from gaussmix.errors import ParameterError
from gaussmix.estimator import GaussianMixture
from gaussmix.estimator.constraints import CONSTRAINTS, Count, Names
from gaussmix.estimator.rows import features_kept_on_error, training_source
from gaussmix.source import ArraySource
from gaussmix.types import Effort, OnDegenerate

_OF_JOINT: Final = (  # parameters that the joint fit gets
    "covariance_type", "reg_covar", "tol", "max_iter", "n_init", "init_params", "effort", "on_degenerate", "n_jobs",
)  # fmt: skip


class MixtureRegressor(Prediction, MultiOutputMixin, RegressorMixin, BaseEstimator):
    """Predict targets from inputs by a Gaussian mixture of both, conditioned on the inputs.

    The mixture p(x, y) is fitted to inputs and targets together. Given x, the targets have the mixture::

        p(y | x) = Σ_k π_k(x) N(y | μ_k(x), Σ_k),   π_k(x) ∝ π_k N(x | μ_kx, Σ_kxx),
        μ_k(x) = μ_ky + Σ_kyx Σ_kxx⁻¹ (x − μ_kx)

    so that each component is a linear regression (Ghahramani & Jordan 1994; Cohn, Ghahramani & Jordan 1996). The
    mean is what ``predict`` returns; variance, quantiles and draws tell of noise that changes with x and of several
    answers to the same x. Inputs that are not known at prediction time are left out, without another fit.

    Parameters
    ----------
    n_components : int, iterable of int or None, default=None
        K. Of several, the one that ``criterion`` prefers; None compares 1 to 9.
    covariance_type : str or CovarianceFamily, default="full"
        As in ``GaussianMixture``. In families without correlations, "diag" and "spherical", only the weights
        π_k(x) depend on the inputs.
    criterion : {"bic", "aic", "aicc", "cv"}, default="bic"
        What several ``n_components`` are compared by: an information criterion of the joint mixture, or ``"cv"``,
        the cross-validated log p(y | x).
    cv : int, cross-validation splitter or iterable of splits, default=5
        Folds, for ``criterion="cv"``; a number means random ones.
    reg_covar : float, default=1e-6
        Added to the diagonals of the covariances, in units of each column's variance. 0 gives least squares for
        ``n_components=1``.
    tol, max_iter, n_init, init_params, effort, on_degenerate, n_jobs
        As in ``GaussianMixture``.
    random_state : int, RandomState instance or None, default=None

    Attributes
    ----------
    joint_ : GaussianMixture
        The fit to inputs and targets; targets are its last columns.
    mixture_ : Mixture
        Its distribution.
    target_ : ndarray of shape (T,)
        The columns of ``mixture_`` that are targets.
    target_names_ : list of str
    n_components_ : int
    criterion_values_ : dict
        The criterion of each number of components that was compared; lower is better. Empty if there was one.
    n_iter_ : int
    n_features_in_ : int
    feature_names_in_ : ndarray of shape (D,)
        Only if the columns of X have names.

    Notes
    -----
    Where X is a parameter of a method that predicts, ``features`` says which of the inputs its columns are, by name
    or number; by default all. The others are integrated out.

    References
    ----------
    Ghahramani & Jordan (1994), Supervised learning from incomplete data via an EM approach, NIPS 6.

    Cohn, Ghahramani & Jordan (1996), Active learning with statistical models, Journal of Artificial Intelligence
    Research 4.

    Examples
    --------
    >>> import numpy as np
    >>> from gaussmix import MixtureRegressor
    >>> rng = np.random.default_rng(0)
    >>> X = rng.uniform(-2, 2, (300, 1))
    >>> y = np.abs(X[:, 0]) + rng.normal(0, 0.1, 300)
    >>> model = MixtureRegressor(2, random_state=0).fit(X, y)
    >>> model.predict([[-1.0], [1.0]]).round(1)
    array([1., 1.])
    >>> lower, upper = model.predict_quantiles([[1.0]], [0.05, 0.95])
    >>> bool(lower[0] < 1.0 < upper[0])
    True
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "n_components": [Count(Integral, 1, None, closed="left"), "array-like", range, None],
        "criterion": [Names(["bic", "aic", "aicc", "cv"])],
        "cv": [Count(Integral, 2, None, closed="left"), "cv_object"],
        **{name: CONSTRAINTS[name] for name in (*_OF_JOINT, "random_state")},
    }

    def __init__(
        self,
        n_components: int | Iterable[int] | None = None,
        *,
        covariance_type: str | CovarianceFamily = "full",
        criterion: str = "bic",
        cv: Any = 5,
        reg_covar: float = 1e-6,
        tol: float = 1e-6,
        max_iter: int = 1000,
        n_init: int = 1,
        init_params: Any = "auto",
        effort: Effort = "default",
        on_degenerate: OnDegenerate = "floor",
        random_state: Any = None,
        n_jobs: int | None = None,
    ) -> None:
        self.n_components = n_components
        self.covariance_type = covariance_type
        self.criterion = criterion
        self.cv = cv
        self.reg_covar = reg_covar
        self.tol = tol
        self.max_iter = max_iter
        self.n_init = n_init
        self.init_params = init_params
        self.effort = effort
        self.on_degenerate = on_degenerate
        self.random_state = random_state
        self.n_jobs = n_jobs

    @_fit_context(prefer_skip_nested_validation=True)  # type: ignore[untyped-decorator]
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Fit the mixture of inputs and targets.

        Parameters
        ----------
        X : array-like, dataframe, path or Source, of shape (N, D)
            Inputs.
        y : array-like of shape (N,) or (N, T)
            Targets.
        sample_weight : array-like of shape (N,), optional
            A row of weight w counts as w rows.

        Returns
        -------
        MixtureRegressor
            Itself.

        Raises
        ------
        DataError, DataTypeError, ValueError
            If rows, targets, weights or parameters cannot be used; nothing is changed then.
        """
        with features_kept_on_error(self):
            source = training_source(self, X, sample_weight)
            targets = target_rows(y, source.n_rows)
            n_targets = 1 if targets.ndim == 1 else targets.shape[1]
            names = names_of_targets(y, n_targets)
            joint, values = self._joint(joint_source(source, targets, names), source.n_features)
        self.joint_, self.mixture_, self.criterion_values_ = joint, joint.mixture_, values
        self.n_components_, self.n_iter_ = self.mixture_.n_components, joint.n_iter_
        self.target_ = np.arange(source.n_features, source.n_features + n_targets)
        self.target_names_ = names
        self._one_target = targets.ndim == 1
        return self

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "mixture_")

    def _joint(self, source: ArraySource, n_inputs: int) -> tuple[GaussianMixture, dict[int, float]]:
        """Return the fit of the mixture, and the criterion of each number of components."""
        settings = {name: getattr(self, name) for name in _OF_JOINT}
        settings["random_state"] = seed_of(self.random_state)
        wanted: Any = self.n_components
        if isinstance(wanted, Integral):
            return GaussianMixture(int(wanted), **settings).fit(source), {}
        sizes = SIZES if wanted is None else _sizes(wanted)
        if self.criterion == "cv":
            return by_cross_validation(source, n_inputs, sizes, self.cv, settings)
        return by_information(source, sizes, self.criterion, settings)


def _sizes(n_components: Any) -> list[int]:
    """Return the numbers of components to compare."""
    sizes = list(n_components)
    integers = all(isinstance(K, int | np.integer) and not isinstance(K, bool) and K > 0 for K in sizes)
    if not (sizes and integers):
        raise ParameterError(
            f"n_components should be a positive integer or several, such as range(1, 10), got {n_components!r}"
        )
    return sorted({int(K) for K in sizes})
