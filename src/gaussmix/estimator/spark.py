"""Spark DataFrames: fitted where their rows are, and given columns of predictions that Spark computes when asked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from gaussmix.errors import DataError, MissingDependencyError, ParameterError
from gaussmix.estimator.fitted_density import FittedDensity, require_fitted
from gaussmix.executor import Executor, Serial
from gaussmix.executor.spark import SparkExecutor
from gaussmix.model import evaluate
from gaussmix.source import as_source
from gaussmix.source.spark import feature_columns, spread

_COLUMNS: Final[dict[str, tuple[str, Callable[..., Any], str]]] = {
    "predict": ("prediction", evaluate.predict, "long"),
    "predict_proba": ("probability", evaluate.posterior, "array<double>"),
    "score_samples": ("log_density", evaluate.log_prob, "double"),
    "outlyingness": ("outlyingness", evaluate.outlyingness, "double"),
}
"""The name of the new column, what gives its values, and their Spark type, for each method of an estimator."""


def executor(local: Executor) -> SparkExecutor:
    """Return the executor of rows that lie in Spark; ``local`` is for all else."""
    return SparkExecutor(local, spread)


def features(estimator: Any, frame: Any, sample_weight: Any) -> Any:
    """Return what ``evaluated`` takes of a DataFrame that an estimator was fitted on.

    Features with names are found among other columns; beside a column of arrays, that of weights is left out.
    """
    found = hasattr(estimator, "feature_names_in_") or not isinstance(sample_weight, str)
    return frame if found else frame.drop(sample_weight)


def evaluated(estimator: Any, function: Callable[..., Any], frame: Any) -> Any:
    """Return a Spark DataFrame with a column of predictions added: nothing is computed yet.

    Parameters
    ----------
    estimator : fitted estimator
    function : callable
        One of those in ``model.evaluate`` that give a value for each row. The new column is ``prediction``,
        ``probability`` (an array of K numbers), ``log_density`` or ``outlyingness``.
    frame : pyspark.sql.DataFrame
        With the columns that the estimator was fitted on, by their names, and any others. If it was fitted on rows
        without names: with its features only, as columns of numbers or one column of vectors or arrays.

    Raises
    ------
    DataError
        If columns are missing or not numeric, or there is a column of the new one's name.
    """
    method, name = next((method, name) for method, (name, of, _) in _COLUMNS.items() if of is function)
    if name in frame.columns:
        raise DataError(f"there is a column {name!r} already: drop or rename it")
    names = getattr(estimator._fitted, "feature_names_in_", None)
    columns = feature_columns(frame, None if names is None else list(names), estimator._fitted.n_features_in_)
    return frame.withColumn(name, spark_udf(estimator, method)(*columns))


def spark_udf(model: Any, method: str = "predict") -> Any:
    """Return a Spark function of columns that gives predictions: the values of the model's own method.

    Parameters
    ----------
    model : fitted estimator or Mixture
        Fitted anywhere: on an array, a file or a Spark DataFrame; the ``mixture`` of a model file too. The function
        takes its features, in their order, or one column of arrays of them.
    method : {"predict", "predict_proba", "score_samples"}
        For a column of long, of arrays of K doubles, or of doubles in nats; of a Student-t mixture also
        ``"outlyingness"``.

    Returns
    -------
    pandas user-defined function
        For ``DataFrame.withColumn`` and ``select``. The workers' Python needs gaussmix, pandas and pyarrow.

    Raises
    ------
    ParameterError
        If there is no such method.

    Examples
    --------
    >>> from gaussmix import spark_udf
    >>> cluster = spark_udf(model)  # doctest: +SKIP
    >>> frame.withColumn("cluster", cluster("height", "weight"))  # doctest: +SKIP
    """
    if method not in _COLUMNS:
        raise ParameterError(f"method={method!r}: expected one of {', '.join(map(repr, _COLUMNS))}")
    try:
        import pandas as pd
        from pyspark.sql.functions import pandas_udf
    except ImportError as error:
        raise MissingDependencyError("spark_udf needs Spark: pip install 'gaussmix[spark]'") from error
    density, missing = model, True
    if isinstance(model, FittedDensity):
        require_fitted(model)
        density, missing = model._density, model._takes_missing
    _, function, kind = _COLUMNS[method]
    values = _Values(function, density, missing)

    def predicted(*columns: Any) -> Any:
        return values(columns)

    predicted.__annotations__ = {"columns": pd.Series, "return": pd.Series}
    return pandas_udf(predicted, kind)


@dataclass(frozen=True)
class _Values:
    """Evaluate a density for pandas series of features, or of arrays of them, on a worker."""

    function: Callable[..., Any]
    density: Any
    missing: bool

    def __call__(self, columns: Sequence[Any]) -> Any:
        import pandas as pd

        if len(columns[0]) == 0:
            return pd.Series([], dtype=object)
        first = columns[0].iloc[0]
        X = np.stack(list(columns[0])) if np.ndim(first) == 1 else np.column_stack(list(columns))
        if X.shape[1] != self.density.n_features:
            raise DataError(
                f"there are {X.shape[1]} features, but the mixture was fitted on {self.density.n_features}"
            )
        out = self.function(self.density, as_source(X, missing=self.missing), Serial())
        return pd.Series(out if out.ndim == 1 else list(out))
