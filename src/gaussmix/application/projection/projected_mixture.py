"""``ProjectedMixture``: a mixture of projected rows whose density is one of the rows themselves."""

from __future__ import annotations

import math
from numbers import Real
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import BaseEstimator, DensityMixin, _fit_context, clone
from sklearn.utils import check_random_state, get_tags
from sklearn.utils._param_validation import HasMethods, Interval
from sklearn.utils.validation import check_is_fitted, validate_data

from gaussmix.application.projection.subspace import Subspace, dense
from gaussmix.errors import DataError, ParameterError
from gaussmix.estimator.rows import features_kept_on_error, prediction_source, training_source
from gaussmix.linalg import is_sparse
from gaussmix.source import Source, check_sample_weight, is_collection, is_path
from gaussmix.types import Float64Array, FloatArray, IntArray


class ProjectedMixture(DensityMixin, BaseEstimator):
    """Project rows of many features to a few, fit a mixture there, and give densities of the original space.

    A pipeline of PCA and a mixture gives densities of the projected rows, which cannot be compared between
    projections and miss every outlier that lies off the subspace. Here what a linear projection leaves out counts as
    well, as Gaussian noise of one variance in all other directions.

    Parameters
    ----------
    projection : transformer, optional
        Any of scikit-learn's: ``PCA``, ``IncrementalPCA``, ``TruncatedSVD`` (also for sparse rows),
        ``GaussianRandomProjection``, ``SparseRandomProjection``, ``FastICA``. None is PCA of as many components as
        keep 95 % of the variance. Only linear projections give densities; behind others there are labels and
        probabilities alone.
    mixture : estimator, optional
        ``GaussianMixture`` of 1 component if None, or any other estimator of a mixture.
    reg_covar : float, default=1e-6
        Added to the variance of what is left out, in units of the features' mean variance.
    random_state : int, RandomState instance or None, default=None
        Of ``sample``; projection and mixture have their own.

    Attributes
    ----------
    projection_ : transformer
        As fitted.
    estimator_ : estimator
        The fitted mixture of projected rows.
    mixture_ : Mixture or None
        Of ``estimator_``, or the best of a search, in the projected space; None of other libraries' estimators.
    residual_variance_ : float or None
        σ² in each direction that is left out; None where the projection is not linear.
    n_features_in_ : int
    feature_names_in_ : ndarray of shape (D,)
        Only if the columns have names.

    References
    ----------
    Tipping & Bishop (1999), Mixtures of probabilistic principal component analysers, Neural Computation 11.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.decomposition import PCA
    >>> from gaussmix import GaussianMixture, ProjectedMixture
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(500, 2)) @ rng.normal(size=(2, 30)) + 0.1 * rng.normal(size=(500, 30))
    >>> model = ProjectedMixture(PCA(2), GaussianMixture(1)).fit(X)
    >>> round(model.residual_variance_, 3)
    0.01
    >>> bool(model.score_samples(X[:1] + 1.0)[0] < model.score_samples(X[:1])[0] - 100)  # off the plane
    True
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "projection": [HasMethods(["fit", "transform"]), None],
        "mixture": [HasMethods(["fit", "predict"]), None],
        "reg_covar": [Interval(Real, 0.0, None, closed="left")],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        projection: Any = None,
        mixture: Any = None,
        *,
        reg_covar: float = 1e-6,
        random_state: Any = None,
    ) -> None:
        self.projection = projection
        self.mixture = mixture
        self.reg_covar = reg_covar
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=False)  # type: ignore[untyped-decorator]
    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Fit the projection, then the mixture of projected rows.

        Parameters
        ----------
        X : array-like, dataframe, sparse matrix, path or Source, of shape (N, D)
            Rows that fit into memory.
        y : ignored
        sample_weight : array-like of shape (N,), optional
            For the mixture and the residual; the projection itself has none.

        Returns
        -------
        ProjectedMixture
            Itself.

        Raises
        ------
        DataError, ValueError
            If rows, weights or the projection cannot be used.
        """
        with features_kept_on_error(self):
            rows, weight = self._rows(X, sample_weight, reset=True)
            projection = self._projection().fit(rows)
            estimator = self._mixture()
            projected = dense(projection.transform(rows))
            estimator.fit(projected, **({} if weight is None else {"sample_weight": weight}))
            subspace = Subspace.of(projection, rows, weight, self.reg_covar)
        self.projection_, self.estimator_, self._subspace = projection, estimator, subspace
        self.mixture_: Any = getattr(self._best, "mixture_", None)
        self.residual_variance_ = None if subspace is None else subspace.residual_variance
        return self

    def predict(self, X: Any) -> IntArray:
        """Return the most probable component of each row, shape (N,)."""
        projected = self.project(X)
        return self.estimator_.predict(projected)  # type: ignore[no-any-return]

    def predict_proba(self, X: Any) -> FloatArray:
        """Return the probability of each component given the row, shape (N, K)."""
        projected = self.project(X)
        return self.estimator_.predict_proba(projected)  # type: ignore[no-any-return]

    def project(self, X: Any) -> FloatArray:
        """Return the projected rows, shape (N, q)."""
        check_is_fitted(self)
        rows, _ = self._rows(X, reset=False)
        return dense(self.projection_.transform(rows))

    def score_samples(self, X: Any) -> Float64Array:
        """Return the log-density of each row in the original space, shape (N,), in nats.

        Raises
        ------
        ParameterError
            If the projection is not linear.
        """
        check_is_fitted(self)
        rows, _ = self._rows(X, reset=False)
        subspace = self._linear()
        projected = dense(self.projection_.transform(rows))
        density: Float64Array = self.estimator_.score_samples(projected) + subspace.log_volume(rows)
        return density

    def score(self, X: Any, y: Any = None, sample_weight: Any = None) -> float:
        """Return the mean log-density per row (or unit of weight) in the original space, in nats."""
        return float(np.average(self.score_samples(X), weights=sample_weight))

    def bic(self, X: Any) -> float:
        """Return the Bayesian information criterion on ``X``; lower is better, also between projections.

        Raises
        ------
        ParameterError
            If the projection is not linear, or the mixture has no number of free parameters, as Bayesian ones.
        """
        values = self.score_samples(X)
        return float(-2 * values.sum() + self._n_parameters() * math.log(len(values)))

    def aic(self, X: Any) -> float:
        """Return Akaike's information criterion on ``X``; lower is better. It raises what ``bic`` does."""
        return float(-2 * self.score_samples(X).sum() + 2 * self._n_parameters())

    def sample(self, n_samples: int = 1) -> tuple[Float64Array, IntArray]:
        """Draw rows of the original space.

        Returns
        -------
        X : ndarray of shape (n_samples, D)
        y : ndarray of shape (n_samples,)
            The component of each row.

        Raises
        ------
        ParameterError
            If the projection is not linear, or the mixture has no method ``sample``.
        """
        check_is_fitted(self)
        subspace = self._linear()
        seed = check_random_state(self.random_state).randint(2**31, size=4)
        rng = np.random.default_rng(seed)
        if self.mixture_ is not None:
            projected, labels = self.mixture_.sample(n_samples, rng)
        elif hasattr(self._best, "sample"):
            projected, labels = self._best.sample(n_samples)
        else:
            raise ParameterError(
                f"{type(self._best).__name__} has no method sample: use a mixture that has one"
            )
        return subspace.rows(projected, rng), labels

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = get_tags(self._projection()).input_tags.sparse
        return tags

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "estimator_")

    def _projection(self) -> Any:
        if self.projection is not None:
            return clone(self.projection)
        from sklearn.decomposition import PCA  # here: others need not wait for it

        return PCA(0.95, svd_solver="full")

    def _mixture(self) -> Any:
        if self.mixture is not None:
            return clone(self.mixture)
        from gaussmix.estimator import GaussianMixture

        return GaussianMixture()

    def _rows(self, X: Any, sample_weight: Any = None, *, reset: bool) -> tuple[Any, Float64Array | None]:
        """Return rows and weights as arrays; transformers take nothing else."""
        if is_sparse(X) or not (is_path(X) or is_collection(X) or isinstance(X, Source)):
            rows = self._validated(X, reset=reset)
            weight = None if sample_weight is None else check_sample_weight(sample_weight, rows.shape[0])
            return rows, weight
        source = (training_source if reset else prediction_source)(self, X, sample_weight)
        if source.exceeds_memory:
            raise DataError(
                "rows to be projected must fit into memory: project them before, or raise the memory_limit of "
                "gaussmix.source.as_source(X, memory_limit=...)"
            )
        return source.take(np.arange(source.n_rows)), source.sample_weight

    def _validated(self, X: Any, *, reset: bool) -> Any:
        sparse = get_tags(self._projection()).input_tags.sparse
        return validate_data(
            self,
            X,
            reset=reset,
            accept_sparse="csr" if sparse else False,
            dtype=[np.float64, np.float32],
            ensure_min_samples=2 if reset else 1,
        )

    def _linear(self) -> Subspace:
        subspace: Subspace | None = self._subspace
        if subspace is None:
            raise ParameterError(
                f"{type(self.projection_).__name__} is no linear projection, behind which the rows have a density: "
                "use estimator_.score_samples(project(X)) for that of the projected rows"
            )
        return subspace

    @property
    def _best(self) -> Any:
        """The fitted mixture, of a search the best."""
        return getattr(self.estimator_, "best_estimator_", self.estimator_)

    def _n_parameters(self) -> int:
        count = getattr(self._best, "_n_parameters", None)
        if count is None:
            raise ParameterError(
                f"bic and aic count free parameters, which {type(self._best).__name__} does not tell: compare score "
                "on rows that were held out"
            )
        return int(count()) + self._linear().n_parameters
