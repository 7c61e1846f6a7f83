"""What every estimator of a density does once it is fitted: labels, probabilities, densities, criteria, draws."""

from __future__ import annotations

import math
import warnings
from abc import abstractmethod
from numbers import Integral
from typing import Any, ClassVar

import numpy as np
from sklearn.base import DensityMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from gaussmix.errors import DegenerateWarning
from gaussmix.estimator.executors import beside, engine_of, executing
from gaussmix.estimator.rows import prediction_source
from gaussmix.estimator.sparse import takes_sparse
from gaussmix.estimator.threads import single_threaded_blas
from gaussmix.fit import FitResult
from gaussmix.model import evaluate
from gaussmix.types import Float64Array, FloatArray, IntArray


def require_fitted(estimator: Any) -> None:
    """Raise NotFittedError unless the estimator is fitted; it says how many rows a stream still needs."""
    check_is_fitted(estimator, msg=getattr(estimator, "_unfitted", None))


class FittedDensity(DensityMixin):
    """Add the methods of a fitted density to an estimator that has ``mixture_``, ``n_jobs`` and ``random_state``."""

    _takes_missing: ClassVar[bool] = False  # whether NaN is a missing value
    _takes_sparse: ClassVar[bool] = False  # whether rows may be sparse, for some covariance types

    @property
    @abstractmethod
    def _density(self) -> Any:
        """The fitted model that gives densities and posteriors of rows."""

    def predict(self, X: Any) -> IntArray:
        """Return the most probable component of each row, shape (N,)."""
        return self._evaluated(evaluate.predict, X)  # type: ignore[no-any-return]

    def predict_proba(self, X: Any) -> FloatArray:
        """Return the probability of each component given the row, shape (N, K)."""
        return self._evaluated(evaluate.posterior, X)  # type: ignore[no-any-return]

    def score_samples(self, X: Any) -> FloatArray:
        """Return the log-density of each row, shape (N,), in nats."""
        return self._evaluated(evaluate.log_prob, X)  # type: ignore[no-any-return]

    def score(self, X: Any, y: Any = None, sample_weight: Any = None) -> float:
        """Return the mean log-density per row (or unit of weight), in nats; ``sample_weight`` as in ``fit``."""
        return self._evaluated(evaluate.score, X, sample_weight)  # type: ignore[no-any-return]

    def sample(self, n_samples: int = 1) -> tuple[Float64Array, IntArray]:
        """Draw rows from the fitted mixture.

        Returns
        -------
        X : ndarray of shape (n_samples, D)
        y : ndarray of shape (n_samples,)
            The component of each row, in ascending order.
        """
        require_fitted(self)
        if n_samples < 1:
            raise ValueError(
                f"Invalid value for 'n_samples': {n_samples} . The sampling requires at least one sample."
            )
        drawn: tuple[Float64Array, IntArray] = self._fitted.mixture_.sample(n_samples, self._generator())
        return drawn

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = self._takes_missing
        tags.input_tags.sparse = takes_sparse(self)
        return tags

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "mixture_")

    @property
    def _fitted(self) -> Any:
        """The estimator itself, whose attributes only a fit sets."""
        return self

    def _evaluated(self, function: Any, X: Any, sample_weight: Any = None, model: Any = None) -> Any:
        """Return what a function of ``model.evaluate`` gives for rows, under the fitted density or another model."""
        require_fitted(self)
        engine = engine_of(X)
        sums_up = function is evaluate.score  # all else gives values of rows, which come here or stay there
        if engine is not None and model is None and not sums_up:
            return engine.evaluated(self, function, X)
        source = prediction_source(self._fitted, X, sample_weight, missing=self._takes_missing, sparse=True)
        where = getattr(self._fitted, "executor", None) if sums_up else None
        with single_threaded_blas(source.n_features), executing(self._fitted.n_jobs, where) as executor:
            density = self._density if model is None else model
            return function(density, source, beside(source, executor))

    def _generator(self) -> np.random.Generator:
        """Return a generator seeded by ``random_state``."""
        random_state = self._fitted.random_state
        if isinstance(random_state, Integral):
            return np.random.default_rng(int(random_state))
        return np.random.default_rng(check_random_state(random_state).randint(2**31, size=4))

    def _set_history(self, result: FitResult[Any]) -> None:
        """Set the attributes that tell how the fit went."""
        fitted = self._fitted
        fitted.converged_ = result.converged
        fitted.n_iter_ = len(result.history)
        fitted.lower_bounds_ = result.history
        fitted.lower_bound_ = result.history[-1] if result.history else -math.inf
        fitted._convergence = result.convergence  # for a warm start

    def _warn(self, result: FitResult[Any], complaints: list[str]) -> None:
        """Warn of what the data could not support, and of a fit that ran out of iterations."""
        for message in complaints:
            warnings.warn(message, DegenerateWarning, stacklevel=5)
        if not result.converged and self._fitted.max_iter > 0:
            warnings.warn(
                "Best performing initialization did not converge. Try different init parameters, or increase "
                "max_iter, tol, or check for degenerate data.",
                ConvergenceWarning,
                stacklevel=5,
            )


class Criteria(FittedDensity):
    """Add information criteria to a fit by maximum likelihood."""

    def bic(self, X: Any) -> float:
        """Return the Bayesian information criterion on ``X``; lower is better (Schwarz 1978)."""
        log_likelihood, n_rows = self._log_likelihood(X)
        return -2 * log_likelihood + self._n_parameters() * math.log(n_rows)

    def aic(self, X: Any) -> float:
        """Return Akaike's information criterion on ``X``; lower is better (Akaike 1974)."""
        log_likelihood, _ = self._log_likelihood(X)
        return -2 * log_likelihood + 2 * self._n_parameters()

    def _log_likelihood(self, X: Any) -> tuple[float, int]:
        """Return the total log-likelihood of ``X`` and its number of rows."""
        require_fitted(self)
        source = prediction_source(self._fitted, X, missing=self._takes_missing, sparse=True)
        return self.score(source) * source.n_rows, source.n_rows

    def _n_parameters(self) -> int:
        """Return the number of free parameters; scikit-learn's name for it."""
        return int(self._density.n_parameters)
