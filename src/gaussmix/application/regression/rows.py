"""From what a user passes as X, y and features to checked rows and the numbers of the columns."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import check_array, check_consistent_length

from gaussmix.errors import DataError, ParameterError
from gaussmix.estimator.rows import prediction_source
from gaussmix.model.distribution.features import feature_numbers
from gaussmix.source import ArraySource, Source, as_source, is_table
from gaussmix.types import FloatArray, IntArray


def target_rows(y: Any, n_rows: int) -> FloatArray:
    """Return the targets as an array of shape (N,) or (N, T).

    Raises
    ------
    ValueError
        If there are none, or they are not finite numbers, one row of them for each row of X.
    """
    if y is None:
        raise DataError("MixtureRegressor requires y to be passed, but the target y is None")
    checked = check_array(y, dtype=[np.float64, np.float32], ensure_2d=False, input_name="y")
    targets: FloatArray = checked.astype(np.float64) if checked.dtype.kind != "f" else checked
    if targets.ndim not in (1, 2):
        raise DataError(f"y should have shape (N,) or (N, T), got {targets.shape}")
    check_consistent_length(targets, np.empty(n_rows))
    return targets


def joint_source(source: Source, targets: FloatArray, target_names: list[str]) -> ArraySource:
    """Return rows of which the last columns are the targets, with the weights of ``source``.

    Raises
    ------
    DataError
        If a column of X has the name of a target.
    """
    inputs = source.take(np.arange(source.n_rows))
    names = [f"x{d}" for d in range(source.n_features)]
    if source.feature_names is not None:
        names = list(source.feature_names)
        both = [name for name in target_names if name in names]
        if both:
            raise DataError(f"column {both[0]!r} is an input and a target: drop it from X")
    return ArraySource(np.column_stack([inputs, targets]), source.sample_weight, (*names, *target_names))


def names_of_targets(y: Any, n_targets: int) -> list[str]:
    """Return the names of the targets: those of a table's columns, else "y", or "y0", "y1" and so on."""
    given = getattr(y, "columns", [getattr(y, "name", None)])
    names = [name for name in given if isinstance(name, str)]
    if len(names) == n_targets:
        return names
    return ["y"] if n_targets == 1 else [f"y{t}" for t in range(n_targets)]


def input_source(
    estimator: BaseEstimator, X: Any, features: Any, target_names: list[str]
) -> tuple[Source, IntArray]:
    """Return the rows to predict for, and which inputs their columns are.

    Parameters
    ----------
    estimator : BaseEstimator
        Fitted.
    X : array-like, dataframe, path or Source, of shape (n, d)
    features : None, or array-like of shape (d,)
        Names or numbers of the inputs that X holds, in the order of its columns; None for all. A table may hold
        other columns as well if the inputs have names.
    target_names : list of str

    Raises
    ------
    ParameterError
        If a feature is unknown, repeated or a target.
    DataError
        If the rows cannot be used or do not have these columns.
    """
    if features is None:
        return prediction_source(estimator, X), np.arange(estimator.n_features_in_)
    numbers = _numbers(estimator, features, target_names)
    fitted = getattr(estimator, "feature_names_in_", None)
    names = None if fitted is None else [str(name) for name in fitted[numbers]]
    source = as_source(X, columns=names if is_table(X) else None)
    if source.n_features != len(numbers):
        raise DataError(f"X has {source.n_features} columns, but features names {len(numbers)}")
    if names is not None and source.feature_names is not None and list(source.feature_names) != names:
        raise DataError(f"the columns of X should be {names}, as features says, got {source.feature_names}")
    return source, numbers


def _numbers(estimator: BaseEstimator, features: Any, target_names: list[str]) -> IntArray:
    """Return the numbers of the inputs that ``features`` names."""
    D = estimator.n_features_in_
    given = np.atleast_1d(np.asarray(features))
    if given.dtype.kind in "UTO":
        given = _numbers_of_names(getattr(estimator, "feature_names_in_", None), given, target_names)
    elif given.dtype.kind in "iu":
        targets = given[(given >= D) & (given < D + len(target_names))]
        if targets.size:
            raise ParameterError(
                f"feature {targets[0]} is a target, and cannot be an input: inputs are 0 to {D - 1}"
            )
    return feature_numbers(given, D)


def _numbers_of_names(fitted: Any, features: Any, target_names: list[str]) -> IntArray:
    if fitted is None:
        raise ParameterError(
            f"features={features.tolist()!r}: the columns of the fit had no names, so give their numbers"
        )
    places = {str(name): place for place, name in enumerate(fitted)}
    for name in features.tolist():
        if name in target_names:
            raise ParameterError(f"feature {name!r} is a target, and cannot be an input")
        if name not in places:
            raise ParameterError(f"feature {name!r} is unknown: the inputs are {list(places)}")
    return np.array([places[name] for name in features.tolist()], dtype=np.intp)
