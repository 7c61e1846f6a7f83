"""How many components a regression needs: by an information criterion, or by what it predicts for held-out rows."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from numbers import Integral
from typing import Any, Final

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import check_cv

from gaussmix.errors import DataError, DegenerateWarning, ParameterError
from gaussmix.estimator import GaussianMixture, GaussianMixtureSearch
from gaussmix.model import Mixture
from gaussmix.selection import folds, given_folds
from gaussmix.source import ArraySource, Source
from gaussmix.types import Float64Array

SIZES: Final = tuple(range(1, 10))  # that n_components=None compares


def by_information(
    source: ArraySource, sizes: Sequence[int], criterion: str, settings: dict[str, Any]
) -> tuple[GaussianMixture, dict[int, float]]:
    """Return the joint fit of the lowest criterion, and the values of all that were fitted.

    Where the rows are too few for any size, it is that of the fewest components, and rests on ``reg_covar``.

    Parameters
    ----------
    source : ArraySource
        Inputs and targets.
    sizes : sequence of int
    criterion : str
        A name that ``GaussianMixtureSearch`` knows.
    settings : dict
        Parameters that ``GaussianMixture`` and ``GaussianMixtureSearch`` share.
    """
    try:
        search = GaussianMixtureSearch(sizes, criterion=criterion, **settings).fit(source)
    except DataError:
        return GaussianMixture(min(sizes), **settings).fit(source), {}
    values = zip(search.results_["n_components"].tolist(), search.results_[criterion].tolist(), strict=True)
    return search.best_estimator_, {K: value for K, value in values if np.isfinite(value)}


def by_cross_validation(
    source: ArraySource, n_inputs: int, sizes: Sequence[int], cv: Any, settings: dict[str, Any]
) -> tuple[GaussianMixture, dict[int, float]]:
    """Return the joint fit whose targets are best predicted, and minus the mean held-out log p(y | x) of each size.

    Parameters
    ----------
    source : ArraySource
        Inputs and targets.
    n_inputs : int
    sizes : sequence of int
    cv : int, cross-validation splitter or iterable of splits
        A number of random folds, or what scikit-learn takes; the same for each size.
    settings : dict
        Parameters of ``GaussianMixture``.
    """
    split = _split(source, cv, settings["random_state"])
    values = {K: _held_out(split, n_inputs, GaussianMixture(K, **settings)) for K in sizes}
    finite = {K: value for K, value in values.items() if np.isfinite(value)}
    if not finite:
        raise DataError(f"no number of components out of {list(sizes)} could be fitted to all folds")
    best = min(finite, key=lambda K: finite[K])
    return GaussianMixture(best, **settings).fit(source), finite


def conditional_log_prob(mixture: Mixture, rows: Float64Array, n_inputs: int) -> Float64Array:
    """Return log p(y | x) = log p(x, y) − log p(x) of joint rows, shape (n,), in nats."""
    joint = mixture.log_prob(rows)
    inputs = mixture.marginal(np.arange(n_inputs)).log_prob(np.ascontiguousarray(rows[:, :n_inputs]))
    return np.asarray(joint, np.float64) - inputs


def _split(source: ArraySource, cv: Any, seed: int) -> list[tuple[Source, Source]]:
    """Return pairs of rows to fit and rows held out."""
    if not isinstance(cv, Integral):
        return given_folds(source, check_cv(cv).split(np.empty((source.n_rows, 0))))
    weight = source.sample_weight
    n_rows = source.n_rows if weight is None else int((weight > 0).sum())
    n_folds = int(cv)
    if n_rows < 2 * n_folds:
        raise ParameterError(f"cv={cv} folds need at least {2 * n_folds} rows, but there are {n_rows}")
    return folds(source, n_folds, np.random.default_rng(seed))


def _held_out(split: Any, n_inputs: int, estimator: GaussianMixture) -> float:
    """Return minus the mean held-out log p(y | x), infinite if a fold has too few rows for the fit."""
    total, weight = 0.0, 0.0
    for kept, held in split:
        try:
            with warnings.catch_warnings():  # the final fit will tell
                warnings.simplefilter("ignore", DegenerateWarning)
                warnings.simplefilter("ignore", ConvergenceWarning)
                mixture = estimator.fit(kept).mixture_
        except DataError:
            return np.inf
        rows = np.flatnonzero(held.sample_weight)
        w = held.sample_weight[rows]
        total -= float((w * conditional_log_prob(mixture, held.take(rows), n_inputs)).sum())
        weight += float(w.sum())
    return total / weight
