"""What a fitted estimator has to be saved of it: its model, the names of its features, and how the fit went."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Final

from gaussmix.errors import ParameterError

_SETTINGS: Final = (
    *("init_params", "n_init", "max_iter", "tol", "reg_covar", "on_degenerate", "random_state"),
    *("effort", "acceleration", "assignment", "equal_weights", "degrees_of_freedom", "background"),
)


def is_estimator(thing: object) -> bool:
    """Return whether ``thing`` is an estimator rather than a model."""
    return hasattr(thing, "fit") and hasattr(thing, "get_params")


def fitted(estimator: Any) -> Any:
    """Return the estimator itself, or the best one that it has found."""
    return getattr(estimator, "best_estimator_", estimator)


def model_of(estimator: Any) -> Any:
    """Return the fitted density of an estimator: its mixture, with the background if it has one.

    Raises
    ------
    ParameterError
        If it is not fitted, or its fit is not one mixture.
    """
    name = type(estimator).__name__
    if not hasattr(estimator, "mixture_"):
        raise ParameterError(
            f"{name} has no mixture_ to be saved: fit it first, or save the mixtures that it is made of"
        )
    background = getattr(estimator, "background_", None)
    return estimator.mixture_ if background is None else background


def names_of(estimator: Any) -> list[str] | None:
    """Return the names of the features that the estimator was fitted to; None if they have none."""
    names = getattr(estimator, "feature_names_in_", None)
    return None if names is None else [str(name) for name in names]


def history_of(estimator: Any, *, n_rows: int | None = None) -> dict[str, object]:
    """Return how the fit went, and with which settings: those that are numbers or text."""
    n_rows = getattr(estimator, "n_samples_seen_", None) if n_rows is None else n_rows
    history: dict[str, object] = {
        "n_iter": estimator.n_iter_,
        "converged": bool(estimator.converged_),
        "lower_bound": float(estimator.lower_bound_),
    }
    if n_rows is not None:
        history["n_rows"] = int(n_rows)
    history["degenerate"] = getattr(estimator, "degenerate_", [])
    optima = getattr(estimator, "optima_", None)
    if optima is not None:
        history["optima"] = asdict(optima)
    settings = {name: getattr(estimator, name) for name in _SETTINGS if hasattr(estimator, name)}
    absent = {"background"}  # of most fits, whose files are as they were before there was one
    return history | {
        name: value
        for name, value in settings.items()
        if isinstance(value, (bool, int, float, str)) or (value is None and name not in absent)
    }
