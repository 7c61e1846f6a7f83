"""What a regression tells of the targets of new rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from numbers import Integral
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from gaussmix.application.regression.rows import input_source, target_rows
from gaussmix.errors import DataError, ParameterError
from gaussmix.estimator.threads import single_threaded_blas
from gaussmix.model import Mixture
from gaussmix.source import Source
from gaussmix.source.blocks import block_rows
from gaussmix.types import Float64Array, IntArray

if TYPE_CHECKING:
    from gaussmix.model.distribution.conditionals import Conditionals


class Prediction:
    """Add predictions to an estimator with a ``mixture_`` of inputs and targets."""

    def predict(
        self, X: Any, return_std: bool = False, return_cov: bool = False, *, features: Any = None
    ) -> Any:
        """Return the mean of the targets given the inputs.

        Parameters
        ----------
        X : array-like, dataframe, path or Source, of shape (n, d)
        return_std, return_cov : bool
            Also return the standard deviation of each target given the inputs, or their covariance matrix.
        features : array-like of shape (d,), optional
            Names or numbers of the inputs that the columns of X are. Default: all.

        Returns
        -------
        mean : ndarray of shape (n,) or (n, T)
        std : ndarray of shape (n,) or (n, T)
            Only with ``return_std``.
        cov : ndarray of shape (n, T, T)
            Only with ``return_cov``.

        Raises
        ------
        ParameterError
            If both are asked for, or a feature is unknown, repeated or a target.
        DataError, DataTypeError, ValueError
            If the rows cannot be used.
        """
        if return_std and return_cov:
            raise ParameterError("return_std and return_cov cannot both be True: the covariance has both")
        if not (return_std or return_cov):
            return self._shaped(self._by_block(X, features, lambda given: given.mean()))
        blocks = _conditionals(*self._given(X, features))
        parts = [(given.mean(), given.covariance()) for given in blocks]
        mean, cov = (np.concatenate(part) for part in zip(*parts, strict=True))
        std = np.sqrt(np.einsum("ntt->nt", cov))
        return self._shaped(mean), cov if return_cov else self._shaped(std)

    def predict_quantiles(self, X: Any, q: Any, *, features: Any = None) -> Float64Array:
        """Return quantiles of each target given the inputs.

        Parameters
        ----------
        X, features
            As in ``predict``.
        q : float or array-like of shape (Q,)
            Probabilities from 0 to 1.

        Returns
        -------
        ndarray of shape (n,) or (n, T); (Q, n) or (Q, n, T) if ``q`` is an array
        """
        axis = np.ndim(q)
        return self._shaped(self._by_block(X, features, lambda given: given.quantile(q), axis))

    def predict_mixtures(self, X: Any, *, features: Any = None) -> Conditionals:
        """Return the distributions of the targets given the inputs, of all rows at once.

        Parameters
        ----------
        X, features
            As in ``predict``.

        Returns
        -------
        Conditionals
            Weights (n, K), means (n, K, T) and covariances (K, T, T); ``mixture(i)`` is that of row i.
        """
        source, mixture, numbers = self._given(X, features)
        return mixture.condition_rows(numbers, source.take(np.arange(source.n_rows)))

    def sample(
        self, X: Any, n_draws: int = 1, random_state: Any = None, *, features: Any = None
    ) -> Float64Array:
        """Draw targets given the inputs.

        Parameters
        ----------
        X, features
            As in ``predict``.
        n_draws : int
            For each row.
        random_state : int, RandomState instance or None, optional
            The estimator's own if None.

        Returns
        -------
        ndarray of shape (n_draws, n) or (n_draws, n, T)
        """
        fitted: Any = self
        rng = np.random.default_rng(seed_of(fitted.random_state if random_state is None else random_state))
        draws = self._by_block(X, features, lambda given: given.sample(rng, n_draws=n_draws), axis=1)
        return self._shaped(draws)

    def score_samples(self, X: Any, y: Any = None, *, features: Any = None) -> Float64Array:
        """Return log p(y | x) of each row, shape (n,), in nats; without y, log p(x).

        log p(x) tells how usual the inputs are: where it is far below that of the rows of the fit, a prediction is
        an extrapolation.

        Parameters
        ----------
        X, features
            As in ``predict``.
        y : array-like of shape (n,) or (n, T), optional
        """
        fitted: Any = self
        source, mixture, numbers = self._given(X, features)
        given = _conditionals(source, mixture, numbers)
        if y is None:
            return np.concatenate([block.log_density for block in given])
        targets = target_rows(y, source.n_rows).reshape(source.n_rows, -1)
        if targets.shape[1] != len(fitted.target_):
            raise DataError(f"y has {targets.shape[1]} target(s), but the fit had {len(fitted.target_)}")
        parts, start = [], 0
        for block in given:
            parts.append(block.log_prob(targets[start : start + len(block)]))
            start += len(block)
        return np.concatenate(parts)

    def log_score(self, X: Any, y: Any, sample_weight: Any = None, *, features: Any = None) -> float:
        """Return the mean of log p(y | x) per row (or unit of weight), in nats; higher is better.

        Unlike R², which ``score`` returns, it judges the whole distribution.
        """
        return float(np.average(self.score_samples(X, y, features=features), weights=sample_weight))

    def _given(self, X: Any, features: Any) -> tuple[Source, Mixture, IntArray]:
        """Return rows of inputs, the mixture of these inputs and the targets, and its columns that are inputs."""
        check_is_fitted(self)
        fitted: Any = self
        source, numbers = input_source(fitted, X, features, fitted.target_names_)
        mixture: Mixture = fitted.mixture_
        if not np.array_equal(numbers, np.arange(fitted.n_features_in_)):
            mixture = mixture.marginal(np.append(numbers, fitted.target_))
        return source, mixture, np.arange(len(numbers))

    def _by_block(
        self, X: Any, features: Any, function: Callable[[Conditionals], Float64Array], axis: int = 0
    ) -> Float64Array:
        """Return a function of the conditional distributions; ``axis`` of its result is that of the rows."""
        given = _conditionals(*self._given(X, features))
        return np.concatenate([function(block) for block in given], axis=axis)

    def _shaped(self, values: Float64Array) -> Float64Array:
        """Return values of which the last axis is that of the targets, without it where y had none."""
        fitted: Any = self
        return values[..., 0] if fitted._one_target else values


def seed_of(random_state: Any) -> int:
    """Return a seed that NumPy's generators take."""
    if isinstance(random_state, Integral):
        return int(random_state)
    return int(check_random_state(random_state).randint(2**31))


def _conditionals(source: Source, mixture: Mixture, inputs: IntArray) -> Iterator[Conditionals]:
    """Yield the distributions given the rows block by block, since those of all rows would need N·K·T numbers."""
    with single_threaded_blas(source.n_features):
        for partition in source.partitions(
            block_rows(source.n_rows, source.n_features, mixture.n_components)
        ):
            yield mixture.condition_rows(inputs, partition.load()[0])
